// What the entries of attention share: its reference by loops over all scores, and their settings.
#ifndef ROUX_TESTS_OPS_ATTENTION_REFERENCE_H_
#define ROUX_TESTS_OPS_ATTENTION_REFERENCE_H_

#include "tests/ops/suite.h"

namespace roux::testing {

// The options of a call with Refs in place of Tensors.
struct RefOptions {
  bool causal = false;
  int64_t window = 0;
  const Ref *position = nullptr, *prefix = nullptr, *begin = nullptr, *end = nullptr, *mask = nullptr,
            *bias = nullptr, *distance_bias = nullptr;
  double scale = 0;  // 0: the default
  double softcap = 0, dropout = 0;
  uint64_t seed = 0;  // of the generator, whose first draw dropout takes
};

// {y, lse}
Refs attention_f64(const Ref& q, const Ref& k, const Ref& v, const RefOptions& o = {});
inline Refs y_of(const Refs& part) { return {part[0]}; }

inline void tolerances(Suite& suite) {
  suite.tolerance(kF16, 4e-3).tolerance(kBF16, 2e-2).tolerance(kF32, 1e-5).tolerance(kF64, 1e-13);
}
// A variant of options: errors stand in the main entry.
inline void variant(Suite& suite) { suite.with(tolerances).skip("errors", "in the main entry"); }
// The same with one 16-bit dtype, for the emulator's sake.
inline void rule(Suite& suite) {
  suite.with(variant).dtypes(kF32 | kF64 | kBF16).devices(kF32 | kF64 | kBF16);
}

inline Domain i32_in(int64_t low, int64_t high) { return integers_in(low, high, kI32); }
inline Domain in_2() { return uniform_in(-2, 2); }

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_ATTENTION_REFERENCE_H_
