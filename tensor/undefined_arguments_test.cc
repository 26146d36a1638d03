// Undefined tensors given to the public ops: each is one Error that starts with the op's name.
#include <functional>

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

using ::testing::HasSubstr;
using ::testing::StartsWith;

const Tensor kUndefined;
Tensor floats(const Shape& shape) { return zeros(shape); }
Tensor ids(const Shape& shape) { return zeros(shape, kI64); }

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

}  // namespace
}  // namespace roux
