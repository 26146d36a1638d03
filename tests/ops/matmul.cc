#include "tensor/ops/matmul.h"

#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// a [..., M, K] x b [..., K, N] with broadcast batch axes; vectors were given an axis by the caller.
Ref product(const Ref& a, const Ref& b) {
  const int ra = a.shape.rank(), rb = b.shape.rank(), rank = std::max(ra, rb);
  const int64_t m = a.shape[ra - 2], k = a.shape[ra - 1], n = b.shape[rb - 1];
  Shape shape = Shape::filled(rank, 1);
  for (int axis = 0; axis < rank - 2; ++axis) {
    const int in_a = axis - (rank - ra), in_b = axis - (rank - rb);
    const int64_t size_a = in_a >= 0 ? a.shape[in_a] : 1, size_b = in_b >= 0 ? b.shape[in_b] : 1;
    shape[axis] = size_a == 1 ? size_b : size_a;
  }
  shape[rank - 2] = m;
  shape[rank - 1] = n;
  Ref y(shape);
  for_each_index(shape, [&](const Dims& index) {
    Dims at_a = Dims::filled(ra, 0), at_b = Dims::filled(rb, 0);
    for (int axis = 0; axis < ra - 2; ++axis) at_a[axis] = a.shape[axis] == 1 ? 0 : index[axis + rank - ra];
    for (int axis = 0; axis < rb - 2; ++axis) at_b[axis] = b.shape[axis] == 1 ? 0 : index[axis + rank - rb];
    at_a[ra - 2] = index[rank - 2];
    at_b[rb - 1] = index[rank - 1];
    double sum = 0;
    for (int64_t i = 0; i < k; ++i) {
      at_a[ra - 1] = i;
      at_b[rb - 2] = i;
      sum += a.at(at_a) * b.at(at_b);
    }
    y.at(index) = sum;
  });
  return y;
}

Ref reshaped(Ref x, const Shape& shape) {
  x.shape = shape;
  return x;
}

OP_SUITE(matmul)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{matmul(in[0], in[1])}; })
    .reference([](const Refs& in) { return Refs{product(in[0], in[1])}; })
    .sample({{3, 5}, {5, 4}})
    .sample({{1, 1}, {1, 1}})
    .sample({{0, 5}, {5, 4}})
    .sample({{3, 0}, {0, 4}})
    .sample({{2, 3, 5}, {5, 4}})
    .sample({{3, 5}, {2, 5, 4}})
    .sample({{7, 1, 3, 5}, {2, 5, 4}})
    .sample({{2, 33, 17}, {2, 17, 70}})
    .sample({{1, 65}, {65, 130}})
    .accumulates(0, 1)
    .accumulates_backward(0, 0, 0)
    .accumulates_backward(1, 1, 1)
    .additive(0, 1)
    .additive(0, 0)
    .additive(1, 1)
    .rounds_once(1e-5)
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 2e-5)
    .tolerance(kF64, 1e-13)
    .error("inner dimensions differ: a is f32[4,3], b is f32[4,5] (a.shape[-1]=3, b.shape[-2]=4)",
           [](Device d) {
             matmul(zeros({4, 3}, kF32, d), zeros({4, 5}, kF32, d));
           })
    .error("batch axes do not broadcast: a is f32[2,4,3], b is f32[3,3,5]",
           [](Device d) {
             matmul(zeros({2, 4, 3}, kF32, d), zeros({3, 3, 5}, kF32, d));
           })
    .error("dtypes differ: a is f32[4,3], b is f64[3,5]",
           [](Device d) {
             matmul(zeros({4, 3}, kF32, d), zeros({3, 5}, kF64, d));
           })
    .error("dtype is not supported: a is i32[4,3]",
           [](Device d) {
             matmul(zeros({4, 3}, kI32, d), zeros({3, 5}, kI32, d));
           })
    .error("a scalar has no inner axis", [](Device d) { matmul(zeros({}, kF32, d), zeros({3}, kF32, d)); });

OP_SUITE_VARIANT(matmul, vectors)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{matmul(in[0], in[1]), matmul(in[1], in[2]), matmul(in[0], in[0])};
    })
    .reference([](const Refs& in) {
      const int64_t k = in[0].shape[0], n = in[1].shape[1];
      const Ref row = reshaped(in[0], {1, k});
      return Refs{reshaped(product(row, in[1]), {n}), reshaped(product(in[1], reshaped(in[2], {n, 1})), {k}),
                  reshaped(product(row, reshaped(in[0], {k, 1})), {})};
    })
    .sample({{5}, {5, 4}, {4}})
    .sample({{1}, {1, 1}, {1}})
    .sample({{0}, {0, 4}, {4}})
    .additive(0, 0)
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 2e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry");

