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

// Added to each probability, whatever the size of the profile: a prior count would favour languages with
// small profiles wherever an n-gram is unknown. langdetect's value.
constexpr double kFloor = 5e-5;

// Kana and Hangul stand for their scripts, and letters that are written in two ways are one, as in
// langdetect's profiles.
char32_t fold(char32_t c) {
  if (c >= 0x3041 && c <= 0x309F) return 0x3042;
  if (c >= 0x30A0 && c <= 0x30FF) return 0x30A2;
  if (c >= 0xAC00 && c <= 0xD7A3) return 0xAC00;
  if (c == 0x219) return 0x15F;  // Romanian s and t with comma, with cedilla
  if (c == 0x21B) return 0x163;
  if (c == 0x6CC) return 0x64A;  // Persian and Arabic yeh
  return c;
}

// Visits the n-grams of one to three characters of the letters in lower case, each word between two spaces.
template <class Visit>
void each_ngram(std::string_view text, Visit visit) {
  std::vector<std::string> chars = {" "};
  const std::string lower = lowercase(normalize(text, UnicodeForm::kNfc));
  for (size_t i = 0; i < lower.size();) {
    const DecodedChar c = decode_utf8(lower, i);
    if (is_letter(c.code_point) || is_mark(c.code_point)) {
      chars.emplace_back();
      append_utf8(fold(c.code_point), &chars.back());
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

// Below 1e15 sums stay finite and exact enough.
bool is_count(const nlohmann::json& value) {
  return value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1e15;
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
    if (!is_count(count)) {
      return counts.error(absl::StrCat("\"", excerpt(key), "\" has the count ", excerpt(count.dump()),
                                       ", expected 0 .. 1e15"));
    }
  }
  Profile& profile = profiles_[name];
  // "n_words" also counts the rare n-grams that the profile leaves out.
  const JsonField totals = field.at("n_words");
  const bool known = !totals.missing() && totals.json().is_array() && totals.json().size() == 3 &&
                     is_count(totals.json()[0]) && is_count(totals.json()[1]) && is_count(totals.json()[2]);
  for (size_t n = 0; known && n < 3; ++n) profile.totals[n] += totals.json()[n].get<double>();
  for (const auto& [key, count] : counts.json().items()) {
    const std::string lower = lowercase(key);
    const size_t n = count_chars(lower);
    if (n < 1 || n > 3 || lower == " ") continue;
    profile.counts[lower] += count.get<double>();
    if (!known) profile.totals[n - 1] += count.get<double>();
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
  // N-grams that no language has tell nothing.
  const auto unknown = [&](const auto& ngram) {
    return std::none_of(profiles_.begin(), profiles_.end(),
                        [&](const auto& entry) { return entry.second.counts.contains(ngram.first); });
  };
  ngrams.erase(std::remove_if(ngrams.begin(), ngrams.end(), unknown), ngrams.end());
  if (ngrams.empty()) return guesses;
  for (const auto& [name, profile] : profiles_) {
    double log_likelihood = 0;
    for (const auto& [key, n] : ngrams) {
      const auto at = profile.counts.find(key);
      const double count = at == profile.counts.end() ? 0 : at->second;
      log_likelihood += std::log(count / std::max(profile.totals[n], 1.0) + kFloor);
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
