#include "tests/ops/checks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "autograd/autograd.h"
#include "autograd/gradcheck.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"

namespace roux::testing {
namespace {

using Shapes = std::vector<Shape>;

std::vector<Domain> domains_of(const Suite& suite, size_t count) {
  std::vector<Domain> domains = suite.domains_;
  domains.resize(count);
  return domains;
}

bool takes_dtype(const Domain& domain) { return domain.kind == Domain::kUniform; }

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

Tensors make_inputs(const Suite& suite, const Shapes& shapes, DType dtype, uint64_t seed) {
  Tensors inputs;
  for (size_t i = 0; i < shapes.size(); ++i) inputs.push_back(make_input(suite, shapes, i, dtype, seed));
  return inputs;
}

Refs to_refs(const Tensors& inputs) {
  Refs refs;
  for (const Tensor& x : inputs) {
    Ref ref;
    ref.shape = x.shape();
    ref.v = x.to_vector<double>();
    refs.push_back(std::move(ref));
  }
  return refs;
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

bool close(double y, double r, double tolerance) {
  if (std::isnan(r) || std::isnan(y)) return std::isnan(r) && std::isnan(y);
  if (std::isinf(r) || std::isinf(y)) return y == r;
  return std::fabs(y - r) <= tolerance * (1 + std::fabs(r));
}

// "" or how outputs differ from the reference. A reference beyond the dtype's range must be infinite there.
std::string compare(const Tensors& outputs, const Refs& refs, double tolerance) {
  if (outputs.size() != refs.size())
    return absl::StrCat(outputs.size(), " outputs, the reference has ", refs.size());
  for (size_t j = 0; j < outputs.size(); ++j) {
    if (!(outputs[j].shape() == refs[j].shape)) {
      return absl::StrCat("output ", j, " is ", to_string(outputs[j].spec()), ", the reference ",
                          to_string(refs[j].shape));
    }
    const std::vector<double> values = outputs[j].to_vector<double>();
    double limit = std::numeric_limits<double>::infinity();
    if (outputs[j].dtype() == kF16) limit = 65520;
    if (outputs[j].dtype() == kF32 || outputs[j].dtype() == kBF16) limit = 3.4e38;
    for (size_t k = 0; k < values.size(); ++k) {
      double r = refs[j].v[k];
      if (std::fabs(r) >= limit && !std::isnan(r))
        r = std::copysign(std::numeric_limits<double>::infinity(), r);
      if (!close(values[k], r, tolerance)) {
        return absl::StrCat("output ", j, " element ", k, " is ", values[k], ", the reference ", r);
      }
    }
  }
  return "";
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.spec() == y.spec() && (x.numel() == 0 || std::memcmp(x.raw_data(), y.raw_data(), x.bytes()) == 0);
}

double tolerance_of(const Suite& suite, DType dtype) {
  const auto found = suite.tolerances_.find(dtype);
  return found == suite.tolerances_.end() ? 0 : found->second;
}

std::string seeded(std::string failure, uint64_t seed) {
  return failure.empty() ? failure : absl::StrCat(failure, " (inputs from seed ", seed, ")");
}

// Runs fn(shapes, dtype, seed) for all samples and dtypes until one fails; catches what ops throw.
std::string for_each_case(const Suite& suite, DTypeSet dtypes,
                          const std::function<std::string(const Shapes&, DType, uint64_t)>& fn) {
  for (int t = 0; t < kDTypeCount; ++t) {
    if (!dtypes.contains(static_cast<DType>(t))) continue;
    for (size_t s = 0; s < suite.samples_.size(); ++s) {
      const uint64_t seed = 100 * s + static_cast<uint64_t>(t);
      std::string failure;
      try {
        failure = fn(suite.samples_[s], static_cast<DType>(t), seed);
      } catch (const Error& error) {
        failure = absl::StrCat(name(static_cast<DType>(t)), " sample ", s, " threw: ", error.what());
      }
      if (!failure.empty()) return seeded(failure, seed);
    }
  }
  return "";
}

std::string run_and_compare(const Suite& suite, const Tensors& inputs, DType dtype) {
  NoGradGuard no_grad;
  const Tensors outputs = suite.call_(inputs);
  for (const Tensor& y : outputs) {
    if (suite.has_output_dtype_ && y.dtype() != suite.output_dtype_) {
      return absl::StrCat(describe(suite, inputs), ": output is ", to_string(y.spec()), ", needed ",
                          name(suite.output_dtype_));
    }
    if (!suite.has_output_dtype_ && is_floating(dtype) && is_floating(y.dtype()) && y.dtype() != dtype) {
      return absl::StrCat(describe(suite, inputs), ": output is ", to_string(y.spec()), ", needed ",
                          name(dtype));
    }
  }
  const std::string difference =
      compare(outputs, suite.reference_(to_refs(inputs)), tolerance_of(suite, dtype));
  return difference.empty() ? "" : absl::StrCat(describe(suite, inputs), ": ", difference);
}

std::string check_forward(const Suite& suite) {
  return for_each_case(suite, suite.dtypes_, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    return run_and_compare(suite, make_inputs(suite, shapes, dtype, seed), dtype);
  });
}

// The same values as x in another memory layout.
Tensor relaid(const Tensor& x, int layout) {
  if (x.dim() == 0) return x;
  if (layout == 0 && x.dim() >= 2) {  // transposed storage
    return transpose(contiguous(transpose(x, 0, -1)), 0, -1);
  }
  if (layout == 1) {  // every second element of a larger tensor, at an offset
    Shape larger = x.shape();
    const int last = x.dim() - 1;
    larger[last] = 2 * larger[last] + 3;
    Tensor base = full(larger, 77, x.dtype());
    const Tensor y = slice(base, last, 2, 2 + 2 * x.shape()[last], 2);
    copy_(y, x);
    return y;
  }
  if (layout == 2) {  // a gap behind each row, at an offset
    Shape larger = x.shape();
    larger[0] += 2;
    larger[x.dim() - 1] += 5;
    Tensor base = full(larger, 77, x.dtype());
    const Tensor y = slice(slice(base, 0, 1, 1 + x.shape()[0]), -1, x.dim() == 1 ? 0 : 3,
                           (x.dim() == 1 ? 0 : 3) + x.shape()[x.dim() - 1]);
    copy_(y, x);
    return y;
  }
  return expand(contiguous(slice(x, 0, 0, std::min<int64_t>(1, x.shape()[0]))),
                x.shape());  // stride 0 along axis 0
}

std::string check_layouts(const Suite& suite) {
  const DTypeSet dtypes = suite.dtypes_.contains(kF32) ? DTypeSet(kF32) : suite.dtypes_;
  return for_each_case(suite, dtypes, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    NoGradGuard no_grad;
    const Tensors inputs = make_inputs(suite, shapes, dtype, seed);
    for (int layout = 0; layout < 4; ++layout) {
      for (size_t only = 0; only <= inputs.size(); ++only) {  // one input at a time, then all
        Tensors changed = inputs;
        for (size_t i = 0; i < inputs.size(); ++i) {
          if (i == only || only == inputs.size()) {
            if (layout == 3 && inputs[i].numel() == 0) continue;
            changed[i] = relaid(inputs[i], layout);
          }
        }
        const std::string failure = run_and_compare(suite, changed, dtype);
        if (!failure.empty()) return failure;
      }
    }
    return std::string();
  });
}

std::string check_repeatable(const Suite& suite) {
  return for_each_case(suite, suite.dtypes_, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    NoGradGuard no_grad;
    const Tensors inputs = make_inputs(suite, shapes, dtype, seed);
    const int threads = num_threads();
    Tensors runs[3];
    for (int run = 0; run < 3; ++run) {
      set_num_threads(run == 0 ? 1 : run == 1 ? 2 : 3);
      runs[run] = suite.call_(inputs);
    }
    set_num_threads(threads);
    for (int run = 1; run < 3; ++run) {
      for (size_t j = 0; j < runs[0].size(); ++j) {
        if (!same_bits(runs[0][j], runs[run][j])) {
          return absl::StrCat(describe(suite, inputs), ": output ", j, " has other bits with ", run + 1,
                              " threads than with 1");
        }
      }
    }
    return std::string();
  });
}

