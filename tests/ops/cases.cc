#include "tests/ops/cases.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "autograd/autograd.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"
#include "tensor/philox.h"
#include "tests/ops/compare.h"

namespace roux::testing {

std::vector<Domain> domains_of(const Suite& suite, size_t count) {
  std::vector<Domain> domains = suite.domains_;
  domains.resize(count);
  return domains;
}

bool differentiable(const Domain& domain) { return domain.kind == Domain::kUniform && domain.differentiable; }

namespace {

// Input i of a sample with values drawn from (seed, i), as its dtype stores them.
Tensor make_input(const Suite& suite, const Shapes& shapes, size_t i, DType dtype, uint64_t seed) {
  const Domain domain = domains_of(suite, shapes.size())[i];
  const int64_t count = numel(shapes[i]);
  std::vector<double> values(static_cast<size_t>(count));
  for (int64_t k = 0; k < count; ++k) {
    const double u = philox_uniform(philox(seed, i, static_cast<uint64_t>(k)).word[0]);
    double value = domain.low + u * (domain.high - domain.low);
    if (domain.kind == Domain::kIndexInto) {
      value = std::floor(u * static_cast<double>(shapes[static_cast<size_t>(domain.input)][domain.axis]));
    } else if (domain.kind == Domain::kBoolean) {
      value = u < 0.5 ? 0 : 1;
    } else if (domain.kind == Domain::kInteger || !is_floating(dtype)) {
      value = std::round(value);
    }
    values[static_cast<size_t>(k)] = value;
  }
  DType stored = dtype;
  if (domain.kind == Domain::kBoolean) stored = kBool;
  if (domain.kind == Domain::kInteger || domain.kind == Domain::kIndexInto) stored = domain.integer_dtype;
  return cast(tensor(values, shapes[i]), stored);
}

}  // namespace

Tensors make_inputs(const Suite& suite, const Shapes& shapes, DType dtype, uint64_t seed) {
  Tensors inputs;
  for (size_t i = 0; i < shapes.size(); ++i) inputs.push_back(make_input(suite, shapes, i, dtype, seed));
  return inputs;
}

Tensors require_grad(const Suite& suite, Tensors inputs) {
  const std::vector<Domain> domains = domains_of(suite, inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (differentiable(domains[i]) && is_floating(inputs[i].dtype())) inputs[i].set_requires_grad(true);
  }
  return inputs;
}

Tensors gradient_inputs(const Suite& suite, const Shapes& shapes, DType dtype, uint64_t seed) {
  return require_grad(suite, make_inputs(suite, shapes, dtype, seed));
}

Tensor relaid(const Tensor& x, int layout) {
  if (x.dim() == 0) return x;
  const int last = x.dim() - 1;
  const int64_t width = x.shape()[last];
  const auto placed = [&](const Shape& larger, const std::function<Tensor(const Tensor&)>& view) {
    const Tensor y = view(full(larger, is_floating(x.dtype()) ? Scalar(NAN) : Scalar(77), x.dtype()));
    copy_(y, x);
    return y;
  };
  Shape larger = x.shape();
  switch (layout) {
    case 0:
      return x.dim() < 2 ? x : transpose(contiguous(transpose(x, 0, -1)), 0, -1);
    case 1:
      larger[last] = 2 * width + 3;
      return placed(larger, [&](const Tensor& base) { return slice(base, last, 2, 2 + 2 * width, 2); });
    case 2: {
      const int64_t begin = last == 0 ? 0 : 3;
      larger[0] += 2;
      larger[last] += 5;
      return placed(larger, [&](const Tensor& base) {
        return slice(slice(base, 0, 1, 1 + x.shape()[0]), -1, begin, begin + width);
      });
    }
    case 3:
      larger[last] = (width + 7) / 8 * 8 + 8;  // 16 bytes are eight elements of the narrowest floating dtypes
      return placed(larger, [&](const Tensor& base) { return slice(base, -1, 0, width); });
    default:
      return x.numel() == 0 ? x : expand(contiguous(slice(x, 0, 0, 1)), x.shape());
  }
}

Tensor moved_to(const Tensor& x, Device device) {
  if (device == kCpu) return x;
  NoGradGuard no_grad;
  const int64_t count = static_cast<int64_t>(x.impl()->storage->bytes() / size_of(x.dtype()));
  const Tensor memory = to_device(alias(x.detach(), {count}, Strides{1}, 0), device);
  Tensor y = alias(memory, x.shape(), x.strides(), x.impl()->offset);
  if (x.requires_grad()) y.set_requires_grad(true);
  return y;
}
Tensors moved_to(const Tensors& inputs, Device device) {
  Tensors there;
  for (const Tensor& x : inputs) there.push_back(moved_to(x, device));
  return there;
}

int64_t total_size(const Shapes& shapes) {
  int64_t total = 0;
  for (const Shape& shape : shapes) total += numel(shape);
  return total;
}

std::string describe(const Suite& suite, const Tensors& inputs) {
  return absl::StrCat(suite.op, suite.variant.empty() ? "" : "/", suite.variant, "(",
                      absl::StrJoin(inputs, ", ",
                                    [](std::string* out, const Tensor& x) {
                                      absl::StrAppend(out, to_string(x.spec()));
                                      if (!x.is_contiguous())
                                        absl::StrAppend(out, " strides ", to_string(x.strides()));
                                      if (x.impl()->offset)
                                        absl::StrAppend(out, " offset ", x.impl()->offset);
                                    }),
                      ")");
}

DTypeSet dtypes_on(const Suite& suite, Device device) {
  return device == kCpu ? suite.dtypes_ : suite.emulated_;
}

DTypeSet one_dtype(const Suite& suite, Device device) {
  const DTypeSet dtypes = dtypes_on(suite, device);
  for (DType dtype : {kF32, kBF16, kI64}) {
    if (dtypes.contains(dtype)) return dtype;
  }
  return dtypes;
}

Shapes resized(const Shapes& shapes, const std::function<int64_t(size_t)>& size, size_t* roles) {
  std::map<int64_t, int64_t> sizes;
  Shapes changed = shapes;
  for (Shape& shape : changed) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] <= 1) continue;
      auto [found, added] = sizes.emplace(shape[axis], 0);
      if (added) found->second = size(sizes.size() - 1);
      shape[axis] = found->second;
    }
  }
  if (roles) *roles = sizes.size();
  return changed;
}

