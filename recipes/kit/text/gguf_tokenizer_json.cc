#include "recipes/kit/text/gguf_tokenizer_json.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/gguf_tokenizer.h"
#include "recipes/kit/text/pre_tokenizer.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using nlohmann::json;

enum TokenType : int64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4
};  // tokenizer.ggml.token_type

bool flag(const GgufMetadata& meta, const std::string& key, bool otherwise) {
  const absl::StatusOr<bool> value = meta.boolean(absl::StrCat("tokenizer.ggml.", key));
  return value.ok() ? *value : otherwise;
}

json added_tokens(const std::string& model, const std::vector<std::string>& tokens,
                  const std::vector<int64_t>& types) {
  json added = json::array();
  for (size_t i = 0; i < types.size(); ++i) {
    const bool unknown = types[i] == kUnknown && model == "t5";
    if ((types[i] != kControl && types[i] != kUserDefined && !unknown) || tokens[i].empty()) continue;
    added.push_back({{"id", i},
                     {"content", tokens[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", types[i] != kUserDefined}});
  }
  return added;
}

// What stands around one text: BOS and EOS as the file asks.
json post_processor(const Tokenizer& tokenizer, bool bos, bool eos) {
  bos = bos && tokenizer.special().bos, eos = eos && tokenizer.special().eos;
  if (!bos && !eos) return nullptr;
  json special = json::object();
  const auto item = [&](int32_t id, int type) {
    const std::string text = tokenizer.token(id);
    special[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
    return json{{"SpecialToken", {{"id", text}, {"type_id", type}}}};
  };
  json single = json::array(), pair = json::array();
  if (bos) single.push_back(item(*tokenizer.special().bos, 0));
  pair = single;
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  pair.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  if (eos) {
    single.push_back(item(*tokenizer.special().eos, 0));
    pair.push_back(item(*tokenizer.special().eos, 1));
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

json config_of(const Tokenizer& tokenizer) {
  json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  const auto name = [&](const char* field, const std::optional<int32_t>& id) {
    if (id) config[field] = tokenizer.token(*id);
  };
  name("bos_token", tokenizer.special().bos);
  name("eos_token", tokenizer.special().eos);
  name("unk_token", tokenizer.special().unknown);
  name("pad_token", tokenizer.special().padding);
  if (!tokenizer.chat_template().empty()) config["chat_template"] = tokenizer.chat_template();
  return config;
}

// The parts of a tokenizer.json that depend on the kind.
struct Kind {
  json normalizer = nullptr, pre_tokenizer = nullptr, decoder, model;
};

json bpe(const json& vocab, const json& merges) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", vocab},
          {"merges", merges}};
}
json vocabulary(const std::vector<std::string>& tokens) {
  json vocab = json::object();
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!tokens[i].empty()) vocab[tokens[i]] = i;
  }
  return vocab;
}

absl::StatusOr<Kind> byte_level(const GgufMetadata& meta, const std::vector<std::string>& tokens) {
  ROUX_ASSIGN_OR_RETURN(const std::string pre, meta.text("tokenizer.ggml.pre"));
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> merges, meta.texts("tokenizer.ggml.merges"));
  json steps = json::array();
  for (const std::string& pattern : pre_tokenizer_patterns(pre)) {
    steps.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  const json bytes = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  steps.push_back(bytes);
  Kind kind{.pre_tokenizer = {{"type", "Sequence"}, {"pretokenizers", steps}},
            .decoder = bytes,
            .model = bpe(vocabulary(tokens), merges)};
  kind.model["ignore_merges"] = gguf_ignores_merges(pre);
  return kind;
}

constexpr char kMark[] = "\xE2\x96\x81";  // SentencePiece's space

Kind scored(const Tokenizer& tokenizer, const std::vector<std::string>& tokens, bool prefix) {
  json merges = json::array();
  for (const BpeMerge& merge : dynamic_cast<const BpeModel&>(tokenizer.model()).merges()) {
    merges.push_back({tokens[static_cast<size_t>(merge.left)], tokens[static_cast<size_t>(merge.right)]});
  }
  json steps = json::array(), back = json::array();
  if (prefix) steps.push_back({{"type", "Prepend"}, {"prepend", kMark}});
  steps.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kMark}});
  back.push_back({{"type", "Replace"}, {"pattern", {{"String", kMark}}}, {"content", " "}});
  back.push_back({{"type", "ByteFallback"}});
  back.push_back({{"type", "Fuse"}});
  if (prefix) back.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  Kind kind{.normalizer = {{"type", "Sequence"}, {"normalizers", steps}},
            .decoder = {{"type", "Sequence"}, {"decoders", back}},
            .model = bpe(vocabulary(tokens), merges)};
  kind.model["byte_fallback"] = kind.model["fuse_unk"] = true;
  if (tokenizer.special().unknown) kind.model["unk_token"] = tokenizer.token(*tokenizer.special().unknown);
  return kind;
}