std::string check_meta(const Suite& suite) {
  return for_each_case(suite, suite.dtypes_, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    NoGradGuard no_grad;
    const Tensors inputs = make_inputs(suite, shapes, dtype, seed);
    Tensors on_meta;
    for (const Tensor& x : inputs) on_meta.push_back(empty(x.spec(), kMeta));
    const Tensors expected = suite.call_(inputs), got = suite.call_(on_meta);
    for (size_t j = 0; j < expected.size(); ++j) {
      if (!(got[j].spec() == expected[j].spec()) || !(got[j].device() == kMeta)) {
        return absl::StrCat(describe(suite, inputs), ": on meta output ", j, " is ", to_string(got[j].spec()),
                            " on ", to_string(got[j].device()), ", on cpu ", to_string(expected[j].spec()));
      }
    }
    return std::string();
  });
}

std::string error_text(const std::function<void(Device)>& fn, Device device) {
  try {
    fn(device);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string check_errors(const Suite& suite) {
  for (const Suite::ErrorCase& error : suite.errors_) {
    const std::string on_cpu = error_text(error.fn, kCpu);
    if (on_cpu.find(error.text) == std::string::npos) {
      return absl::StrCat("expected an error with \"", error.text, "\", got ",
                          on_cpu.empty() ? "none" : "\"" + on_cpu + "\"");
    }
    if (on_cpu.rfind(suite.op + ":", 0) != 0)
      return absl::StrCat("the error does not start with the op: \"", on_cpu, "\"");
    if (!error.needs_values && error_text(error.fn, kMeta) != on_cpu) {
      return absl::StrCat("on meta the error is \"", error_text(error.fn, kMeta), "\", on cpu \"", on_cpu,
                          "\"");
    }
  }
  return "";
}

// Each distinct size above 1 of a sample becomes another size in all its shapes.
std::string check_shape_fuzz(const Suite& suite) {
  const DType dtype = suite.dtypes_.contains(kF32) ? kF32 : (suite.dtypes_.contains(kI64) ? kI64 : kBool);
  return for_each_case(suite, dtype, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    for (uint64_t round = 0; round < 6; ++round) {
      std::map<int64_t, int64_t> sizes;
      Shapes fuzzed = shapes;
      for (Shape& shape : fuzzed) {
        for (int axis = 0; axis < shape.rank(); ++axis) {
          if (shape[axis] <= 1) continue;
          auto [found, added] = sizes.emplace(shape[axis], 0);
          if (added) found->second = 1 + philox(seed, round, sizes.size()).word[0] % 37;
          shape[axis] = found->second;
        }
      }
      const std::string failure =
          run_and_compare(suite, make_inputs(suite, fuzzed, dtype, seed + round), dtype);
      if (!failure.empty()) return failure;
    }
    return std::string();
  });
}

std::string check_special_values(const Suite& suite) {
  if (!suite.special_values_) return "";
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double specials[] = {std::nan(""), kInf, -kInf, 0.0, -0.0, 1e-40, -1e-40, 1.0, -1.0, 3e38, -3e38};
  return for_each_case(
      suite, suite.dtypes_.contains(kF32) ? DTypeSet(kF32) : DTypeSet(),
      [&](const Shapes& shapes, DType dtype, uint64_t seed) {
        Tensors inputs = make_inputs(suite, shapes, dtype, seed);
        for (size_t i = 0; i < inputs.size(); ++i) {
          if (!is_floating(inputs[i].dtype())) continue;
          std::vector<float> values = inputs[i].to_vector<float>();
          for (size_t k = 0; k < values.size(); ++k) {
            values[k] = static_cast<float>(specials[philox(seed, i, k).word[1] % std::size(specials)]);
          }
          inputs[i] = tensor(values, inputs[i].shape());
        }
        return run_and_compare(suite, inputs, dtype);
      });
}

// Inputs for derivative checks: f64, leaves where the domain is differentiable.
Tensors gradient_inputs(const Suite& suite, const Shapes& shapes, DType dtype, uint64_t seed) {
  Tensors inputs = make_inputs(suite, shapes, dtype, seed);
  const std::vector<Domain> domains = domains_of(suite, shapes.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (takes_dtype(domains[i]) && domains[i].differentiable) inputs[i].set_requires_grad(true);
  }
  return inputs;
}

bool small(const Shapes& shapes, int64_t limit) {
  int64_t total = 0;
  for (const Shape& shape : shapes) total += numel(shape);
  return total <= limit;
}

std::string check_gradient(const Suite& suite) {
  if (!suite.dtypes_.contains(kF64)) return "";
  return for_each_case(suite, kF64, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    if (!small(shapes, 20000)) return std::string();
    const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
    const absl::Status status = gradcheck(suite.call_, inputs);
    return status.ok()
               ? std::string()
               : absl::StrCat(describe(suite, inputs), ": gradcheck: ", std::string(status.message()));
  });
}

