#include "tensor/cpu/nested_scales.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tensor/error.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/ops/quantize_tables.h"

namespace roux::cpu {
namespace {

constexpr int64_t kCodes = 32, kPlain = 36, kNested = 33;  // bytes: of codes; of an nf4 and an nf4_dq block

float float_at(const uint8_t* at) {
  float value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// The code nearest to x in [-1, 1]; the larger one of two as near.
uint8_t nearest_code(float x) {
  const std::array<float, 256>& map = dynamic_map();
  const auto above = std::upper_bound(map.begin(), map.end() - 1, x);
  const auto below = above == map.begin() ? above : above - 1;
  return static_cast<uint8_t>((x - *below < *above - x ? below : above) - map.begin());
}

}  // namespace

const std::array<float, 256>& dynamic_map() {
  static const std::array<float, 256> map = [] {
    std::array<float, 256> values{};
    size_t at = 0;
    values[at++] = 0;
    values[at++] = 1;
    for (int i = 0; i < 7; ++i) {
      const int count = 1 << i;
      const double decade = std::pow(10.0, i - 6);
      const auto boundary = [&](int k) { return static_cast<float>(0.1 + 0.9 * k / count); };
      for (int k = 0; k < count; ++k) {
        const float mean = (boundary(k) + boundary(k + 1)) / 2.0f;
        const auto value = static_cast<float>(decade * static_cast<double>(mean));
        values[at++] = value;
        values[at++] = -value;
      }
    }
    std::sort(values.begin(), values.end());
    return values;
  }();
  return map;
}

NestedScales::NestedScales(const Tensor& x)
    : data_(static_cast<const uint8_t*>(x.impl()->storage->data())),
      trailer_(data_),
      offset_(x.impl()->offset),
      blocks_(0) {
  const size_t bytes = x.impl()->storage->bytes();
  uint64_t count = 0;
  if (bytes > sizeof count) std::memcpy(&count, data_ + bytes - sizeof count, sizeof count);
  ROUX_CHECK(count < bytes && count * kNested + trailer_bytes(kNF4_DQ, count) == bytes)
      << "nf4_dq: the storage of " << x.spec() << " has no scales behind its blocks: quantize() makes them";
  blocks_ = static_cast<int64_t>(count);
  trailer_ = data_ + blocks_ * kNested;
}

void NestedScales::expand(int64_t first, int64_t count, uint8_t* to) const {
  const std::array<float, 256>& map = dynamic_map();
  const float mean = float_at(trailer_);
  for (int64_t i = 0; i < count; ++i, to += kPlain) {
    const int64_t block = offset_ + first + i;
    const uint8_t* from = data_ + block * kNested;
    const float of_group = float_at(trailer_ + 4 + block / kNestedGroup * 4);
    const float product = map[from[kCodes]] * of_group, scale = product + mean;
    std::memcpy(to, from, kCodes);
    std::memcpy(to + kCodes, &scale, sizeof scale);
  }
}

void nest_scales(const Tensor& x, Tensor& y) {
  const auto* from = static_cast<const uint8_t*>(x.raw_data());
  auto* to = static_cast<uint8_t*>(y.raw_data());
  const int64_t blocks = x.numel();
  const auto scale = [&](int64_t i) { return float_at(from + i * kPlain + kCodes); };
  double sum = 0;
  for (int64_t i = 0; i < blocks; ++i) sum += static_cast<double>(scale(i));
  const auto mean = static_cast<float>(sum / static_cast<double>(std::max<int64_t>(blocks, 1)));
  uint8_t* trailer = to + blocks * kNested;
  std::memcpy(trailer, &mean, sizeof mean);
  trailer += sizeof mean;
  for (int64_t begin = 0; begin < blocks; begin += kNestedGroup) {
    const int64_t end = std::min(blocks, begin + kNestedGroup);
    float absmax = 0;
    for (int64_t i = begin; i < end; ++i) absmax = std::max(absmax, std::fabs(scale(i) - mean));
    for (int64_t i = begin; i < end; ++i) {
      std::memcpy(to + i * kNested, from + i * kPlain, kCodes);
      to[i * kNested + kCodes] = nearest_code(absmax == 0 ? 0 : (scale(i) - mean) / absmax);
    }
    std::memcpy(trailer, &absmax, sizeof absmax);
    trailer += sizeof absmax;
  }
  const auto count = static_cast<uint64_t>(blocks);
  std::memcpy(trailer, &count, sizeof count);
}

namespace {

void copy_whole(const Tensor& x, Tensor& y) {
  if (y.numel() == 0) return;
  const bool whole = x.is_contiguous() && y.is_contiguous() && x.shape() == y.shape() &&
                     x.bytes() == x.impl()->storage->bytes() && y.bytes() == y.impl()->storage->bytes();
  ROUX_CHECK(whole) << "copy: blocks of " << x.spec() << " into " << y.spec()
                    << ": nf4_dq is copied as a whole; dequantize() gives the values of a part";
  std::memcpy(y.raw_data(), x.raw_data(), y.bytes());
}

const RegisterKernel kScales(quantize_nf4_scales_kernels, DeviceType::kCpu, kNF4_DQ, nest_scales);
const RegisterKernel kCopy(cast_kernels, DeviceType::kCpu, kNF4_DQ, copy_whole);

}  // namespace
}  // namespace roux::cpu
