#include "tensor/ops/regression_loss.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

// The spec of the losses.
absl::StatusOr<TensorSpec> losses_spec(const TensorSpec& input, const TensorSpec& target) {
  if (is_floating(input.dtype) && input == target) {
    return TensorSpec{loss_dtype(input.dtype), input.shape};
  }
  return absl::InvalidArgumentError(absl::StrCat("input and target do not match: input is ", to_string(input),
                                                 ", target is ", to_string(target),
                                                 ", needed one floating dtype and one shape"));
}

// x's own spec where it has that dtype and broadcasts to the input.
absl::StatusOr<TensorSpec> broadcast_spec(const char* name, const TensorSpec& x, DType dtype,
                                          const TensorSpec& input) {
  const absl::StatusOr<Shape> shape = broadcast_shapes(x.shape, input.shape);
  if (x.dtype == dtype && shape.ok() && *shape == input.shape) return x;
  return absl::InvalidArgumentError(
      absl::StrCat(name, " does not match: ", name, " is ", to_string(x), ", input is ", to_string(input),
                   ", needed ", roux::name(dtype), " that broadcasts to ", to_string(input.shape)));
}

void check_pair(const char* op, const Tensor& input, const Tensor& target) {
  common_device(op, {input, target});
  or_throw(losses_spec(input.spec(), target.spec()), op);
}

// What the losses are computed from, in their dtype.
Tensor wide(const Tensor& x) { return x.to(loss_dtype(x.dtype())); }
Tensor difference(const Tensor& input, const Tensor& target) { return wide(input) - wide(target); }

Tensor reduced(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::kNone:
      return losses;
    case Reduction::kSum:
      return sum(losses);
    default:
      return mean(losses);
  }
}

Tensor huber(const Tensor& difference, double delta) {
  const Tensor near = clamp(difference, -delta, delta);
  return near * (difference - near * 0.5);
}

}  // namespace

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  check_pair("mse_loss", input, target);
  const Tensor d = difference(input, target);
  return reduced(d * d, reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  check_pair("l1_loss", input, target);
  return reduced(abs(difference(input, target)), reduction);
}

Tensor huber_loss(const Tensor& input, const Tensor& target, double delta, Reduction reduction) {
  check_pair("huber_loss", input, target);
  ROUX_CHECK(delta > 0) << "huber_loss: delta is out of range: delta is " << delta << ", needed > 0";
  return reduced(huber(difference(input, target), delta), reduction);
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, double beta, Reduction reduction) {
  check_pair("smooth_l1_loss", input, target);
  ROUX_CHECK(beta >= 0) << "smooth_l1_loss: beta is out of range: beta is " << beta << ", needed >= 0";
  const Tensor d = difference(input, target);
  return reduced(beta == 0 ? abs(d) : huber(d, beta) / beta, reduction);
}

Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& var,
                         const GaussianNllOptions& options) {
  constexpr const char* kOp = "gaussian_nll_loss";
  common_device(kOp, {input, target, var});
  check_pair(kOp, input, target);
  or_throw(broadcast_spec("var", var.spec(), input.dtype(), input.spec()), kOp);
  ROUX_CHECK(options.eps > 0) << kOp << ": eps is out of range: eps is " << options.eps << ", needed > 0";
  const Tensor given = wide(var), fixed = given.detach();
  const Tensor v = clamp(fixed, options.eps, std::numeric_limits<double>::infinity()) + (given - fixed);
  const Tensor d = difference(input, target);
  const Tensor losses = (log(v) + d * d / v) * 0.5;
  return reduced(options.full ? losses + 0.5 * std::log(2 * std::numbers::pi) : losses, options.reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const Tensor& pos_weight,
                                        Reduction reduction) {
  constexpr const char* kOp = "binary_cross_entropy_with_logits";
  check_pair(kOp, input, target);
  const Tensor x = wide(input), y = wide(target), negative = (1.0 - y) * x;
  if (!pos_weight.defined()) return reduced(negative + softplus(-x), reduction);
  common_device(kOp, {input, pos_weight});
  or_throw(broadcast_spec("pos_weight", pos_weight.spec(), x.dtype(), input.spec()), kOp);
  const Tensor weight = 1.0 + (pos_weight.detach() - 1.0) * y;
  return reduced(negative + weight * softplus(-x), reduction);
}

}  // namespace roux
