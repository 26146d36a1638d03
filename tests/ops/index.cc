// Op-suite entries of the index family.
#include "tensor/ops/index.h"

#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

Tensor integers(std::vector<int64_t> values, const Shape& shape, Device device) {
  return tensor(values, shape, device);
}

OP_SUITE(cat)
    .devices(kAllDTypes)
    .dtypes(kAllDTypes)
    .inputs({uniform_in(0, 3), uniform_in(0, 3)})
    .call([](const Tensors& in) {
      return Tensors{cat({in[0], in[1], in[0]}, 1), cat({in[1]}, -1)};
    })
    .reference([](const Refs& in) {
      Shape shape = in[0].shape;
      const int64_t a = in[0].shape[1], b = in[1].shape[1];
      shape[1] = 2 * a + b;
      Ref out(shape);
      for_each_index(shape, [&](const Dims& index) {
        Dims at = index;
        const bool second = index[1] >= a && index[1] < a + b;
        at[1] -= index[1] < a ? 0 : second ? a : a + b;
        out.at(index) = (second ? in[1] : in[0]).at(at);
      });
      return Refs{out, in[1]};
    })
    .sample({{3, 5, 2}, {3, 4, 2}})
    .sample({{2, 0, 7}, {2, 1, 7}})
    .sample({{1, 37, 1}, {1, 6, 1}})
    .error("shapes differ beside axis 0: f32[2,3] and f32[2,4]", [](Device d) {
      cat({zeros({2, 3}, kF32, d), zeros({2, 4}, kF32, d)}, 0);
    });

Ref gather_f64(const Ref& x, int axis, const Ref& index) {
  Ref out(index.shape);
  for_each_index(index.shape, [&](const Dims& at) {
    Dims from = at;
    from[axis] = static_cast<int64_t>(index.at(at));
    out.at(at) = x.at(from);
  });
  return out;
}
OP_SUITE(gather)
    .devices(kFloating | kI32)
    .dtypes(kFloating | kI32)
    .inputs({Domain(), index_into(0, 1)})
    .call([](const Tensors& in) { return Tensors{gather(in[0], 1, in[1])}; })
    .reference([](const Refs& in) { return Refs{gather_f64(in[0], 1, in[1])}; })
    .sample({{3, 5, 2}, {3, 7, 2}})
    .sample({{2, 4, 0}, {2, 6, 0}})
    .sample({{1, 37, 65}, {1, 1, 65}})
    .accumulates_backward(1, 1, 1)
    .additive(1, 1)
    .error("index must be i32 or i64: index is f32[2]",
           [](Device d) { gather(zeros({2}, kF32, d), 0, zeros({2}, kF32, d)); })
    .error("index must have the shape of x but for axis 0: x is f32[2,3], index is i64[2,4]",
           [](Device d) {
             gather(zeros({2, 3}, kF32, d), 0, zeros({2, 4}, kI64, d));
           })
    .value_error("index out of range: index[2] is 5 in row-major order, needed 0 to 4", [](Device d) {
      gather(zeros({2, 5}, kF32, d), 1, integers({0, 4, 5, -1}, {2, 2}, d));
    });
OP_SUITE_VARIANT(gather, last_axis)
    .devices(kFloating)
    .inputs({Domain(), index_into(0, 1)})
    .call([](const Tensors& in) { return Tensors{gather(in[0], -1, cast(in[1], kI32))}; })
    .reference([](const Refs& in) { return Refs{gather_f64(in[0], 1, in[1])}; })
    .sample({{3, 5}, {3, 7}})
    .sample({{0, 4}, {0, 1}})
    .skip("errors", "the default entry has them");

