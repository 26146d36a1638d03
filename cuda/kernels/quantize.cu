// CUDA kernels of dequantize and quantize. A thread reads eight values of a block; it writes a whole one,
// since weights are quantised once.
#include "absl/strings/str_cat.h"
#include "cuda/blocks.h"
#include "cuda/fault.h"
#include "cuda/rows.h"
#include "tensor/ops/quantize_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kBlock = 256;

// Whether the storage says that scales stand behind its blocks: one thread of a launch asks.
__device__ __forceinline__ void note_missing_scales(const Blocks& blocks, FaultSlot fault) {
  const uint8_t* count = blocks.trailer + 4 + 4 * ((blocks.all + kNestedGroup - 1) / kNestedGroup);
  const uint64_t stored = uint64_t{load_word<1>(count + 4)} << 32 | load_word<1>(count);
  if (stored != static_cast<uint64_t>(blocks.all)) note_bad_index(fault, 0, 0);
}

// packets: y starts 16-byte aligned. fault: of nf4_dq.
template <DType kFormat, class T>
__global__ void __launch_bounds__(kBlock)
    dequantize_kernel(Blocks blocks, int64_t eights, bool packets, [[maybe_unused]] FaultSlot fault, T* y) {
  ROUX_SHARED(tables, BlockTables<kFormat>);
  fill_tables(blocks, tables);
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if constexpr (kFormat == kNF4_DQ) {
    if (i == 0) note_missing_scales(blocks, fault);
  }
  if (i >= eights) return;
  constexpr int kEights = BlockFormat<kFormat>::kValues / 8;
  float values[8];
  Reader<kFormat>(blocks, tables).eight(i / kEights, static_cast<int>(i % kEights) * 8, values);
  y += i * 8;
  if (packets) {
    constexpr int kCount = 16 / sizeof(T);
    for (int first = 0; first < 8; first += kCount) {
      Packet<T, kCount> out;
      for (int e = 0; e < kCount; ++e) out.value[e] = static_cast<T>(values[first + e]);
      *reinterpret_cast<Packet<T, kCount>*>(y + first) = out;
    }
  } else {
    for (int e = 0; e < 8; ++e) y[e] = static_cast<T>(values[e]);
  }
}

void dequantize(const Tensor& x, Tensor& y) {
  const int64_t eights = y.numel() / 8;
  if (eights == 0) return;
  const bool nested = x.dtype() == kNF4_DQ;
  const FaultSlot fault = nested ? open_fault_slot() : FaultSlot{nullptr};
  dispatch_block(x.dtype(), [&](auto format) {
    dispatch_floating(y.dtype(), [&](auto tag) {
      using T = decltype(tag);
      launch(dequantize_kernel<decltype(format)::value, T>,
             {.grid = blocks_for(eights, kBlock), .block = kBlock}, blocks_of(x), eights,
             reinterpret_cast<uintptr_t>(y.raw_data()) % 16 == 0, fault, y.data<T>());
    });
  });
  if (nested)
    close_fault_slot(fault, [spec = x.spec()](int64_t, int64_t) {
      return absl::StrCat("nf4_dq: the storage of ", to_string(spec),
                          " has no scales behind its blocks: quantize() makes them");
    });
}

// The first value of the largest magnitude.
__device__ __forceinline__ float furthest_from_zero(const float* x, int count) {
  float furthest = 0;
  for (int i = 0; i < count; ++i) {
    if (std::fabs(x[i]) > std::fabs(furthest)) furthest = x[i];
  }
  return furthest;
}
__device__ __forceinline__ void store_half(float value, uint8_t* to) {
  const uint16_t bits = float16(value).bits;
  to[0] = static_cast<uint8_t>(bits);
  to[1] = static_cast<uint8_t>(bits >> 8);
}
__device__ __forceinline__ float inverse_of(float d) {  // 0 where f16 makes 0 of d
  const float inverse = 1 / d;
  return std::fabs(inverse) <= 3.4028234663852886e38f ? inverse : 0.0f;
}

// 32 codes of 4 bits, or of 5 where there is a place for the fifth.
template <class CodeOf>
__device__ __forceinline__ void store_codes(CodeOf code_of, uint8_t* fifth_bits, uint8_t* nibbles) {
  uint32_t fifth = 0;
  for (int i = 0; i < 16; ++i) {
    const uint32_t low = code_of(i), high = code_of(i + 16);
    nibbles[i] = static_cast<uint8_t>((low & 15) | high << 4);
    fifth |= (low >> 4) << i | (high >> 4) << (i + 16);
  }
  if (fifth_bits != nullptr) store_word(fifth, fifth_bits);
}

