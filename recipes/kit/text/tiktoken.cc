#include "recipes/kit/text/tiktoken.h"

#include <charconv>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/bpe.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr int64_t kMaxModelBytes = int64_t{1} << 28;

}  // namespace

std::vector<std::string> llama3_special_tokens() {
  std::vector<std::string> tokens = {"<|begin_of_text|>",
                                     "<|end_of_text|>",
                                     "<|reserved_special_token_0|>",
                                     "<|reserved_special_token_1|>",
                                     "<|finetune_right_pad_id|>",
                                     "<|step_id|>",
                                     "<|start_header_id|>",
                                     "<|end_header_id|>",
                                     "<|eom_id|>",
                                     "<|eot_id|>",
                                     "<|python_tag|>",
                                     "<|image|>"};
  for (int i = 2; tokens.size() < 256; ++i)
    tokens.push_back(absl::StrCat("<|reserved_special_token_", i, "|>"));
  return tokens;
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> parse_tiktoken(std::string_view text,
                                                                const std::string& name,
                                                                const TiktokenOptions& options) {
  std::vector<std::string> tokens;
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    const size_t space = line.find(' ');
    std::string bytes;
    int64_t rank = -1;
    const bool parsed = space != std::string_view::npos &&
                        absl::Base64Unescape(absl::string_view(line.data(), space), &bytes) &&
                        !bytes.empty() &&
                        std::from_chars(line.data() + space + 1, line.data() + line.size(), rank).ptr ==
                            line.data() + line.size();
    // Ranks may have holes, but not so many that a small file fills the memory.
    const int64_t limit = 2 * number + 65536;
    if (!parsed || rank < 0 || rank >= limit) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": line ", number, ": expected base64 bytes, a space and a rank below ", limit));
    }
    if (rank >= static_cast<int64_t>(tokens.size())) tokens.resize(rank + 1);
    if (!tokens[rank].empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": line ", number, ": rank ", rank, " comes twice"));
    }
    tokens[rank] = std::move(bytes);
  }
  if (tokens.empty()) return absl::InvalidArgumentError(absl::StrCat(name, ": no token in it"));
  const std::vector<std::string> patterns = pre_tokenizer_patterns(options.pre_tokenizer);
  if (patterns.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": pre-tokenizer \"", options.pre_tokenizer,
                                                   "\" is not known; known are ", pre_tokenizer_names()));
  }
  TokenizerParts parts;
  parts.name = name;
  for (const std::string& pattern : patterns) {
    ROUX_ASSIGN_OR_RETURN(Regex regex, Regex::compile(pattern));
    parts.pre_tokenizer.add(split_step(std::move(regex), SplitBehavior::kIsolated, false));
  }
  auto next = static_cast<int32_t>(tokens.size());
  for (const std::string& content : options.special_tokens) {
    AddedToken token;
    token.content = content;
    token.id = next++;
    parts.added_tokens.push_back(std::move(token));
  }
  absl::StatusOr<std::shared_ptr<const BpeModel>> model = BpeModel::from_ranks(std::move(tokens));
  if (!model.ok()) return absl::InvalidArgumentError(absl::StrCat(name, ": ", model.status().message()));
  parts.model = *std::move(model);
  return Tokenizer::build(std::move(parts));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> load_tiktoken(const std::string& path,
                                                               const TiktokenOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_text(path, kMaxModelBytes));
  return parse_tiktoken(text, path, options);
}

}  // namespace roux::kit
