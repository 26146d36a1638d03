// NumPy-like printing of tensors.
#include <algorithm>
#include <cmath>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tensor/tensor.h"

namespace roux {
namespace {

constexpr int64_t kSummarizeAbove = 1000, kEdge = 3;

class Printer {
 public:
  explicit Printer(const Tensor& x) : x_(x), summarize_(x.numel() > kSummarizeAbove) {
    if (is_floating(x.dtype())) {
      values_ = x.to_vector<double>();
      choose_format();
    } else {
      integers_ = x.to_vector<int64_t>();  // not through double: all 64 bits count
    }
    std::string ignored;
    walk(0, 0, 0, &ignored, /*measure=*/true);
  }
  std::string print() {
    std::string out;
    walk(0, 0, 0, &out, /*measure=*/false);
    return out;
  }

 private:
  void choose_format() {
    double largest = 0, smallest = 1e300;
    for (double v : values_) {
      if (!std::isfinite(v) || v == 0) continue;
      largest = std::max(largest, std::fabs(v));
      smallest = std::min(smallest, std::fabs(v));
    }
    scientific_ = largest >= 1e6 || (largest > 0 && (smallest < 1e-4 || largest / smallest > 1e5));
  }

  std::string element(size_t i) const {
    if (x_.dtype() == kBool) return integers_[i] != 0 ? "true" : "false";
    if (!is_floating(x_.dtype())) return absl::StrCat(integers_[i]);
    const double v = values_[i];
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
    return scientific_ ? absl::StrFormat("%.4e", v) : absl::StrFormat("%.4f", v);
  }

  void walk(int axis, int64_t offset, int indent, std::string* out, bool measure) {
    if (axis == x_.dim()) {
      const std::string text = element(static_cast<size_t>(offset));
      if (measure)
        width_ = std::max(width_, text.size());
      else
        absl::StrAppend(out, std::string(width_ - text.size(), ' '), text);
      return;
    }
    const int64_t size = x_.shape()[axis];
    int64_t inner = 1;
    for (int i = axis + 1; i < x_.dim(); ++i) inner *= x_.shape()[i];
    const bool last = axis == x_.dim() - 1;
    const std::string separator = last ? ", " : ",\n" + std::string(static_cast<size_t>(indent) + 1, ' ');
    absl::StrAppend(out, "[");
    for (int64_t i = 0; i < size; ++i) {
      if (i > 0) absl::StrAppend(out, separator);
      if (summarize_ && size > 2 * kEdge && i == kEdge) {
        absl::StrAppend(out, "...");
        i = size - kEdge - 1;
        continue;
      }
      walk(axis + 1, offset + i * inner, indent + 1, out, measure);
    }
    absl::StrAppend(out, "]");
  }

  const Tensor& x_;
  std::vector<double> values_;     // of a floating tensor
  std::vector<int64_t> integers_;  // of another
  bool summarize_, scientific_ = false;
  size_t width_ = 0;
};

}  // namespace

std::string to_string(const Tensor& x) {
  if (!x.defined()) return "undefined tensor";
  std::string out;
  if (x.device().type == DeviceType::kMeta)
    out = absl::StrCat("<", to_string(x.spec()), " without values>");
  else if (is_block(x.dtype()))
    return absl::StrCat("<", to_string(x.spec()), ": blocks of ", values_per_element(x.dtype()), " values>");
  else
    out = x.numel() == 0 ? "[]" : Printer(x).print();
  if (x.numel() == 0)
    absl::StrAppend(&out, " ", to_string(x.spec()));
  else if (x.dtype() != kF32)
    absl::StrAppend(&out, " ", name(x.dtype()));
  if (!(x.device() == kCpu)) absl::StrAppend(&out, " ", to_string(x.device()));
  return out;
}

std::ostream& operator<<(std::ostream& out, const Tensor& x) { return out << to_string(x); }

}  // namespace roux