// As tensor/cpu/quantize.cc, operation by operation.
__device__ __forceinline__ void quantize_symmetric(const float* x, int middle, uint8_t* fifth_bits,
                                                   uint8_t* nibbles, uint8_t* e) {
  const float d = furthest_from_zero(x, 32) / static_cast<float>(-middle), inverse = inverse_of(d);
  store_half(d, e);
  store_codes(
      [=](int i) {
        const int nearest = static_cast<int>(x[i] * inverse + (static_cast<float>(middle) + 0.5f));
        return static_cast<uint32_t>(min(nearest, 2 * middle - 1));
      },
      fifth_bits, nibbles);
}
__device__ __forceinline__ void quantize_span(const float* x, int most, uint8_t* fifth_bits, uint8_t* nibbles,
                                              uint8_t* e) {
  float low = x[0], high = x[0];
  for (int i = 1; i < 32; ++i) {
    low = x[i] < low ? x[i] : low;
    high = high < x[i] ? x[i] : high;
  }
  const float d = (high - low) / static_cast<float>(most), inverse = inverse_of(d);
  store_half(d, e);
  store_half(low, e + 2);
  store_codes(
      [=](int i) {
        return static_cast<uint32_t>(min(static_cast<int>((x[i] - low) * inverse + 0.5f), most));
      },
      fifth_bits, nibbles);
}
__device__ __forceinline__ void quantize_bytes(const float* x, uint8_t* e) {
  const float d = std::fabs(furthest_from_zero(x, 32)) / 127, inverse = inverse_of(d);
  for (int i = 0; i < 32; ++i) {
    e[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(std::round(x[i] * inverse)));
  }
  store_half(d, e);
}
struct Nf4Values {
  float value[16];
};
__device__ __forceinline__ void quantize_nf4(const float* x, const Nf4Values& values, uint8_t* e) {
  const float absmax = std::fabs(furthest_from_zero(x, 64));
  const auto code_of = [&](int i) {
    const float scaled = absmax == 0 ? 0 : x[i] / absmax;
    uint32_t below = 0;  // boundaries lie half-way between two codes
    for (int c = 0; c < 15; ++c) below += scaled > 0.5f * (values.value[c] + values.value[c + 1]);
    return below;
  };
  for (int i = 0; i < kNf4Codes; ++i) {
    e[i] = static_cast<uint8_t>(code_of(2 * i) << 4 | code_of(2 * i + 1));
  }
  store_word(__builtin_bit_cast(uint32_t, absmax), e + kNf4Codes);
}

// What the block's f16 numbers can express, and finite values.
__device__ __forceinline__ bool fits(DType dtype, const float* x, int count) {
  constexpr float kLargestHalf = 65504, kLargest = 3.4028234663852886e38f;
  const float most = dtype == kQ4_0   ? 8 * kLargestHalf
                     : dtype == kQ5_0 ? 16 * kLargestHalf
                     : dtype == kQ8_0 ? 127 * kLargestHalf
                     : dtype == kNF4  ? kLargest
                                      : kLargestHalf;
  bool all = true;
  for (int i = 0; i < count; ++i) all = all && std::fabs(x[i]) <= most;
  return all;
}

__global__ void __launch_bounds__(kBlock)
    quantize_kernel(const float* x, int64_t count, DType dtype, int values, int bytes, Nf4Values nf4_values,
                    FaultSlot fault, uint8_t* y) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i >= count) return;
  x += i * values;
  uint8_t* e = y + i * bytes;
  if (!fits(dtype, x, values)) return note_bad_index(fault, i, 0);
  switch (dtype) {
    case kQ4_0:
      return quantize_symmetric(x, 8, nullptr, e + 2, e);
    case kQ5_0:
      return quantize_symmetric(x, 16, e + 2, e + 6, e);
    case kQ4_1:
      return quantize_span(x, 15, nullptr, e + 4, e);
    case kQ5_1:
      return quantize_span(x, 31, e + 4, e + 8, e);
    case kQ8_0:
      return quantize_bytes(x, e);
    default:
      return quantize_nf4(x, nf4_values, e);
  }
}

void quantize(const Tensor& x, Tensor& y) {
  const int64_t count = y.numel(), values = values_per_element(y.dtype());
  if (count == 0) return;
  Nf4Values nf4_values;
  std::copy_n(kNf4Values, 16, nf4_values.value);
  const FaultSlot fault = open_fault_slot();
  launch(quantize_kernel, {.grid = blocks_for(count, kBlock), .block = kBlock}, x.data<const float>(), count,
         y.dtype(), static_cast<int>(values), static_cast<int>(size_of(y.dtype())), nf4_values, fault,
         static_cast<uint8_t*>(y.raw_data()));
  close_fault_slot(fault, [values, from = x.spec(), dtype = y.dtype()](int64_t i, int64_t) {
    return absl::StrCat("quantize: values ", i * values, " to ", (i + 1) * values - 1, " of ",
                        to_string(from), " are not finite or too large for a block of ", name(dtype));
  });
}

