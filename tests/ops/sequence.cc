#include "tensor/ops/sequence.h"

#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

OP_SUITE(sequence_mask)
    .dtypes(kI32 | kI64)
    .devices(kI32 | kI64)
    .inputs({integers_in(0, 6)})
    .output_dtype(kBool)
    .call([](const Tensors& in) {
      return Tensors{sequence_mask(in[0], 5), sequence_mask(in[0], 0)};
    })
    .reference([](const Refs& in) {
      Shape shape = in[0].shape;
      shape.push_back(5);
      Ref mask(shape), none(shape);
      for (int64_t i = 0; i < mask.size(); ++i) mask[i] = static_cast<double>(i % 5) < in[0][i / 5] ? 1 : 0;
      shape[shape.rank() - 1] = 0;
      return Refs{mask, Ref(shape)};
    })
    .sample({{3, 5}})
    .sample({{1}})
    .sample({{0, 3}})
    .error(
        "arguments do not fit: lengths is f32[3], length is 5, needed i32 or i64 lengths and a length >= 0",
        [](Device d) { sequence_mask(zeros({3}, kF32, d), 5); })
    .error("arguments do not fit: lengths is i64[3], length is -1",
           [](Device d) { sequence_mask(zeros({3}, kI64, d), -1); });

OP_SUITE(document_bounds)
    .dtypes(kI32 | kI64)
    .devices(kI32 | kI64)
    .inputs({integers_in(0, 2)})
    .output_dtype(kI32)
    .call([](const Tensors& in) {
      const DocumentBounds bounds = document_bounds(in[0]);
      return Tensors{bounds.begin, bounds.end};
    })
    .reference([](const Refs& in) {
      const Ref& ids = in[0];
      Ref begin(ids.shape), end(ids.shape);
      const int64_t length = ids.shape.back();
      for (int64_t i = 0; i < ids.size(); ++i) {
        const int64_t row = i / length * length;
        int64_t first = i, last = i;
        while (first > row && ids[first - 1] == ids[i]) --first;
        while (last + 1 < row + length && ids[last + 1] == ids[i]) ++last;
        begin[i] = static_cast<double>(first - row), end[i] = static_cast<double>(last + 1 - row);
      }
      return Refs{begin, end};
    })
    .sample({{3, 7}})
    .sample({{1}})
    .sample({{2, 0}})
    .sample({{2, 3, 65}})
    .error("ids must be [..., T], i32 or i64: ids is f32[3]",
           [](Device d) { document_bounds(zeros({3}, kF32, d)); })
    .error("ids must be [..., T], i32 or i64: ids is i64[]",
           [](Device d) { document_bounds(zeros({}, kI64, d)); });

// Sums along `axis` of what counts, and how many that are.
std::pair<Ref, Ref> masked_f64(const Ref& x, const Ref& mask, int axis) {
  Shape kept = x.shape;
  kept[axis] = 1;
  Ref total(kept), count(kept);
  for_each_index(x.shape, [&](const Dims& index) {
    if (broadcast_at(mask, index) == 0) return;
    Dims to = index;
    to[axis] = 0;
    total.at(to) += x.at(index);
    count.at(to) += 1;
  });
  kept.erase(axis);
  total.shape = count.shape = kept;
  return {total, count};
}

OP_SUITE(masked_sum)
    .devices(kFloating)
    .inputs({uniform_in(-2, 2), booleans()})
    .call([](const Tensors& in) {
      return Tensors{masked_sum(in[0], in[1]), masked_sum(in[0], in[1], 0)};
    })
    .reference([](const Refs& in) {
      return Refs{masked_f64(in[0], in[1], in[0].shape.rank() - 1).first, masked_f64(in[0], in[1], 0).first};
    })
    .sample({{3, 7}, {3, 7}})
    .sample({{1, 1}, {1, 1}})
    .sample({{0, 7}, {0, 7}})
    .sample({{2, 3, 5}, {3, 1}})
    .rounds_once(1e-6)
    .error(
        "mask does not fit: mask is bool[4], x is f32[3,7], needed a bool mask that broadcasts to a floating "
        "x",
        [](Device d) {
          masked_sum(zeros({3, 7}, kF32, d), zeros({4}, kBool, d));
        })
    .error("mask does not fit: mask is f32[3,7], x is f32[3,7]",
           [](Device d) {
             const Tensor x = zeros({3, 7}, kF32, d);
             masked_sum(x, x);
           })
    .error("axis 2 is out of range for rank 2", [](Device d) {
      masked_sum(zeros({3, 7}, kF32, d), zeros({3, 7}, kBool, d), 2);
    });

// A mask with some element in every row and column: a mean over nothing is NaN.
Tensor filled(const Tensor& mask) {
  const Tensor y = gt(mask.to(kF32), 0.5);
  if (y.numel() > 0) {
    fill_(select(y, 0, 0), 1);
    fill_(select(y, -1, 0), 1);
  }
  return y;
}

OP_SUITE(masked_mean)
    .devices(kFloating)
    .inputs({uniform_in(-2, 2), booleans()})
    .call([](const Tensors& in) {
      const Tensor mask = filled(in[1]);
      return Tensors{masked_mean(in[0], mask), masked_mean(in[0], mask, 0)};
    })
    .reference([](Refs in) {
      for_each_index(in[1].shape, [&](const Dims& index) {
        if (index[0] == 0 || index[index.rank() - 1] == 0) in[1].at(index) = 1;
      });
      Refs means;
      for (int axis : {in[0].shape.rank() - 1, 0}) {
        auto [total, count] = masked_f64(in[0], in[1], axis);
        for (int64_t i = 0; i < total.size(); ++i) total[i] /= count[i];  // NaN over nothing
        means.push_back(total);
      }
      return means;
    })
    .sample({{6, 7}, {6, 7}})
    .sample({{1, 1}, {1, 1}})
    .sample({{2, 3, 5}, {3, 1}})
    .sample({{2, 0, 5}, {2, 0, 5}})
    .rounds_once(1e-6)
    .error("mask does not fit: mask is bool[4], x is f32[3,7]", [](Device d) {
      masked_mean(zeros({3, 7}, kF32, d), zeros({4}, kBool, d));
    });

}  // namespace
}  // namespace roux::testing
