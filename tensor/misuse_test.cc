// Wrong calls of the public ops: each is one Error that starts with the op's name, never a crash.
#include <cmath>
#include <functional>
#include <limits>

#include "autograd/autograd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/arrange.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/convolution.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/distillation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/linalg.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/normalization.h"
#include "tensor/ops/optimizer.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/rotary.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Tensor floats(const Shape& shape) { return zeros(shape); }
Tensor ids(const Shape& shape) { return zeros(shape, kI64); }
constexpr int64_t kHuge = int64_t{1} << 40, kMax = std::numeric_limits<int64_t>::max(),
                  kMin = std::numeric_limits<int64_t>::min();

struct Mistake {
  const char* wanted;  // the start of the message
  std::function<void()> call;
};

void expect_errors(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes) {
    const std::string error = error_of(mistake.call);
    EXPECT_THAT(error, StartsWith(mistake.wanted));
    EXPECT_THAT(error, Not(HasSubstr("\n"))) << mistake.wanted;
  }
}

// Ops made of others say what was called, and their own arguments' names.
TEST(Misuse, ComposedOpsNameThemselves) {
  Generator generator;
  const Tensor bad = full({2, 2}, NAN, kF64), flat = zeros({2, 2}, kF64), one = ones({2});
  expect_errors({
      {"pinv: matrix 0 of a has a value that is not finite: nan", [&] { pinv(bad); }},
      {"inv: matrix 0 is singular: pivot 1 of 2 is 0", [&] { inv(flat); }},
      {"beta: a is 0 at element 0, needed above 0 and finite", [&] { beta(zeros({2}), one, generator); }},
      {"beta: b is -1 at element 0, needed above 0 and finite", [&] { beta(one, -one, generator); }},
      {"dirichlet: concentration is 0 at element 0, needed", [&] { dirichlet(zeros({2}), generator); }},
      {"index_select: index out of range: index[1] is 2 in row-major order, needed 0 to 1",
       [&] { index_select(one, 0, arange(1, 3, 1, kI64)); }},
      {"one_hot: ids out of range: ids[1] is 2 in row-major order, needed 0 to 1",
       [&] { one_hot(arange(1, 3, 1, kI64), 2); }},
      {"masked_fill: mask must be bool: mask is f32[2]", [&] { masked_fill(one, one, 0); }},
      {"stack: tensors have 8 axes, needed fewer than 8",
       [&] { stack({zeros(Shape(Dims::filled(kMaxRank, 1)))}, 0); }},
      {"linear: inner dimensions differ: x is f32[2]",
       [&] {
         linear(one, empty({kQ4_1, {3, 1}}, kCpu));
       }},
      {"linear_distillation_loss: teacher.x and teacher.output.weight do not match",
       [&] {
         Teacher teacher;
         teacher.x = one, teacher.output = floats({3, 3});
         linear_distillation_loss(one, floats({3, 2}), teacher);
       }},
  });
}

