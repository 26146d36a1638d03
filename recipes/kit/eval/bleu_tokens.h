// How BLEU splits text, with sacreBLEU's names. Pure.
#ifndef ROUX_RECIPES_KIT_EVAL_BLEU_TOKENS_H_
#define ROUX_RECIPES_KIT_EVAL_BLEU_TOKENS_H_

#include <string>
#include <string_view>
#include <vector>

namespace roux::kit {

enum class BleuTokens {
  k13a,   // mteval-v13a: Western languages; sacreBLEU's default
  kZh,    // each Chinese character alone, the rest as 13a
  kIntl,  // mteval-v14: Unicode punctuation and symbols alone
  kChar,  // each character
  kNone,  // at white space
};

// Tokens of a segment, equal to those of sacreBLEU 2. Invalid UTF-8 is taken as U+FFFD by kIntl and kept as
// it is by the others.
std::vector<std::string> bleu_tokens(std::string_view text, BleuTokens tokens);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_BLEU_TOKENS_H_