std::string check_second_gradient(const Suite& suite) {
  if (!suite.dtypes_.contains(kF64)) return "";
  return for_each_case(suite, kF64, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    if (!small(shapes, 4000)) return std::string();
    const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
    GradcheckOptions options;
    options.atol = 1e-5;
    options.rtol = 1e-4;
    const absl::Status status = gradgradcheck(suite.call_, inputs, options);
    return status.ok()
               ? std::string()
               : absl::StrCat(describe(suite, inputs), ": gradgradcheck: ", std::string(status.message()));
  });
}

// Gradients of <w, outputs> in any mode; w is the same for equal shapes.
Tensors gradients(const Suite& suite, const Tensors& inputs, bool create_graph) {
  GradModeGuard recording(true);
  Tensors outputs, weights, variables;
  for (const Tensor& y : suite.call_(inputs)) {
    if (!y.requires_grad()) continue;
    outputs.push_back(y);
    std::vector<double> w(static_cast<size_t>(y.numel()));
    for (size_t k = 0; k < w.size(); ++k) w[k] = philox_uniform(philox(5, outputs.size(), k).word[0]) - 0.5;
    weights.push_back(to_device(cast(tensor(w, y.shape()), y.dtype()), y.device()));
  }
  for (const Tensor& x : inputs) {
    if (x.requires_grad()) variables.push_back(x);
  }
  if (outputs.empty() || variables.empty()) return {};
  GradOptions options;
  options.grad_outputs = weights;
  options.create_graph = create_graph;
  options.allow_unused = true;
  return grad(outputs, variables, options);
}

