#include "recipes/kit/text/word_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kWordsAndPunctuation[] = R"(\w+|[^\w\s]+)";  // "Whitespace" of a tokenizer.json

absl::StatusOr<std::vector<std::string>> special_tokens(const WordTokenizerOptions& options) {
  if (options.special.unknown.empty())
    return absl::InvalidArgumentError("word_tokenizer: there is no unknown token");
  std::vector<std::string> tokens;
  const SpecialNames& names = options.special;
  for (const std::string& name : {names.padding, names.unknown, names.bos, names.eos})
    if (!name.empty()) tokens.push_back(name);
  tokens.insert(tokens.end(), options.more_special.begin(), options.more_special.end());
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].empty() || std::find(tokens.begin(), tokens.begin() + static_cast<int64_t>(i), tokens[i]) !=
                                 tokens.begin() + static_cast<int64_t>(i)) {
      return absl::InvalidArgumentError(
          absl::StrCat("word_tokenizer: special token \"", tokens[i], "\" is empty or comes twice"));
    }
  }
  if (options.vocab_size < static_cast<int64_t>(tokens.size())) {
    return absl::InvalidArgumentError(absl::StrCat("word_tokenizer: vocab_size is ", options.vocab_size,
                                                   ", but there are ", tokens.size(), " special tokens"));
  }
  return tokens;
}

}  // namespace

WordTokenizerTrainer::WordTokenizerTrainer(WordTokenizerOptions options) : options_(std::move(options)) {
  if (options_.lowercase) normalizer_.add(lowercase_step());
  if (options_.punctuation_apart) {
    pre_tokenizer_.add(split_step(*Regex::compile(kWordsAndPunctuation), SplitBehavior::kRemoved, true));
  } else {
    pre_tokenizer_.add(split_chars_step(is_white_space, SplitBehavior::kRemoved));
  }
}

void WordTokenizerTrainer::add(std::string_view text) {
  AlignedText aligned(replace_invalid_utf8(text));
  normalizer_.apply(&aligned, true);
  for (const Span& span : pre_tokenizer_.split(&aligned, SplitText::Place::kStart)) {
    const absl::string_view word(aligned.text().data() + span.begin, span.end - span.begin);
    auto at = counts_.find(word);
    if (at == counts_.end()) at = counts_.emplace(std::string(word), 0).first;
    ++at->second;
  }
}

absl::StatusOr<std::string> WordTokenizerTrainer::tokenizer_json() const {
  using nlohmann::json;
  ROUX_ASSIGN_OR_RETURN(std::vector<std::string> tokens, special_tokens(options_));
  const size_t specials = tokens.size();
  std::vector<std::pair<int64_t, std::string>> words;
  for (const auto& [word, count] : counts_) {
    if (count >= options_.min_frequency && std::find(tokens.begin(), tokens.end(), word) == tokens.end())
      words.emplace_back(-count, word);
  }
  std::sort(words.begin(), words.end());
  for (const auto& [count, word] : words) {
    if (static_cast<int64_t>(tokens.size()) == options_.vocab_size) break;
    tokens.push_back(word);
  }
  json vocab = json::object(), added = json::array();
  for (size_t i = 0; i < tokens.size(); ++i) vocab[tokens[i]] = i;
  for (size_t i = 0; i < specials; ++i) {
    added.push_back({{"id", i},
                     {"content", tokens[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const json root = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", options_.lowercase ? json{{"type", "Lowercase"}} : json(nullptr)},
      {"pre_tokenizer", {{"type", options_.punctuation_apart ? "Whitespace" : "WhitespaceSplit"}}},
      {"post_processor", nullptr},
      {"decoder", nullptr},
      {"model", {{"type", "WordLevel"}, {"vocab", vocab}, {"unk_token", options_.special.unknown}}}};
  return root.dump();
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> word_tokenizer(std::string_view json,
                                                                const SpecialNames& special,
                                                                const std::string& name) {
  ROUX_ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> tokenizer, parse_tokenizer_json(json, name));
  return tokenizer->with_config(special, "");
}

}  // namespace roux::kit
