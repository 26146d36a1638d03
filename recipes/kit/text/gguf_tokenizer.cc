#include "recipes/kit/text/gguf_tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/charsmap.h"
#include "recipes/kit/text/unigram.h"
#include "recipes/kit/text/word_piece.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// What the model's builder says, with the file.
template <class Model>
absl::StatusOr<std::shared_ptr<const PieceModel>> located(
    const GgufMetadata& meta, absl::StatusOr<std::shared_ptr<const Model>> built) {
  if (!built.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(meta.name(), ": tokenizer.ggml: ", built.status().message()));
  }
  return std::shared_ptr<const PieceModel>(*std::move(built));
}

// tokenizer.ggml.token_type
enum TokenType : int64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

constexpr char kSpace[] = "\xE2\x96\x81";

template <class T>
T or_default(const absl::StatusOr<T>& value, T fallback) {
  return value.ok() ? *value : fallback;
}

absl::StatusOr<std::optional<int32_t>> special_id(const GgufMetadata& meta, const std::string& key,
                                                  size_t vocab) {
  const std::string full = "tokenizer.ggml." + key;
  if (!meta.has(full)) return std::optional<int32_t>();
  ROUX_ASSIGN_OR_RETURN(const int64_t id, meta.integer(full));
  if (id == std::numeric_limits<uint32_t>::max() || id == -1)
    return std::optional<int32_t>();  // written for "none"
  if (id < 0 || id >= static_cast<int64_t>(vocab)) {
    return absl::InvalidArgumentError(
        absl::StrCat(meta.name(), ": ", full, " is ", id, ", but the vocabulary has ", vocab, " tokens"));
  }
  return std::optional<int32_t>(static_cast<int32_t>(id));
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> read_merges(const GgufMetadata& meta) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> lines, meta.texts("tokenizer.ggml.merges"));
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t space = lines[i].find(' ', 1);
    if (space == std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat(meta.name(), ": tokenizer.ggml.merges[", i, "] is \"",
                                                     lines[i], "\", expected \"left right\""));
    }
    merges.emplace_back(lines[i].substr(0, space), lines[i].substr(space + 1));
  }
  return merges;
}

absl::Status set_byte_level(const GgufMetadata& meta, std::vector<std::string> tokens,
                            TokenizerParts* parts) {
  ROUX_ASSIGN_OR_RETURN(const std::string pre, meta.text("tokenizer.ggml.pre"));
  const std::vector<std::string> patterns = pre_tokenizer_patterns(pre);
  if (patterns.empty()) {
    return absl::UnimplementedError(absl::StrCat(meta.name(), ": pre-tokenizer \"", pre,
                                                 "\" (tokenizer.ggml.pre) is not known; known are ",
                                                 pre_tokenizer_names()));
  }
  if (or_default(meta.boolean("tokenizer.ggml.add_space_prefix"), false))
    parts->pre_tokenizer.add(prefix_space_step());
  for (const std::string& pattern : patterns) {
    ROUX_ASSIGN_OR_RETURN(Regex regex, Regex::compile(pattern));
    parts->pre_tokenizer.add(split_step(std::move(regex), SplitBehavior::kIsolated, false));
  }
  ROUX_ASSIGN_OR_RETURN(const auto merges, read_merges(meta));
  BpeOptions options;
  options.ignore_merges = gguf_ignores_merges(pre);
  ROUX_ASSIGN_OR_RETURN(parts->model,
                        located(meta, BpeModel::from_merges(std::move(tokens), merges, options)));
  return absl::OkStatus();
}

// SentencePiece's BPE: spaces become U+2581, one stands in front of the text, merges follow from the scores.
// Unused pieces are never produced (SentencePiece goes through them to longer pieces).
absl::Status set_scored(const GgufMetadata& meta, std::vector<std::string> tokens,
                        const std::vector<int64_t>& types, TokenizerParts* parts) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<double> numbers, meta.numbers("tokenizer.ggml.scores"));
  if (or_default(meta.boolean("tokenizer.ggml.remove_extra_whitespaces"), false)) {
    return absl::UnimplementedError(
        absl::StrCat(meta.name(), ": tokenizer.ggml.remove_extra_whitespaces is not supported"));
  }
  std::vector<float> scores(numbers.begin(), numbers.end());
  for (size_t i = 0; i < types.size() && i < scores.size(); ++i) {
    if (types[i] != kNormal) scores[i] = std::numeric_limits<float>::quiet_NaN();
  }
  const bool prefix = or_default(meta.boolean("tokenizer.ggml.add_space_prefix"), true);
  if (prefix) parts->normalizer.add_at_start(prepend_step(kSpace));
  ROUX_ASSIGN_OR_RETURN(Regex space, Regex::compile(" "));
  parts->normalizer.add(replace_step(std::move(space), kSpace));
  // User-defined pieces are found in the text whose spaces are marked ("  " is written for two marks).
  for (AddedToken& token : parts->added_tokens) token.normalized = !token.special;
  BpeOptions options;
  options.byte_level = false;
  options.byte_fallback = true;
  options.fuse_unknown = true;
  options.unknown = parts->special.unknown;
  ROUX_ASSIGN_OR_RETURN(parts->model,
                        located(meta, BpeModel::from_scores(std::move(tokens), scores, options)));
  parts->decode.kind = DecodeRules::Kind::kMetaspace;
  parts->decode.strip_spaces = prefix ? 1 : 0;
  return absl::OkStatus();
}