std::string compare_gradients(const Tensors& got, const Tensors& expected, double tolerance,
                              const char* what) {
  if (got.size() != expected.size()) return absl::StrCat(what, ": another number of gradients");
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i].defined() != expected[i].defined())
      return absl::StrCat(what, ": gradient ", i, " is missing on one side");
    if (!got[i].defined()) continue;
    Ref ref;
    ref.shape = expected[i].shape();
    ref.v = expected[i].to_vector<double>();
    const std::string difference = compare({got[i]}, {ref}, tolerance);
    if (!difference.empty()) return absl::StrCat(what, ", gradient ", i, ": ", difference);
  }
  return "";
}

// The fused backward (saved statistics) against the differentiated composed form; equal for primitives.
std::string check_fused_equals_composed(const Suite& suite) {
  return for_each_case(suite, suite.dtypes_.contains(kF64) ? DTypeSet(kF64) : DTypeSet(),
                       [&](const Shapes& shapes, DType dtype, uint64_t seed) {
                         const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
                         return compare_gradients(gradients(suite, inputs, false),
                                                  gradients(suite, inputs, true), 1e-9,
                                                  "fused against composed");
                       });
}

// First-order gradients in f32, bf16 and f16 against f64 on the same (rounded) inputs.
std::string check_gradient_dtypes(const Suite& suite) {
  if (!suite.dtypes_.contains(kF64)) return "";
  return for_each_case(suite, suite.dtypes_, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    if (!is_floating(dtype) || dtype == kF64) return std::string();
    const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
    Tensors wide;
    for (const Tensor& x : inputs) {
      Tensor w = x.dtype() == dtype ? cast(x.detach(), kF64) : x;
      if (x.requires_grad()) w.set_requires_grad(true);
      wide.push_back(w);
    }
    const std::string failure =
        compare_gradients(gradients(suite, inputs, false), gradients(suite, wide, false),
                          4 * tolerance_of(suite, dtype), name(dtype));
    return failure.empty() ? failure : absl::StrCat(describe(suite, inputs), ": ", failure);
  });
}

