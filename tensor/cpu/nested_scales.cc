#include "tensor/cpu/nested_scales.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tensor/error.h"
#include "tensor/nf4.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/ops/quantize_tables.h"

namespace roux::cpu {
namespace {

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
    for (int code = 0; code < 256; ++code) values[static_cast<size_t>(code)] = dynamic_map_value(code);
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
  ROUX_CHECK(count < bytes && count * kNestedBytes + trailer_bytes(kNF4_DQ, count) == bytes)
      << "nf4_dq: the storage of " << x.spec() << " has no scales behind its blocks: quantize() makes them";
  blocks_ = static_cast<int64_t>(count);
  trailer_ = data_ + blocks_ * kNestedBytes;
}

void NestedScales::expand(int64_t first, int64_t count, uint8_t* to) const {
  const std::array<float, 256>& map = dynamic_map();
  const float mean = float_at(trailer_);
  for (int64_t i = 0; i < count; ++i, to += kNf4Bytes) {
    const int64_t block = offset_ + first + i;
    const uint8_t* from = data_ + block * kNestedBytes;
    const float of_group = float_at(trailer_ + 4 + block / kNestedGroup * 4);
    const float product = map[from[kNf4Codes]] * of_group, scale = product + mean;
    std::memcpy(to, from, kNf4Codes);
    std::memcpy(to + kNf4Codes, &scale, sizeof scale);
  }
}

void nest_scales(const Tensor& x, Tensor& y) {
  const auto* from = static_cast<const uint8_t*>(x.raw_data());
  auto* to = static_cast<uint8_t*>(y.raw_data());
  const int64_t blocks = x.numel();
  const auto scale = [&](int64_t i) { return float_at(from + i * kNf4Bytes + kNf4Codes); };
  double sum = 0;
  for (int64_t i = 0; i < blocks; ++i) sum += static_cast<double>(scale(i));
  const auto mean = static_cast<float>(sum / static_cast<double>(std::max<int64_t>(blocks, 1)));
  uint8_t* trailer = to + blocks * kNestedBytes;
  std::memcpy(trailer, &mean, sizeof mean);
  trailer += sizeof mean;
  for (int64_t begin = 0; begin < blocks; begin += kNestedGroup) {
    const int64_t end = std::min(blocks, begin + kNestedGroup);
    float absmax = 0;
    for (int64_t i = begin; i < end; ++i) absmax = std::max(absmax, std::fabs(scale(i) - mean));
    for (int64_t i = begin; i < end; ++i) {
      std::memcpy(to + i * kNestedBytes, from + i * kNf4Bytes, kNf4Codes);
      to[i * kNestedBytes + kNf4Codes] = nearest_code(absmax == 0 ? 0 : (scale(i) - mean) / absmax);
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
