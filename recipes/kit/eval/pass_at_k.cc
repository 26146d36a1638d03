#include "recipes/kit/eval/pass_at_k.h"

#include "tensor/error.h"

namespace roux::kit {

double pass_at_k(int64_t n, int64_t c, int64_t k) {
  ROUX_CHECK(0 <= c && c <= n && 1 <= k && k <= n)
      << "pass_at_k: n=" << n << ", c=" << c << ", k=" << k << "; needs 0 <= c <= n and 1 <= k <= n";
  if (n - c < k) return 1;
  double miss = 1;
  for (int64_t i = n - c + 1; i <= n; ++i) miss *= 1 - static_cast<double>(k) / static_cast<double>(i);
  return 1 - miss;
}

double mean_pass_at_k(int64_t n, absl::Span<const int64_t> correct, int64_t k) {
  ROUX_CHECK(!correct.empty()) << "mean_pass_at_k: there are no problems";
  double sum = 0;
  for (const int64_t c : correct) sum += pass_at_k(n, c, k);
  return sum / static_cast<double>(correct.size());
}

}  // namespace roux::kit
