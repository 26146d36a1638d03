#include "tests/golden/op_compare.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roux::golden {
namespace {

struct Format {
  int precision, low;  // bits of the significand, exponent of the smallest normal number
};
Format format_of(DType dtype) {
  switch (dtype) {
    case kF64:
      return {53, -1022};
    case kBF16:
      return {8, -126};
    case kF16:
      return {11, -14};
    default:
      return {24, -126};
  }
}

// The distance to the next number of that dtype.
double ulp(double value, DType dtype) {
  const Format format = format_of(dtype);
  const int exponent = value == 0 ? format.low : std::max(std::ilogb(value), format.low);
  return std::ldexp(1.0, exponent - (format.precision - 1));
}

Dims index_of(int64_t element, const Shape& shape) {
  Dims index = Dims::filled(shape.rank(), 0);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return index;
}

}  // namespace

double largest_finite(const CaseValues& values) {
  double largest = 0;
  for (const long double v : values.v) {
    if (std::isfinite(v)) largest = std::max(largest, static_cast<double>(std::fabs(v)));
  }
  return largest;
}

Tolerance tolerance(Exactness exactness, Stage stage, DType dtype, double largest_input, bool narrow_terms) {
  if (!is_floating(dtype)) return {};
  const bool narrow = size_of(dtype) == 2;
  const double accumulated = dtype == kF64 ? 0x1p-52 : 0x1p-23;
  if (narrow && (stage != Stage::kForward || (narrow_terms && exactness == Exactness::kSummed))) {
    return {.ulps = 2, .scaled = dtype == kBF16 ? 0x1p-7 : 0x1p-10, .least = 0.5};
  }
  const double ulps = narrow ? 1 : 4;
  Tolerance allowed;
  switch (exactness) {
    case Exactness::kExact:
      break;
    case Exactness::kRounded:
      allowed.ulps = ulps;
      break;
    case Exactness::kSummed:
      allowed = {.ulps = ulps, .scaled = 8 * accumulated};
      break;
    case Exactness::kCentred:
      allowed = {.ulps = ulps, .scaled = (8 + 2 * largest_input) * accumulated};
      break;
    case Exactness::kSolved:
      allowed = {.ulps = ulps, .scaled = 256 * accumulated};
      break;
    case Exactness::kDrawn:
      allowed = {.ulps = ulps, .scaled = 8 * 0x1p-23};
      break;
  }
  if (stage == Stage::kGradient) return {.ulps = 8, .scaled = std::max(allowed.scaled, 16 * accumulated)};
  if (stage == Stage::kSecond) return {.ulps = 16, .scaled = std::max(4 * allowed.scaled, 64 * accumulated)};
  return allowed;
}

std::string compare(const CaseValues& got, const CaseValues& expected, const Tolerance& tolerance) {
  if (got.dtype != expected.dtype) {
    return absl::StrCat("dtype is ", name(got.dtype), ", expected ", name(expected.dtype));
  }
  if (!(got.shape == expected.shape)) {
    return absl::StrCat("shape is ", to_string(got.shape), ", expected ", to_string(expected.shape));
  }
  const bool exact = tolerance.ulps == 0 && tolerance.scaled == 0;
  const double scaled = tolerance.scaled * std::max(largest_finite(expected), tolerance.least);
  // Kernels compute bf16 in f32 and may flush what is no normal number there.
  const double flushed = exact || expected.dtype == kF64 ? 0 : std::ldexp(1.0, format_of(kF32).low);
  for (size_t i = 0; i < expected.v.size(); ++i) {
    const long double y = got.v[i], r = expected.v[i];
    double allowed = 0;
    bool same = y == r && (!exact || std::signbit(y) == std::signbit(r));
    if (std::isnan(r)) {
      same = std::isnan(y);
    } else if (std::isfinite(r) && !exact) {
      allowed = tolerance.ulps * ulp(static_cast<double>(r), expected.dtype) + scaled + flushed;
      same = std::fabs(y - r) <= allowed;  // not for NaN
    }
    if (!same) {
      return absl::StrFormat("element %s is %.17Lg, expected %.17Lg (allowed %.3g)",
                             to_string(index_of(static_cast<int64_t>(i), expected.shape)), y, r, allowed);
    }
  }
  return "";
}

}  // namespace roux::golden