OP_SUITE(scatter_add)
    .devices(kFloating)
    .inputs({Domain(), index_into(0, 1), Domain()})
    .call([](const Tensors& in) { return Tensors{in[0] + scatter_add(in[0].shape(), 1, in[1], in[2])}; })
    .reference([](const Refs& in) {
      Ref out = in[0];
      for_each_index(in[1].shape, [&](const Dims& at) {
        Dims to = at;
        to[1] = static_cast<int64_t>(in[1].at(at));
        out.at(to) += in[2].at(at);
      });
      return Refs{out};
    })
    .sample({{3, 5, 2}, {3, 7, 2}, {3, 7, 2}})
    .sample({{2, 4, 0}, {2, 6, 0}, {2, 6, 0}})
    .sample({{1, 3, 515}, {1, 40, 515}, {1, 40, 515}})
    .accumulates(2, 1, 2)  // the sum is rounded before it is added
    .tolerance(kBF16, 3e-2)
    .error("source is f32[2], index is i64[3], needed equal shapes",
           [](Device d) { scatter_add({2}, 0, zeros({3}, kI64, d), zeros({2}, kF32, d)); })
    .value_error("index out of range: index[1] is -1 in row-major order, needed 0 to 4", [](Device d) {
      scatter_add({5}, 0, integers({0, -1}, {2}, d), zeros({2}, kF32, d));
    });

OP_SUITE(embedding_backward)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{embedding_backward(in[0], zeros({in[0].size(0)}, kI64, in[0].device()), 3)};
    })
    .reference([](const Refs& in) {
      Ref out({3, in[0].shape[1]});
      for (int64_t i = 0; i < in[0].size(); ++i) out[i % in[0].shape[1]] += in[0][i];
      return Refs{out};
    })
    .sample({{7, 5}})
    .sample({{0, 1}})
    .sample({{701, 3}})
    .accumulates(0, 0)
    .additive(0, 0)
    .tolerance(kF32, 1e-4)
    .tolerance(kBF16, 3e-2)
    .error("grad must have the shape of ids and one more axis: grad is f32[2,3], ids is i64[4]",
           [](Device d) {
             embedding_backward(zeros({2, 3}, kF32, d), zeros({4}, kI64, d), 5);
           })
    .value_error("ids out of range: ids[1] is 5 in row-major order, needed 0 to 4", [](Device d) {
      embedding_backward(zeros({2, 3}, kF32, d), integers({0, 5}, {2}, d), 5);
    });

OP_SUITE(embedding)
    .devices(kFloating)
    .inputs({Domain(), index_into(0, 0)})
    .call([](const Tensors& in) {
      return Tensors{embedding(in[0], in[1]), embedding(in[0], cast(in[1], kI32))};
    })
    .reference([](const Refs& in) {
      Shape shape = in[1].shape;
      shape.push_back(in[0].shape[1]);
      Ref out(shape);
      for (int64_t i = 0; i < out.size(); ++i) {
        const int64_t width = in[0].shape[1];
        out[i] = in[0].at({static_cast<int64_t>(in[1][i / width]), i % width});
      }
      return Refs{out, out};
    })
    .sample({{11, 5}, {3, 7}})
    .sample({{3, 260}, {200}})
    .sample({{4, 0}, {6}})
    .sample({{4, 3}, {0, 2}})
    .accumulates_backward(1, 1, 1)
    .additive(1, 0)
    .additive(1, 1)
    .sample({{1, 1}, {1}})
    .tolerance(kF32, 1e-4)  // gradients sum 400 rows
    .tolerance(kBF16, 3e-2)
    .error("weight must be [V, D]: weight is f32[3]",
           [](Device d) { embedding(zeros({3}, kF32, d), zeros({2}, kI64, d)); })
    .error("ids must be i32 or i64: ids is f32[2]",
           [](Device d) {
             embedding(zeros({3, 2}, kF32, d), zeros({2}, kF32, d));
           })
    .value_error("embedding: ids out of range: ids[3] is 7 in row-major order, needed 0 to 6", [](Device d) {
      embedding(zeros({7, 2}, kF32, d), integers({0, 6, 3, 7}, {2, 2}, d));
    });

