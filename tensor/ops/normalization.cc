#include "tensor/ops/normalization.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/normalization_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/tunable.h"

namespace roux {

constinit KernelTable<RmsNormKernel> rms_norm_kernels("rms_norm");
constinit KernelTable<LayerNormKernel> layer_norm_kernels("layer_norm");
constinit KernelTable<RmsNormBackwardKernel> rms_norm_backward_kernels("rms_norm_backward");
constinit KernelTable<LayerNormBackwardKernel> layer_norm_backward_kernels("layer_norm_backward");

namespace {
constexpr const char* kRules = "//autograd/rules";
}
constinit GradSlot<RmsNormSaved> rms_norm_grad("rms_norm", kRules);
constinit GradSlot<LayerNormSaved> layer_norm_grad("layer_norm", kRules);

namespace {

absl::StatusOr<TensorSpec> norm_spec(const TensorSpec& x, const TensorSpec& weight, const TensorSpec* bias) {
  if (!is_floating(x.dtype) || x.shape.rank() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("x must be floating with at least one axis: x is ", to_string(x)));
  }
  const TensorSpec needed{x.dtype, {x.shape.back()}};
  if (!(weight == needed)) {
    return absl::InvalidArgumentError(absl::StrCat("weight must be ", to_string(needed), ": x is ",
                                                   to_string(x), ", weight is ", to_string(weight)));
  }
  if (bias != nullptr && !(*bias == needed)) {
    return absl::InvalidArgumentError(absl::StrCat("bias must be ", to_string(needed), ": x is ",
                                                   to_string(x), ", bias is ", to_string(*bias)));
  }
  return x;
}

int64_t row_count(const Tensor& x) { return x.size(-1) == 0 ? 0 : x.numel() / x.size(-1); }
DType accumulation(DType dtype) { return dtype == kF64 ? kF64 : kF32; }

Tensor row_statistics(const Tensor& x) {
  return empty({accumulation(x.dtype()), {row_count(x)}}, x.device());
}
// Scratch for `sums` gradients that are summed over the rows.
Tensor row_partials(const Tensor& x, int sums) {
  if (sums == 0) return Tensor();
  return empty({accumulation(x.dtype()), {sums * norm_partial_rows(row_count(x)), x.size(-1)}}, x.device());
}
Tensor like_if(bool wanted, const Tensor& x) { return wanted ? empty(x.spec(), x.device()) : Tensor(); }

Tensor dense(const Tensor& x) {
  if (!x.defined() || x.is_contiguous()) return x;
  NoGradGuard no_grad;
  return contiguous(x);
}

void check_norm_eps(const char* op, double eps) {
  ROUX_CHECK(eps >= 0 && std::isfinite(eps)) << op << ": eps is " << eps << ", needed at least 0 and finite";
}

}  // namespace

int64_t norm_rows_per_partial() {
  static constinit const Tunable kRows("normalization.rows_per_partial", 64, 3);
  return kRows;
}
int64_t norm_partial_rows(int64_t rows) {
  const int64_t piece = norm_rows_per_partial();
  return (rows + piece - 1) / piece;
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  common_device("rms_norm", {x, weight});
  check_norm_eps("rms_norm", eps);
  Tensor y = empty(or_throw(norm_spec(x.spec(), weight.spec(), nullptr), "rms_norm"), x.device());
  Tensor rstd = row_statistics(x);
  rms_norm_kernels.run(x, dense(x), dense(weight), eps, y, rstd);
  return rms_norm_grad.record({x, weight}, y, [&] { return RmsNormSaved{x, weight, rstd, eps}; });
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  common_device("layer_norm", {x, weight}, {bias});
  check_norm_eps("layer_norm", eps);
  const TensorSpec* bias_spec = bias.defined() ? &bias.spec() : nullptr;
  Tensor y = empty(or_throw(norm_spec(x.spec(), weight.spec(), bias_spec), "layer_norm"), x.device());
  Tensor mean = row_statistics(x), rstd = row_statistics(x);
  layer_norm_kernels.run(x, dense(x), dense(weight), dense(bias), eps, y, mean, rstd);
  return layer_norm_grad.record({x, weight, bias}, y,
                                [&] { return LayerNormSaved{x, weight, mean, rstd, bias.defined(), eps}; });
}

NormGrads rms_norm_backward(const RmsNormSaved& saved, const Tensor& grad_output, bool wants_x,
                            bool wants_weight) {
  const Tensor x = saved.x.get(), weight = saved.weight.get();
  NormGrads grads{like_if(wants_x, x), like_if(wants_weight, weight), {}};
  Tensor partials = row_partials(x, wants_weight ? 1 : 0);
  rms_norm_backward_kernels.run(x, dense(x), dense(weight), saved.rstd.get(), dense(grad_output), grads.x,
                                grads.weight, partials);
  return grads;
}

