// The attention kernels on the emulated device against the CPU: f32, bf16 and f16 inputs, causal and not,
// grouped heads, masks, widths and lengths that do not fill tiles, strided heads. The op suite has the rules
// and the gradients.
#define ROUX_EMULATED 1  // whose launches are observed
#include "tensor/ops/attention.h"

#include <algorithm>

#include "cuda/kernel.h"
#include "cuda/kernels/testing.h"
#include "tensor/ops/attention_tables.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

struct Case {
  int64_t batch, heads, groups, queries, keys, width, value_width;
  bool causal;
};

// {y, y before its rounding, largest score + log of the sum, lse} of the kernels. A floating mask is a bias.
// The CPU's computes in f32; its y is rounded afterwards.
std::vector<Tensor> kernel(const std::vector<Tensor>& v, const Tensor& mask, bool causal, double scale) {
  const bool cpu = v[0].device() == kCpu;
  const DType dtype = cpu ? kF32 : v[0].dtype();
  const Tensor q = cast(v[0], dtype), k = cast(v[1], dtype), value = cast(v[2], dtype);
  AttentionCase options;
  options.causal = causal;
  options.scale = scale;
  if (mask.defined()) (mask.dtype() == kBool ? options.mask : options.bias) = mask;
  if (options.bias.defined()) options.bias = cast(mask, kF32);
  Tensor y = empty_with_heads_inside({q.size(0), q.size(1), q.size(2), value.size(3)}, dtype, q.device());
  const Shape rows{q.size(0), q.size(1), q.size(2)};
  Tensor exact_y, workspace;
  const bool rounds = !cpu && dtype != kF32;
  if (rounds) exact_y = empty_with_heads_inside(y.shape(), kF32, q.device());
  Tensor row_stats = empty({kF32, {2, rows[0], rows[1], rows[2]}}, q.device());
  Tensor lse = empty({kF32, rows}, q.device());
  if (cpu) workspace = empty(attention_workspace_spec(q, k, value, false), kCpu);
  attention_kernels.run(q, q, k, value, options, workspace, y, exact_y, row_stats, lse);
  // The CPU's largest scores are not scaled yet where there is no mask.
  const Tensor largest = select(row_stats, 0, 0) * (cpu && !mask.defined() ? scale : 1.0);
  return {cast(y, v[0].dtype()), rounds ? exact_y : y, largest + select(row_stats, 0, 1), lse};
}

void check(const Case& c, DType dtype, bool inside = false) {
  auto make = [&](int64_t heads, int64_t length, int64_t width, uint64_t seed) {
    if (inside) return sample({c.batch, length, heads, width}, dtype, -1, 1, seed).transpose(1, 2);
    return sample({c.batch, heads, length, width}, dtype, -1, 1, seed);
  };
  expect_same_on_devices(
      {make(c.heads, c.queries, c.width, 1), make(c.groups, c.keys, c.width, 2),
       make(c.groups, c.keys, c.value_width, 3)},
      [&](const std::vector<Tensor>& v) { return kernel(v, Tensor(), c.causal, 0.3); },
      dtype == kBF16  ? 8e-3
      : dtype == kF16 ? 1e-3
                      : 1e-5);
}

TEST(AttentionKernel, Shapes) {
  for (DType dtype : {kBF16, kF16}) {
    for (bool causal : {false, true}) {
      check({1, 1, 1, 64, 64, 64, 64, causal}, dtype);
      if (dtype == kF16 && causal) continue;
      check({2, 2, 1, 70, 130, 64, 64, causal}, dtype);     // grouped, lengths that do not fill tiles
      check({1, 4, 2, 5, 67, 16, 16, causal}, dtype);       // few queries behind a cache
      check({1, 1, 1, 130, 130, 128, 128, causal}, dtype);  // three tiles, wide heads
      check({1, 2, 2, 33, 65, 80, 40, causal}, dtype);      // width between the templates, other value width
      check({1, 1, 1, 1, 1, 8, 8, causal}, dtype);
      check({1, 2, 1, 20, 20, 7, 9, causal}, dtype);  // no packets
      check({2, 2, 1, 66, 66, 24, 24, causal}, dtype, true);
    }
  }
}

// More queries than keys: the first ones look at nothing, give zeros and a log-sum of -inf.
TEST(AttentionKernel, QueriesThatLookAtNothing) {
  check({1, 1, 1, 100, 20, 32, 32, true}, kBF16);
  check({1, 1, 1, 200, 70, 32, 32, true}, kBF16);
}

