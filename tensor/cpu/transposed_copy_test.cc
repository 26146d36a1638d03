#include "tensor/cpu/transposed_copy.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// 0, 1, 2, ... (mod 251, which every dtype holds exactly).
Tensor counted(const Shape& shape, DType dtype) {
  std::vector<int64_t> values(static_cast<size_t>(numel(shape)));
  std::iota(values.begin(), values.end(), 0);
  for (int64_t& v : values) v %= 251;
  return cast(tensor(values, shape), dtype);
}

// The elements in row-major order, read one at a time through the strides.
std::vector<double> one_by_one(const Tensor& x) {
  std::vector<double> values;
  for (int64_t i = 0; i < x.numel(); ++i) {
    int64_t rest = i, offset = x.impl()->offset;
    for (int axis = x.dim() - 1; axis >= 0; --axis) {
      offset += rest % x.size(axis) * x.strides()[axis];
      rest /= x.size(axis);
    }
    values.push_back(alias(x, {}, {}, offset).item());
  }
  return values;
}

// Sizes around the tile of 32 x 16 and the block of 8 x 8, every dtype, planes before, between and behind.
TEST(TransposedCopy, EveryLayout) {
  for (DType dtype : {kF32, kF64, kBF16, kI64, kU8, kI32}) {
    for (const auto& [rows, columns] :
         std::vector<std::pair<int64_t, int64_t>>{{8, 8}, {9, 16}, {33, 17}, {40, 23}, {64, 31}}) {
      const Tensor x = counted({2, rows, 3, columns}, dtype);
      for (const std::vector<int64_t>& axes :
           std::vector<std::vector<int64_t>>{{0, 2, 3, 1}, {3, 0, 2, 1}, {2, 3, 0, 1}, {3, 2, 1, 0}}) {
        const Tensor view = permute(x, axes);
        const Tensor y = contiguous(view);
        EXPECT_EQ(y.to_vector<double>(), one_by_one(view))
            << view.spec() << " by " << axes[0] << axes[1] << axes[2];
      }
    }
  }
}

TEST(TransposedCopy, IntoAPartOfATensor) {
  const Tensor x = counted({20, 18}, kF32);
  const Tensor all = full({18, 50}, -1);
  copy_(slice(all, 1, 7, 27), x.transpose(0, 1));
  EXPECT_EQ(slice(all, 1, 7, 27).contiguous().to_vector<double>(), one_by_one(x.transpose(0, 1)));
  EXPECT_EQ(slice(all, 1, 0, 7).contiguous().to_vector<double>(), std::vector<double>(18 * 7, -1));
  EXPECT_EQ(slice(all, 1, 27, 50).contiguous().to_vector<double>(), std::vector<double>(18 * 23, -1));
}

TEST(TransposedCopy, LeavesOtherLayoutsAlone) {
  Tensor y = full({16, 16}, -1);
  EXPECT_FALSE(cpu::copy_transposed(counted({16, 16}, kF32), y));
  EXPECT_FALSE(cpu::copy_transposed(expand(counted({16, 1}, kF32), {16, 16}), y));
  EXPECT_FALSE(cpu::copy_transposed(slice(counted({16, 32}, kF32), 1, 0, 32, 2), y));
  EXPECT_EQ(y.to_vector<double>(), std::vector<double>(256, -1));
}

}  // namespace
}  // namespace roux