__device__ __forceinline__ float nf4_scale(const uint8_t* x, int64_t i) {
  return __builtin_bit_cast(float, load_word<4>(x + i * kNf4Bytes + kNf4Codes));
}

// One block: the mean of the scales, also into the trailer, and the number of blocks.
__global__ void __launch_bounds__(kRowBlock)
    mean_scale_kernel(const uint8_t* x, int64_t blocks, float* mean_scale, uint8_t* trailer) {
  Sum<double> sum{0};
  for (int64_t i = threadIdx.x; i < blocks; i += kRowBlock) sum.value += static_cast<double>(nf4_scale(x, i));
  sum = BlockTeam::reduce(sum);
  if (threadIdx.x != 0) return;
  const float mean = static_cast<float>(sum.value / static_cast<double>(blocks > 0 ? blocks : 1));
  *mean_scale = mean;
  store_word(__builtin_bit_cast(uint32_t, mean), trailer);
  uint8_t* count = trailer + 4 + 4 * ((blocks + kNestedGroup - 1) / kNestedGroup);
  store_word(static_cast<uint32_t>(blocks), count);
  store_word(static_cast<uint32_t>(blocks >> 32), count + 4);
}

struct Largest {
  float value;
  __device__ __forceinline__ Largest shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, value, lanes)};
  }
  __device__ __forceinline__ friend Largest merge(Largest a, Largest b) { return a.value < b.value ? b : a; }
};

// The code nearest to x in [-1, 1]; the larger one of two as near.
__device__ __forceinline__ uint8_t nearest_code(const float (&map)[256], float x) {
  int low = 0, above = 255;  // the first value above x, or the last one
  while (low < above) {
    const int middle = (low + above) / 2;
    if (map[middle] > x) {
      above = middle;
    } else {
      low = middle + 1;
    }
  }
  const int below = above == 0 ? 0 : above - 1;
  return static_cast<uint8_t>(x - map[below] < map[above] - x ? below : above);
}

// A block for each kNestedGroup blocks, a thread for each of these.
static_assert(kNestedGroup == kRowBlock);
__global__ void __launch_bounds__(kRowBlock)
    nest_scales_kernel(const uint8_t* x, int64_t blocks, const float* mean_scale, uint8_t* trailer,
                       uint8_t* y) {
  ROUX_SHARED(map, float[256]);
  const int thread = static_cast<int>(threadIdx.x);
  map[thread] = dynamic_map_value(thread);
  const int64_t i = blockIdx.x * kNestedGroup + thread;
  const float rest = i < blocks ? nf4_scale(x, i) - *mean_scale : 0;
  const float absmax = BlockTeam::reduce(Largest{std::fabs(rest)}).value;  // its barriers are the map's
  if (thread == 0) store_word(__builtin_bit_cast(uint32_t, absmax), trailer + 4 + 4 * int64_t{blockIdx.x});
  if (i >= blocks) return;
  uint8_t* to = y + i * kNestedBytes;
  for (int at = 0; at < kNf4Codes; ++at) to[at] = x[i * kNf4Bytes + at];
  to[kNf4Codes] = nearest_code(map, absmax == 0 ? 0 : rest / absmax);
}

void nest_scales(const Tensor& x, Tensor& y) {
  const int64_t blocks = x.numel();
  const auto* from = static_cast<const uint8_t*>(x.raw_data());
  auto* to = static_cast<uint8_t*>(y.raw_data());
  uint8_t* trailer = to + blocks * kNestedBytes;
  const Tensor mean = empty({kF32, {1}}, y.device());
  launch(mean_scale_kernel, {.grid = 1, .block = kRowBlock}, from, blocks, mean.data<float>(), trailer);
  if (blocks == 0) return;
  launch(nest_scales_kernel, {.grid = blocks_for(blocks, kNestedGroup), .block = kRowBlock}, from, blocks,
         mean.data<const float>(), trailer, to);
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kDequantize(dequantize_kernels, kDevice, kBlockDTypes | kNF4_DQ, dequantize);
const RegisterKernel kQuantize(quantize_kernels, kDevice, kQ4_0 | kQ4_1 | kQ5_0 | kQ5_1 | kQ8_0 | kNF4,
                               quantize);
const RegisterKernel kScales(quantize_nf4_scales_kernels, kDevice, kNF4_DQ, nest_scales);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