TEST(AttentionKernel, LargeScores) {
  for (bool causal : {false, true}) {
    expect_same_on_devices(
        {sample({1, 1, 70, 64}, kBF16, -30, 30), sample({1, 1, 150, 64}, kBF16, -30, 30, 2),
         sample({1, 1, 150, 64}, kBF16, -1, 1, 3)},
        [&](const std::vector<Tensor>& v) { return kernel(v, Tensor(), causal, 0.125); }, 8e-3);
  }
}

// Integers that bf16 holds, offset by as much as f32 resolves them: exact in every product.
TEST(AttentionKernel, ScoresWithAnOffset) {
  for (double scale : {1.0, 0.5}) {
    for (double offset : {1.0, 1024.0, 1048576.0}) {
      std::vector<double> keys;
      for (int i = 0; i < 70; ++i) {
        keys.push_back(offset);
        keys.push_back(i * 7 % 11);
      }
      const Tensor q = cast(tensor(std::vector<double>{1, 1, 1, 2}, {1, 1, 2, 2}), kBF16);
      const Tensor k = cast(tensor(keys, {1, 1, 70, 2}), kBF16), v = sample({1, 1, 70, 8}, kBF16, -1, 1, 3);
      const auto y = [&](const std::vector<Tensor>& x) { return kernel(x, Tensor(), false, scale)[0]; };
      expect_same_on_devices({q, k, v}, y, 8e-3);
    }
  }
}

// NaN in the only key that a query sees is not "it sees nothing".
TEST(AttentionKernel, NaNAmongHiddenKeys) {
  for (int64_t at : {0, 1, 65}) {
    std::vector<double> keys(70, 1), shown(70, 0);
    keys[static_cast<size_t>(at)] = std::nan("");
    shown[static_cast<size_t>(at)] = 1;
    const Tensor q = ones({1, 1, 1, 1}, kBF16), k = cast(tensor(keys, {1, 1, 70, 1}), kBF16);
    const Tensor v = ones({1, 1, 70, 1}, kBF16), mask = cast(tensor(shown, {1, 1, 1, 70}), kBool);
    const auto y = [&](const std::vector<Tensor>& x) { return kernel(x, x[3], false, 1)[0]; };
    EXPECT_TRUE(std::isnan(y({q, k, v, mask}).item()));
    expect_same_on_devices({q, k, v, mask}, y);
  }
}

TEST(AttentionKernel, Masks) {
  const Tensor q = sample({2, 2, 40, 32}, kBF16), k = sample({2, 2, 70, 32}, kBF16, -1, 1, 2);
  const Tensor v = sample({2, 2, 70, 32}, kBF16, -1, 1, 3);
  for (bool causal : {false, true}) {
    for (const Shape& shape : {Shape{40, 70}, Shape{2, 1, 1, 70}, Shape{1, 2, 40, 1}}) {
      const Tensor added = sample(shape, kBF16, -3, 3, 9), allowed = lt(added, 0.5);
      for (const Tensor& mask : {added, allowed}) {
        expect_same_on_devices(
            {q, k, v, mask},
            [&](const std::vector<Tensor>& x) {
              return kernel(x, x[3].expand({2, 2, 40, 70}), causal, causal ? 1 : 0.2);
            },
            8e-3);
      }
    }
  }
}

// What the tensor cores' kernel does not take.
TEST(AttentionKernel, WideHeadsAndF32) {
  for (DType dtype : {kF32, kBF16}) {
    check({1, 2, 1, 35, 40, 160, 33, true}, dtype);
    check({2, 1, 1, 3, 70, 9, 200, false}, dtype);
  }
  check({2, 4, 2, 70, 66, 24, 40, true}, kF32, true);
}

// Where a grid ends: 65535 blocks in its second and third axis.
TEST(AttentionKernel, TheGridHasOneAxis) {
  static emulated::dim3 largest;
  largest = {1, 1, 1};
  emulated::set_launch_observer([](const emulated::LaunchRecord& record) {
    largest.y = std::max(largest.y, record.config.grid.y);
    largest.z = std::max(largest.z, record.config.grid.z);
  });
  for (DType dtype : {kBF16, kF32}) {
    const Tensor x = sample({3, 2, 5, 8}, dtype).to(kEmulated);
    kernel({x, x, x}, Tensor(), true, 1);
  }
  emulated::set_launch_observer(nullptr);
  EXPECT_EQ(largest.y, 1u);
  EXPECT_EQ(largest.z, 1u);
}

}  // namespace
}  // namespace roux
