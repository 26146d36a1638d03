#include "recipes/kit/text/tokenizer_json.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/json_field.h"
#include "recipes/kit/text/tokenizer_json_steps.h"
#include "recipes/kit/text/unigram.h"
#include "recipes/kit/text/word_level.h"
#include "recipes/kit/text/word_piece.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using nlohmann::json;

// vocab: {"token": id} to tokens[id]. Ids may have holes, but not so many that a small file fills the memory.
absl::StatusOr<std::vector<std::string>> tokens_by_id(const JsonField& vocab) {
  ROUX_RETURN_IF_ERROR(vocab.expect_object());
  const size_t limit = 4 * vocab.json().size() + 65536;
  std::vector<std::string> tokens;
  for (const auto& [token, id] : vocab.json().items()) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 ||
        id.get<int64_t>() >= static_cast<int64_t>(limit)) {
      return vocab.error(
          absl::StrCat("token \"", token, "\" has id ", id.dump(), ", expected 0 .. ", limit - 1));
    }
    const auto at = id.get<size_t>();
    if (at >= tokens.size()) tokens.resize(at + 1);
    if (!tokens[at].empty()) {
      return vocab.error(absl::StrCat("tokens \"", tokens[at], "\" and \"", token, "\" share id ", at));
    }
    tokens[at] = token;
  }
  return tokens;
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> read_merges(const JsonField& field) {
  ROUX_RETURN_IF_ERROR(field.expect_array());
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(field.json().size());
  for (size_t i = 0; i < field.json().size(); ++i) {
    const json& merge = field.json()[i];
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      return field.error(
          absl::StrCat("entry ", i, " is ", merge.dump(), ", expected \"left right\" or a pair"));
    }
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return merges;
}

// What the model's builder says, with file and entry.
template <class Model>
absl::StatusOr<std::shared_ptr<const PieceModel>> located(
    const JsonField& field, absl::StatusOr<std::shared_ptr<const Model>> built) {
  if (!built.ok()) return field.error(std::string(built.status().message()));
  return std::shared_ptr<const PieceModel>(*std::move(built));
}

absl::StatusOr<std::shared_ptr<const PieceModel>> read_bpe(const JsonField& model, bool byte_level) {
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    ROUX_ASSIGN_OR_RETURN(const std::string text, model.string_or(name, ""));
    if (!text.empty()) return model.unsupported(absl::StrCat(name, " = \"", text, "\""));
  }
  if (const JsonField dropout = model.at("dropout"); !dropout.missing() && dropout.json() != 0) {
    return model.unsupported("dropout");
  }
  ROUX_ASSIGN_OR_RETURN(std::vector<std::string> tokens, tokens_by_id(model.at("vocab")));
  ROUX_ASSIGN_OR_RETURN(const auto merges, read_merges(model.at("merges")));
  BpeOptions options;
  options.byte_level = byte_level;
  ROUX_ASSIGN_OR_RETURN(options.byte_fallback, model.bool_or("byte_fallback", false));
  ROUX_ASSIGN_OR_RETURN(options.fuse_unknown, model.bool_or("fuse_unk", false));
  ROUX_ASSIGN_OR_RETURN(options.ignore_merges, model.bool_or("ignore_merges", false));
  ROUX_ASSIGN_OR_RETURN(const std::string unknown, model.string_or("unk_token", ""));
  if (!unknown.empty()) {
    const auto at = std::find(tokens.begin(), tokens.end(), unknown);
    if (at == tokens.end())
      return model.error(absl::StrCat("unk_token \"", unknown, "\" is not in the vocabulary"));
    options.unknown = static_cast<int32_t>(at - tokens.begin());
  }
  return located(model, BpeModel::from_merges(std::move(tokens), merges, options));
}

absl::StatusOr<std::shared_ptr<const PieceModel>> read_word_piece(const JsonField& model) {
  ROUX_ASSIGN_OR_RETURN(std::vector<std::string> tokens, tokens_by_id(model.at("vocab")));
  WordPieceOptions options;
  ROUX_ASSIGN_OR_RETURN(options.unknown, model.string_or("unk_token", options.unknown));
  ROUX_ASSIGN_OR_RETURN(options.prefix, model.string_or("continuing_subword_prefix", options.prefix));
  ROUX_ASSIGN_OR_RETURN(options.max_chars, model.int_or("max_input_chars_per_word", options.max_chars));
  return located(model, WordPieceModel::build(std::move(tokens), std::move(options)));
}

absl::StatusOr<std::shared_ptr<const PieceModel>> read_word_level(const JsonField& model) {
  ROUX_ASSIGN_OR_RETURN(std::vector<std::string> tokens, tokens_by_id(model.at("vocab")));
  ROUX_ASSIGN_OR_RETURN(const std::string unknown, model.string_or("unk_token", "<unk>"));
  return located(model, WordLevelModel::build(std::move(tokens), unknown));
}

