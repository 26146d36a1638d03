// CPU kernel of adamw_8bit_: a block's moments are decoded, updated and encoded again in the L1 cache.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tensor/cpu/adamw.h"
#include "tensor/error.h"
#include "tensor/ops/optimizer_tables.h"
#include "tensor/parallel.h"

namespace roux::cpu {
namespace {

// The values of a dynamic map, and the search for the nearest one: floats of one sign, exponent and 7 leading
// bits of the mantissa make a cell, whose values have at most two codes. One look into a table of cells takes
// the place of a search, and the loops below become vectors of gathers: 0.9 ns an element to encode, 4.5 with
// a search (one core of a Xeon, 2026-11-29).
class DynamicMap {
 public:
  explicit DynamicMap(bool is_signed) {
    std::vector<float> values{0, 1};
    for (int decade = 0; decade < 7; ++decade) {
      const int steps = 1 << (is_signed ? decade : decade + 1);
      for (int i = 0; i < steps; ++i) {
        values.push_back(static_cast<float>(std::pow(10.0, decade - 6) * (0.1 + 0.9 * (i + 0.5) / steps)));
        if (is_signed) values.push_back(-values.back());
      }
    }
    std::sort(values.begin(), values.end());
    ROUX_INVARIANT(values.size() == 256);
    std::copy(values.begin(), values.end(), values_);
    std::vector<float> midpoints;
    for (size_t i = 0; i < 255; ++i) midpoints.push_back((values[i] + values[i + 1]) * 0.5f);
    // A negative x stays negative where the map has such values.
    const auto nearest = [&](float x) {
      const auto below = std::lower_bound(midpoints.begin(), midpoints.end(), x) - midpoints.begin();
      const auto code = static_cast<int>(below);
      return x < 0 && values_[code] == 0 && code > 0 ? code - 1 : code;
    };
    for (int cell = 0; cell < kCells; ++cell) {
      const auto last = static_cast<int32_t>(static_cast<uint32_t>(cell + kLowest) << 16 | 0xffff);
      const int32_t first = cell == 0 ? 1 : last - 0xffff;  // what is smaller has the first cell, too
      for (const int sign : {1, -1}) {
        const auto code_of = [&](int32_t magnitude) {
          return nearest(static_cast<float>(sign) * as_float(magnitude));
        };
        const int inner = code_of(first), outer = code_of(last);
        ROUX_INVARIANT(outer == inner || (outer == inner + sign && cell > 0));
        int32_t same = outer == inner ? last : first,
                other = last;  // the last one with the code of the first
        while (other - same > 1) {
          const int32_t middle = same + (other - same) / 2;
          (code_of(middle) == inner ? same : other) = middle;
        }
        cells_[cell + (sign < 0 ? kCells : 0)] = inner << 16 | (same & 0xffff);
      }
    }
  }

  // x[i] = the value of codes[i], times absmax.
  void decode(const uint8_t* __restrict codes, float absmax, int64_t n, float* __restrict x) const {
    for (int64_t i = 0; i < n; ++i) x[i] = values_[codes[i]] * absmax;
  }
  // The codes of x over the largest absolute value, which is returned. x has no NaN.
  float encode(const float* __restrict x, int64_t n, uint8_t* __restrict codes) const {
    int32_t largest = 0;  // floats that are not negative have the order of their bits
    for (int64_t i = 0; i < n; ++i) largest = std::max(largest, bits_of(x[i]) & kMagnitude);
    const float absmax = as_float(largest), scale = absmax > 0 ? absmax : 1;
    for (int64_t i = 0; i < n; ++i) {
      const int32_t bits = bits_of(x[i] / scale + 0.0f);  // -0 becomes 0
      const int32_t cell = std::clamp(((bits & kMagnitude) >> 16) - kLowest, 0, kCells - 1);
      const int32_t sign = bits >> 31;  // 0 or -1
      const int32_t entry = cells_[cell + (sign & kCells)];
      const int32_t past = (bits & 0xffff) > (entry & 0xffff) ? 1 : 0;
      codes[i] = static_cast<uint8_t>((entry >> 16) + ((past ^ sign) - sign));
    }
    return absmax;
  }

 private:
  // From 2^-23 on, below which all are nearest to 0, to 1.
  static constexpr int32_t kLowest = (127 - 23) << 7, kCells = 23 * 128 + 1, kMagnitude = 0x7fffffff;
  static float as_float(int32_t bits) {
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
  }
  static int32_t bits_of(float x) {
    int32_t bits;
    std::memcpy(&bits, &x, 4);
    return bits;
  }
  float values_[256];
  // The code at the inner end of a cell, and behind it the 16 lower bits of the last float that has it: what
  // is farther from 0 has the next one. First the cells of positive floats, then those of negative ones.
  int32_t cells_[2 * kCells];
};

void adamw_8bit_cpu(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq,
                    TensorList exp_avg_absmax, TensorList exp_avg_sq_absmax, TensorList steps,
                    const Tensor& scalars, const AdamWOptions& options) {
  static const DynamicMap kSigned(true), kUnsigned(false);
  const double* s = scalars.data<const double>();
  if (s[kFinite] == 0) return;
  for (const Tensor& step : steps) ++*step.data<double>();
  struct Block {
    size_t tensor;
    int64_t index;
  };
  std::vector<AdamWStep<float>> updates;  // two powers for each block of 256 would take a tenth of the time
  std::vector<Block> blocks;
  for (size_t i = 0; i < params.size(); ++i) {
    updates.emplace_back(s, *steps[i].data<const double>(), options);
    for (int64_t block = 0; block < exp_avg_absmax[i].numel(); ++block) blocks.push_back({i, block});
  }
  parallel_for(0, static_cast<int64_t>(blocks.size()), 64, [&](int64_t begin, int64_t end) {
    float m[kMomentBlock], v[kMomentBlock];
    for (int64_t b = begin; b < end; ++b) {
      const auto [i, block] = blocks[static_cast<size_t>(b)];
      const int64_t first = block * kMomentBlock, n = std::min(kMomentBlock, params[i].numel() - first);
      uint8_t *codes = exp_avg[i].data<uint8_t>() + first, *codes_sq = exp_avg_sq[i].data<uint8_t>() + first;
      float *absmax = exp_avg_absmax[i].data<float>() + block,
            *absmax_sq = exp_avg_sq_absmax[i].data<float>() + block;
      kSigned.decode(codes, *absmax, n, m);
      kUnsigned.decode(codes_sq, *absmax_sq, n, v);
      adamw_chunk(params[i].data<float>() + first, grads[i].data<const float>() + first, m, v, n, updates[i]);
      *absmax = kSigned.encode(m, n, codes);
      *absmax_sq = kUnsigned.encode(v, n, codes_sq);
    }
  });
}

const RegisterKernel kAdamW8bit(adamw_8bit_kernels, DeviceType::kCpu, DTypeSet(kF32), adamw_8bit_cpu);

}  // namespace
}  // namespace roux::cpu
