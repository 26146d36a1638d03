// How sums are accumulated and results rounded: faults that random values of moderate size hide behind the
// tolerance of their dtype.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/ops/cases.h"
#include "tests/ops/checks.h"
#include "tests/ops/compare.h"

namespace roux::testing {
namespace {

constexpr DTypeSet k16Bit = kBF16 | kF16;

// 256 times 256, then halves, then 256 times -256: the sum (127.5) is that of the halves, which an
// accumulator of fewer than 18 bits loses, and f16 overflows on the way.
double cancelling(int64_t i) { return i < 256 ? 256 : i < 511 ? 0.5 : -256; }
constexpr int64_t kCancellingLength = 256 + 255 + 256;

int64_t position(const Shape& shape, int axis, int64_t element) {
  int64_t inner = 1;
  for (int i = shape.rank() - 1; i > axis; --i) inner *= shape[i];
  return element / inner % shape[axis];
}

int axis_of(const Shape& shape, int axis) { return axis < 0 ? axis + shape.rank() : axis; }

// value(position along the axis, number of the element).
Tensor filled(const Shape& shape, int axis, DType dtype,
              const std::function<double(int64_t, int64_t)>& value) {
  std::vector<double> values(static_cast<size_t>(numel(shape)));
  for (size_t k = 0; k < values.size(); ++k) {
    const int64_t at = static_cast<int64_t>(k);
    values[k] = value(shape.rank() == 0 ? 0 : position(shape, axis_of(shape, axis), at), at);
  }
  return cast(tensor(values, shape), dtype);
}

// Widens the axis that is summed over to the length of the pattern, in all shapes that share its size.
Shapes widened(const Suite& suite, const Suite::Sum& sum) {
  Shapes shapes = suite.samples_[0];
  const Shape& summed = shapes[static_cast<size_t>(sum.input)];
  const int64_t old = summed[axis_of(summed, sum.axis)];
  for (Shape& shape : shapes) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] == old) shape[axis] = kCancellingLength;
    }
  }
  return shapes;
}

// The sum in the forward pass: the pattern, then ones (a count that 8 bits can't hold).
std::string sums_forward(const Suite& suite, const Suite::Sum& sum, DType dtype, Device device) {
  const Shapes shapes = widened(suite, sum);
  const std::vector<Domain> domains = domains_of(suite, shapes.size());
  for (bool ones : {false, true}) {
    Tensors inputs = make_inputs(suite, shapes, dtype, 1);
    for (size_t i = 0; i < shapes.size(); ++i) {
      if (domains[i].kind != Domain::kUniform) continue;
      const bool is_summed = static_cast<int>(i) == sum.input, pattern = is_summed && !ones;
      inputs[i] = filled(shapes[i], is_summed ? sum.axis : -1, dtype,  // others may have fewer axes
                         [&](int64_t at, int64_t) { return pattern ? cancelling(at) : 1.0; });
    }
    NoGradGuard no_grad;
    const std::string failure = compare_ulps(suite.call_(moved_to(inputs, device)),
                                             suite.reference_(to_refs(inputs)), sum.ulps, 1e-5);
    if (!failure.empty())
      return absl::StrCat(describe(suite, inputs), ones ? " of ones: " : " of 256, 0.5 and -256: ", failure);
  }
  return "";
}

