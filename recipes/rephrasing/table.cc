#include "recipes/rephrasing/table.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/eval/symbols.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/text/ibm_model1.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/rephrasing/method.h"
#include "tensor/error.h"

namespace roux::rephrasing {
namespace {

constexpr size_t kMostWords = 1000;
constexpr double kSmallest = 1e-6;

struct Trained {
  kit::IbmModel1 model;
  std::vector<std::string> words;  // by number
};

Trained train(const std::vector<std::pair<std::string, std::string>>& pairs, int64_t iterations) {
  Trained trained;
  kit::TokenNumbers numbers;
  std::vector<kit::SentencePair> sentences;
  const auto numbered = [&](const std::string& text) {
    const std::vector<std::string> words = words_of(text);
    for (const std::string& word : words)
      if (static_cast<size_t>(numbers.of(word)) == trained.words.size()) trained.words.push_back(word);
    return numbers.of(absl::MakeConstSpan(words));
  };
  for (const auto& [source, target] : pairs) sentences.push_back({numbered(source), numbered(target)});
  trained.model = kit::train_ibm_model1(sentences, {.iterations = iterations});
  return trained;
}

std::string word_of(const Trained& trained, int32_t id) {
  return id == kit::kEmptyWord ? "" : trained.words[static_cast<size_t>(id)];
}

std::string json_of(const Trained& trained, size_t pairs, int64_t iterations, double smallest) {
  kit::JsonObject t;
  for (const auto& [source, targets] : trained.model.table()) {
    kit::JsonObject row;
    for (const auto& [target, probability] : targets)
      if (probability >= smallest) row.add(word_of(trained, target), probability);
    t.add_raw(word_of(trained, source), row.text());
  }
  kit::JsonObject all;
  all.add("pairs", static_cast<int64_t>(pairs)).add("iterations", iterations).add("empty_word", true);
  all.add("log_likelihood", trained.model.log_likelihoods()).add_raw("t", t.text());
  return all.text() + "\n";
}

}  // namespace

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> read_pairs(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, kit::read_text(path));
  std::vector<std::pair<std::string, std::string>> pairs;
  if (!kit::is_valid_utf8(text))
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": byte ", kit::valid_utf8_prefix(text), ": UTF-8 text is needed"));
  int64_t number = 0;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty()) continue;
    const auto refuse = [&](const std::string& what) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": line ", number, ": ", what));
    };
    const bool tab = absl::StrContains(raw, '\t');
    const std::vector<std::string> fields = tab ? std::vector<std::string>(absl::StrSplit(raw, '\t'))
                                                : std::vector<std::string>(absl::StrSplit(raw, "|||"));
    if (fields.size() < 2) return refuse("source and target must be apart by a tab or by |||");
    for (size_t side = 0; side < 2; ++side) {
      const size_t words = words_of(fields[side]).size();
      if (words == 0) return refuse(side == 0 ? "the source has no words" : "the target has no words");
      if (words > kMostWords)
        return refuse(absl::StrCat(words, " words, at most ", kMostWords, " make a sentence here"));
    }
    pairs.emplace_back(fields[0], fields[1]);
  }
  if (pairs.empty()) return absl::InvalidArgumentError(path + ": holds no pairs of sentences");
  return pairs;
}

std::string ibm_model1_json(const std::vector<std::pair<std::string, std::string>>& pairs, int64_t iterations,
                            double smallest) {
  return json_of(train(pairs, iterations), pairs.size(), iterations, smallest);
}

absl::Status report_table(const std::string& path, int64_t iterations, kit::Run& run) {
  ROUX_ASSIGN_OR_RETURN(const auto pairs, read_pairs(path));
  const Trained trained = train(pairs, iterations);
  kit::Table shown{absl::StrCat("IBM Model 1 after ", iterations, " iterations on ", pairs.size(),
                                " pairs: the first 20 source words"),
                   {"source", "best targets"},
                   {}};
  for (const auto& [source, targets] : trained.model.table()) {
    if (shown.rows.size() == 20) break;
    std::string best;
    size_t listed = 0;
    for (const auto& [target, probability] : targets) {
      if (listed++ == 3) break;
      absl::StrAppend(&best, best.empty() ? "" : ", ", word_of(trained, target), " ",
                      kit::format_number(probability, 3));
    }
    shown.rows.push_back({source == kit::kEmptyWord ? "(none)" : word_of(trained, source), best});
  }
  run.table(shown);
  return run.write("table.json", json_of(trained, pairs.size(), iterations, kSmallest));
}

}  // namespace roux::rephrasing
