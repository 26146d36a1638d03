#include "tensor/ops/optimizer.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "tensor/ops/optimizer_tables.h"

namespace roux {

namespace {

int64_t distinct_bytes_of(std::initializer_list<TensorList> lists) {
  int64_t bytes = 0;
  for (TensorList list : lists) {
    for (const Tensor& x : list) bytes += distinct_bytes(x);
  }
  return bytes;
}
// Parameters and state are read and written, gradients read.
OpCost adamw_cost(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq,
                  TensorList steps, const Tensor& scalars, const AdamWOptions&) {
  const int64_t updated = distinct_bytes_of({params, exp_avg, exp_avg_sq, steps});
  return {updated + distinct_bytes_of({grads}) + distinct_bytes(scalars), updated};
}
OpCost adamw_8bit_cost(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq,
                       TensorList exp_avg_absmax, TensorList exp_avg_sq_absmax, TensorList steps,
                       const Tensor& scalars, const AdamWOptions&) {
  const int64_t updated =
      distinct_bytes_of({params, exp_avg, exp_avg_sq, exp_avg_absmax, exp_avg_sq_absmax, steps});
  return {updated + distinct_bytes_of({grads}) + distinct_bytes(scalars), updated};
}
OpCost sgd_cost(TensorList params, TensorList grads, TensorList momentum_buffers, const Tensor& scalars,
                const SgdOptions&) {
  const int64_t updated = distinct_bytes_of({params, momentum_buffers});
  return {updated + distinct_bytes_of({grads}) + distinct_bytes(scalars), updated};
}
OpCost rmsprop_cost(TensorList params, TensorList grads, TensorList square_avg, TensorList grad_avg,
                    TensorList momentum_buffers, const Tensor& scalars, const RmspropOptions&) {
  const int64_t updated = distinct_bytes_of({params, square_avg, grad_avg, momentum_buffers});
  return {updated + distinct_bytes_of({grads}) + distinct_bytes(scalars), updated};
}

}  // namespace

constinit KernelTable<AdamWKernel> adamw_kernels("adamw_", adamw_cost);
constinit KernelTable<AdamW8bitKernel> adamw_8bit_kernels("adamw_8bit_", adamw_8bit_cost);
constinit KernelTable<SgdKernel> sgd_kernels("sgd_", sgd_cost);
constinit KernelTable<RmspropKernel> rmsprop_kernels("rmsprop_", rmsprop_cost);
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

void check_scalars(const char* op, const Tensor& scalars) {
  ROUX_CHECK(scalars.spec() == (TensorSpec{kF64, {kStepScalarCount}}))
      << op << ": scalars is " << scalars.spec() << ", needed f64[" << kStepScalarCount << "]";
  ROUX_CHECK(scalars.is_contiguous()) << op << ": scalars is not contiguous";
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
  check_scalars(op, scalars);
}

// A list of one tensor a parameter, of the spec that belongs to that.
template <class SpecOf>
void check_states(const char* op, const char* what, TensorList params, TensorList list,
                  const SpecOf& spec_of) {
  ROUX_CHECK(list.size() == params.size())
      << op << ": " << what << " has " << list.size() << " tensors, params has " << params.size();
  for (size_t i = 0; i < list.size(); ++i) {
    common_device(op, {params[i], list[i]});
    const TensorSpec needed = spec_of(params[i]);
    ROUX_CHECK(list[i].spec() == needed)
        << op << ": " << what << "[" << i << "] is " << list[i].spec() << ", needed " << needed;
    ROUX_CHECK(list[i].is_contiguous()) << op << ": " << what << "[" << i << "] is not contiguous";
  }
}
void check_steps(const char* op, TensorList params, TensorList steps) {
  check_states(op, "steps", params, steps, [](const Tensor&) { return TensorSpec{kF64, {1}}; });
}

void note_writes(const char* op, TensorList list) {
  for (const Tensor& x : list) note_write(x, op);
}

struct Argument {
  const char* name;
  TensorList list;
  bool written;
};

// Lists are contiguous here: tensors are ranges of bytes. On meta there are none.
void check_disjoint(const char* op, std::initializer_list<Argument> arguments) {
  struct Range {
    uintptr_t begin, end;
    const char* name;
    size_t index;
    bool written;
  };
  std::vector<Range> ranges;
  for (const Argument& argument : arguments) {
    for (size_t i = 0; i < argument.list.size(); ++i) {
      const Tensor& x = argument.list[i];
      if (x.numel() == 0 || x.device().type == DeviceType::kMeta) continue;
      const auto begin = reinterpret_cast<uintptr_t>(x.raw_data());
      ranges.push_back({begin, begin + x.bytes(), argument.name, i, argument.written});
    }
  }
  std::stable_sort(ranges.begin(), ranges.end(),
                   [](const Range& a, const Range& b) { return a.begin < b.begin; });
  const Range *longest = nullptr, *longest_written = nullptr;  // of those that began so far
  for (const Range& range : ranges) {
    const Range* earlier = range.written ? longest : longest_written;
    ROUX_CHECK(earlier == nullptr || earlier->end <= range.begin)
        << op << ": " << earlier->name << "[" << earlier->index << "] and " << range.name << "["
        << range.index << "] share memory, and one of them is written";
    if (longest == nullptr || range.end > longest->end) longest = &range;
    if (range.written && (longest_written == nullptr || range.end > longest_written->end)) {
      longest_written = &range;
    }
  }
}

void check_at_least_0(const char* op, const char* what, double value) {
  ROUX_CHECK(std::isfinite(value) && value >= 0)
      << op << ": " << what << " is " << value << ", needed finite and at least 0";
}
void check_beta(const char* op, const char* what, double value) {
  ROUX_CHECK(value >= 0 && value < 1)
      << op << ": " << what << " is " << value << ", needed 0 <= " << what << " < 1";
}

}  // namespace