// T5's unigram pieces, as Hugging Face's library cuts them: SentencePiece's rules, runs of spaces as one
// mark, words with a mark in front.
absl::Status set_unigram(const GgufMetadata& meta, std::vector<std::string> tokens, TokenizerParts* parts) {
  ROUX_ASSIGN_OR_RETURN(std::vector<double> scores, meta.numbers("tokenizer.ggml.scores"));
  ROUX_ASSIGN_OR_RETURN(const std::string rules, gguf_charsmap(meta));
  const bool prefix = or_default(meta.boolean("tokenizer.ggml.add_space_prefix"), true);
  if (!prefix || !or_default(meta.boolean("tokenizer.ggml.remove_extra_whitespaces"), true)) {
    return absl::UnimplementedError(absl::StrCat(meta.name(), ": a t5 tokenizer without tokenizer.ggml.",
                                                 prefix ? "remove_extra_whitespaces" : "add_space_prefix",
                                                 " is not supported"));
  }
  if (!rules.empty()) {
    absl::StatusOr<Charsmap> charsmap = Charsmap::parse(rules);
    if (!charsmap.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(meta.name(), ": tokenizer.ggml.precompiled_charsmap: ", charsmap.status().message()));
    }
    parts->normalizer.add(charsmap_step(*std::move(charsmap)));
  }
  ROUX_ASSIGN_OR_RETURN(Regex spaces, Regex::compile(" {2,}"));
  parts->normalizer.add(replace_step(std::move(spaces), kSpace));
  parts->pre_tokenizer.add(metaspace_step(kSpace, PrependScheme::kAlways, /*split=*/true));
  UnigramOptions options;
  options.unknown = parts->special.unknown;
  ROUX_ASSIGN_OR_RETURN(parts->model,
                        located(meta, UnigramModel::build(std::move(tokens), std::move(scores), options)));
  parts->decode.kind = DecodeRules::Kind::kMetaspace;
  return absl::OkStatus();
}

// BERT's vocabulary as GGUF files write it: "word" is "\u2581word", "##ing" is "ing", "[CLS]" stays.
std::string word_piece_token(const std::string& token) {
  if (token.size() > 3 && token.compare(0, 3, kSpace) == 0) return token.substr(3);
  if (token.size() > 1 && token.front() == '[' && token.back() == ']') return token;
  return "##" + token;
}

// The first of these ids that the file has; the token's own if it has none.
absl::StatusOr<std::optional<int32_t>> frame_id(const GgufMetadata& meta,
                                                const std::vector<std::string>& keys,
                                                const std::string& token,
                                                const std::vector<std::string>& tokens) {
  for (const std::string& key : keys) {
    ROUX_ASSIGN_OR_RETURN(const std::optional<int32_t> id, special_id(meta, key, tokens.size()));
    if (id) return id;
  }
  const auto at = std::find(tokens.begin(), tokens.end(), token);
  if (at == tokens.end()) return std::optional<int32_t>();
  return std::optional<int32_t>(static_cast<int32_t>(at - tokens.begin()));
}

// WordPiece. The file does not say whether the model is cased: a vocabulary with capital letters is, as
// lower-case text never gives such a token.
absl::Status set_word_piece(const GgufMetadata& meta, std::vector<std::string> tokens,
                            const std::vector<int64_t>& types, TokenizerParts* parts) {
  BertNormalization which;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].empty()) continue;
    const bool normal = i >= types.size() || types[i] == kNormal;
    if (normal) tokens[i] = word_piece_token(tokens[i]);
    if (!normal || tokens[i].front() == '[') continue;
    const bool capital =
        std::any_of(tokens[i].begin(), tokens[i].end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (capital) which.lowercase = which.strip_accents = false;
  }
  add_bert_steps(which, &parts->normalizer);
  parts->pre_tokenizer.add(split_chars_step(is_white_space, SplitBehavior::kRemoved));
  parts->pre_tokenizer.add(split_chars_step(is_bert_punctuation, SplitBehavior::kIsolated));
  ROUX_ASSIGN_OR_RETURN(const auto cls, frame_id(meta, {"cls_token_id", "bos_token_id"}, "[CLS]", tokens));
  ROUX_ASSIGN_OR_RETURN(const auto sep,
                        frame_id(meta, {"seperator_token_id", "separator_token_id", "eos_token_id"}, "[SEP]",
                                 tokens));  // the first spelling is the usual one
  if (cls && sep) {
    parts->single = {{*cls, 0}, {TemplateItem::kTextA, 0}, {*sep, 0}};
    parts->pair = {{*cls, 0}, {TemplateItem::kTextA, 0}, {*sep, 0}, {TemplateItem::kTextB, 1}, {*sep, 1}};
  }
  WordPieceOptions options;
  if (parts->special.unknown) options.unknown = tokens[*parts->special.unknown];
  ROUX_ASSIGN_OR_RETURN(parts->model,
                        located(meta, WordPieceModel::build(std::move(tokens), std::move(options))));
  parts->decode.kind = DecodeRules::Kind::kWordPiece;
  return absl::OkStatus();
}

