// Op-suite entries of the order family.
#include "tensor/ops/order.h"

#include <algorithm>
#include <numeric>

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

bool before(double a, double b, bool descending) {
  if (descending) std::swap(a, b);
  return std::isnan(b) ? !std::isnan(a) : a < b;
}

struct Sorted {
  Ref values, indices;
};
// The first k of a stable sort; k < 0: all.
Sorted sorted_f64(const Ref& x, int axis, bool descending, int64_t k = -1) {
  Shape shape = x.shape;
  const int64_t n = shape[axis];
  shape[axis] = k < 0 ? n : k;
  Sorted out{Ref(shape), Ref(shape)};
  Shape rows = x.shape;
  rows[axis] = 1;
  for_each_index(rows, [&](const Dims& row) {
    const auto at = [&](int64_t i) {
      Dims place = row;
      place[axis] = i;
      return place;
    };
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return before(x.at(at(a)), x.at(at(b)), descending); });
    for (int64_t i = 0; i < shape[axis]; ++i) {
      out.values.at(at(i)) = x.at(at(order[i]));
      out.indices.at(at(i)) = static_cast<double>(order[i]);
    }
  });
  return out;
}

void samples(Suite& suite) {
  suite.sample({{3, 5, 4}}).sample({{2, 0, 7}}).sample({{1, 301, 1}}).sample({{1, 1, 1}});
}

OP_SUITE(sort)
    .devices(kAllDTypes)
    .dtypes(kAllDTypes)
    .call([](const Tensors& in) {
      return Tensors{sort(in[0], 1).values, sort(in[0], -1, true).values};
    })
    .reference([](const Refs& in) {
      return Refs{sorted_f64(in[0], 1, false).values, sorted_f64(in[0], 2, true).values};
    })
    .with(samples)
    .special_values()
    .error("is out of range for rank 2: x is f32[2,3]", [](Device d) {
      sort(zeros({2, 3}, kF32, d), 2);
    });

OP_SUITE(argsort)
    .devices(kAllDTypes)
    .dtypes(kAllDTypes)
    .inputs({constant_in(-2, 2)})
    .call([](const Tensors& in) {
      return Tensors{argsort(in[0], 1), argsort(in[0], -1, true), sort(in[0], 1, true).indices};
    })
    .reference([](const Refs& in) {
      return Refs{sorted_f64(in[0], 1, false).indices, sorted_f64(in[0], 2, true).indices,
                  sorted_f64(in[0], 1, true).indices};
    })
    .with(samples)
    .special_values()
    .output_dtype(kI64)
    .error("is out of range for rank 2: x is f32[2,3]", [](Device d) {
      argsort(zeros({2, 3}, kF32, d), 2);
    });
// Many equal elements: of them the first stands first, either way.
OP_SUITE_VARIANT(argsort, ties)
    .devices(kAllDTypes)
    .dtypes(kAllDTypes)
    .inputs({integers_in(0, 2)})
    .call([](const Tensors& in) {
      return Tensors{argsort(in[0], 1), argsort(in[0], 1, true), topk(in[0], 2, 1).indices,
                     topk(in[0], 2, 1, false).indices};
    })
    .reference([](const Refs& in) {
      return Refs{sorted_f64(in[0], 1, false).indices, sorted_f64(in[0], 1, true).indices,
                  sorted_f64(in[0], 1, true, 2).indices, sorted_f64(in[0], 1, false, 2).indices};
    })
    .sample({{3, 40}})
    .sample({{2, 1000}})
    .sample({{0, 5}})
    .sample({{1, 3}})
    .skip("shape_fuzz", "an axis below 2")
    .skip("thresholds", "an axis below 2")
    .output_dtype(kI64)
    .skip("errors", "the default entry has them");

OP_SUITE(topk)
    .devices(kNumeric)
    .dtypes(kNumeric)
    .call([](const Tensors& in) {
      return Tensors{topk(in[0], std::min<int64_t>(3, in[0].size(1)), 1).values,
                     topk(in[0], in[0].size(-1) / 2, -1, false).values, topk(in[0], 0, 0).values};
    })
    .reference([](const Refs& in) {
      return Refs{sorted_f64(in[0], 1, true, std::min<int64_t>(3, in[0].shape[1])).values,
                  sorted_f64(in[0], 2, false, in[0].shape[2] / 2).values,
                  sorted_f64(in[0], 0, true, 0).values};
    })
    .with(samples)
    .special_values()
    .error("topk: k is out of range: k is 4, axis -1 of x is 3 long", [](Device d) {
      topk(zeros({2, 3}, kF32, d), 4);
    });
OP_SUITE_VARIANT(topk, indices)
    .devices(kFloating)
    .inputs({constant_in(-2, 2)})
    .call([](const Tensors& in) {
      return Tensors{topk(in[0], std::min<int64_t>(7, in[0].size(1)), 1).indices,
                     topk(in[0], in[0].size(-1) / 2, -1, false).indices};
    })
    .reference([](const Refs& in) {
      return Refs{sorted_f64(in[0], 1, true, std::min<int64_t>(7, in[0].shape[1])).indices,
                  sorted_f64(in[0], 2, false, in[0].shape[2] / 2).indices};
    })
    .with(samples)
    .special_values()
    .output_dtype(kI64)
    .skip("errors", "the default entry has them");

// The rows are put in order first.
Ref found_f64(const Ref& rows, const Ref& values, bool right) {
  Ref out(values.shape);
  const int64_t n = rows.shape.back(), m = values.shape.back();
  for (int64_t i = 0; i < values.size(); ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const double element = rows[(rows.shape.rank() == 1 ? 0 : i / m * n) + j];
      out[i] += before(element, values[i], false) || (right && !before(values[i], element, false)) ? 1 : 0;
    }
  }
  return out;
}
OP_SUITE(searchsorted)
    .devices(kNumeric)
    .dtypes(kNumeric)
    .inputs({constant_in(-2, 2), constant_in(-3, 3)})
    .call([](const Tensors& in) {
      const Tensor rows = sort(in[0]).values;
      return Tensors{searchsorted(rows, in[1]), searchsorted(rows, in[1], true)};
    })
    .reference([](const Refs& in) {
      return Refs{found_f64(in[0], in[1], false), found_f64(in[0], in[1], true)};
    })
    .sample({{3, 5}, {3, 7}})
    .sample({{2, 0}, {2, 7}})
    .sample({{300}, {3, 4}})
    .sample({{1}, {0}})
    .special_values()
    .output_dtype(kI64)
    .error("specs do not match: sorted is f32[2,3], values is f32[4,3]",
           [](Device d) {
             searchsorted(zeros({2, 3}, kF32, d), zeros({4, 3}, kF32, d));
           })
    .error("specs do not match: sorted is f32[3], values is f64[3]",
           [](Device d) { searchsorted(zeros({3}, kF32, d), zeros({3}, kF64, d)); });

}  // namespace
}  // namespace roux::testing