OP_SUITE(linear)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{linear(in[0], in[1], in[2])}; })
    .reference([](const Refs& in) {
      Ref wt({in[1].shape[1], in[1].shape[0]});
      for_each_index(wt.shape, [&](const Dims& at) { wt.at(at) = in[1].at({at[1], at[0]}); });
      Ref y = product(in[0], wt);
      for_each_index(y.shape, [&](const Dims& at) { y.at(at) += in[2][at.back()]; });
      return Refs{y};
    })
    .sample({{3, 5}, {4, 5}, {4}})
    .sample({{2, 3, 5}, {4, 5}, {4}})
    .sample({{2, 0}, {4, 0}, {4}})
    .sample({{0, 5}, {4, 5}, {4}})
    .sample({{17, 65}, {66, 65}, {66}})
    .sample({{8, 33}, {9, 33}, {9}})
    .sample({{2, 7, 1}, {1, 1}, {1}})
    .accumulates(0, 1, 2)  // the bias is added to the rounded product
    .accumulates_backward(0, 0, 0)
    .accumulates_backward(1, 0, 1)
    .additive(0, 0)
    .additive(1, 0)
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 2e-5)
    .tolerance(kF64, 1e-13)
    .error("inner dimensions differ: x is f32[8,127], weight is f32[64,128]",
           [](Device d) {
             linear(zeros({8, 127}, kF32, d), zeros({64, 128}, kF32, d));
           })
    .error("bias has the wrong shape: bias is f32[65]",
           [](Device d) {
             linear(zeros({8, 128}, kF32, d), zeros({64, 128}, kF32, d), zeros({65}, kF32, d));
           })
    .error("dtypes differ: x is f32[8,128], weight is bf16[64,128]", [](Device d) {
      linear(zeros({8, 128}, kF32, d), zeros({64, 128}, kBF16, d));
    });

// Weights of f32 beside rows of 16 bits.
OP_SUITE_VARIANT(linear, master_weights)
    .devices(kFloating)
    .call([](const Tensors& in) {
      const DType dtype = in[0].dtype(), wide = dtype == kF64 ? kF64 : kF32;
      return Tensors{linear(in[0], cast(in[1], wide), cast(in[2], wide), WeightDType::kAny)};
    })
    .reference([](const Refs& in) {
      Ref wt({in[1].shape[1], in[1].shape[0]});
      for_each_index(wt.shape, [&](const Dims& at) { wt.at(at) = in[1].at({at[1], at[0]}); });
      Ref y = product(in[0], wt);
      for_each_index(y.shape, [&](const Dims& at) { y.at(at) += in[2][at.back()]; });
      return Refs{y};
    })
    .sample({{3, 5}, {4, 5}, {4}})
    .sample({{2, 3, 5}, {4, 5}, {4}})
    .sample({{2, 0}, {4, 0}, {4}})
    .sample({{0, 5}, {4, 5}, {4}})
    .sample({{2, 7, 1}, {1, 1}, {1}})
    .sample({{17, 65}, {66, 65}, {66}})
    .accumulates(0, 1, 2)  // the bias is added to the rounded product
    .accumulates_backward(0, 0, 0)
    .accumulates_backward(1, 0, 1)
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 2e-5)
    .tolerance(kF64, 1e-13)
    .error("dtype is not supported: x is i32[8,128]",
           [](Device d) {
             linear(zeros({8, 128}, kI32, d), zeros({64, 128}, kF32, d), {}, WeightDType::kAny);
           })
    .error("dtypes differ: x is f32[8,128], weight is i32[64,128]", [](Device d) {
      linear(zeros({8, 128}, kF32, d), zeros({64, 128}, kI32, d), {}, WeightDType::kAny);
    });

OP_SUITE_VARIANT(linear, no_bias)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{linear(in[0], in[1])}; })
    .reference([](const Refs& in) {
      Ref wt({in[1].shape[1], in[1].shape[0]});
      for_each_index(wt.shape, [&](const Dims& at) { wt.at(at) = in[1].at({at[1], at[0]}); });
      return Refs{product(in[0], wt)};
    })
    .sample({{2, 3, 5}, {4, 5}})
    .sample({{1, 5}, {4, 5}})
    .sample({{2, 0}, {4, 0}})
    .sample({{2, 3, 0}, {4, 0}})
    .accumulates(0, 2)
    .additive(0, 2)
    .additive(0, 1)
    .rounds_once(1e-5)
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 2e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry");

}  // namespace
}  // namespace roux::testing
