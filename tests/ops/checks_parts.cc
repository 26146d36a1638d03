// Computations in parts: the sizes at which they are cut, set so small that a few elements are cut, and sums
// that come out the same from two calls.
#include <cmath>
#include <memory>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "tensor/tunable.h"
#include "tests/ops/cases.h"
#include "tests/ops/checks.h"
#include "tests/ops/compare.h"

namespace roux::testing {
namespace {

using Tunables = std::vector<const Tunable*>;

std::optional<DType> first_of(DTypeSet dtypes) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (dtypes.contains(static_cast<DType>(i))) return static_cast<DType>(i);
  }
  return std::nullopt;
}

// Outputs and gradients, for bits.
Tensors everything(const Suite& suite, const Tensors& inputs) {
  Tensors all;
  {
    NoGradGuard no_grad;
    all = suite.call_(inputs);
  }
  where_kernels_are([&] {
    for (const Tensor& gradient : gradients(suite, inputs).gradients) {
      if (gradient.defined()) all.push_back(gradient);
    }
    return std::string();
  });
  return all;
}

// With `small` tunables: values against the reference, gradients against `expected`, and the same bits with 1
// and 3 threads.
std::string compare_cut(const Suite& suite, const Tensors& inputs, const Tensors& expected, DType dtype,
                        Device device, const Tunables& small) {
  std::vector<std::unique_ptr<ScopedTunable>> set;
  for (const Tunable* tunable : small)
    set.push_back(std::make_unique<ScopedTunable>(*tunable, tunable->small()));
  std::string failure = run_and_compare(suite, inputs, dtype, device);
  if (!failure.empty()) return failure;
  const Tensors there = moved_to(inputs, device);
  failure = where_kernels_are([&] {
    return compare_gradients(gradients(suite, there).gradients, expected, 8 * tolerance_of(suite, dtype),
                             "against the usual sizes");
  });
  if (!failure.empty() || device != kCpu) return failure;
  const int threads = num_threads();
  set_num_threads(1);
  const Tensors serial = everything(suite, inputs);
  set_num_threads(3);
  const Tensors parallel = everything(suite, inputs);
  set_num_threads(threads);
  for (size_t i = 0; i < serial.size(); ++i) {
    if (!same_bits(serial[i], parallel[i])) return absl::StrCat("result ", i, " has other bits on 3 threads");
  }
  return "";
}

std::string names(const Tunables& tunables) {
  if (tunables.empty()) return "the usual sizes";
  return absl::StrJoin(tunables, ", ", [](std::string* out, const Tunable* tunable) {
    absl::StrAppend(out, tunable->name(), "=", tunable->small());
  });
}

// One case; a failure names the tunables with which alone it fails too.
std::string run_cut(const Suite& suite, const Tensors& inputs, DType dtype, Device device,
                    const Tunables& small) {
  const bool in_f64 = suite.dtypes_.contains(kF64) && is_floating(dtype);
  const Tensors leaves = require_grad(suite, inputs);
  const Tensors expected = gradients(suite, in_f64 ? wide(suite, leaves, dtype) : leaves).gradients;
  const std::string failure = compare_cut(suite, leaves, expected, dtype, device, small);
  if (failure.empty()) return "";
  Tunables alone;
  for (const Tunable* tunable : small) {
    if (!compare_cut(suite, leaves, expected, dtype, device, {tunable}).empty()) alone.push_back(tunable);
  }
  return absl::StrCat(describe(suite, inputs), " with ", names(small), ": ", failure,
                      "; alone it fails with ", alone.empty() ? "none of them" : names(alone));
}

}  // namespace

