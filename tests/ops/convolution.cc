// Op-suite entries of the convolution family.
#include "tensor/ops/convolution.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

int64_t count(int64_t length, const Windows& w) {
  int64_t n = 0;
  while (n * w.stride + w.dilation * (w.size - 1) < length + w.before + w.after) ++n;
  return n;
}
// Calls fn with the index in the windows and that in the sequences, for all elements that lie inside.
void for_each_place(int64_t rows, int64_t length, int64_t d, const Windows& w,
                    const std::function<void(int64_t window_at, int64_t sequence_at)>& fn) {
  const int64_t windows = count(length, w);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t n = 0; n < windows; ++n) {
      for (int64_t j = 0; j < w.size; ++j) {
        const int64_t t = n * w.stride + j * w.dilation - w.before;
        if (t < 0 || t >= length) continue;
        for (int64_t i = 0; i < d; ++i)
          fn(((r * windows + n) * w.size + j) * d + i, (r * length + t) * d + i);
      }
    }
  }
}
const Windows kWide = {.size = 3, .stride = 2, .dilation = 2, .before = 4, .after = 1};
const Windows kDense = {.size = 4, .before = 3};
const Windows kSparse = {.size = 1, .stride = 5};

OP_SUITE(unfold)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{unfold(in[0], kWide), unfold(in[0], kDense), unfold(in[0], kSparse)};
    })
    .reference([](const Refs& in) {
      Refs out;
      const int64_t length = in[0].shape[1], d = in[0].shape[2];
      for (const Windows& w : {kWide, kDense, kSparse}) {
        out.emplace_back(Shape{in[0].shape[0], count(length, w), w.size, d});
        for_each_place(in[0].shape[0], length, d, w,
                       [&](int64_t window_at, int64_t at) { out.back()[window_at] = in[0][at]; });
      }
      return out;
    })
    .sample({{2, 7, 3}})
    .sample({{0, 1, 5}})
    .sample({{1, 9, 70}})
    .error("x must be floating [..., T, D]: x is f32[3]", [](Device d) { unfold(zeros({3}, kF32, d), {}); })
    .error("x must be floating [..., T, D]: x is i64[3,2]",
           [](Device d) {
             unfold(zeros({3, 2}, kI64, d), {});
           })
    .error("size is 0, stride 1, dilation 1, padding 0 and 0: needed size",
           [](Device d) {
             unfold(zeros({3, 2}, kF32, d), {.size = 0});
           })
    .error("size is 2, stride 0",
           [](Device d) {
             unfold(zeros({3, 2}, kF32, d), {.size = 2, .stride = 0});
           })
    .error("dilation 0",
           [](Device d) {
             unfold(zeros({3, 2}, kF32, d), {.dilation = 0});
           })
    .error("padding -1 and 0",
           [](Device d) {
             unfold(zeros({3, 2}, kF32, d), {.before = -1});
           })
    .error("a window reaches over 7 elements, the sequence has 3 and padding of 1 and 2", [](Device d) {
      unfold(zeros({3, 2}, kF32, d), {.size = 4, .dilation = 2, .before = 1, .after = 2});
    });

// The length comes from an input that is not read.
OP_SUITE(fold)
    .devices(kFloating)
    .inputs({Domain(), constant_in(0, 1)})
    .call([](const Tensors& in) {
      return Tensors{
          fold(in[0], in[1].size(0), {.size = in[0].size(2), .stride = 2, .dilation = 3, .before = 1})};
    })
    .reference([](const Refs& in) {
      const Windows w = {.size = in[0].shape[2], .stride = 2, .dilation = 3, .before = 1};
      Ref out({in[0].shape[0], in[1].shape[0], in[0].shape[3]});
      for_each_place(out.shape[0], out.shape[1], out.shape[2], w,
                     [&](int64_t window_at, int64_t at) { out[at] += in[0][window_at]; });
      return Refs{out};
    })
    .sample({{2, 4, 2, 3}, {10}})
    .sample({{1, 5, 1, 70}, {8}})
    .sample({{0, 1, 1, 1}, {1}})
    .sample({{2, 6, 3, 1}, {17}})
    .rounds_once(1e-6)
    .skip("shape_fuzz", "the sizes depend on each other")
    .error("y must be floating [..., 4, 2, D] for length 5: y is f32[3,2,1]",
           [](Device d) {
             fold(zeros({3, 2, 1}, kF32, d), 5, {.size = 2});
           })
    .error("y must be floating [..., 2, 2, D] for length 3: y is i64[2,2,1]",
           [](Device d) {
             fold(zeros({2, 2, 1}, kI64, d), 3, {.size = 2});
           })
    .error("a window reaches over 2 elements, the sequence has 1", [](Device d) {
      fold(zeros({1, 2, 1}, kF32, d), 1, {.size = 2});
    });

Ref convolved(const Refs& in, const Conv1dOptions& o) {
  const Ref &x = in[0], &weight = in[1];
  const int64_t taps = weight.shape[2], length = x.shape[2], per_group = weight.shape[1];
  const int64_t before = o.causal ? o.dilation * (taps - 1) : o.padding;
  const Windows w = {.size = taps,
                     .stride = o.stride,
                     .dilation = o.dilation,
                     .before = before,
                     .after = o.causal ? 0 : o.padding};
  Ref y({x.shape[0], weight.shape[0], count(length, w)});
  for_each_index(y.shape, [&](const Dims& at) {
    double total = in.size() > 2 ? in[2][at[1]] : 0;
    const int64_t group = at[1] * o.groups / weight.shape[0];
    for (int64_t c = 0; c < per_group; ++c) {
      for (int64_t k = 0; k < taps; ++k) {
        const int64_t t = at[2] * o.stride + k * o.dilation - before;
        if (t >= 0 && t < length) total += weight.at({at[1], c, k}) * x.at({at[0], group * per_group + c, t});
      }
    }
    y.at(at) = total;
  });
  return y;
}
const auto convolution = [](const Conv1dOptions& options) {
  return [options](Suite& suite) {
    suite.devices(kFloating)
        .call([options](const Tensors& in) {
          return Tensors{conv1d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), options)};
        })
        .reference([options](const Refs& in) { return Refs{convolved(in, options)}; })
        .rounds_once(1e-5)
        .tolerance(kF32, 1e-4)
        .tolerance(kBF16, 3e-2)
        .tolerance(kF16, 4e-3)
        .skip("shape_fuzz", "the sizes depend on each other");
  };
};

