// Wrong calls of the public ops: each is one Error that starts with the op's name, never a crash.
#include <functional>
#include <limits>

#include "autograd/autograd.h"
#include "autograd/checkpoint.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/convolution.h"
#include "tensor/ops/creation.h"
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

const Tensor kUndefined;
Tensor floats(const Shape& shape) { return zeros(shape); }
Tensor ids(const Shape& shape) { return zeros(shape, kI64); }
constexpr int64_t kHuge = int64_t{1} << 40, kMax = std::numeric_limits<int64_t>::max(),
                  kMin = std::numeric_limits<int64_t>::min();

TEST(Misuse, UndefinedArguments) {
  using Unary = Tensor (*)(const Tensor&);
  const std::pair<const char*, Unary> unary[] = {
      {"neg", neg},
      {"abs", abs},
      {"exp", exp},
      {"log", log},
      {"sqrt", sqrt},
      {"rsqrt", rsqrt},
      {"tanh", tanh},
      {"sigmoid", sigmoid},
      {"erf", erf},
      {"relu", relu},
      {"silu", silu},
      {"sum", static_cast<Unary>(sum)},
      {"mean", static_cast<Unary>(mean)},
      {"amax", static_cast<Unary>(amax)},
      {"logsumexp", static_cast<Unary>(logsumexp)},
      {"contiguous", contiguous},
      {"grad_norm",
       [](const Tensor& x) {
         return grad_norm({&x, 1});
       }},
      {"gelu", [](const Tensor& x) { return gelu(x); }},
      {"clamp", [](const Tensor& x) { return clamp(x, 0, 1); }},
      {"cast", [](const Tensor& x) { return cast(x, kF64); }},
      {"softmax", [](const Tensor& x) { return softmax(x); }},
      {"log_softmax", [](const Tensor& x) { return log_softmax(x); }},
      {"argmax", [](const Tensor& x) { return argmax(x, 0); }},
      {"sum_to", [](const Tensor& x) { return sum_to(x, {1}); }},
      {"view", [](const Tensor& x) { return view(x, {1}); }},
      {"reshape", [](const Tensor& x) { return reshape(x, {1}); }},
      {"transpose", [](const Tensor& x) { return transpose(x, 0, 1); }},
      {"permute", [](const Tensor& x) { return permute(x, {}); }},
      {"squeeze", [](const Tensor& x) { return squeeze(x, 0); }},
      {"unsqueeze", [](const Tensor& x) { return unsqueeze(x, 0); }},
      {"expand", [](const Tensor& x) { return expand(x, {1}); }},
      {"slice", [](const Tensor& x) { return slice(x, 0, 0, 1); }},
      {"select", [](const Tensor& x) { return select(x, 0, 0); }},
      {"split", [](const Tensor& x) { return split(x, {}, 0)[0]; }},
      {"tril", [](const Tensor& x) { return tril(x); }},
      {"triu", [](const Tensor& x) { return triu(x); }},
      {"to_device", [](const Tensor& x) { return to_device(x, kMeta); }},
      {"dropout",
       [](const Tensor& x) {
         Generator generator;
         return dropout(x, 0.5, generator);
       }},
      {"categorical",
       [](const Tensor& x) {
         Generator generator;
         return categorical(x, generator);
       }},
      {"bernoulli",
       [](const Tensor& x) {
         Generator generator;
         return bernoulli(x, generator);
       }},
      {"gumbel_softmax",
       [](const Tensor& x) {
         Generator generator;
         return gumbel_softmax(x, 1, generator);
       }},
      {"gamma",
       [](const Tensor& x) {
         Generator generator;
         return gamma(x, generator);
       }},
      {"dirichlet",
       [](const Tensor& x) {
         Generator generator;
         return dirichlet(x, generator);
       }},
      {"categorical_without_replacement",
       [](const Tensor& x) {
         Generator generator;
         return categorical_without_replacement(x, 1, generator);
       }},
      {"rotary", [](const Tensor& x) { return rotary({}, 2, x).cos; }},
      {"cholesky", [](const Tensor& x) { return cholesky(x); }},
      {"pinv", [](const Tensor& x) { return pinv(x); }},
      {"inv", [](const Tensor& x) { return inv(x); }},
      {"logdet", [](const Tensor& x) { return logdet(x); }},
      {"qr", [](const Tensor& x) { return qr(x).q; }},
      {"svd", [](const Tensor& x) { return svd(x).s; }},
      {"eigh", [](const Tensor& x) { return eigh(x).values; }},
      {"unfold", [](const Tensor& x) { return unfold(x, {}); }},
      {"fold", [](const Tensor& x) { return fold(x, 1, {}); }},
      {"group_norm", [](const Tensor& x) { return group_norm(x, 1); }},
      {"l2_normalize", [](const Tensor& x) { return l2_normalize(x); }},
      {"add", [](const Tensor& x) { return x + 1.0; }},
      {"sub", [](const Tensor& x) { return 1.0 - x; }},
      {"pow", [](const Tensor& x) { return pow(x, 2.0); }},
      {"fill_",
       [](const Tensor& x) {
         fill_(x, 0);
         return x;
       }},
      {"backward",
       [](const Tensor& x) {
         backward(x);
         return x;
       }},
      {"register_hook",
       [](const Tensor& x) {
         register_hook(x, [](const Tensor& g) { return g; });
         return x;
       }},
      {"grad", [](const Tensor& x) { return grad({x}, {floats({1}).set_requires_grad(true)})[0]; }},
      {"grad", [](const Tensor& x) { return grad({floats({})}, {x})[0]; }},
  };
  for (const auto& [op, call] : unary) {
    EXPECT_THAT(error_of([call = call] { call(kUndefined); }), StartsWith(op)) << op;
  }
  using Binary = Tensor (*)(const Tensor&, const Tensor&);
  const std::pair<const char*, Binary> binary[] = {
      {"add", static_cast<Binary>(add)},
      {"sub", static_cast<Binary>(sub)},
      {"mul", static_cast<Binary>(mul)},
      {"div", static_cast<Binary>(div)},
      {"pow", static_cast<Binary>(pow)},
      {"maximum", maximum},
      {"minimum", minimum},
      {"eq", static_cast<Binary>(eq)},
      {"ne", ne},
      {"lt", static_cast<Binary>(lt)},
      {"le", le},
      {"gt", static_cast<Binary>(gt)},
      {"ge", ge},
      {"matmul", matmul},
      {"swiglu", swiglu},
      {"embedding", embedding},
      {"linear", [](const Tensor& a, const Tensor& b) { return linear(a, b); }},
      {"where", [](const Tensor& a, const Tensor& b) { return where(zeros({1}, kBool), a, b); }},
      {"cat",
       [](const Tensor& a, const Tensor& b) {
         return cat({a, b}, 0);
       }},
      {"rms_norm", [](const Tensor& a, const Tensor& b) { return rms_norm(a, b); }},
      {"layer_norm", [](const Tensor& a, const Tensor& b) { return layer_norm(a, b); }},
      {"gather", [](const Tensor& a, const Tensor& b) { return gather(a, 0, b); }},
      {"scatter_add", [](const Tensor& a, const Tensor& b) { return scatter_add({1}, 0, a, b); }},
      {"embedding_backward", [](const Tensor& a, const Tensor& b) { return embedding_backward(a, b, 1); }},
      {"cross_entropy", [](const Tensor& a, const Tensor& b) { return cross_entropy(a, b); }},
      {"linear_cross_entropy",
       [](const Tensor& a, const Tensor& b) { return linear_cross_entropy(a, b, ids({1})); }},
      {"rotary_embedding",
       [](const Tensor& a, const Tensor& b) {
         return rotary_embedding(a, {b, floats({1})});
       }},
      {"scaled_dot_product_attention",
       [](const Tensor& a, const Tensor& b) { return scaled_dot_product_attention(a, b, a); }},
      {"solve", [](const Tensor& a, const Tensor& b) { return solve(a, b); }},
      {"solve_triangular", [](const Tensor& a, const Tensor& b) { return solve_triangular(a, b, true); }},
      {"lstsq", [](const Tensor& a, const Tensor& b) { return lstsq(a, b); }},
      {"conv1d", [](const Tensor& a, const Tensor& b) { return conv1d(a, b); }},
      {"cosine_similarity", [](const Tensor& a, const Tensor& b) { return cosine_similarity(a, b); }},
      {"straight_through", straight_through},
      {"beta",
       [](const Tensor& a, const Tensor& b) {
         Generator generator;
         return beta(a, b, generator);
       }},
      {"copy_",
       [](const Tensor& a, const Tensor& b) {
         copy_(a, b);
         return a;
       }},
      {"add_",
       [](const Tensor& a, const Tensor& b) {
         add_(a, b);
         return a;
       }},
      {"clip_factor_",
       [](const Tensor& a, const Tensor& b) {
         clip_factor_(a, 1, 1, b);
         return a;
       }},
      {"adamw_",
       [](const Tensor& a, const Tensor& b) {
         adamw_({&a, 1}, {&b, 1}, {&a, 1}, {&a, 1}, {&a, 1}, a, {});
         return a;
       }},
      {"sgd_",
       [](const Tensor& a, const Tensor& b) {
         sgd_({&a, 1}, {&b, 1}, {}, b, {});
         return a;
       }},
  };
  for (const auto& [op, call] : binary) {
    const Tensor x = floats({1});
    EXPECT_THAT(error_of([&, call = call] { call(kUndefined, x); }), StartsWith(op)) << op;
    EXPECT_THAT(error_of([&, call = call] { call(x, kUndefined); }), StartsWith(op)) << op;
  }
  for (const char* text : {"zeros_like", "ones_like", "empty_like", "vjp", "jvp", "hvp"}) {
    const std::string op = text;
    const auto f = [](const std::vector<Tensor>& in) { return sum(in[0]); };
    EXPECT_THAT(error_of([&] {
                  if (op == "zeros_like") zeros_like(kUndefined);
                  if (op == "ones_like") ones_like(kUndefined);
                  if (op == "empty_like") empty_like(kUndefined);
                  if (op == "vjp") vjp(f, {kUndefined}, kUndefined);
                  if (op == "jvp") jvp(f, {kUndefined}, {kUndefined});
                  if (op == "hvp") hvp(f, {floats({1})}, {kUndefined});
                }),
                HasSubstr("undefined"))
        << op;
  }
}

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