// User-defined pieces beside a space in front. As added tokens they would be looked for with that space,
// which the normalizer puts in front of their own text too. So they are cut out of the marked text by a
// pattern and are ordinary tokens that BPE takes whole, as it then does with every part that is a token:
// InvalidArgument, by name, for a piece that merges do not lead to.
absl::Status cut_out(const Tokenizer& tokenizer, const std::vector<std::string>& tokens,
                     const std::vector<int64_t>& types, Kind& kind) {
  std::vector<std::string> pieces, marked = tokens;
  for (size_t i = 0; i < tokens.size() && i < types.size(); ++i) {
    if (types[i] == kUserDefined) {
      marked[i] = absl::StrReplaceAll(tokens[i], {{" ", kMark}});
      if (!marked[i].empty()) pieces.push_back(marked[i]);
    } else if (types[i] == kNormal) {
      std::vector<Piece> parts;
      tokenizer.model().encode(tokens[i], &parts);
      if (parts.size() != 1 || parts[0].id != static_cast<int32_t>(i)) {
        return absl::InvalidArgumentError(
            absl::StrCat("no merges lead to the piece \"", absl::Utf8SafeCHexEscape(tokens[i]), "\""));
      }
    }
  }
  json vocab = json::object();
  for (size_t i = 0; i < marked.size(); ++i) {
    if (!marked[i].empty() && !vocab.emplace(marked[i], i).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("the piece \"", absl::Utf8SafeCHexEscape(marked[i]), "\" is there twice"));
    }
  }
  // The longest of those that begin at a place, as SentencePiece takes them.
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  std::string pattern;
  for (const std::string& piece : pieces) {
    if (!pattern.empty()) pattern += '|';
    for (const char c : piece) {
      if (absl::StrContains("\\^$.|?*+()[]{}", c)) pattern += '\\';
      pattern += c;
    }
  }
  kind.pre_tokenizer = {
      {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  kind.model["vocab"] = vocab;
  kind.model["ignore_merges"] = true;
  return absl::OkStatus();
}

absl::StatusOr<Kind> unigram(const GgufMetadata& meta, const Tokenizer& tokenizer,
                             const std::vector<std::string>& tokens) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<double> scores, meta.numbers("tokenizer.ggml.scores"));
  ROUX_ASSIGN_OR_RETURN(const std::string rules, gguf_charsmap(meta));
  json steps = json::array(), vocab = json::array();
  if (!rules.empty()) {
    steps.push_back({{"type", "Precompiled"},
                     {"precompiled_charsmap", absl::Base64Escape({rules.data(), rules.size()})}});
  }
  steps.push_back({{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", kMark}});
  for (size_t i = 0; i < tokens.size(); ++i) vocab.push_back({tokens[i], scores[i]});
  const json metaspace = {
      {"type", "Metaspace"}, {"replacement", kMark}, {"prepend_scheme", "always"}, {"split", true}};
  Kind kind{.normalizer = {{"type", "Sequence"}, {"normalizers", steps}},
            .pre_tokenizer = metaspace,
            .decoder = metaspace,
            .model = {{"type", "Unigram"}, {"unk_id", nullptr}, {"vocab", vocab}, {"byte_fallback", false}}};
  if (tokenizer.special().unknown) kind.model["unk_id"] = *tokenizer.special().unknown;
  return kind;
}

absl::Status cannot_be_written(const GgufMetadata& meta, const std::string& what) {
  return absl::UnimplementedError(
      absl::StrCat(meta.name(), ": a tokenizer of ", what, " cannot be written as tokenizer.json"));
}

}  // namespace

absl::StatusOr<TokenizerFiles> gguf_tokenizer_files(const GgufMetadata& meta) {
  // Checks all that is read below.
  ROUX_ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> tokenizer, gguf_tokenizer(meta));
  ROUX_ASSIGN_OR_RETURN(const std::string model, meta.text("tokenizer.ggml.model"));
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> tokens, meta.texts("tokenizer.ggml.tokens"));
  std::vector<int64_t> types;
  if (meta.has("tokenizer.ggml.token_type")) {
    ROUX_ASSIGN_OR_RETURN(types, meta.integers("tokenizer.ggml.token_type"));
  }
  const std::string of_model = absl::StrCat("tokenizer.ggml.model \"", model, "\"");
  const bool prefix = flag(meta, "add_space_prefix", /*otherwise=*/model == "llama");
  json added = added_tokens(model, tokens, types);
  Kind kind;
  if (model == "gpt2") {
    if (prefix) return cannot_be_written(meta, of_model + " with add_space_prefix");
    ROUX_ASSIGN_OR_RETURN(kind, byte_level(meta, tokens));
  } else if (model == "llama") {
    kind = scored(*tokenizer, tokens, prefix);
    if (prefix && std::count(types.begin(), types.end(), kUserDefined) > 0) {
      const absl::Status cut = cut_out(*tokenizer, tokens, types, kind);
      if (!cut.ok()) return cannot_be_written(meta, absl::StrCat(of_model, ", where ", cut.message(), ","));
      json special = json::array();
      for (const json& token : added) {
        if (token["special"]) special.push_back(token);
      }
      added = special;
    }
    for (json& token : added) token["normalized"] = !token["special"];
  } else if (model == "t5") {
    ROUX_ASSIGN_OR_RETURN(kind, unigram(meta, *tokenizer, tokens));
  } else {
    return cannot_be_written(meta, of_model);
  }
  const auto [bos, eos] = gguf_ends(meta, model);
  const json root = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", kind.normalizer},
                     {"pre_tokenizer", kind.pre_tokenizer},
                     {"post_processor", post_processor(*tokenizer, bos, eos)},
                     {"decoder", kind.decoder},
                     {"model", kind.model}};
  try {
    return TokenizerFiles{root.dump(), config_of(*tokenizer).dump(2) + "\n"};
  } catch (const json::exception&) {
    return absl::InvalidArgumentError(absl::StrCat(meta.name(), ": a token or the template is not UTF-8"));
  }
}

}  // namespace roux::kit
