// nf4_dq: blocks whose scales have 8 bits, as nf4 blocks for the kernels that read those. What the codes of
// scales mean stands behind the last block of the storage: f32 mean, f32 of each 256 blocks, u64 count of
// blocks (trailer_bytes() of tensor/dtype.h).
#ifndef ROUX_TENSOR_CPU_NESTED_SCALES_H_
#define ROUX_TENSOR_CPU_NESTED_SCALES_H_

#include <array>
#include <cstdint>

#include "tensor/tensor.h"

namespace roux::cpu {

// dynamic_map_value() of every code.
const std::array<float, 256>& dynamic_map();

class NestedScales {
 public:
  // x: nf4_dq, contiguous: a whole tensor or some of its rows.
  explicit NestedScales(const Tensor& x);

  // Blocks first .. first + count - 1 of x as nf4 blocks.
  void expand(int64_t first, int64_t count, uint8_t* to) const;

 private:
  const uint8_t* data_;  // of the storage
  const uint8_t* trailer_;
  int64_t offset_, blocks_;
};

// Writes scales and trailer of y, whose codes are those of x. x: nf4, y: nf4_dq, both whole.
void nest_scales(const Tensor& x, Tensor& y);

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_NESTED_SCALES_H_