int64_t rows_of(const Shapes& shapes) {
  int64_t most = 0;
  for (const Shape& shape : shapes)
    most = std::max(most, numel(shape) / std::max<int64_t>(1, shape.rank() == 0 ? 1 : shape.back()));
  return most;
}

Tensors wide(const Suite& suite, const Tensors& inputs, DType dtype) {
  Tensors result;
  for (const Tensor& x : inputs) result.push_back(x.dtype() == dtype ? cast(x.detach(), kF64) : x);
  return require_grad(suite, result);
}

std::string for_each_case(const Suite& suite, DTypeSet dtypes, Device device, int64_t limit,
                          const std::function<std::string(const Shapes&, DType, uint64_t)>& fn) {
  for (int t = 0; t < kDTypeCount; ++t) {
    const DType dtype = static_cast<DType>(t);
    if (!dtypes.contains(dtype) || !dtypes_on(suite, device).contains(dtype)) continue;
    for (size_t s = 0; s < suite.samples_.size(); ++s) {
      if (device == kEmulated && total_size(suite.samples_[s]) > limit) continue;
      const uint64_t seed = 100 * s + static_cast<uint64_t>(t);
      std::string failure;
      try {
        failure = fn(suite.samples_[s], dtype, seed);
      } catch (const Error& error) {
        failure = absl::StrCat(name(dtype), " sample ", s, " threw: ", error.what());
      }
      if (!failure.empty())
        return absl::StrCat(failure, " (on ", to_string(device), ", inputs from seed ", seed, ")");
    }
  }
  return "";
}

std::string where_kernels_are(const std::function<std::string()>& fn) {
  try {
    return fn();
  } catch (const Error& error) {
    if (std::string(error.what()).find("no kernel") == std::string::npos) throw;
    return "";
  }
}

std::string run_and_compare(const Suite& suite, const Tensors& inputs, DType dtype, Device device) {
  NoGradGuard no_grad;
  const Tensors outputs = suite.call_(moved_to(inputs, device));
  for (const Tensor& y : outputs) {
    const bool kept = !suite.has_output_dtype_ && is_floating(dtype) && is_floating(y.dtype());
    const DType needed = suite.has_output_dtype_ ? suite.output_dtype_ : kept ? dtype : y.dtype();
    if (y.dtype() != needed) {
      return absl::StrCat(describe(suite, inputs), ": output is ", to_string(y.spec()), ", needed ",
                          name(needed));
    }
  }
  const std::string difference =
      compare(outputs, suite.reference_(to_refs(inputs)), tolerance_of(suite, dtype));
  return difference.empty() ? "" : absl::StrCat(describe(suite, inputs), ": ", difference);
}

Tensor drawn_like(const Tensor& y, uint64_t number) {
  std::vector<double> w(static_cast<size_t>(y.numel()));
  for (size_t k = 0; k < w.size(); ++k) w[k] = philox_uniform(philox(5, number, k).word[0]) - 0.5;
  return to_device(cast(tensor(w, y.shape()), y.dtype()), y.device());
}

Gradients gradients(const Suite& suite, const Tensors& inputs, bool create_graph,
                    const std::function<Tensor(const Tensor& output, size_t number)>& weight) {
  GradModeGuard recording(true);
  Gradients result;
  Tensors variables;
  for (const Tensor& y : suite.call_(inputs)) {
    if (!y.requires_grad()) continue;
    result.outputs.push_back(y);
    const size_t number = result.outputs.size();
    result.weights.push_back(weight ? weight(y, number) : drawn_like(y, number));
  }
  for (const Tensor& x : inputs) {
    if (x.requires_grad()) variables.push_back(x);
  }
  if (result.outputs.empty() || variables.empty()) return result;
  GradOptions options;
  options.grad_outputs = result.weights;
  options.create_graph = create_graph;
  options.allow_unused = true;
  result.gradients = grad(result.outputs, variables, options);
  return result;
}

}  // namespace roux::testing