TEST(Misuse, ShapesAndDTypes) {
  const Tensor a = floats({4, 3}), b = floats({4, 5}), i = ids({4, 3}), flag = zeros({4, 3}, kBool);
  Generator generator;
  expect_errors({
      {"add: shapes do not broadcast: a is f32[4,3], b is f32[4,5]", [&] { add(a, b); }},
      {"add: dtype is not supported: a is bool[4,3], b is bool[4,3]", [&] { add(flag, flag); }},
      {"pow: dtype is not supported: a is i64[4,3]", [&] { pow(i, i); }},
      {"eq: shapes do not broadcast: a is f32[4,3], b is f32[4,5]", [&] { eq(a, b); }},
      {"exp: dtype is not supported: x is i64[4,3]", [&] { exp(i); }},
      {"neg: dtype is not supported: x is bool[4,3]", [&] { neg(flag); }},
      {"where: condition must be bool: condition is f32[4,3]", [&] { where(a, a, a); }},
      {"clamp: low is 1, high is 0", [&] { clamp(a, 1, 0); }},
      {"copy_: source does not broadcast to x: x is f32[4,3], source is f32[4,5]", [&] { copy_(a, b); }},
      {"add_: x is f32[4,3], other is i64[4,3]", [&] { add_(a, i); }},
      {"matmul: inner dimensions differ: a is f32[4,3], b is f32[4,5] (a.shape[-1]=3, b.shape[-2]=4)",
       [&] { matmul(a, b); }},
      {"matmul: dtypes differ: a is f32[4,3], b is i64[4,3]", [&] { matmul(a, i); }},
      {"matmul: a scalar has no inner axis", [&] { matmul(a, floats({})); }},
      {"linear: inner dimensions differ: x is f32[4,3], weight is f32[4,5]", [&] { linear(a, b); }},
      {"index_put: values does not fit",
       [&] {
         index_put(i, {ids({2})}, ids({2, 3}), true);
       }},
      {"rms_norm: eps is -1, needed at least 0 and finite", [&] { rms_norm(a, floats({3}), -1); }},
      {"layer_norm: eps is nan, needed", [&] { layer_norm(a, floats({3}), Tensor(), NAN); }},
      {"group_norm: eps is inf, needed", [&] { group_norm(a, 1, Tensor(), Tensor(), INFINITY); }},
      {"scaled_dot_product_attention: scale is nan, needed a finite one",
       [&] {
         const Tensor q = floats({1, 1, 2, 4});
         scaled_dot_product_attention(q, q, q, {.scale = NAN});
       }},
      {"linear: bias has the wrong shape: bias is f32[5]",
       [&] {
         linear(a, floats({4, 3}), floats({5}));
       }},
      {"sum: axis 2 is out of range for rank 2: x is f32[4,3]", [&] { sum(a, 2); }},
      {"mean: dtype is not supported: x is i64[4,3]", [&] { mean(i); }},
      {"amax: axis 0 is empty: x is f32[0,3]",
       [&] {
         amax(floats({0, 3}), 0);
       }},
      {"argmax: axis -3 is out of range for rank 2: x is f32[4,3]", [&] { argmax(a, -3); }},
      {"softmax: axis 2 is out of range for rank 2: x is f32[4,3]", [&] { softmax(a, 2); }},
      {"softmax: dtype is not supported: x is i64[4,3]", [&] { softmax(i); }},
      {"softmax: axis -1 is out of range for rank 0", [&] { softmax(floats({})); }},
      {"swiglu: gate and up must have one floating dtype and shape", [&] { swiglu(a, b); }},
      {"rms_norm: weight must be f32[3]: x is f32[4,3], weight is f32[4,5]", [&] { rms_norm(a, b); }},
      {"layer_norm: bias must be f32[3]", [&] { layer_norm(a, floats({3}), floats({4})); }},
      {"embedding: weight must be [V, D]", [&] { embedding(floats({3}), ids({2})); }},
      {"embedding: ids must be i32 or i64: ids is f32[4,3]", [&] { embedding(a, a); }},
      {"gather: axis 2 is out of range for rank 2: x is f32[4,3]", [&] { gather(a, 2, i); }},
      {"scatter_add: axis 2 is out of range for rank 2: the result is f32[9,3]",
       [&] {
         scatter_add({9, 3}, 2, i, a);
       }},
      {"gather: index must have the shape of x but for axis 0: x is f32[4,3], index is i64[1,2]",
       [&] {
         gather(a, 0, ids({1, 2}));
       }},
      {"scatter_add: source is f32[4,5], index is i64[4,3]",
       [&] {
         scatter_add({9, 3}, 0, i, b);
       }},
      {"cat: needs at least one tensor", [&] { cat(std::vector<Tensor>{}, 0); }},
      {"cat: shapes differ beside axis 0: f32[4,3] and f32[4,5]",
       [&] {
         cat({a, b}, 0);
       }},
      {"cat: axis 0 is out of range for rank 0: tensors[0] is f32[]",
       [&] {
         cat({floats({}), floats({})}, 0);
       }},
      {"tril: x needs at least two axes: x is f32[3]", [&] { tril(floats({3})); }},
      {"cross_entropy: shapes do not match: logits is f32[4,3], targets is i64[3]",
       [&] { cross_entropy(a, ids({3})); }},
      {"cross_entropy: dtype is not supported", [&] { cross_entropy(a, floats({4})); }},
      {"linear_cross_entropy: x and weight do not match", [&] { linear_cross_entropy(a, b, ids({4})); }},
      {"scaled_dot_product_attention: shapes do not match", [&] { scaled_dot_product_attention(a, a, a); }},
      {"rotary_embedding: cos and sin must be f32[..., 4, r/2]",
       [&] {
         rotary_embedding(a, {a, a});
       }},
      {"dropout: p is 1", [&] { dropout(a, 1, generator); }},
      {"uniform: low is 1, high is 0", [&] { uniform({2}, 1, 0, generator); }},
      {"normal: std is -1", [&] { normal({2}, 0, -1, generator); }},
      {"normal: dtype must be floating, got i64", [&] { normal({2}, 0, 1, generator, kI64); }},
      {"categorical: logits must be floating [..., V] with V > 0",
       [&] {
         categorical(floats({2, 0}), generator);
       }},
      {"view: shape does not fit: x is f32[4,3] with 12 elements, asked for [5]", [&] { a.view({5}); }},
      {"view: negative size: asked for [-1,-1]",
       [&] {
         a.view({-1, -1});
       }},
      {"view: x is not contiguous enough", [&] { a.transpose(0, 1).view({12}); }},
      {"transpose: axis 2 is out of range for rank 2: x is f32[4,3]", [&] { a.transpose(0, 2); }},
      {"permute: axes [0,0] are not a permutation",
       [&] {
         a.permute({0, 0});
       }},
      {"squeeze: axis 0 of x has not size 1: x is f32[4,3]", [&] { a.squeeze(0); }},
      {"expand: x does not broadcast to the shape: x is f32[4,3], asked for [4,5]",
       [&] {
         a.expand({4, 5});
       }},
      {"slice: step is 0", [&] { a.slice(0, 0, 1, 0); }},
      {"select: index 4 is out of range: axis 0 of x is 4", [&] { select(a, 0, 4); }},
      {"squeeze: axis 2 is out of range for rank 2: x is f32[4,3]", [&] { a.squeeze(2); }},
      {"unsqueeze: axis 3 is out of range for rank 3 of the result: x is f32[4,3]", [&] { a.unsqueeze(3); }},
      {"slice: axis 2 is out of range for rank 2: x is f32[4,3]", [&] { a.slice(2, 0, 1); }},
      {"split: axis 2 is out of range for rank 2: x is f32[4,3]",
       [&] {
         split(a, {1, 2}, 2);
       }},
      {"permute: axis 2 is out of range for rank 2: x is f32[4,3]",
       [&] {
         a.permute({0, 2});
       }},
      {"select: axis 2 is out of range for rank 2: x is f32[4,3]", [&] { select(a, 2, 0); }},
      {"split: size -1 does not fit: axis 0 of x has size 4",
       [&] {
         split(a, {-1, 5}, 0);
       }},
      {"split: 2 sizes add up to 3, axis 0 of x has size 4",
       [&] {
         split(a, {1, 2}, 0);
       }},
      {"tensor: 1 values for shape [2], needed 2", [] { tensor(std::vector<float>{1}, {2}); }},
      {"arange: from 0 to 1 in steps of 0 never ends", [] { arange(0, 1, 0); }},
      {"arange: from 0 to 1 in steps of -1 never ends", [] { arange(0, 1, -1); }},
      {"rotary: head_dim is 3", [] { rotary({}, 3, floats({1})); }},
      {"backward: grad_output is f32[2], the output is f32[4,3]",
       [&] {
         backward(floats({4, 3}).set_requires_grad(true) * 2.0, {.grad_output = floats({2})});
       }},
      {"grad: 2 grad_outputs for 1 outputs",
       [&] {
         grad({a}, {}, {.grad_outputs = {a, a}});
       }},
      {"jvp: 0 vectors for 1 inputs", [&] { jvp([](const auto& in) { return sum(in[0]); }, {a}, {}); }},
      {"hvp: f must return one element, it returned f32[4,3]",
       [&] { hvp([](const auto& in) { return in[0] * in[0]; }, {a}, {a}); }},
  });
}