void AdamWOptions::check(const char* op) const {
  check_beta(op, "beta1", beta1);
  check_beta(op, "beta2", beta2);
  check_at_least_0(op, "eps", eps);
  check_at_least_0(op, "weight_decay", weight_decay);
  check_at_least_0(op, "lr_scale", lr_scale);
}

void SgdOptions::check(const char* op) const {
  check_at_least_0(op, "momentum", momentum);
  check_at_least_0(op, "weight_decay", weight_decay);
  check_at_least_0(op, "lr_scale", lr_scale);
  ROUX_CHECK(!nesterov || momentum > 0) << op << ": nesterov needs a momentum, momentum is " << momentum;
}

void RmspropOptions::check(const char* op) const {
  check_beta(op, "alpha", alpha);
  check_at_least_0(op, "eps", eps);
  check_at_least_0(op, "weight_decay", weight_decay);
  check_at_least_0(op, "momentum", momentum);
  check_at_least_0(op, "lr_scale", lr_scale);
}

void adamw_(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq, TensorList steps,
            const Tensor& scalars, const AdamWOptions& options) {
  if (params.empty()) return;
  options.check("adamw_");
  check_params("adamw_", params, scalars);
  check_list("adamw_", "grads", params, grads);
  check_list("adamw_", "exp_avg", params, exp_avg);
  check_list("adamw_", "exp_avg_sq", params, exp_avg_sq);
  check_steps("adamw_", params, steps);
  check_disjoint("adamw_", {{"params", params, true},
                            {"grads", grads, false},
                            {"exp_avg", exp_avg, true},
                            {"exp_avg_sq", exp_avg_sq, true},
                            {"steps", steps, true}});
  for (TensorList list : {params, exp_avg, exp_avg_sq, steps}) note_writes("adamw_", list);
  adamw_kernels.run(params[0], params, grads, exp_avg, exp_avg_sq, steps, scalars, options);
}