// Overwriting a saved input must either be noticed or not matter.
std::string check_saved_versions(const Suite& suite) {
  return for_each_case(suite, suite.dtypes_.contains(kF64) ? DTypeSet(kF64) : DTypeSet(),
                       [&](const Shapes& shapes, DType dtype, uint64_t seed) {
                         const Tensors expected =
                             gradients(suite, gradient_inputs(suite, shapes, dtype, seed), false);
                         for (size_t changed = 0; changed < shapes.size(); ++changed) {
                           const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
                           if (!is_floating(inputs[changed].dtype())) continue;
                           Tensors outputs, weights, variables, got;
                           Suite overwriting = suite;
                           overwriting.call_ = [&](const Tensors& in) {
                             const Tensors result = suite.call_(in);
                             NoGradGuard no_grad;
                             fill_(in[changed], 0.25);
                             return result;
                           };
                           try {
                             got = gradients(overwriting, inputs, false);
                           } catch (const Error& error) {
                             if (std::string(error.what()).find("overwritten") != std::string::npos) continue;
                             return absl::StrCat("after overwriting input ", changed, ": ", error.what());
                           }
                           const std::string failure = compare_gradients(
                               got, expected, 1e-12, "an overwritten input changed a gradient silently");
                           if (!failure.empty()) return failure;
                         }
                         return std::string();
                       });
}

// CPU against another device: values, gradients, and the same bits twice. Small shapes only.
std::string check_device(const Suite& suite, Device device, DTypeSet dtypes, int64_t limit) {
  return for_each_case(suite, dtypes, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    if (!small(shapes, limit)) return std::string();
    const bool differentiable = is_floating(dtype);
    const Tensors inputs = differentiable ? gradient_inputs(suite, shapes, dtype, seed)
                                          : make_inputs(suite, shapes, dtype, seed);
    Tensors there;
    for (const Tensor& x : inputs) {
      Tensor y = to_device(x.detach(), device);
      if (x.requires_grad()) y.set_requires_grad(true);
      there.push_back(y);
    }
    {
      NoGradGuard no_grad;
      const Tensors outputs = suite.call_(there), again = suite.call_(there);
      const std::string difference =
          compare(outputs, suite.reference_(to_refs(inputs)), tolerance_of(suite, dtype));
      if (!difference.empty())
        return absl::StrCat(describe(suite, inputs), " on ", to_string(device), ": ", difference);
      for (size_t j = 0; j < outputs.size(); ++j) {
        if (!same_bits(to_device(outputs[j], kCpu), to_device(again[j], kCpu))) {
          return absl::StrCat(describe(suite, inputs), " on ", to_string(device),
                              ": other bits the second time");
        }
      }
    }
    if (!differentiable) return std::string();
    Tensors there_gradients;
    try {
      there_gradients = gradients(suite, there, false);
    } catch (const Error& error) {  // a device may have the forward kernel alone
      if (std::string(error.what()).find("no kernel") == std::string::npos) throw;
      return std::string();
    }
    const std::string failure = compare_gradients(there_gradients, gradients(suite, inputs, false),
                                                  8 * tolerance_of(suite, dtype), name(dtype));
    return failure.empty() ? failure
                           : absl::StrCat(describe(suite, inputs), " on ", to_string(device), ": ", failure);
  });
}