TEST(Misuse, BadIndicesNameTheValueAndItsPlace) {
  const Tensor bad = tensor(std::vector<int64_t>{0, 1, 7}, {3});
  EXPECT_THAT(error_of([&] {
                embedding(floats({5, 2}), bad);
              }),
              AllOf(StartsWith("embedding: "), HasSubstr("7"), HasSubstr("2")));
  EXPECT_THAT(error_of([&] { gather(floats({5}), 0, bad); }), AllOf(StartsWith("gather: "), HasSubstr("7")));
  EXPECT_THAT(error_of([&] { scatter_add({5}, 0, bad, floats({3})); }),
              AllOf(StartsWith("scatter_add: "), HasSubstr("7")));
  EXPECT_THAT(error_of([&] {
                cross_entropy(floats({3, 5}), bad);
              }),
              AllOf(StartsWith("cross_entropy: "), HasSubstr("7")));
}

TEST(Misuse, HugeSizesAreRefused) {
  const Shape square{kHuge, kHuge};
  Generator generator;
  const Tensor one = floats({1});
  expect_errors({
      {"shape: too large", [&] { zeros(square); }},
      {"shape: too large", [&] { full(square, 1); }},
      {"shape: too large", [&] { uniform(square, 0, 1, generator); }},
      {"shape: too large", [&] { normal(square, 0, 1, generator); }},
      {"shape: too large", [&] { tensor(std::vector<float>{}, square); }},
      {"shape: too large", [&] { view(one, square); }},
      {"shape: too large",
       [&] {
         view(floats({0}), {int64_t{1} << 32, int64_t{1} << 32});
       }},
      {"shape: too large",
       [&] {
         reshape(one, {kHuge, -1, kHuge});
       }},
      {"shape: too large", [&] { expand(one, square); }},
      {"out of memory", [&] { zeros({kHuge}); }},
      {"out of memory", [&] { uniform({kHuge}, 0, 1, generator); }},
      {"out of memory",
       [&] {
         add(floats({1 << 20, 1}), floats({1, 1 << 20}));
       }},
      {"out of memory",
       [&] {
         matmul(floats({1 << 20, 1}), floats({1, 1 << 20}));
       }},
      {"out of memory", [&] { contiguous(expand(one, {kHuge})); }},
      {"out of memory", [&] { exp(expand(one, {kHuge})); }},
      {"out of memory",
       [&] {
         embedding_backward(floats({1, 4}), ids({1}), kHuge);
       }},
      {"out of memory", [&] { arange(0, 1e15); }},
      {"arange: from 0 to inf", [&] { arange(0, std::numeric_limits<double>::infinity()); }},
      {"arange: from 0 to 1 in steps of 1e-300 has too many", [&] { arange(0, 1, 1e-300); }},
      {"out of memory",
       [&] {
         Generator generator;
         randperm(kHuge, generator);
       }},
      {"unfold: size is",
       [&] {
         unfold(floats({2, 2}), {.size = kMax, .dilation = kMax});
       }},
      {"unfold: size is",
       [&] {
         unfold(floats({2, 2}), {.before = kMax, .after = kMax});
       }},
      {"unfold: a window reaches over",
       [&] {
         unfold(floats({2, 2}), {.size = int64_t{1} << 39});
       }},
      {"shape: 9 axes", [&] { unsqueeze(floats(Dims::filled(8, 1)), 0); }},
      {"shape: 9 axes",
       [&] {
         embedding(one.view({1, 1}), ids(Dims::filled(8, 1)));
       }},
  });
}

