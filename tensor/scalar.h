// Scalar: a plain number as the argument of an op. An integer is held as int64_t, so that it reaches an i64
// tensor unrounded; everything else as double. Numbers convert implicitly.
//
//   fill_(x, 0.1);
//   Tensor ids = arange(int64_t{1} << 60, (int64_t{1} << 60) + 8, 1, kI64);
#ifndef ROUX_TENSOR_SCALAR_H_
#define ROUX_TENSOR_SCALAR_H_

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <ostream>

#include "tensor/convert.h"
#include "tensor/error.h"

namespace roux {

class Scalar {
 public:
  Scalar(std::floating_point auto value) : floating_(value), is_integer_(false) {}  // NOLINT: implicit
  // Throws Error for an unsigned number beyond int64_t.
  template <std::integral T>
  Scalar(T value) : integer_(static_cast<int64_t>(value)), is_integer_(true) {  // NOLINT: implicit
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(int64_t)) {
      ROUX_CHECK(integer_ >= 0) << "scalar: " << value << " is beyond int64_t";
    }
  }

  bool is_integer() const { return is_integer_; }
  bool is_fraction() const { return !is_integer_ && floating_ != std::floor(floating_); }  // NaN too
  int64_t integer() const { return integer_; }                                             // of an integer

  // As a dtype's C++ type: one rounding to nearest, as convert() does; an integer beyond an integer type's
  // range becomes its nearest limit, as a floating number does.
  template <class T>
  T to() const {
    if (!is_integer_) return convert<T>(floating_);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      constexpr int64_t kLowest = std::numeric_limits<T>::lowest(), kHighest = std::numeric_limits<T>::max();
      return static_cast<T>(std::clamp(integer_, kLowest, kHighest));
    } else {
      return convert<T>(integer_);
    }
  }

  // Exact between two integers; otherwise as double. False beside NaN.
  friend bool operator<=(const Scalar& a, const Scalar& b) {
    return a.is_integer_ && b.is_integer_ ? a.integer_ <= b.integer_ : a.to<double>() <= b.to<double>();
  }
  friend std::ostream& operator<<(std::ostream& out, const Scalar& x) {
    return x.is_integer_ ? out << x.integer_ : out << x.floating_;
  }

 private:
  double floating_ = 0;
  int64_t integer_ = 0;
  bool is_integer_;
};

}  // namespace roux

#endif  // ROUX_TENSOR_SCALAR_H_
