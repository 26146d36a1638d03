// Values against the entry's f64 reference.
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "tests/ops/cases.h"
#include "tests/ops/checks.h"
#include "tests/ops/compare.h"

namespace roux::testing {
namespace {

// Elements of a case that the emulator takes, a few microseconds each.
constexpr int64_t kOnce = 6000, kManyTimes = 400;

// The largest number of matrices of one shape: blocks of the same kind, whose number changes nothing.
int64_t matrices_of(const Shapes& shapes) {
  int64_t most = 0;
  for (const Shape& shape : shapes) {
    int64_t count = 1;
    for (int axis = 0; axis < shape.rank() - 2; ++axis) count *= shape[axis];
    most = std::max(most, count);
  }
  return most;
}

}  // namespace

std::string check_forward(const Suite& suite, Device device) {
  return for_each_case(
      suite, dtypes_on(suite, device), device, kOnce, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
        return run_and_compare(suite, make_inputs(suite, shapes, dtype, seed), dtype, device);
      });
}

// One input at a time, then all. All at once for 16-bit dtypes, whose vectors have other widths, and for the
// emulator where there are many inputs.
std::string check_layouts(const Suite& suite, Device device) {
  const DTypeSet main = one_dtype(suite, device);
  return for_each_case(suite, main | (dtypes_on(suite, device).contains(kBF16) ? DTypeSet(kBF16) : main),
                       device, kManyTimes, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
                         NoGradGuard no_grad;
                         const Tensors inputs = make_inputs(suite, shapes, dtype, seed);
                         const bool many = device == kEmulated && inputs.size() > 2;
                         for (int layout = 0; layout < kLayouts; ++layout) {
                           for (size_t only = main.contains(dtype) && !many ? 0 : inputs.size();
                                only <= inputs.size(); ++only) {
                             if (inputs.size() == 1 && only == 1 && main.contains(dtype))
                               continue;  // the same as only == 0
                             Tensors changed = inputs;
                             for (size_t i = 0; i < inputs.size(); ++i) {
                               if (i == only || only == inputs.size()) changed[i] = relaid(inputs[i], layout);
                             }
                             const std::string failure = run_and_compare(suite, changed, dtype, device);
                             if (!failure.empty()) return failure;
                           }
                         }
                         return std::string();
                       });
}

std::string check_repeatable(const Suite& suite, Device device) {
  return for_each_case(suite, device == kEmulated ? one_dtype(suite, device) : dtypes_on(suite, device),
                       device, kOnce, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
                         NoGradGuard no_grad;
                         const Tensors inputs = make_inputs(suite, shapes, dtype, seed),
                                       there = moved_to(inputs, device);
                         const int threads = num_threads();
                         Tensors runs[3];
                         for (int run = 0; run < (device == kCpu ? 3 : 2); ++run) {
                           set_num_threads(run + 1);
                           runs[run] = suite.call_(there);
                         }
                         set_num_threads(threads);
                         for (int run = 1; run < (device == kCpu ? 3 : 2); ++run) {
                           for (size_t j = 0; j < runs[0].size(); ++j) {
                             if (!same_bits(runs[0][j], runs[run][j])) {
                               return absl::StrCat(describe(suite, inputs), ": output ", j,
                                                   " has other bits with ", run + 1, " threads than with 1");
                             }
                           }
                         }
                         return std::string();
                       });
}

std::string check_shape_fuzz(const Suite& suite, Device device) {
  const bool here = device == kCpu;
  return for_each_case(suite, one_dtype(suite, device), device, here ? 0 : kOnce,
                       [&](const Shapes& shapes, DType dtype, uint64_t seed) {
                         for (uint64_t round = 0; round < (device == kEmulated ? 2 : 6); ++round) {
                           const uint64_t most = device == kEmulated ? 7 : 37;
                           const Shapes fuzzed = resized(shapes, [&](size_t role) {
                             return int64_t{1} + philox(seed, round, role + 1).word[0] % most;
                           });
                           const std::string failure = run_and_compare(
                               suite, make_inputs(suite, fuzzed, dtype, seed + round), dtype, device);
                           if (!failure.empty()) return failure;
                         }
                         return std::string();
                       });
}

// One role at a time is long (the others 1 to 3): t - 1, t, t + 1 and 2 t + 1 for the lengths t at which
// kernels change their way (lanes, tiles, blocks, rows for a whole block), and lengths drawn up to 20,000.
std::string check_thresholds(const Suite& suite, Device device) {
  if (suite.skips_.count("shape_fuzz")) return "";
  const DType dtype = one_dtype(suite, device).contains(kF32) ? kF32 : kBF16;
  if (!dtypes_on(suite, device).contains(dtype)) return "";
  const Shapes& shapes = suite.samples_[0];
  size_t roles = 0;
  resized(
      shapes, [](size_t) { return 1; }, &roles);
  // The emulator is slow: the team per row changes at 1024, a block has 256 threads, a warp 32.
  const bool emulated = device == kEmulated;
  std::vector<int64_t> lengths;
  for (int64_t t : {16, 32, 64, 128, 256, 512, 1024}) {
    if (emulated && t != 32 && t != 256 && t != 1024) continue;
    for (int64_t length : {t - 1, t, t + 1, 2 * t + 1}) {
      if (!emulated || length == t + 1 || length == 65) lengths.push_back(length);
    }
  }
  for (uint64_t i = 0; !emulated && i < 2; ++i) {
    lengths.push_back(1100 + philox(7, i, shapes.size()).word[0] % 18901);
  }
  for (size_t role = 0; role < roles; ++role) {
    for (int64_t length : lengths) {
      if (length > suite.longest_) continue;
      const uint64_t seed = static_cast<uint64_t>(length) + role;
      const Shapes changed = resized(shapes, [&](size_t which) {
        return which == role ? length : int64_t{1} + philox(seed, which, 3).word[0] % (emulated ? 2 : 3);
      });
      const int64_t size = total_size(changed);  // one size may have two roles and come in twice
      if (size > 200000) continue;
      if (emulated && (size > 3000 || rows_of(changed) > 300 || matrices_of(changed) > 100)) continue;
      std::string failure;
      try {
        failure = run_and_compare(suite, make_inputs(suite, changed, dtype, seed), dtype, device);
      } catch (const Error& error) {  // a kernel may say how much it takes
        if (std::string(error.what()).find("for the CUDA kernel") == std::string::npos) throw;
      }
      if (!failure.empty()) return failure;
    }
  }
  return "";
}

std::string check_special_values(const Suite& suite, Device device) {
  if (!suite.special_values_) return "";
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double specials[] = {std::nan(""), kInf, -kInf, 0.0, -0.0, 1e-40, -1e-40, 1.0, -1.0, 3e38, -3e38};
  return for_each_case(suite, kF32, device, kOnce, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    Tensors inputs = make_inputs(suite, shapes, dtype, seed);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!is_floating(inputs[i].dtype())) continue;
      std::vector<float> values = inputs[i].to_vector<float>();
      for (size_t k = 0; k < values.size(); ++k) {
        values[k] = static_cast<float>(specials[philox(seed, i, k).word[1] % std::size(specials)]);
      }
      inputs[i] = tensor(values, inputs[i].shape());
    }
    return run_and_compare(suite, inputs, dtype, device);
  });
}

}  // namespace roux::testing