// x with source[..., j, ...] put, or added, at index[..., j, ...] of an axis.
Ref placed_f64(const Ref& x, int axis, const Ref& index, const Ref& source, bool add) {
  Ref out = x;
  for_each_index(source.shape, [&](const Dims& at) {
    Dims to = at;
    const bool slices = index.shape.rank() == 1;
    to[axis] = static_cast<int64_t>(slices ? index[at[axis]] : index.at(at));
    out.at(to) = source.at(at) + (add ? out.at(to) : 0);
  });
  return out;
}

OP_SUITE(index_select)
    .devices(kFloating | kI32 | kBool)
    .dtypes(kFloating | kI32 | kBool)
    .inputs({Domain(), index_into(0, 1)})
    .call([](const Tensors& in) {
      return Tensors{index_select(in[0], 1, in[1]), index_select(in[0], -2, cast(in[1], kI32))};
    })
    .reference([](const Refs& in) {
      Shape shape = in[0].shape;
      shape[1] = in[1].size();
      Ref out(shape);
      for_each_index(shape, [&](const Dims& at) {
        Dims from = at;
        from[1] = static_cast<int64_t>(in[1][at[1]]);
        out.at(at) = in[0].at(from);
      });
      return Refs{out, out};
    })
    .sample({{3, 5, 2}, {7}})
    .sample({{2, 4, 0}, {6}})
    .sample({{2, 3, 4}, {0}})
    .sample({{1, 37, 65}, {1}})
    .tolerance(kBF16, 3e-2)
    .error("index must be [K]: index is i64[2,2]",
           [](Device d) {
             index_select(zeros({3}, kF32, d), 0, zeros({2, 2}, kI64, d));
           })
    .value_error("index_select: index out of range: index[1] is 4 in row-major order, needed 0 to 3",
                 [](Device d) {
                   index_select(zeros({2, 4}, kF32, d), 1, integers({0, 4}, {2}, d));
                 });

OP_SUITE(index_add)
    .devices(kFloating)
    .inputs({Domain(), index_into(0, 1), Domain()})
    .call([](const Tensors& in) { return Tensors{index_add(in[0], 1, in[1], in[2])}; })
    .reference([](const Refs& in) { return Refs{placed_f64(in[0], 1, in[1], in[2], true)}; })
    .sample({{3, 5, 2}, {7}, {3, 7, 2}})
    .sample({{2, 4, 0}, {6}, {2, 6, 0}})
    .sample({{2, 4, 3}, {0}, {2, 0, 3}})
    .sample({{1, 3, 65}, {40}, {1, 40, 65}})
    .tolerance(kF32, 1e-4)
    .error("source does not fit: x is f32[3,2], index is i64[4], source is f32[4,3], needed f32[4,2]",
           [](Device d) {
             index_add(zeros({3, 2}, kF32, d), 0, zeros({4}, kI64, d), zeros({4, 3}, kF32, d));
           })
    .value_error("index_add: index out of range: index[0] is -1 in row-major order, needed 0 to 2",
                 [](Device d) {
                   index_add(zeros({3}, kF32, d), 0, integers({-1}, {1}, d), zeros({1}, kF32, d));
                 });

OP_SUITE(scatter)
    .devices(kFloating | kI32 | kBool)
    .dtypes(kFloating | kI32 | kBool)
    .inputs({Domain(), index_into(0, 1), Domain()})
    .call([](const Tensors& in) { return Tensors{scatter(in[0], 1, in[1], in[2])}; })
    .reference([](const Refs& in) { return Refs{placed_f64(in[0], 1, in[1], in[2], false)}; })
    .sample({{3, 5, 2}, {3, 7, 2}, {3, 7, 2}})
    .sample({{2, 4, 0}, {2, 6, 0}, {2, 6, 0}})
    .sample({{2, 4, 3}, {2, 0, 3}, {2, 0, 3}})
    .sample({{1, 3, 65}, {1, 40, 65}, {1, 40, 65}})
    .error("source does not fit: x is f32[5], index is i64[2], source is f64[2]",
           [](Device d) { scatter(zeros({5}, kF32, d), 0, zeros({2}, kI64, d), zeros({2}, kF64, d)); })
    .value_error("index out of range: index[1] is 5 in row-major order, needed 0 to 4", [](Device d) {
      scatter(zeros({5}, kF32, d), 0, integers({0, 5}, {2}, d), zeros({2}, kF32, d));
    });