// t - 1, t, t + 1 and 2 t + 1 for the small values t of what the entry reads: one role at a time, the others
// 1 to 3; then all roles at once, by turns with half of the tunables and transposed inputs.
std::string check_tunables(const Suite& suite, Device device) {
  const std::optional<DType> dtype = first_of(one_dtype(suite, device));
  if (!dtype) return "";
  const bool emulated = device == kEmulated, resizable = !suite.skips_.count("shape_fuzz");
  const Shapes& shapes = suite.samples_[0];
  size_t roles = 0;
  resized(
      shapes, [](size_t) { return 1; }, &roles);
  forget_read_tunables();
  std::string failure;
  uint64_t cases = 0;
  const auto run = [&](const Shapes& changed, bool half = false, bool transposed = false) {
    if (!failure.empty() || total_size(changed) > (emulated ? 400 : 20000)) return;
    if (emulated && rows_of(changed) > 100) return;
    const uint64_t number = cases++;
    Tunables small;
    uint64_t which = 0;
    for (const Tunable* tunable : read_tunables()) {
      if (!half || philox(number, which++, 11).word[0] % 2 == 0) small.push_back(tunable);
    }
    Tensors inputs = make_inputs(suite, changed, *dtype, number);
    if (transposed && !suite.skips_.count("layouts")) {
      for (Tensor& x : inputs) x = relaid(x, 0);
    }
    try {
      failure = run_cut(suite, inputs, *dtype, device, small);
    } catch (const Error& error) {  // a kernel may say how much it takes
      if (std::string(error.what()).find("for the CUDA kernel") == std::string::npos) throw;
    }
  };
  for (const Shapes& sample : suite.samples_) run(sample);  // finds what is read
  if (!resizable || read_tunables().empty()) return failure;
  std::set<int64_t> lengths;
  for (const Tunable* tunable : read_tunables()) {
    const int64_t t = tunable->small();
    for (int64_t length : {t - 1, t, t + 1, 2 * t + 1}) {
      if (length >= 1 && length <= std::min<int64_t>(suite.longest_, 64)) lengths.insert(length);
    }
  }
  const std::vector<int64_t> sorted(lengths.begin(), lengths.end());
  for (size_t role = 0; role < roles && !emulated; ++role) {
    for (int64_t length : sorted) {
      run(resized(shapes, [&](size_t which) {
        return which == role ? length : int64_t{1} + philox(role, which, 12).word[0] % 3;
      }));
    }
  }
  for (uint64_t round = 0; round < (emulated ? 4 : 16); ++round) {
    run(resized(shapes,
                [&](size_t which) { return sorted[philox(round, which, 13).word[0] % sorted.size()]; }),
        round % 2 == 1, round % 4 >= 2);
  }
  return failure;
}

namespace {

// The part [begin, end) of each input along the axes that have the role of `size` in the sample.
Tensors part_of(const Tensors& inputs, const Shapes& sample, int64_t size, int64_t begin, int64_t end) {
  Tensors parts;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor x = inputs[i].detach();
    for (int axis = 0; axis < x.dim(); ++axis) {
      if (sample[i][axis] == size) x = slice(x, axis, begin, end);
    }
    parts.push_back(x);
  }
  return parts;
}

// Where y is first and rest behind each other along an axis or, shapes being equal, their sum: "" or the
// first difference.
std::string compare_parts(const Tensor& y, const Tensor& first, const Tensor& rest, double tolerance) {
  const std::vector<double> whole = y.to_vector<double>(), a = first.to_vector<double>(),
                            b = rest.to_vector<double>();
  int axis = 0;
  while (axis < y.dim() && first.shape()[axis] == y.shape()[axis]) ++axis;
  const bool summed = axis == y.dim();
  int64_t inner = 1;
  for (int i = axis + 1; i < y.dim(); ++i) inner *= y.shape()[i];
  for (size_t k = 0; k < whole.size(); ++k) {
    double expected = summed ? a[k] + b[k] : 0, scale = summed ? std::fabs(a[k]) + std::fabs(b[k]) : 0;
    if (!summed) {
      const int64_t at = static_cast<int64_t>(k), n = y.shape()[axis], cut = first.shape()[axis];
      const int64_t outer = at / inner / n, i = at / inner % n, column = at % inner;
      expected = i < cut ? a[static_cast<size_t>((outer * cut + i) * inner + column)]
                         : b[static_cast<size_t>((outer * (n - cut) + i - cut) * inner + column)];
      scale = std::fabs(expected);
    }
    if (!(std::fabs(whole[k] - expected) <= tolerance * (1 + scale)))
      return absl::StrCat("element ", k, " is ", whole[k], ", from the parts ", expected);
  }
  return "";
}

