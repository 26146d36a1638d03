#include "recipes/kit/text/tekken.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/json_field.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// Special tokens of files up to version 7, which do not list them.
constexpr const char* kOldSpecial[] = {"<unk>",
                                       "<s>",
                                       "</s>",
                                       "[INST]",
                                       "[/INST]",
                                       "[AVAILABLE_TOOLS]",
                                       "[/AVAILABLE_TOOLS]",
                                       "[TOOL_RESULTS]",
                                       "[/TOOL_RESULTS]",
                                       "[TOOL_CALLS]",
                                       "[IMG]",
                                       "<pad>",
                                       "[IMG_BREAK]",
                                       "[IMG_END]",
                                       "[PREFIX]",
                                       "[MIDDLE]",
                                       "[SUFFIX]",
                                       "[SYSTEM_PROMPT]",
                                       "[/SYSTEM_PROMPT]",
                                       "[TOOL_CONTENT]"};

struct Sizes {
  int64_t special, vocab;  // tokens of each kind that are used
};

absl::StatusOr<Sizes> read_sizes(const JsonField& config, size_t listed) {
  ROUX_ASSIGN_OR_RETURN(const int64_t special, config.int_or("default_num_special_tokens", 1000));
  ROUX_ASSIGN_OR_RETURN(const int64_t total,
                        config.int_or("default_vocab_size", special + static_cast<int64_t>(listed)));
  // A file may ask for more special tokens than it has tokens, but not for so many that they fill the memory.
  const bool sane = special >= 0 && special <= 65536 && total >= special;
  if (!sane || total - special > static_cast<int64_t>(listed)) {
    return config.error(absl::StrCat("default_vocab_size is ", total, " with ", special,
                                     " special tokens, but the file has ", listed, " others"));
  }
  return Sizes{special, total - special};
}

absl::Status read_special(const JsonField& list, int64_t count, TokenizerParts* parts) {
  std::vector<std::string> names;
  if (list.missing()) {
    names.assign(std::begin(kOldSpecial), std::end(kOldSpecial));
  } else {
    ROUX_RETURN_IF_ERROR(list.expect_array());
    for (size_t i = 0; i < list.json().size(); ++i) {
      const JsonField entry = list.item(i);
      ROUX_RETURN_IF_ERROR(entry.expect_object());
      ROUX_ASSIGN_OR_RETURN(const int64_t rank, entry.int_or("rank", -1));
      ROUX_ASSIGN_OR_RETURN(std::string text, entry.string_or("token_str", ""));
      if (rank != static_cast<int64_t>(i) || text.empty()) {
        return entry.error(
            absl::StrCat("rank is ", rank, " and token_str \"", text, "\", expected rank ", i));
      }
      names.push_back(std::move(text));
    }
  }
  if (static_cast<int64_t>(names.size()) > count) {
    return list.error(absl::StrCat(names.size(), " special tokens, but the sizes allow ", count));
  }
  for (auto i = static_cast<int64_t>(names.size()); i < count; ++i) {
    names.push_back(absl::StrCat("<SPECIAL_", i, ">"));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if (names[i] == "<s>") parts->special.bos = id;
    if (names[i] == "</s>") parts->special.eos = id;
    if (names[i] == "<unk>") parts->special.unknown = id;
    if (names[i] == "<pad>") parts->special.padding = id;
    AddedToken token;
    token.content = std::move(names[i]);
    token.id = id;
    parts->added_tokens.push_back(std::move(token));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> read_tokens(const JsonField& vocab, const Sizes& sizes) {
  std::vector<std::string> tokens(sizes.special);
  for (int64_t i = 0; i < sizes.vocab; ++i) {
    const JsonField entry = vocab.item(i);
    ROUX_RETURN_IF_ERROR(entry.expect_object());
    ROUX_ASSIGN_OR_RETURN(const int64_t rank, entry.int_or("rank", -1));
    ROUX_ASSIGN_OR_RETURN(const std::string text, entry.string_or("token_bytes", ""));
    std::string bytes;
    if (rank != i || !absl::Base64Unescape(text, &bytes) || bytes.empty()) {
      return entry.error(absl::StrCat("rank is ", rank, " and token_bytes \"", text, "\", expected rank ", i,
                                      " and base64"));
    }
    tokens.push_back(std::move(bytes));
  }
  return tokens;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Tokenizer>> parse_tekken(std::string_view text,
                                                              const std::string& name) {
  ROUX_ASSIGN_OR_RETURN(const nlohmann::json json, parse_json(text, name));
  const JsonField root(&json, name, "");
  const JsonField config = root.at("config"), vocab = root.at("vocab");
  ROUX_RETURN_IF_ERROR(config.expect_object());
  ROUX_RETURN_IF_ERROR(vocab.expect_array());
  TokenizerParts parts;
  parts.name = name;
  ROUX_ASSIGN_OR_RETURN(const std::string pattern, config.string_or("pattern", ""));
  if (pattern.empty()) return config.error("pattern is missing");
  absl::StatusOr<Regex> regex = Regex::compile(pattern);
  if (!regex.ok()) return config.at("pattern").error(std::string(regex.status().message()));
  parts.pre_tokenizer.add(split_step(*std::move(regex), SplitBehavior::kIsolated, false));
  ROUX_ASSIGN_OR_RETURN(const Sizes sizes, read_sizes(config, vocab.json().size()));
  ROUX_RETURN_IF_ERROR(read_special(root.at("special_tokens"), sizes.special, &parts));
  ROUX_ASSIGN_OR_RETURN(std::vector<std::string> tokens, read_tokens(vocab, sizes));
  absl::StatusOr<std::shared_ptr<const BpeModel>> model = BpeModel::from_ranks(std::move(tokens));
  if (!model.ok()) return vocab.error(std::string(model.status().message()));
  parts.model = *std::move(model);
  if (parts.special.bos) {
    for (std::vector<TemplateItem>* items : {&parts.single, &parts.pair}) {
      items->insert(items->begin(), {*parts.special.bos, 0});
    }
  }
  return Tokenizer::build(std::move(parts));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> load_tekken(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_text(path, kMaxJsonBytes));
  return parse_tekken(text, path);
}

}  // namespace roux::kit