void adamw_8bit_(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq,
                 TensorList exp_avg_absmax, TensorList exp_avg_sq_absmax, TensorList steps,
                 const Tensor& scalars, const AdamWOptions& options) {
  constexpr const char* kOp = "adamw_8bit_";
  if (params.empty()) return;
  options.check(kOp);
  check_params(kOp, params, scalars);
  ROUX_CHECK(params[0].dtype() == kF32) << kOp << ": params[0] is " << params[0].spec() << ", needed f32";
  check_list(kOp, "grads", params, grads);
  const auto codes = [](const Tensor& param) { return TensorSpec{kU8, param.shape()}; };
  const auto blocks = [](const Tensor& param) {
    return TensorSpec{kF32, {(param.numel() + kMomentBlock - 1) / kMomentBlock}};
  };
  check_states(kOp, "exp_avg", params, exp_avg, codes);
  check_states(kOp, "exp_avg_sq", params, exp_avg_sq, codes);
  check_states(kOp, "exp_avg_absmax", params, exp_avg_absmax, blocks);
  check_states(kOp, "exp_avg_sq_absmax", params, exp_avg_sq_absmax, blocks);
  check_steps(kOp, params, steps);
  check_disjoint(kOp, {{"params", params, true},
                       {"grads", grads, false},
                       {"exp_avg", exp_avg, true},
                       {"exp_avg_sq", exp_avg_sq, true},
                       {"exp_avg_absmax", exp_avg_absmax, true},
                       {"exp_avg_sq_absmax", exp_avg_sq_absmax, true},
                       {"steps", steps, true}});
  for (TensorList list : {params, exp_avg, exp_avg_sq, exp_avg_absmax, exp_avg_sq_absmax, steps})
    note_writes(kOp, list);
  adamw_8bit_kernels.run(params[0], params, grads, exp_avg, exp_avg_sq, exp_avg_absmax, exp_avg_sq_absmax,
                         steps, scalars, options);
}

void sgd_(TensorList params, TensorList grads, TensorList momentum_buffers, const Tensor& scalars,
          const SgdOptions& options) {
  if (params.empty()) return;
  options.check("sgd_");
  check_params("sgd_", params, scalars);
  check_list("sgd_", "grads", params, grads);
  if (options.momentum != 0) check_list("sgd_", "momentum_buffers", params, momentum_buffers);
  check_disjoint(
      "sgd_",
      {{"params", params, true}, {"grads", grads, false}, {"momentum_buffers", momentum_buffers, true}});
  note_writes("sgd_", params);
  note_writes("sgd_", momentum_buffers);
  sgd_kernels.run(params[0], params, grads, momentum_buffers, scalars, options);
}

void rmsprop_(TensorList params, TensorList grads, TensorList square_avg, TensorList grad_avg,
              TensorList momentum_buffers, const Tensor& scalars, const RmspropOptions& options) {
  if (params.empty()) return;
  options.check("rmsprop_");
  check_params("rmsprop_", params, scalars);
  check_list("rmsprop_", "grads", params, grads);
  check_list("rmsprop_", "square_avg", params, square_avg);
  if (options.centered) check_list("rmsprop_", "grad_avg", params, grad_avg);
  if (options.momentum != 0) check_list("rmsprop_", "momentum_buffers", params, momentum_buffers);
  check_disjoint("rmsprop_", {{"params", params, true},
                              {"grads", grads, false},
                              {"square_avg", square_avg, true},
                              {"grad_avg", grad_avg, true},
                              {"momentum_buffers", momentum_buffers, true}});
  for (TensorList list : {params, square_avg, grad_avg, momentum_buffers}) note_writes("rmsprop_", list);
  rmsprop_kernels.run(params[0], params, grads, square_avg, grad_avg, momentum_buffers, scalars, options);
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
  check_scalars("clip_factor_", scalars);
  check_at_least_0("clip_factor_", "max_norm", max_norm);
  ROUX_CHECK(std::isfinite(factor) && factor > 0)
      << "clip_factor_: factor is " << factor << ", needed finite and above 0";
  note_write(scalars, "clip_factor_");
  clip_factor_kernels.run(norm, norm, max_norm, factor, scalars);
}

}  // namespace roux