NormGrads layer_norm_backward(const LayerNormSaved& saved, const Tensor& grad_output, bool wants_x,
                              bool wants_weight, bool wants_bias) {
  const Tensor x = saved.x.get(), weight = saved.weight.get();
  NormGrads grads{like_if(wants_x, x), like_if(wants_weight, weight), like_if(wants_bias, weight)};
  Tensor partials = row_partials(x, wants_weight || wants_bias ? 2 : 0);
  layer_norm_backward_kernels.run(x, dense(x), dense(weight), saved.mean.get(), saved.rstd.get(),
                                  dense(grad_output), grads.x, grads.weight, grads.bias, partials);
  return grads;
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  common_device("group_norm", {x}, {weight, bias});
  ROUX_CHECK(is_floating(x.dtype()) && x.dim() >= 2 && groups >= 1 && x.size(1) % groups == 0)
      << "group_norm: x must be floating [N, C, ...] with groups that divide C: x is " << x.spec()
      << ", groups is " << groups;
  check_norm_eps("group_norm", eps);
  const DType dtype = accumulation(x.dtype());
  Shape per_channel = Dims::filled(x.dim() - 1, 1), rows = {x.size(0), groups, 1};
  per_channel[0] = x.size(1);
  rows[2] = x.size(1) / groups;
  for (int axis = 2; axis < x.dim(); ++axis) rows[2] *= x.size(axis);
  Tensor y = layer_norm(reshape(cast(x, dtype), rows), ones({rows[2]}, dtype, x.device()), Tensor(), eps);
  y = reshape(y, x.shape());
  const auto of_channel = [&](const Tensor& v, const char* argument) {
    ROUX_CHECK(v.spec() == (TensorSpec{x.dtype(), {x.size(1)}}))
        << "group_norm: " << argument << " must be " << TensorSpec{x.dtype(), {x.size(1)}} << ": x is "
        << x.spec() << ", " << argument << " is " << v.spec();
    return reshape(cast(v, dtype), per_channel);
  };
  if (weight.defined()) y = y * of_channel(weight, "weight");
  if (bias.defined()) y = y + of_channel(bias, "bias");
  return cast(y, x.dtype());
}

namespace {
// max(|x|, eps) along an axis, which is kept.
Tensor norm_from(const Tensor& x, int64_t axis, double eps) {
  return sqrt(clamp(sum(x * x, axis, true), eps * eps, std::numeric_limits<double>::infinity()));
}
void check_eps(const char* op, double eps) {
  ROUX_CHECK(eps >= 1e-18) << op << ": eps is " << eps
                           << ", needed at least 1e-18: its square is taken in f32";
}
}  // namespace

Tensor l2_normalize(const Tensor& x, int64_t axis, double eps) {
  common_device("l2_normalize", {x});
  ROUX_CHECK(is_floating(x.dtype())) << "l2_normalize: x must be floating: x is " << x.spec();
  or_throw(normalize_axis(axis, x.spec()), "l2_normalize");
  check_eps("l2_normalize", eps);
  const Tensor wide = cast(x, accumulation(x.dtype()));
  return cast(wide / norm_from(wide, axis, eps), x.dtype());
}

Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t axis, double eps) {
  common_device("cosine_similarity", {a, b});
  ROUX_CHECK(is_floating(a.dtype()) && is_floating(b.dtype()))
      << "cosine_similarity: a and b must be floating: a is " << a.spec() << ", b is " << b.spec();
  const Shape shape = or_throw(broadcast_shapes(a.shape(), b.shape()), "cosine_similarity");
  const DType dtype = promote(a.dtype(), b.dtype());
  or_throw(normalize_axis(axis, TensorSpec{dtype, shape}, "a with b"), "cosine_similarity");
  check_eps("cosine_similarity", eps);
  const Tensor wide_a = expand(cast(a, accumulation(dtype)), shape);
  const Tensor wide_b = expand(cast(b, accumulation(dtype)), shape);
  const Tensor norms_a = norm_from(wide_a, axis, eps), norms_b = norm_from(wide_b, axis, eps);
  return cast(sum((wide_a / norms_a) * (wide_b / norms_b), axis), dtype);
}

Tensor rms_norm_composed(const Tensor& x, const Tensor& weight, double eps) {
  const DType dtype = accumulation(x.dtype());
  const Tensor wide = cast(x, dtype);
  const Tensor y = wide * rsqrt(mean(wide * wide, -1, true) + eps) * cast(weight, dtype);
  return cast(y, x.dtype());
}

Tensor layer_norm_composed(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const DType dtype = accumulation(x.dtype());
  const Tensor wide = cast(x, dtype), centered = wide - mean(wide, -1, true);
  Tensor y = centered * rsqrt(mean(centered * centered, -1, true) + eps) * cast(weight, dtype);
  if (bias.defined()) y = y + cast(bias, dtype);
  return cast(y, x.dtype());
}

}  // namespace roux
