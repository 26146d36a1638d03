// Public ops called with a tensor that was never given a value: each throws an Error that starts with the
// op's name.
#include <utility>

#include "autograd/autograd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/arrange.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/convolution.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/ctc.h"
#include "tensor/ops/distillation.h"
#include "tensor/ops/einsum.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/linalg.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/normalization.h"
#include "tensor/ops/optimizer.h"
#include "tensor/ops/order.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/regression_loss.h"
#include "tensor/ops/rotary.h"
#include "tensor/ops/scan.h"
#include "tensor/ops/sequence.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const Tensor kUndefined;
Tensor floats(const Shape& shape) { return zeros(shape); }
Tensor ids(const Shape& shape) { return zeros(shape, kI64); }

TEST(Undefined, ArgumentsAreNamedByTheOp) {
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
      {"argmin", [](const Tensor& x) { return argmin(x, 0); }},
      {"amin", static_cast<Unary>(amin)},
      {"prod", static_cast<Unary>(prod)},
      {"var", static_cast<Unary>(var)},
      {"std", static_cast<Unary>(std)},
      {"any", static_cast<Unary>(any)},
      {"all", static_cast<Unary>(all)},
      {"sign", sign},
      {"round", round},
      {"floor", floor},
      {"ceil", ceil},
      {"expm1", expm1},
      {"log1p", log1p},
      {"sin", sin},
      {"cos", cos},
      {"softplus", softplus},
      {"log_sigmoid", log_sigmoid},
      {"logical_not", logical_not},
      {"cumsum", [](const Tensor& x) { return cumsum(x, 0); }},
      {"cumprod", [](const Tensor& x) { return cumprod(x, 0); }},
      {"sort", [](const Tensor& x) { return sort(x).values; }},
      {"argsort", [](const Tensor& x) { return argsort(x); }},
      {"topk", [](const Tensor& x) { return topk(x, 1).values; }},
      {"one_hot", [](const Tensor& x) { return one_hot(x, 1); }},
      {"nonzero", nonzero},
      {"flip", [](const Tensor& x) { return flip(x, {0}); }},
      {"roll", [](const Tensor& x) { return roll(x, 1, 0); }},
      {"repeat", [](const Tensor& x) { return repeat(x, {1}); }},
      {"repeat_interleave", [](const Tensor& x) { return repeat_interleave(x, 1, 0); }},
      {"diagonal", [](const Tensor& x) { return diagonal(x); }},
      {"chunk", [](const Tensor& x) { return chunk(x, 1, 0)[0]; }},
      {"unbind", [](const Tensor& x) { return unbind(x, 0)[0]; }},
      {"einsum", [](const Tensor& x) { return einsum("i->i", {x}); }},
      {"sequence_mask", [](const Tensor& x) { return sequence_mask(x, 1); }},
      {"quantize", [](const Tensor& x) { return quantize(x, kQ8_0); }},
      {"dequantize", [](const Tensor& x) { return dequantize(x); }},
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
      {"remainder", static_cast<Binary>(remainder)},
      {"logical_and", logical_and},
      {"logical_or", logical_or},
      {"logical_xor", logical_xor},
      {"searchsorted", [](const Tensor& a, const Tensor& b) { return searchsorted(a, b); }},
      {"index_select", [](const Tensor& a, const Tensor& b) { return index_select(a, 0, b); }},
      {"index_add", [](const Tensor& a, const Tensor& b) { return index_add(a, 0, ids({1}), b); }},
      {"index_put", [](const Tensor& a, const Tensor& b) { return index_put(floats({1}), {a}, b); }},
      {"index_put", [](const Tensor& a, const Tensor& b) { return index_put(a, {ids({1})}, b); }},
      {"scatter", [](const Tensor& a, const Tensor& b) { return scatter(a, 0, ids({1}), b); }},
      {"masked_fill", [](const Tensor& a, const Tensor& b) { return masked_fill(a, b, 0); }},
      {"masked_select", masked_select},
      {"masked_sum", [](const Tensor& a, const Tensor& b) { return masked_sum(a, b); }},
      {"masked_mean", [](const Tensor& a, const Tensor& b) { return masked_mean(a, b); }},
      {"repeat_interleave", [](const Tensor& a, const Tensor& b) { return repeat_interleave(a, b, 0); }},
      {"stack",
       [](const Tensor& a, const Tensor& b) {
         return stack({a, b});
       }},
      {"einsum",
       [](const Tensor& a, const Tensor& b) {
         return einsum("i,i->", {a, b});
       }},
      {"mse_loss", [](const Tensor& a, const Tensor& b) { return mse_loss(a, b); }},
      {"l1_loss", [](const Tensor& a, const Tensor& b) { return l1_loss(a, b); }},
      {"huber_loss", [](const Tensor& a, const Tensor& b) { return huber_loss(a, b); }},
      {"smooth_l1_loss", [](const Tensor& a, const Tensor& b) { return smooth_l1_loss(a, b); }},
      {"gaussian_nll_loss", [](const Tensor& a, const Tensor& b) { return gaussian_nll_loss(a, a, b); }},
      {"binary_cross_entropy_with_logits",
       [](const Tensor& a, const Tensor& b) { return binary_cross_entropy_with_logits(a, b); }},
      {"ctc_loss", [](const Tensor& a, const Tensor& b) { return ctc_loss(a, b, ids({1}), ids({1})); }},
      {"distillation_loss",
       [](const Tensor& a, const Tensor& b) {
         return distillation_loss(a, {.logits = b});
       }},
      {"linear_distillation_loss",
       [](const Tensor& a, const Tensor& b) {
         return linear_distillation_loss(a, b, {.logits = floats({1})});
       }},
      {"merge_attention",
       [](const Tensor& a, const Tensor& b) {
         return merge_attention({{a, b}});
       }},
      {"block_linear", [](const Tensor& a, const Tensor& b) { return block_linear(a, b); }},
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
      {"rmsprop_",
       [](const Tensor& a, const Tensor& b) {
         rmsprop_({&a, 1}, {&b, 1}, {&a, 1}, {}, {}, a, {});
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
