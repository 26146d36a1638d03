// Derivatives: against differences, between dtypes, devices and layouts; and what backward must leave alone.
#include "absl/strings/str_cat.h"
#include "autograd/autograd.h"
#include "autograd/gradcheck.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"
#include "tests/ops/cases.h"
#include "tests/ops/checks.h"
#include "tests/ops/compare.h"

namespace roux::testing {
namespace {

// Elements of a case that the emulator takes, a few microseconds each.
constexpr int64_t kOnce = 6000, kManyTimes = 400;

Tensor copy_of(const Tensor& x) {
  Tensor y = empty(x.spec(), x.device());
  copy_(y, x.detach());
  return y;
}

}  // namespace

std::string check_gradient(const Suite& suite, Device) {
  return for_each_case(suite, kF64, kCpu, 0, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    if (total_size(shapes) > 20000) return std::string();
    const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
    const absl::Status status = gradcheck(suite.call_, inputs);
    return status.ok()
               ? std::string()
               : absl::StrCat(describe(suite, inputs), ": gradcheck: ", std::string(status.message()));
  });
}

std::string check_second_gradient(const Suite& suite, Device) {
  return for_each_case(suite, kF64, kCpu, 0, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    if (total_size(shapes) > 4000) return std::string();
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

// The fused backward (saved statistics) against the differentiated composed form; equal for primitives.
std::string check_fused_equals_composed(const Suite& suite, Device) {
  return for_each_case(suite, kF64, kCpu, 0, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
    return compare_gradients(gradients(suite, inputs, false).gradients,
                             gradients(suite, inputs, true).gradients, 1e-9, "fused against composed");
  });
}

std::string check_gradient_values(const Suite& suite, Device device) {
  return for_each_case(
      suite, kFloating, device, kOnce, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
        if (device == kCpu && (dtype == kF64 || !suite.dtypes_.contains(kF64))) return std::string();
        const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
        Tensors wide;
        for (const Tensor& x : inputs)
          wide.push_back(x.dtype() == dtype && suite.dtypes_.contains(kF64) ? cast(x.detach(), kF64) : x);
        wide = require_grad(suite, wide);
        const std::string failure = where_kernels_are([&] {
          return compare_gradients(gradients(suite, moved_to(inputs, device)).gradients,
                                   gradients(suite, wide).gradients,
                                   (device == kCpu ? 4 : 8) * tolerance_of(suite, dtype), name(dtype));
        });
        return failure.empty() ? failure : absl::StrCat(describe(suite, inputs), ": ", failure);
      });
}

// Inputs and gradients from above in another layout, against contiguous ones of the same values on the CPU.
std::string check_gradient_layouts(const Suite& suite, Device device) {
  if (suite.skips_.count("layouts")) return "";
  const DTypeSet available = dtypes_on(suite, device);
  const DType dtype = available.contains(kF32) ? kF32 : kBF16;
  return for_each_case(suite, dtype, device, kManyTimes, [&](const Shapes& shapes, DType, uint64_t seed) {
    if (total_size(shapes) > 20000) return std::string();
    for (int layout = 0; layout < kLayouts; ++layout) {
      Tensors changed, plain;
      for (const Tensor& x : make_inputs(suite, shapes, dtype, seed)) {
        changed.push_back(relaid(x, layout));
        plain.push_back(copy_of(changed.back()));
      }
      changed = require_grad(suite, changed);
      const Gradients expected = gradients(
          suite, require_grad(suite, plain), false,
          [&](const Tensor& y, size_t number) { return copy_of(relaid(drawn_like(y, number), layout)); });
      const std::string failure = where_kernels_are([&] {
        const Gradients got =
            gradients(suite, moved_to(changed, device), false, [&](const Tensor& y, size_t number) {
              const Tensor& weight = expected.weights[number - 1];
              return moved_to(relaid(weight, layout), y.device());
            });
        return compare_gradients(got.gradients, expected.gradients, 16 * tolerance_of(suite, dtype),
                                 absl::StrCat("layout ", layout));
      });
      if (!failure.empty()) return absl::StrCat(describe(suite, changed), ": ", failure);
    }
    return std::string();
  });
}

// Overwriting a saved input must either be noticed or not matter.
std::string check_saved_versions(const Suite& suite, Device) {
  return for_each_case(suite, kF64, kCpu, 0, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    const Tensors expected = gradients(suite, gradient_inputs(suite, shapes, dtype, seed)).gradients;
    for (size_t changed = 0; changed < shapes.size(); ++changed) {
      const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
      if (!is_floating(inputs[changed].dtype())) continue;
      Suite overwriting = suite;
      overwriting.call_ = [&](const Tensors& in) {
        const Tensors result = suite.call_(in);
        NoGradGuard no_grad;
        fill_(in[changed], 0.25);
        return result;
      };
      Tensors got;
      try {
        got = gradients(overwriting, inputs).gradients;
      } catch (const Error& error) {
        if (std::string(error.what()).find("overwritten") != std::string::npos) continue;
        return absl::StrCat("after overwriting input ", changed, ": ", error.what());
      }
      const std::string failure =
          compare_gradients(got, expected, 1e-12, "an overwritten input changed a gradient silently");
      if (!failure.empty()) return failure;
    }
    return std::string();
  });
}

// The bits of inputs, outputs and what came from above, before and after two backward passes, the second one
// recorded.
std::string check_untouched(const Suite& suite, Device device) {
  const DTypeSet available = dtypes_on(suite, device);
  const DTypeSet dtypes = available.contains(kF32) ? DTypeSet(kF32) : available;
  return for_each_case(suite, dtypes, device, kOnce, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    const Tensors inputs = moved_to(gradient_inputs(suite, shapes, dtype, seed), device);
    Tensors before;
    for (const Tensor& x : inputs) before.push_back(copy_of(x));
    const std::string failure = where_kernels_are([&] {
      for (bool create_graph : {false, true}) {
        Tensors outputs, weights;
        const Gradients result = gradients(suite, inputs, create_graph, [&](const Tensor& y, size_t number) {
          const Tensor w = drawn_like(y, number);
          outputs.push_back(copy_of(y));
          weights.push_back(copy_of(w));
          return w;
        });
        for (size_t i = 0; i < outputs.size(); ++i) {
          if (!same_bits(result.weights[i].detach(), weights[i]))
            return absl::StrCat("backward wrote into the gradient from above of output ", i);
          if (!same_bits(result.outputs[i].detach(), outputs[i]))
            return absl::StrCat("backward wrote into output ", i);
        }
      }
      return std::string();
    });
    if (!failure.empty()) return absl::StrCat(describe(suite, inputs), ": ", failure);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!same_bits(inputs[i].detach(), before[i]))
        return absl::StrCat(describe(suite, inputs), ": input ", i, " has other bits after backward");
    }
    return std::string();
  });
}

}  // namespace roux::testing
