// Share of problems solved by the best of k samples. Pure.
#ifndef ROUX_RECIPES_KIT_EVAL_PASS_AT_K_H_
#define ROUX_RECIPES_KIT_EVAL_PASS_AT_K_H_

#include <cstdint>

#include "absl/types/span.h"

namespace roux::kit {

// Unbiased estimate of P(one of k samples is right) from n samples of which c were right [Chen et al. 2021,
// eq. 1]: 1 - C(n-c, k) / C(n, k). Needs 0 <= c <= n and 1 <= k <= n, otherwise Error.
double pass_at_k(int64_t n, int64_t c, int64_t k);

// The mean over problems: correct[i] of n samples of problem i were right. No problem is an Error.
double mean_pass_at_k(int64_t n, absl::Span<const int64_t> correct, int64_t k);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_PASS_AT_K_H_
