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
// bits of the mantissa make a cell, which has at most one midpoint of two values in it.
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
    for (size_t i = 0; i < 255; ++i) midpoints_[i] = (values[i] + values[i + 1]) * 0.5f;
    midpoints_[255] = INFINITY;
    zero_ = static_cast<int>(std::find(values.begin(), values.end(), 0.0f) - values.begin());
    const auto below = [&](float x) {  // how many midpoints are
      return static_cast<int>(std::lower_bound(midpoints_, midpoints_ + 255, x) - midpoints_);
    };
    for (int cell = 0; cell < kCells; ++cell) {
      const uint32_t first = static_cast<uint32_t>(cell + kLowest) << 16, last = first | 0xffff;
      const float inner = cell == 0 ? 0 : as_float(first), outer = as_float(last);
      base_[0][cell] = static_cast<uint8_t>(below(inner));
      base_[1][cell] = static_cast<uint8_t>(below(-outer));
      ROUX_INVARIANT(below(outer) <= base_[0][cell] + 1 && below(-inner) <= base_[1][cell] + 1);
    }
  }

  float value(uint8_t code) const { return values_[code]; }
  // x in [-1, 1]: the index of the nearest value. A negative x stays negative where the map has such values.
  uint8_t code(float x) const {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    const int cell =
        std::clamp(static_cast<int>((bits & 0x7fffffff) >> 16) - kLowest, 0, kCells - 1);  // NaN: the last
    const int base = base_[bits >> 31][cell];
    const int nearest = base + (midpoints_[base] < x ? 1 : 0);
    return static_cast<uint8_t>(nearest - (nearest == zero_ && x < 0 ? 1 : 0));
  }

 private:
  // From 2^-22 on, below which all are nearest to 0, to 1.
  static constexpr int kLowest = (127 - 22) << 7, kCells = 22 * 128 + 1;
  static float as_float(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
  }

  float values_[256], midpoints_[256];
  uint8_t base_[2][kCells];
  int zero_;
};

void decode(const DynamicMap& map, const uint8_t* codes, float absmax, int64_t n, float* x) {
  for (int64_t i = 0; i < n; ++i) x[i] = map.value(codes[i]) * absmax;
}

float encode(const DynamicMap& map, const float* x, int64_t n, uint8_t* codes) {
  float absmax = 0;
  for (int64_t i = 0; i < n; ++i) absmax = std::max(absmax, std::fabs(x[i]));
  const float scale = absmax > 0 ? absmax : 1;
  for (int64_t i = 0; i < n; ++i) codes[i] = map.code(x[i] / scale);
  return absmax;
}

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
  std::vector<Block> blocks;
  for (size_t i = 0; i < params.size(); ++i) {
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
      decode(kSigned, codes, *absmax, n, m);
      decode(kUnsigned, codes_sq, *absmax_sq, n, v);
      adamw_chunk(params[i].data<float>() + first, grads[i].data<const float>() + first, m, v, n, s,
                  *steps[i].data<const double>(), options);
      *absmax = encode(kSigned, m, n, codes);
      *absmax_sq = encode(kUnsigned, v, n, codes_sq);
    }
  });
}

const RegisterKernel kAdamW8bit(adamw_8bit_kernels, DeviceType::kCpu, DTypeSet(kF32), adamw_8bit_cpu);

}  // namespace
}  // namespace roux::cpu