// Two indices, [3, 1] and [4], and values of which an axis is broadcast.
Ref put_f64(const Refs& in, bool add) {
  const Ref &x = in[0], &first = in[1], &second = in[2], &values = in[3];
  Ref out = x;
  for (int64_t i = 0; i < first.size(); ++i) {
    for (int64_t j = 0; j < second.size(); ++j) {
      for (int64_t k = 0; k < x.shape[2]; ++k) {
        double& to = out.at({static_cast<int64_t>(first[i]), static_cast<int64_t>(second[j]), k});
        to = values.at({i, 0, k}) + (add ? to : 0);
      }
    }
  }
  return out;
}
OP_SUITE(index_put)
    .devices(kFloating)
    .inputs({Domain(), index_into(0, 0), index_into(0, 1), Domain()})
    .call([](const Tensors& in) {
      return Tensors{index_put(in[0], {in[1], in[2]}, in[3]), index_put(in[0], {in[1], in[2]}, in[3], true)};
    })
    .reference([](const Refs& in) {
      return Refs{put_f64(in, false), put_f64(in, true)};
    })
    .sample({{7, 5, 2}, {3, 1}, {4}, {3, 1, 2}})
    .sample({{7, 5, 0}, {3, 1}, {4}, {3, 1, 0}})
    .sample({{1, 2, 3}, {4, 1}, {5}, {4, 1, 3}})
    .tolerance(kF32, 1e-4)
    .error("index_put: needs 1 to 2 indices, got 3",
           [](Device d) {
             const Tensor at = zeros({1}, kI64, d);
             index_put(zeros({2, 2}, kF32, d), {at, at, at}, zeros({1}, kF32, d));
           })
    .error("values must have x's dtype: x is f32[2], values is f64[1]",
           [](Device d) { index_put(zeros({2}, kF32, d), {zeros({1}, kI64, d)}, zeros({1}, kF64, d)); })
    .value_error("index_put: indices out of range: indices[0] is 3 in row-major order, needed 0 to 2",
                 [](Device d) {
                   index_put(zeros({2, 3}, kF32, d), {integers({0}, {1}, d), integers({3}, {1}, d)},
                             zeros({1}, kF32, d));
                 });

OP_SUITE(one_hot)
    .devices(kFloating)
    .inputs({integers_in(0, 5)})
    .call([](const Tensors& in) {
      return Tensors{one_hot(cast(in[0], kI64), 6), one_hot(cast(in[0], kI32), 6)};
    })
    .reference([](const Refs& in) {
      Shape shape = in[0].shape;
      shape.push_back(6);
      Ref out(shape);
      for (int64_t i = 0; i < in[0].size(); ++i) out[6 * i + static_cast<int64_t>(in[0][i])] = 1;
      return Refs{out, out};
    })
    .sample({{3, 4}})
    .sample({{1}})
    .sample({{0, 2}})
    .output_dtype(kF32)
    .error("classes must not be negative: -1", [](Device d) { one_hot(zeros({2}, kI64, d), -1); })
    .value_error("ids[1] is 4 in row-major order, needed 0 to 3", [](Device d) {
      one_hot(integers({0, 4}, {2}, d), 4);
    });