OP_SUITE(conv1d)
    .with(convolution({}))
    .sample({{2, 4, 9}, {5, 4, 3}, {5}})
    .sample({{1, 3, 2}, {2, 3, 2}, {2}})
    .sample({{0, 1, 4}, {2, 1, 1}, {2}})
    .sample({{2, 0, 4}, {3, 0, 2}, {3}})
    .sample({{3, 7, 65}, {11, 7, 5}, {11}})
    .error("x is f32[2,3], weight is f32[4,3,1], groups is 1",
           [](Device d) {
             conv1d(zeros({2, 3}, kF32, d), zeros({4, 3, 1}, kF32, d));
           })
    .error("x is f32[2,3,5], weight is f64[4,3,1]",
           [](Device d) {
             conv1d(zeros({2, 3, 5}, kF32, d), zeros({4, 3, 1}, kF64, d));
           })
    .error("x is f32[2,3,5], weight is f32[4,2,1], groups is 1",
           [](Device d) {
             conv1d(zeros({2, 3, 5}, kF32, d), zeros({4, 2, 1}, kF32, d));
           })
    .error("x is f32[2,4,5], weight is f32[3,2,1], groups is 2",
           [](Device d) {
             conv1d(zeros({2, 4, 5}, kF32, d), zeros({3, 2, 1}, kF32, d), Tensor(), {.groups = 2});
           })
    .error("bias is f32[3], groups is 1",
           [](Device d) {
             conv1d(zeros({2, 3, 5}, kF32, d), zeros({4, 3, 1}, kF32, d), zeros({3}, kF32, d));
           })
    .error("padding is 1 beside causal, needed 0",
           [](Device d) {
             conv1d(zeros({2, 3, 5}, kF32, d), zeros({4, 3, 1}, kF32, d), Tensor(),
                    {.padding = 1, .causal = true});
           })
    .error("a window reaches over 3 elements, the sequence has 2",
           [](Device d) {
             conv1d(zeros({2, 3, 2}, kF32, d), zeros({4, 3, 3}, kF32, d));
           })
    .error("stride 0", [](Device d) {
      conv1d(zeros({2, 3, 2}, kF32, d), zeros({4, 3, 1}, kF32, d), Tensor(), {.stride = 0});
    });

const auto more = [](Suite& suite) { suite.skip("errors", "those of conv1d"); };
OP_SUITE_VARIANT(conv1d, strided)
    .with(convolution({.stride = 2, .padding = 3, .dilation = 2}))
    .sample({{2, 4, 9}, {5, 4, 3}})
    .sample({{0, 1, 4}, {2, 1, 1}})
    .with(more);
// Taps that see nothing of some rows, and none of all; blocks of rows.
OP_SUITE_VARIANT(conv1d, dilated)
    .with(convolution({.padding = 3, .dilation = 2}))
    .sample({{2, 4, 9}, {5, 4, 3}, {5}})
    .sample({{1, 3, 2}, {4, 3, 3}, {4}})
    .sample({{0, 1, 4}, {2, 1, 1}, {2}})
    .sample({{2, 3, 600}, {70, 3, 3}, {70}})
    .with(more);
OP_SUITE_VARIANT(conv1d, depthwise_strided)
    .with(convolution({.stride = 2, .groups = 3, .causal = true}))
    .sample({{2, 3, 9}, {3, 1, 4}, {3}})
    .sample({{0, 3, 1}, {3, 1, 2}, {3}})
    .with(more);
OP_SUITE_VARIANT(conv1d, grouped)
    .with(convolution({.padding = 1, .groups = 2}))
    .sample({{3, 4, 9}, {6, 2, 3}, {6}})
    .sample({{0, 2, 4}, {2, 1, 1}, {2}})
    .with(more);
OP_SUITE_VARIANT(conv1d, causal)
    .with(convolution({.stride = 2, .dilation = 3, .causal = true}))
    .sample({{2, 4, 9}, {5, 4, 3}, {5}})
    .sample({{0, 1, 1}, {2, 1, 2}, {2}})
    .with(more);
OP_SUITE_VARIANT(conv1d, depthwise)
    .with(convolution({.dilation = 2, .groups = 3, .causal = true}))
    .sample({{2, 3, 9}, {3, 1, 4}, {3}})
    .sample({{5, 3, 1}, {3, 1, 2}, {3}})
    .sample({{0, 3, 1}, {3, 1, 2}, {3}})
    .sample({{1, 3, 300}, {3, 1, 7}, {3}})
    .with(more);
// Two outputs a channel.
OP_SUITE_VARIANT(conv1d, multiplied)
    .with(convolution({.stride = 2, .padding = 1, .groups = 3}))
    .sample({{2, 3, 9}, {6, 1, 4}})
    .sample({{0, 3, 1}, {6, 1, 2}})
    .with(more);

}  // namespace
}  // namespace roux::testing
