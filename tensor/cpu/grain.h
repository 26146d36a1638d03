// How much work a CPU kernel hands to one task of parallel_for.
#ifndef ROUX_TENSOR_CPU_GRAIN_H_
#define ROUX_TENSOR_CPU_GRAIN_H_

#include <algorithm>

#include "tensor/parallel.h"
#include "tensor/tunable.h"

namespace roux::cpu {

// Elements of an elementwise op: about 10 us of memory traffic.
inline constinit const Tunable kElementwiseGrain("cpu.elementwise_grain", 32768, 16);

// Items of `elements` elements each.
inline int64_t items_per_task(int64_t elements) {
  return std::max<int64_t>(1, kElementwiseGrain / std::max<int64_t>(1, elements));
}
// Rows of `width` elements that are read several times or cost an exponential each: about 20 us.
inline int64_t rows_per_task(int64_t width) { return items_per_task(2 * width); }

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_GRAIN_H_