OP_SUITE(masked_fill)
    .devices(kFloating | kI32)
    .dtypes(kFloating | kI32)
    .inputs({Domain(), booleans()})
    .call([](const Tensors& in) { return Tensors{masked_fill(in[0], in[1], 3)}; })
    .reference([](const Refs& in) {
      return Refs{elementwise(in, [](const std::vector<double>& v) { return v[1] != 0 ? 3 : v[0]; })};
    })
    .sample({{3, 5}, {3, 5}})
    .sample({{2, 3, 4}, {3, 1}})
    .sample({{0, 3}, {3}})
    .error("mask must be bool: mask is f32[2]",
           [](Device d) { masked_fill(zeros({2}, kF32, d), zeros({2}, kF32, d), 0); });

OP_SUITE(masked_select)
    .devices(kFloating | kI32 | kBool)
    .dtypes(kFloating | kI32 | kBool)
    .inputs({Domain(), booleans()})
    .call([](const Tensors& in) { return Tensors{masked_select(in[0], in[1])}; })
    .reference([](const Refs& in) {
      const Shape shape = *broadcast_shapes(in[0].shape, in[1].shape);
      std::vector<double> kept;
      for_each_index(shape, [&](const Dims& at) {
        if (broadcast_at(in[1], at) != 0) kept.push_back(broadcast_at(in[0], at));
      });
      Ref out({static_cast<int64_t>(kept.size())});
      out.v = kept;
      return Refs{out};
    })
    .sample({{3, 5}, {3, 5}})
    .sample({{2, 3, 4}, {3, 1}})
    .sample({{3, 1}, {7}})
    .sample({{0, 3}, {3}})
    .skip("meta", "the size depends on the values")
    .error("masked_select: mask must be bool: mask is f32[2]",
           [](Device d) { masked_select(zeros({2}, kF32, d), zeros({2}, kF32, d)); });

OP_SUITE(nonzero)
    .devices(kAllDTypes)
    .dtypes(kAllDTypes)
    .inputs({integers_in(0, 2)})
    .call([](const Tensors& in) { return Tensors{nonzero(in[0])}; })
    .reference([](const Refs& in) {
      std::vector<double> places;
      for_each_index(in[0].shape, [&](const Dims& at) {
        if (in[0].at(at) == 0) return;
        for (int axis = 0; axis < at.rank(); ++axis) places.push_back(static_cast<double>(at[axis]));
      });
      const int rank = in[0].shape.rank();
      Ref out({static_cast<int64_t>(places.size()) / rank, rank});
      out.v = places;
      return Refs{out};
    })
    .sample({{3, 5, 2}})
    .sample({{40}})
    .sample({{1, 7}})
    .sample({{2, 0}})
    .output_dtype(kI64)
    .skip("meta", "the size depends on the values")
    .skip("errors", "every tensor has places");

std::function<void(Suite&)> triangle(Tensor (*op)(const Tensor&, int64_t), bool lower) {
  return [=](Suite& suite) {
    suite.dtypes(kFloating | kI32 | kBool)
        .inputs({uniform_in(0, 3)})
        .call([=](const Tensors& in) {
          return Tensors{op(in[0], 0), op(in[0], 2), op(in[0], -1)};
        })
        .reference([=](const Refs& in) {
          Refs out;
          for (int64_t diagonal : {0, 2, -1}) {
            Ref y = in[0];
            for_each_index(y.shape, [&](const Dims& at) {
              const int64_t side = at[at.rank() - 1] - at[at.rank() - 2] - diagonal;
              if (lower ? side > 0 : side < 0) y.at(at) = 0;
            });
            out.push_back(y);
          }
          return out;
        })
        .sample({{2, 5, 7}})
        .sample({{0, 3}})
        .sample({{37, 1}})
        .error("x needs at least two axes: x is f32[3]", [=](Device d) { op(zeros({3}, kF32, d), 0); });
  };
}
OP_SUITE(tril).devices(kFloating | kI32 | kBool).with(triangle(tril, true));
OP_SUITE(triu).devices(kFloating | kI32 | kBool).with(triangle(triu, false));

}  // namespace
}  // namespace roux::testing
