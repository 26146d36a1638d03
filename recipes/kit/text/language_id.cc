#include "recipes/kit/text/language_id.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/json_field.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr double kPrior = 0.5;       // added to each count
constexpr double kVocabulary = 1e4;  // n-grams of one length that a language is taken to have

// Visits the n-grams of one to three characters of the letters in lower case, each word between two spaces.
template <class Visit>
void each_ngram(std::string_view text, Visit visit) {
  std::vector<std::string> chars = {" "};
  const std::string lower = lowercase(normalize(text, UnicodeForm::kNfc));
  for (size_t i = 0; i < lower.size();) {
    const DecodedChar c = decode_utf8(lower, i);
    if (is_letter(c.code_point) || is_mark(c.code_point)) {
      chars.push_back(lower.substr(i, c.length));
    } else if (chars.back() != " ") {
      chars.push_back(" ");
    }
    i += c.length;
  }
  if (chars.back() != " ") chars.push_back(" ");
  std::string key;
  for (size_t i = 0; i < chars.size(); ++i) {
    key.clear();
    for (size_t n = 0; n < 3 && i + n < chars.size(); ++n) {
      key += chars[i + n];
      if (key != " ") visit(key, n);
    }
  }
}

}  // namespace

void LanguageIdentifier::add(const std::string& language, std::string_view sample) {
  Profile& profile = profiles_[language];
  each_ngram(sample, [&](const std::string& key, size_t n) {
    profile.counts[key] += 1;
    profile.totals[n] += 1;
  });
}

absl::Status LanguageIdentifier::add_profile(std::string_view json, const std::string& file) {
  ROUX_ASSIGN_OR_RETURN(const nlohmann::json root, parse_json(json, file));
  const JsonField field(&root, file, "");
  ROUX_RETURN_IF_ERROR(field.expect_object());
  ROUX_ASSIGN_OR_RETURN(const std::string name, field.string_or("name", ""));
  if (name.empty()) return field.error("name is missing or empty");
  const JsonField counts = field.at("freq");
  ROUX_RETURN_IF_ERROR(counts.expect_object());
  for (const auto& [key, count] : counts.json().items()) {
    if (!count.is_number() || count.get<double>() < 0) {
      return counts.error(absl::StrCat("\"", key, "\" has the count ", count.dump()));
    }
  }
  Profile& profile = profiles_[name];
  for (const auto& [key, count] : counts.json().items()) {
    const std::string lower = lowercase(key);
    const size_t n = count_chars(lower);
    if (n < 1 || n > 3 || lower == " ") continue;
    profile.counts[lower] += count.get<double>();
    profile.totals[n - 1] += count.get<double>();
  }
  return absl::OkStatus();
}

std::vector<std::string> LanguageIdentifier::languages() const {
  std::vector<std::string> names;
  for (const auto& [name, profile] : profiles_) names.push_back(name);
  return names;
}

std::vector<LanguageGuess> LanguageIdentifier::rank(std::string_view text) const {
  std::vector<std::pair<std::string, size_t>> ngrams;
  each_ngram(text, [&](const std::string& key, size_t n) { ngrams.emplace_back(key, n); });
  std::vector<LanguageGuess> guesses;
  if (ngrams.empty() || profiles_.empty()) return guesses;
  for (const auto& [name, profile] : profiles_) {
    double log_likelihood = 0;
    for (const auto& [key, n] : ngrams) {
      const auto at = profile.counts.find(key);
      const double count = at == profile.counts.end() ? 0 : at->second;
      log_likelihood += std::log((count + kPrior) / (profile.totals[n] + kPrior * kVocabulary));
    }
    // The n-grams overlap: each character is seen in six of them.
    guesses.push_back({name, log_likelihood / 6});
  }
  std::stable_sort(guesses.begin(), guesses.end(), [](const LanguageGuess& a, const LanguageGuess& b) {
    return a.probability > b.probability;
  });
  const double best = guesses[0].probability;
  double sum = 0;
  for (LanguageGuess& guess : guesses) sum += guess.probability = std::exp(guess.probability - best);
  for (LanguageGuess& guess : guesses) guess.probability /= sum;
  return guesses;
}

LanguageGuess LanguageIdentifier::identify(std::string_view text) const {
  const std::vector<LanguageGuess> guesses = rank(text);
  return guesses.empty() ? LanguageGuess() : guesses[0];
}

}  // namespace roux::kit