// The number as the reference's JSON reader has it: digits and power of ten are rounded apart, so the last
// bit may differ, and that bit decides between cuts of long runs ("......") whose tokens are the same in
// another order.
double reference_number(double value) {
  char text[40];
  const auto end =
      std::to_chars(text, text + sizeof(text), std::fabs(value), std::chars_format::scientific).ptr;
  uint64_t digits = 0;
  int exponent = 0;
  const char* at = text;
  bool fraction = false;
  for (; at != end && *at != 'e'; ++at) {
    if (*at == '.') {
      fraction = true;
      continue;
    }
    digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    exponent -= fraction ? 1 : 0;
  }
  int power = 0;
  if (at != end) std::from_chars(at + (at[1] == '+' ? 2 : 1), end, power);
  exponent += power;
  if (exponent < -300 || exponent > 300) return value;
  const double scale = std::pow(10.0, std::abs(exponent));
  const auto whole = static_cast<double>(digits);
  return std::copysign(exponent < 0 ? whole / scale : whole * scale, value);
}

// vocab: [["token", score], ...] in the order of ids.
absl::StatusOr<std::shared_ptr<const PieceModel>> read_unigram(const JsonField& model) {
  const JsonField vocab = model.at("vocab");
  ROUX_RETURN_IF_ERROR(vocab.expect_array());
  std::vector<std::string> tokens;
  std::vector<double> scores;
  for (size_t i = 0; i < vocab.json().size(); ++i) {
    const json& entry = vocab.json()[i];
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      return vocab.error(absl::StrCat("entry ", i, " is ", entry.dump(), ", expected [\"token\", score]"));
    }
    tokens.push_back(entry[0].get<std::string>());
    scores.push_back(reference_number(entry[1].get<double>()));
  }
  UnigramOptions options;
  ROUX_ASSIGN_OR_RETURN(options.byte_fallback, model.bool_or("byte_fallback", false));
  ROUX_ASSIGN_OR_RETURN(const int64_t unknown, model.int_or("unk_id", -1));
  if (unknown >= static_cast<int64_t>(tokens.size()) || unknown < -1) {
    return model.error(absl::StrCat("unk_id is ", unknown, ", but there are ", tokens.size(), " tokens"));
  }
  if (unknown >= 0) options.unknown = static_cast<int32_t>(unknown);
  return located(model, UnigramModel::build(std::move(tokens), std::move(scores), options));
}

