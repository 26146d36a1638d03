// The tokens of a text, as ids of a model's vocabulary.
#ifndef ROUX_RECIPES_KIT_DATA_TOKENS_H_
#define ROUX_RECIPES_KIT_DATA_TOKENS_H_

#include <cstdint>
#include <vector>

namespace roux::kit {

using Tokens = std::vector<int32_t>;

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_TOKENS_H_