std::string compare_parts(const Tensors& whole, const Tensors& first, const Tensors& rest, double tolerance,
                          const char* what) {
  for (size_t i = 0; i < whole.size(); ++i) {
    if (!whole[i].defined()) continue;
    const std::string difference = compare_parts(whole[i], first[i], rest[i], tolerance);
    if (!difference.empty()) return absl::StrCat(what, " ", i, ": ", difference);
  }
  return "";
}

std::string cut_in_two(const Suite& suite, const Tensors& inputs, const Shapes& sample, int64_t size,
                       int64_t length, int64_t cut, DType dtype, Device device) {
  const double tolerance = tolerance_of(suite, dtype);
  const Tensors whole = moved_to(require_grad(suite, inputs), device),
                first = moved_to(require_grad(suite, part_of(inputs, sample, size, 0, cut)), device),
                rest = moved_to(require_grad(suite, part_of(inputs, sample, size, cut, length)), device);
  {
    NoGradGuard no_grad;
    const std::string failure =
        compare_parts(suite.call_(whole), suite.call_(first), suite.call_(rest), tolerance, "output");
    if (!failure.empty()) return failure;
  }
  return where_kernels_are([&] {
    const Gradients all = gradients(suite, whole);
    // What comes from above is cut where the output is.
    const auto gradients_of = [&](const Tensors& part, int64_t begin, int64_t end) {
      return gradients(suite, part, false,
                       [&](const Tensor& y, size_t number) {
                         Tensor weight = all.weights[number - 1];
                         for (int axis = 0; axis < y.dim(); ++axis) {
                           if (y.shape()[axis] != weight.shape()[axis])
                             weight = slice(weight, axis, begin, end);
                         }
                         return weight;
                       })
          .gradients;
    };
    return compare_parts(all.gradients, gradients_of(first, 0, cut), gradients_of(rest, cut, length),
                         8 * tolerance, "gradient");
  });
}

}  // namespace

std::string check_additive(const Suite& suite, Device device) {
  const bool emulated = device == kEmulated;
  const Shapes& sample = suite.samples_[0];
  for (const Suite::Axis& summed : suite.additive_) {
    const Shape& shape = sample[static_cast<size_t>(summed.input)];
    const int64_t size = shape[summed.axis < 0 ? summed.axis + shape.rank() : summed.axis];
    for (DType dtype : {kF64, kF32, kBF16, kF16}) {
      if (!dtypes_on(suite, device).contains(dtype)) continue;
      if (emulated && dtype != kF32 && dtype != kBF16) continue;
      for (int64_t length : {2, 67, 261, 1031, 19997}) {
        const bool half = dtype == kBF16 || dtype == kF16;
        if (length > suite.longest_ || (length > 1031 && half) || (emulated && length > 261)) continue;
        Shapes shapes = sample;
        for (Shape& changed : shapes) {
          for (int axis = 0; axis < changed.rank(); ++axis) {
            if (changed[axis] == size) changed[axis] = length;
          }
        }
        const int64_t total = total_size(shapes);
        if (total > 500000 || (emulated && (total > 3000 || (half && length != 261)))) continue;
        const uint64_t seed = static_cast<uint64_t>(length);
        const int64_t cut = 1 + philox(seed, 1, 14).word[0] % static_cast<uint64_t>(length - 1);
        const Tensors inputs = make_inputs(suite, shapes, dtype, seed);
        const std::string failure = cut_in_two(suite, inputs, sample, size, length, cut, dtype, device);
        if (!failure.empty()) {
          return absl::StrCat(describe(suite, inputs), " cut at ", cut, " of the axis of length ", length,
                              ": ", failure, " (on ", to_string(device), ")");
        }
      }
    }
  }
  return "";
}

}  // namespace roux::testing