TEST(Misuse, ExtremeSliceArguments) {
  const Tensor x = arange(0, 5);
  EXPECT_EQ(x.slice(0, kMin, kMax).numel(), 5);
  EXPECT_EQ(x.slice(0, 0, kMax, kMax).to_vector<float>(), (std::vector<float>{0}));
  EXPECT_EQ(x.slice(0, 3, kMax, kMax).to_vector<float>(), (std::vector<float>{3}));
  EXPECT_EQ(x.slice(0, kMax, kMin).numel(), 0);
  EXPECT_EQ(x.slice(0, 4, 2).numel(), 0);
  EXPECT_EQ(floats({0}).slice(0, 0, 1, kMax).numel(), 0);
  EXPECT_THAT(error_of([&] { select(x, 0, kMin); }), StartsWith("select: index"));
  EXPECT_THAT(error_of([&] { x.transpose(kMin, 0); }), StartsWith("transpose: axis"));
  EXPECT_THAT(error_of([&] { split(x, {kMax, kMax, 7}, 0); }), StartsWith("split: size"));
  EXPECT_EQ(tril(ones({3, 3}), kMax).to_vector<float>(), std::vector<float>(9, 1));
  EXPECT_EQ(triu(ones({3, 3}), kMin).to_vector<float>(), std::vector<float>(9, 1));
}

TEST(Misuse, NothingLeaksFromAFailedCall) {
  const int64_t before = memory_stats(kCpu).current;
  for (int i = 0; i < 10; ++i) {
    error_of([] { add(floats({4, 3}), floats({5})); });
    error_of([] { embedding(floats({5, 2}), ids({2}) + 9.0); });
    error_of([] { exp(expand(floats({1}), {kHuge})); });
  }
  EXPECT_EQ(memory_stats(kCpu).current, before);
}

}  // namespace
}  // namespace roux