std::string check_emulated(const Suite& suite) {
  if (device_count(DeviceType::kEmulated) == 0) return "";
  std::string undeclared, other;
  for (int t = 0; t < kDTypeCount; ++t) {  // what is not declared must say that there is no kernel
    const DType dtype = static_cast<DType>(t);
    if (!suite.dtypes_.contains(dtype) || suite.emulated_.contains(dtype) ||
        suite.skips_.count("undeclared_kernel"))
      continue;
    NoGradGuard no_grad;
    Tensors there;
    for (const Tensor& x : make_inputs(suite, suite.samples_[0], dtype, 0))
      there.push_back(to_device(x, kEmulated));
    try {
      suite.call_(there);
    } catch (const Error& error) {
      if (std::string(error.what()).find("no kernel") != std::string::npos) continue;
      absl::StrAppend(&other, name(dtype), " on emulated: ", error.what(), "\n");
      continue;
    }
    absl::StrAppend(&undeclared, undeclared.empty() ? "" : ", ", name(dtype));
  }
  if (!undeclared.empty()) {
    absl::StrAppend(&other,
                    "runs on emulated in dtypes that the entry's .devices() does not name: ", undeclared);
  }
  if (!other.empty()) return other;
  return check_device(suite, kEmulated, suite.emulated_, 6000);
}

std::string check_cuda(const Suite& suite) {
  return check_device(suite, {DeviceType::kCuda, 0}, suite.emulated_, int64_t{1} << 40);
}

std::string check_entry(const Suite& suite) {
  if (!suite.call_ || !suite.reference_) return "the entry needs .call and .reference";
  bool zero = false, odd = false, one = false;
  for (const Shapes& shapes : suite.samples_) {
    for (const Shape& shape : shapes) {
      for (int64_t size : shape) {
        zero |= size == 0;
        one |= size == 1;
        odd |= size > 2 && size % 2 == 1;
      }
    }
  }
  if (!zero && !suite.skips_.count("zero_size")) return "no sample has a zero-size axis";
  if (!odd && !suite.skips_.count("odd_size")) return "no sample has an odd size";
  if (!one && !suite.skips_.count("size_one")) return "no sample has an axis of size 1";
  if (suite.errors_.empty() && !suite.skips_.count("errors")) return "no documented error is checked";
  return "";
}

}  // namespace

const std::vector<Check>& all_checks() {
  static const auto* checks = new std::vector<Check>{
      {"entry", "the entry has samples of size 0, 1 and odd size, and an error", check_entry},
      {"forward", "values against the f64 reference in each dtype", check_forward},
      {"layouts", "transposed, strided, offset and broadcast inputs", check_layouts},
      {"repeatable", "the same bits with 1, 2 and 3 threads", check_repeatable},
      {"meta", "the same specs without data", check_meta},
      {"errors", "documented errors, the same text on meta", check_errors},
      {"shape_fuzz", "seeded random sizes", check_shape_fuzz},
      {"special_values", "NaN, infinities, zeros and subnormals", check_special_values},
      {"grad", "first derivatives against differences, twice the same bits", check_gradient},
      {"gradgrad", "second derivatives against differences", check_second_gradient},
      {"fused", "fused backward against the composed form", check_fused_equals_composed},
      {"grad_dtypes", "gradients in f32, bf16 and f16 against f64", check_gradient_dtypes},
      {"saved_versions", "overwritten saved tensors are noticed", check_saved_versions},
      {"emulated", "CUDA kernels on the emulator against the reference", check_emulated},
      {"cuda", "CUDA kernels on a GPU against the reference", check_cuda},
  };
  return *checks;
}

}  // namespace roux::testing
