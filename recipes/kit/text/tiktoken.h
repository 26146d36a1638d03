// tiktoken's vocabulary files: lines of base64 bytes and rank (GPT-2, Qwen, Llama 3's tokenizer.model).
#ifndef ROUX_RECIPES_KIT_TEXT_TIKTOKEN_H_
#define ROUX_RECIPES_KIT_TEXT_TIKTOKEN_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

struct TiktokenOptions {
  std::string pre_tokenizer = "gpt-2";      // a name of pre_tokenizer_patterns
  std::vector<std::string> special_tokens;  // ids follow the ranks, in this order
};

// What Llama 3.1's tokenizer.model needs beside {.pre_tokenizer = "llama-bpe"}: 256 tokens,
// "<|begin_of_text|>" first.
std::vector<std::string> llama3_special_tokens();

// Damage is InvalidArgument with the line number.
absl::StatusOr<std::shared_ptr<const Tokenizer>> parse_tiktoken(std::string_view text,
                                                                const std::string& name,
                                                                const TiktokenOptions& options);
absl::StatusOr<std::shared_ptr<const Tokenizer>> load_tiktoken(const std::string& path,
                                                               const TiktokenOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_TIKTOKEN_H_