void set_template(const GgufMetadata& meta, const std::string& model, TokenizerParts* parts) {
  const auto [bos, eos] = gguf_ends(meta, model);
  if (bos && parts->special.bos) {
    parts->single.insert(parts->single.begin(), {*parts->special.bos, 0});
    parts->pair.insert(parts->pair.begin(), {*parts->special.bos, 0});
  }
  if (eos && parts->special.eos) {
    parts->single.push_back({*parts->special.eos, 0});
    parts->pair.push_back({*parts->special.eos, 1});
  }
}

}  // namespace

GgufEnds gguf_ends(const GgufMetadata& meta, const std::string& model) {
  return {or_default(meta.boolean("tokenizer.ggml.add_bos_token"), model == "llama"),
          or_default(meta.boolean("tokenizer.ggml.add_eos_token"), model == "t5")};
}

absl::StatusOr<std::string> gguf_charsmap(const GgufMetadata& meta) {
  constexpr char kKey[] = "tokenizer.ggml.precompiled_charsmap";
  std::string bytes;
  if (!meta.has(kKey)) return bytes;
  ROUX_ASSIGN_OR_RETURN(const std::vector<int64_t> values, meta.integers(kKey));
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < -128 || values[i] > 255) {
      return absl::InvalidArgumentError(
          absl::StrCat(meta.name(), ": ", kKey, "[", i, "] is ", values[i], ", expected a byte"));
    }
    bytes.push_back(static_cast<char>(values[i]));
  }
  return bytes;
}

bool gguf_ignores_merges(std::string_view pre) {
  return pre == "llama-bpe" || pre == "llama3" || pre == "tekken";
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> gguf_tokenizer(const GgufMetadata& meta) {
  TokenizerParts parts;
  parts.name = meta.name();
  ROUX_ASSIGN_OR_RETURN(const std::string model, meta.text("tokenizer.ggml.model"));
  ROUX_ASSIGN_OR_RETURN(std::vector<std::string> tokens, meta.texts("tokenizer.ggml.tokens"));
  std::vector<int64_t> types;
  if (meta.has("tokenizer.ggml.token_type")) {
    ROUX_ASSIGN_OR_RETURN(types, meta.integers("tokenizer.ggml.token_type"));
    if (types.size() != tokens.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(meta.name(), ": ", types.size(), " token types for ", tokens.size(), " tokens"));
    }
  }
  const size_t vocab = tokens.size();
  ROUX_ASSIGN_OR_RETURN(parts.special.bos, special_id(meta, "bos_token_id", vocab));
  ROUX_ASSIGN_OR_RETURN(parts.special.eos, special_id(meta, "eos_token_id", vocab));
  ROUX_ASSIGN_OR_RETURN(parts.special.unknown, special_id(meta, "unknown_token_id", vocab));
  ROUX_ASSIGN_OR_RETURN(parts.special.padding, special_id(meta, "padding_token_id", vocab));
  parts.chat_template = or_default(meta.text("tokenizer.chat_template"), std::string());
  for (size_t i = 0; i < types.size(); ++i) {
    const bool unknown = types[i] == kUnknown && model == "t5";  // T5's "<unk>" is read from text
    if (types[i] != kControl && types[i] != kUserDefined && !unknown) continue;
    if (tokens[i].empty()) continue;
    AddedToken token;
    token.content = tokens[i];
    token.id = static_cast<int32_t>(i);
    token.special = types[i] != kUserDefined;
    parts.added_tokens.push_back(std::move(token));
  }
  if (model == "gpt2") {
    ROUX_RETURN_IF_ERROR(set_byte_level(meta, std::move(tokens), &parts));
  } else if (model == "llama") {
    ROUX_RETURN_IF_ERROR(set_scored(meta, std::move(tokens), types, &parts));
  } else if (model == "t5") {
    ROUX_RETURN_IF_ERROR(set_unigram(meta, std::move(tokens), &parts));
  } else if (model == "bert") {
    ROUX_RETURN_IF_ERROR(set_word_piece(meta, std::move(tokens), types, &parts));
  } else {
    return absl::UnimplementedError(absl::StrCat(meta.name(), ": tokenizer.ggml.model \"", model,
                                                 "\" is not supported; gpt2, llama, t5 and bert are"));
  }
  if (model != "bert") set_template(meta, model, &parts);
  return Tokenizer::build(std::move(parts));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> load_gguf_tokenizer(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const GgufMetadata metadata, load_gguf_metadata(path));
  return gguf_tokenizer(metadata);
}

}  // namespace roux::kit