absl::Status read_added_tokens(const JsonField& field, TokenizerParts* parts) {
  if (field.missing()) return absl::OkStatus();
  ROUX_RETURN_IF_ERROR(field.expect_array());
  const auto limit = static_cast<int64_t>(parts->model->vocab_size()) +
                     4 * static_cast<int64_t>(field.json().size()) + 65536;
  for (size_t i = 0; i < field.json().size(); ++i) {
    const JsonField entry = field.item(i);
    ROUX_RETURN_IF_ERROR(entry.expect_object());
    AddedToken token;
    ROUX_ASSIGN_OR_RETURN(token.content, entry.string_or("content", ""));
    ROUX_ASSIGN_OR_RETURN(const int64_t id, entry.int_or("id", -1));
    if (token.content.empty()) return entry.error("content is missing or empty");
    if (id < 0 || id >= limit) return entry.error(absl::StrCat("id is ", id, ", expected 0 .. ", limit - 1));
    token.id = static_cast<int32_t>(id);
    ROUX_ASSIGN_OR_RETURN(token.special, entry.bool_or("special", false));
    ROUX_ASSIGN_OR_RETURN(token.normalized, entry.bool_or("normalized", !token.special));
    ROUX_ASSIGN_OR_RETURN(token.single_word, entry.bool_or("single_word", false));
    ROUX_ASSIGN_OR_RETURN(token.lstrip, entry.bool_or("lstrip", false));
    ROUX_ASSIGN_OR_RETURN(token.rstrip, entry.bool_or("rstrip", false));
    parts->added_tokens.push_back(std::move(token));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> build(const JsonField& root, const std::string& name) {
  TokenizerParts parts;
  parts.name = name;
  ROUX_RETURN_IF_ERROR(root.expect_object());
  ROUX_RETURN_IF_ERROR(read_normalizer(root.at("normalizer"), &parts.normalizer));
  bool byte_level = false;
  ROUX_RETURN_IF_ERROR(read_pre_tokenizer(root.at("pre_tokenizer"), &parts.pre_tokenizer, &byte_level));
  const JsonField model = root.at("model");
  ROUX_RETURN_IF_ERROR(model.expect_object());
  std::string type = model.json().contains("merges") ? "BPE" : "";  // old files leave the type out
  ROUX_ASSIGN_OR_RETURN(type, model.string_or("type", type));
  if (type == "BPE") {
    ROUX_ASSIGN_OR_RETURN(parts.model, read_bpe(model, byte_level));
  } else if (type == "WordPiece") {
    ROUX_ASSIGN_OR_RETURN(parts.model, read_word_piece(model));
  } else if (type == "Unigram") {
    ROUX_ASSIGN_OR_RETURN(parts.model, read_unigram(model));
  } else if (type == "WordLevel") {
    ROUX_ASSIGN_OR_RETURN(parts.model, read_word_level(model));
    parts.decode.kind = DecodeRules::Kind::kWords;  // without a decoder
  } else {
    return model.unsupported(
        absl::StrCat("model type \"", type, "\" (BPE, WordPiece, Unigram and WordLevel are)"));
  }
  ROUX_RETURN_IF_ERROR(read_decoder(root.at("decoder"), &parts.decode));
  ROUX_RETURN_IF_ERROR(read_added_tokens(root.at("added_tokens"), &parts));
  ROUX_RETURN_IF_ERROR(read_post_processor(root.at("post_processor"), &parts));
  return Tokenizer::build(std::move(parts));
}

// Special tokens of tokenizer_config.json: "<s>" or {"content": "<s>", ...}.
std::string token_name(const json& config, const char* key) {
  const auto at = config.find(key);
  if (at == config.end()) return "";
  if (at->is_string()) return at->get<std::string>();
  return at->is_object() && at->contains("content") && (*at)["content"].is_string()
             ? (*at)["content"].get<std::string>()
             : "";
}

struct Config {
  SpecialNames names;
  std::string chat_template;
  std::vector<std::string> chat_template_names;
};

// "chat_template": a text, or [{"name": "default", "template": ...}, ...].
absl::Status read_chat_templates(const JsonField& chat, Config* config) {
  if (chat.missing()) return absl::OkStatus();
  if (chat.json().is_string()) {
    config->chat_template = chat.json().get<std::string>();
    return absl::OkStatus();
  }
  if (!chat.json().is_array()) return chat.error("expected a text or a list of {\"name\", \"template\"}");
  for (size_t i = 0; i < chat.json().size(); ++i) {
    const JsonField item = chat.item(i);
    ROUX_RETURN_IF_ERROR(item.expect_object());
    for (const char* key : {"name", "template"}) {
      if (item.at(key).missing()) return item.error(absl::StrCat("has no \"", key, "\""));
    }
    ROUX_ASSIGN_OR_RETURN(const std::string name, item.string_or("name", ""));
    ROUX_ASSIGN_OR_RETURN(const std::string text, item.string_or("template", ""));
    config->chat_template_names.push_back(name);
    if (name == "default") config->chat_template = text;
  }
  if (!config->chat_template.empty()) config->chat_template_names.clear();
  return absl::OkStatus();
}

absl::Status read_config(const JsonField& file, Config* config) {
  if (!file.json().is_object()) return absl::OkStatus();
  config->names.bos = token_name(file.json(), "bos_token");
  config->names.eos = token_name(file.json(), "eos_token");
  config->names.unknown = token_name(file.json(), "unk_token");
  config->names.padding = token_name(file.json(), "pad_token");
  return read_chat_templates(file.at("chat_template"), config);
}

// The special tokens that a tokenizer.json alone gives.
SpecialNames own_names(const Tokenizer& tokenizer) {
  const auto name = [&](const std::optional<int32_t>& id) {
    return id ? tokenizer.token(*id) : std::string();
  };
  const SpecialIds& special = tokenizer.special();
  return {name(special.bos), name(special.eos), name(special.unknown), name(special.padding)};
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Tokenizer>> parse_tokenizer_json(std::string_view text,
                                                                      const std::string& name) {
  ROUX_ASSIGN_OR_RETURN(const json root, parse_json(text, name));
  return build(JsonField(&root, name, ""), name);
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> load_tokenizer_json(const std::string& path) {
  struct stat info;
  const bool folder = stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  const std::string file = folder ? path + "/tokenizer.json" : path;
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_text(file, kMaxJsonBytes));
  ROUX_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer, parse_tokenizer_json(text, file));
  const std::string beside = file.substr(0, file.rfind('/') + 1);
  const std::string config_file = beside + "tokenizer_config.json",
                    chat_file = beside + "chat_template.jinja";
  const bool has_config = stat(config_file.c_str(), &info) == 0;
  const bool has_chat = stat(chat_file.c_str(), &info) == 0;
  if (!has_config && !has_chat) return tokenizer;
  Config config;
  if (has_config) {
    ROUX_ASSIGN_OR_RETURN(const std::string config_text, read_text(config_file, kMaxJsonBytes));
    ROUX_ASSIGN_OR_RETURN(const json root, parse_json(config_text, config_file));
    ROUX_RETURN_IF_ERROR(read_config(JsonField(&root, config_file, ""), &config));
  } else {
    config.names = own_names(*tokenizer);
  }
  if (has_chat) {
    ROUX_ASSIGN_OR_RETURN(config.chat_template, read_text(chat_file, kMaxJsonBytes));
    config.chat_template_names.clear();
  }
  return tokenizer->with_config(config.names, config.chat_template, config.chat_template_names);
}

}  // namespace roux::kit