// A sum in the backward pass: the pattern comes from above, along an axis of the output; indices are all 0,
// so that all rows meet. Other inputs are 1 and -1 in turn, so that norms see no constant rows.
std::string sums_backward(const Suite& suite, const Suite::Sum& sum, DType dtype, Device device) {
  const Shapes shapes = widened(suite, sum);
  const std::vector<Domain> domains = domains_of(suite, shapes.size());
  Tensors inputs = make_inputs(suite, shapes, dtype, 1);
  for (size_t i = 0; i < shapes.size(); ++i) {
    const bool index = domains[i].kind == Domain::kIndexInto;
    if (!index && domains[i].kind != Domain::kUniform) continue;
    inputs[i] = filled(shapes[i], -1, index ? domains[i].integer_dtype : dtype, [&](int64_t at, int64_t) {
      return index ? 0.0 : at % 2 ? -1.0 : 1.0;
    });
  }
  const auto weight = [&](const Tensor& y, size_t) {
    return to_device(
        filled(y.shape(), sum.output_axis, y.dtype(), [](int64_t at, int64_t) { return cancelling(at); }),
        y.device());
  };
  const Tensors expected = gradients(suite, wide(suite, inputs, dtype), false, weight).gradients;
  const Tensors got =
      gradients(suite, moved_to(require_grad(suite, inputs), device), false, weight).gradients;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!got[i].defined()) continue;
    // Beside the sum itself gradients of the other inputs have a rounding or two more.
    const std::string failure = compare_ulps({got[i]}, to_refs({expected[i]}), sum.ulps + 2, 1e-4);
    if (!failure.empty())
      return absl::StrCat(describe(suite, inputs), ", 256, 0.5 and -256 from above: gradient ", i, ": ",
                          failure);
  }
  return "";
}

}  // namespace

std::string check_accumulates(const Suite& suite, Device device) {
  for (const Suite::Sum& sum : suite.sums_) {
    for (DType dtype : {kBF16, kF16}) {
      if (!dtypes_on(suite, device).contains(dtype)) continue;
      std::string failure;
      try {
        failure =
            sum.backward ? sums_backward(suite, sum, dtype, device) : sums_forward(suite, sum, dtype, device);
      } catch (const Error& error) {
        if (std::string(error.what()).find("no kernel") == std::string::npos) failure = error.what();
      }
      if (!failure.empty()) return absl::StrCat(failure, " (on ", to_string(device), ")");
    }
  }
  return "";
}

std::string check_rounds_once(const Suite& suite, Device device) {
  if (!suite.rounds_once_) return "";
  return for_each_case(suite, k16Bit, device, 6000, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    NoGradGuard no_grad;
    const Tensors inputs = make_inputs(suite, shapes, dtype, seed);
    const std::string failure = compare_ulps(suite.call_(moved_to(inputs, device)),
                                             suite.reference_(to_refs(inputs)), 0.501, suite.f32_slack_);
    return failure.empty() ? failure : absl::StrCat(describe(suite, inputs), ": ", failure);
  });
}

// Inputs are on a grid of 1/8, which f32 still has at 1e6; narrower dtypes round them, and the reference
// takes what they hold.
std::string check_shift_invariant(const Suite& suite, Device device) {
  if (suite.shifted_input_ < 0) return "";
  const size_t shifted = static_cast<size_t>(suite.shifted_input_);
  return for_each_case(suite, kFloating, device, 6000, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    for (double offset : {1e4, -1e4, 1e6, -1e6}) {
      if (dtype == kF16 && std::fabs(offset) > 65000) continue;
      Tensors inputs = make_inputs(suite, shapes, dtype, seed);
      std::vector<double> values = inputs[shifted].to_vector<double>();
      for (double& value : values) value = std::round(8 * value) / 8 + offset;
      inputs[shifted] = cast(tensor(values, shapes[shifted]), dtype);
      std::string failure = run_and_compare(suite, inputs, dtype, device);
      if (!failure.empty()) return absl::StrCat(failure, " at an offset of ", offset);
      const Tensors there = moved_to(require_grad(suite, inputs), device);
      try {
        failure = compare_gradients(gradients(suite, there).gradients,
                                    gradients(suite, wide(suite, inputs, dtype)).gradients,
                                    8 * std::max(tolerance_of(suite, dtype), 1e-6) + ulp(1, dtype),
                                    absl::StrCat("at an offset of ", offset));
      } catch (const Error& error) {
        if (std::string(error.what()).find("no kernel") == std::string::npos) throw;
      }
      if (!failure.empty()) return absl::StrCat(describe(suite, inputs), ": ", failure);
    }
    return std::string();
  });
}

}  // namespace roux::testing
