#include "tensor/ops/optimizer.h"

#include "tensor/ops/optimizer_tables.h"

namespace roux {

constinit KernelTable<AdamWKernel> adamw_kernels("adamw_");
constinit KernelTable<SgdKernel> sgd_kernels("sgd_");
constinit KernelTable<GradNormKernel> grad_norm_kernels("grad_norm");
constinit KernelTable<ClipFactorKernel> clip_factor_kernels("clip_factor_");

namespace {

void check_list(const char* op, const char* what, TensorList params, TensorList list) {
  ROUX_CHECK(list.size() == params.size())
      << op << ": " << what << " has " << list.size() << " tensors, params has " << params.size();
  for (size_t i = 0; i < list.size(); ++i) {
    ROUX_CHECK(list[i].defined()) << op << ": " << what << "[" << i << "] is undefined";
    ROUX_CHECK(list[i].spec() == params[i].spec() && list[i].device() == params[i].device())
        << op << ": " << what << "[" << i << "] is " << list[i].spec() << ", params[" << i << "] is "
        << params[i].spec() << ", needed the same dtype, shape and device";
    ROUX_CHECK(list[i].is_contiguous()) << op << ": " << what << "[" << i << "] is not contiguous";
  }
}

void check_params(const char* op, TensorList params, const Tensor& scalars) {
  check_list(op, "params", params, params);
  common_device(op, {params[0], scalars});
  for (size_t i = 0; i < params.size(); ++i) {
    ROUX_CHECK(params[i].dtype() == kF32 || params[i].dtype() == kF64)
        << op << ": params[" << i << "] is " << params[i].spec() << ", needed f32 or f64";
    ROUX_CHECK(params[i].dtype() == params[0].dtype())
        << op << ": params[" << i << "] is " << params[i].spec() << ", params[0] is " << params[0].spec()
        << ", needed one dtype a call";
  }
  ROUX_CHECK(scalars.spec() == (TensorSpec{kF64, {kStepScalarCount}}))
      << op << ": scalars is " << scalars.spec() << ", needed f64[" << kStepScalarCount << "]";
}

void note_writes(const char* op, TensorList list) {
  for (const Tensor& x : list) note_write(x, op);
}

}  // namespace

void adamw_(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq,
            const Tensor& scalars, const AdamWOptions& options) {
  if (params.empty()) return;
  check_params("adamw_", params, scalars);
  check_list("adamw_", "grads", params, grads);
  check_list("adamw_", "exp_avg", params, exp_avg);
  check_list("adamw_", "exp_avg_sq", params, exp_avg_sq);
  for (TensorList list : {params, exp_avg, exp_avg_sq}) note_writes("adamw_", list);
  adamw_kernels.run(params[0], params, grads, exp_avg, exp_avg_sq, scalars, options);
}

void sgd_(TensorList params, TensorList grads, TensorList momentum_buffers, const Tensor& scalars,
          const SgdOptions& options) {
  if (params.empty()) return;
  check_params("sgd_", params, scalars);
  check_list("sgd_", "grads", params, grads);
  if (options.momentum != 0) check_list("sgd_", "momentum_buffers", params, momentum_buffers);
  note_writes("sgd_", params);
  note_writes("sgd_", momentum_buffers);
  sgd_kernels.run(params[0], params, grads, momentum_buffers, scalars, options);
}

Tensor grad_norm(TensorList grads) {
  ROUX_CHECK(!grads.empty()) << "grad_norm: needs at least one gradient";
  check_list("grad_norm", "grads", grads, grads);
  int64_t chunks = 0;
  for (const Tensor& grad : grads) {
    ROUX_CHECK(is_floating(grad.dtype()) && grad.dtype() == grads[0].dtype())
        << "grad_norm: gradients must have one floating dtype: " << grad.spec() << " beside "
        << grads[0].spec();
    chunks += (grad.numel() + kNormChunk - 1) / kNormChunk;
  }
  Tensor partial = empty({kF64, {chunks}}, grads[0].device()), norm = empty({kF64, {1}}, grads[0].device());
  grad_norm_kernels.run(grads[0], grads, partial, norm);
  return norm;
}

void clip_factor_(const Tensor& norm, double max_norm, double factor, Tensor scalars) {
  common_device("clip_factor_", {norm, scalars});
  ROUX_CHECK(norm.spec() == (TensorSpec{kF64, {1}}))
      << "clip_factor_: norm is " << norm.spec() << ", needed f64[1]";
  ROUX_CHECK(scalars.spec() == (TensorSpec{kF64, {kStepScalarCount}}))
      << "clip_factor_: scalars is " << scalars.spec() << ", needed f64[" << kStepScalarCount << "]";
  note_write(scalars, "clip_factor_");
  clip_factor_kernels.run(norm, norm, max_norm, factor, scalars);
}

}  // namespace roux
