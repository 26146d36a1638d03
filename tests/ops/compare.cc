#include "tests/ops/compare.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/view.h"

namespace roux::testing {
namespace {

// Significant bits, the smallest normal exponent and the first value that rounds to infinity.
struct Format {
  int bits, smallest;
  double limit;
};
Format format_of(DType dtype) {
  switch (dtype) {
    case kBF16:
      return {8, -126, 0x1.ffp127};
    case kF16:
      return {11, -14, 65520};
    case kF32:
      return {24, -126, 0x1.ffffffp127};
    default:
      return {53, -1022, std::numeric_limits<double>::infinity()};
  }
}

std::string compare_within(const Tensors& outputs, const Refs& refs,
                           const std::function<double(double r, DType dtype)>& allowed) {
  if (outputs.size() != refs.size())
    return absl::StrCat(outputs.size(), " outputs, the reference has ", refs.size());
  for (size_t j = 0; j < outputs.size(); ++j) {
    const DType dtype = outputs[j].dtype();
    if (!(outputs[j].shape() == refs[j].shape)) {
      return absl::StrCat("output ", j, " is ", to_string(outputs[j].spec()), ", the reference ",
                          to_string(refs[j].shape));
    }
    const std::vector<double> values = outputs[j].to_vector<double>();
    for (size_t k = 0; k < values.size(); ++k) {
      const double y = values[k];
      double r = refs[j].v[k];
      if (is_floating(dtype) && std::fabs(r) >= format_of(dtype).limit) r = std::copysign(INFINITY, r);
      const bool exact = std::isnan(r) || std::isnan(y) || std::isinf(r) || std::isinf(y);
      const bool same =
          exact ? y == r || (std::isnan(r) && std::isnan(y)) : std::fabs(y - r) <= allowed(r, dtype);
      if (!same) return absl::StrCat("output ", j, " element ", k, " is ", y, ", the reference ", r);
    }
  }
  return "";
}

}  // namespace

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

double ulp(double r, DType dtype) {
  const Format format = format_of(dtype);
  const int exponent = r == 0 ? format.smallest : std::max(std::ilogb(r), format.smallest);
  return std::ldexp(1, exponent - format.bits + 1);
}

std::string compare(const Tensors& outputs, const Refs& refs, double tolerance) {
  return compare_within(outputs, refs, [&](double r, DType) { return tolerance * (1 + std::fabs(r)); });
}

std::string compare_ulps(const Tensors& outputs, const Refs& refs, double ulps, double slack) {
  return compare_within(outputs, refs, [&](double r, DType dtype) {
    return ulps * ulp(r, dtype) + slack * (1 + std::fabs(r));
  });
}

std::string compare_gradients(const Tensors& got, const Tensors& expected, double tolerance,
                              const std::string& what) {
  if (got.size() != expected.size()) return absl::StrCat(what, ": another number of gradients");
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i].defined() != expected[i].defined())
      return absl::StrCat(what, ": gradient ", i, " is missing on one side");
    if (!got[i].defined()) continue;
    const std::string difference = compare({got[i]}, to_refs({expected[i]}), tolerance);
    if (!difference.empty()) return absl::StrCat(what, ", gradient ", i, ": ", difference);
  }
  return "";
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = to_device(a, kCpu).contiguous(), y = to_device(b, kCpu).contiguous();
  return x.spec() == y.spec() && (x.numel() == 0 || std::memcmp(x.raw_data(), y.raw_data(), x.bytes()) == 0);
}

double tolerance_of(const Suite& suite, DType dtype) {
  const auto found = suite.tolerances_.find(dtype);
  return found == suite.tolerances_.end() ? 0 : found->second;
}

}  // namespace roux::testing
