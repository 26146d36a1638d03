#include "recipes/kit/text/gguf_tokenizer_json.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/gguf_tokenizer.h"
#include "recipes/kit/text/pre_tokenizer.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using nlohmann::json;

enum TokenType : int64_t { kControl = 3, kUserDefined = 4 };  // tokenizer.ggml.token_type

bool flag(const GgufMetadata& meta, const std::string& key) {
  const absl::StatusOr<bool> value = meta.boolean(absl::StrCat("tokenizer.ggml.", key));
  return value.ok() && *value;
}

json added_tokens(const std::vector<std::string>& tokens, const std::vector<int64_t>& types) {
  json added = json::array();
  for (size_t i = 0; i < types.size(); ++i) {
    if ((types[i] != kControl && types[i] != kUserDefined) || tokens[i].empty()) continue;
    added.push_back({{"id", i},
                     {"content", tokens[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", types[i] == kControl}});
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

}  // namespace

absl::StatusOr<TokenizerFiles> gguf_tokenizer_files(const GgufMetadata& meta) {
  ROUX_ASSIGN_OR_RETURN(const std::string model, meta.text("tokenizer.ggml.model"));
  if (model != "gpt2" || flag(meta, "add_space_prefix")) {
    return absl::UnimplementedError(absl::StrCat(meta.name(), ": a tokenizer of tokenizer.ggml.model \"",
                                                 model, "\"", model == "gpt2" ? " with add_space_prefix" : "",
                                                 " cannot be written as tokenizer.json"));
  }
  // Checks all that is read below.
  ROUX_ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> tokenizer, gguf_tokenizer(meta));
  ROUX_ASSIGN_OR_RETURN(const std::string pre, meta.text("tokenizer.ggml.pre"));
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> tokens, meta.texts("tokenizer.ggml.tokens"));
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> merges, meta.texts("tokenizer.ggml.merges"));
  std::vector<int64_t> types;
  if (meta.has("tokenizer.ggml.token_type")) {
    ROUX_ASSIGN_OR_RETURN(types, meta.integers("tokenizer.ggml.token_type"));
  }
  json vocab = json::object(), steps = json::array();
  for (size_t i = 0; i < tokens.size(); ++i) vocab[tokens[i]] = i;
  for (const std::string& pattern : pre_tokenizer_patterns(pre)) {
    steps.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  const json bytes = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  steps.push_back(bytes);
  const json root = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added_tokens(tokens, types)},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}},
                     {"post_processor",
                      post_processor(*tokenizer, flag(meta, "add_bos_token"), flag(meta, "add_eos_token"))},
                     {"decoder", bytes},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", gguf_ignores_merges(pre)},
                       {"vocab", vocab},
                       {"merges", merges}}}};
  try {
    return TokenizerFiles{root.dump(), config_of(*tokenizer).dump(2) + "\n"};
  } catch (const json::exception&) {
    return absl::InvalidArgumentError(absl::StrCat(meta.name(), ": a token or the template is not UTF-8"));
  }
}

}  // namespace roux::kit
