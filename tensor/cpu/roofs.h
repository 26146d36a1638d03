// What the machine can do at best, measured: the bounds that the time of a kernel is compared with.
#ifndef ROUX_TENSOR_CPU_ROOFS_H_
#define ROUX_TENSOR_CPU_ROOFS_H_

#include <map>
#include <vector>

#include "tensor/profiler.h"

namespace roux::cpu {

// Of some number of threads together.
struct Roofs {
  double read = 0;                  // bytes/s, adding up an array that no cache holds
  double copy = 0;                  // bytes/s, copying one: read and written bytes together
  double fma_f32 = 0, fma_f64 = 0;  // flop/s of independent fused multiplications and additions, 2 each
};

// By number of threads; the best of a few passes, 0.1 to 0.2 s each and 128 MiB for all.
std::map<int, Roofs> measure_roofs(const std::vector<int>& threads);

// The least time of a call: its bytes at the speed of memory and its flops at that of fma, seconds. Written
// bytes take what a copy takes longer than its reads. Without a count of flops compute is 0. Products of 16
// bits count as f32: instructions of their own may beat that roof, as caches beat memory.
struct LeastTime {
  double memory = 0, compute = 0;
};
LeastTime least_time(const OpCost& cost, bool is_f64, const Roofs& roofs);

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ROOFS_H_
