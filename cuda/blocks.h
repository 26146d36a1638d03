// How kernels read block formats (tensor/ops/quantize.h): eight values of a row at a time, each product and
// sum rounded to f32 on its own, so that they are the CPU's. A launch passes Blocks by value; a block of
// threads fills the tables of its format, then a thread makes a Reader:
//
//   ROUX_SHARED(tables, BlockTables<kFormat>);
//   fill_tables(blocks, tables);  // a barrier where the format has tables
//   const Reader<kFormat> reader(blocks, tables);
//   reader.eight(index, first, values);
#ifndef ROUX_CUDA_BLOCKS_H_
#define ROUX_CUDA_BLOCKS_H_

#include <algorithm>

#include "cuda/elementwise.h"
#include "cuda/kernel.h"
#include "tensor/nf4.h"
#include "tensor/tensor.h"

namespace roux::ROUX_CUDA_NAMESPACE {

// Elements of a contiguous tensor. Of nf4_dq, what stands behind the storage's blocks, and how many of these
// lie before the tensor.
struct Blocks {
  const uint8_t* data;
  const uint8_t* trailer;
  int64_t before, all;
  float nf4_values[16];
};

inline Blocks blocks_of(const Tensor& x) {
  Blocks blocks = {static_cast<const uint8_t*>(x.raw_data()), nullptr, 0, 0, {}};
  std::copy_n(kNf4Values, 16, blocks.nf4_values);
  if (x.dtype() == kNF4_DQ) {
    const Storage& storage = *x.impl()->storage;
    blocks.before = x.impl()->offset;
    blocks.all = std::max<int64_t>(nested_blocks(storage.bytes()), 0);
    blocks.trailer = static_cast<const uint8_t*>(storage.data()) + blocks.all * kNestedBytes;
  }
  return blocks;
}

// Four bytes at a multiple of kAlign, the first one lowest.
template <int kAlign>
__device__ __forceinline__ uint32_t load_word(const uint8_t* at) {
  if constexpr (kAlign % 4 == 0) {
    return *reinterpret_cast<const uint32_t*>(at);
  } else if constexpr (kAlign == 2) {
    const auto* halves = reinterpret_cast<const uint16_t*>(at);
    return uint32_t{halves[0]} | uint32_t{halves[1]} << 16;
  } else {
    return uint32_t{at[0]} | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24;
  }
}
__device__ __forceinline__ void store_word(uint32_t word, uint8_t* at) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(word >> 8 * i);
}
__device__ __forceinline__ float load_float(const uint8_t* at) {
  const bool aligned = reinterpret_cast<uintptr_t>(at) % 4 == 0;
  return __builtin_bit_cast(float, aligned ? load_word<4>(at) : load_word<1>(at));
}
// f16 at an even place.
__device__ __forceinline__ float load_half(const uint8_t* at) {
  float16 half;
  half.bits = *reinterpret_cast<const uint16_t*>(at);
#if defined(__CUDA_ARCH__)
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half.bits));
  return value;
#else
  return static_cast<float>(half);
#endif
}

// Eight codes of a byte each.
struct Codes {
  uint32_t word[2];
  __device__ __forceinline__ int operator[](int i) const {
    return static_cast<int>(word[i / 4] >> i % 4 * 8 & 255u);
  }
};
// The low or the high halves of eight bytes.
template <int kAlign>
__device__ __forceinline__ Codes load_halves(const uint8_t* at, bool high) {
  const int shift = high ? 4 : 0;
  return {{load_word<kAlign>(at) >> shift & 0x0f0f0f0fu, load_word<kAlign>(at + 4) >> shift & 0x0f0f0f0fu}};
}
// Bit i of the eight lowest becomes 16 in byte i.
__device__ __forceinline__ void add_fifth_bits(uint32_t bits, Codes& codes) {
  for (int i = 0; i < 8; ++i) codes.word[i / 4] |= (bits >> i & 1u) << (i % 4 * 8 + 4);
}

// value = scale (code - kBias) + offset. kBytes and kValues of an element; it lies at a multiple of kAlign.
struct Line {
  float scale, offset;
};
template <DType>
struct BlockFormat;

template <>
struct BlockFormat<kQ4_0> {
  static constexpr int kBytes = 18, kValues = 32, kAlign = 2, kBias = 8;
  static constexpr bool kOffset = false;
  __device__ __forceinline__ static Line line(const uint8_t* e, int) { return {load_half(e), 0}; }
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    return load_halves<2>(e + 2 + first % 16, first >= 16);
  }
};
template <>
struct BlockFormat<kQ4_1> {
  static constexpr int kBytes = 20, kValues = 32, kAlign = 4, kBias = 0;
  static constexpr bool kOffset = true;
  __device__ __forceinline__ static Line line(const uint8_t* e, int) {
    return {load_half(e), load_half(e + 2)};
  }
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    return load_halves<4>(e + 4 + first % 16, first >= 16);
  }
};
template <>
struct BlockFormat<kQ5_0> {
  static constexpr int kBytes = 22, kValues = 32, kAlign = 2, kBias = 16;
  static constexpr bool kOffset = false;
  __device__ __forceinline__ static Line line(const uint8_t* e, int) { return {load_half(e), 0}; }
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    Codes codes = load_halves<2>(e + 6 + first % 16, first >= 16);
    add_fifth_bits(e[2 + first / 8], codes);
    return codes;
  }
};
template <>
struct BlockFormat<kQ5_1> {
  static constexpr int kBytes = 24, kValues = 32, kAlign = 4, kBias = 0;
  static constexpr bool kOffset = true;
  __device__ __forceinline__ static Line line(const uint8_t* e, int) {
    return {load_half(e), load_half(e + 2)};
  }
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    Codes codes = load_halves<4>(e + 8 + first % 16, first >= 16);
    add_fifth_bits(e[4 + first / 8], codes);
    return codes;
  }
};
template <>
struct BlockFormat<kQ8_0> {
  static constexpr int kBytes = 34, kValues = 32, kAlign = 2, kBias = 128;
  static constexpr bool kOffset = false;
  __device__ __forceinline__ static Line line(const uint8_t* e, int) { return {load_half(e), 0}; }
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    constexpr uint32_t kSigns = 0x80808080u;
    return {{load_word<2>(e + 2 + first) ^ kSigns, load_word<2>(e + 6 + first) ^ kSigns}};
  }
};
// Scale and minimum of 32 values, of 6 bits each: pair j of eight in 12 bytes.
__device__ __forceinline__ Line load_k_line(const uint8_t* e, int first) {
  const uint8_t* s = e + 4;
  const int j = first / 32;
  const uint32_t scale = j < 4 ? s[j] & 63u : (s[j + 4] & 15u) | (uint32_t{s[j - 4]} >> 6 << 4);
  const uint32_t low = j < 4 ? s[j + 4] & 63u : (uint32_t{s[j + 4]} >> 4) | (uint32_t{s[j]} >> 6 << 4);
  return {static_cast<float>(scale) * load_half(e), -(static_cast<float>(low) * load_half(e + 2))};
}
template <>
struct BlockFormat<kQ4_K> {
  static constexpr int kBytes = 144, kValues = 256, kAlign = 16, kBias = 0;
  static constexpr bool kOffset = true;
  __device__ __forceinline__ static Line line(const uint8_t* e, int first) { return load_k_line(e, first); }
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    return load_halves<4>(e + 16 + first / 64 * 32 + first % 32, first / 32 % 2 == 1);
  }
};
template <>
struct BlockFormat<kQ5_K> {
  static constexpr int kBytes = 176, kValues = 256, kAlign = 16, kBias = 0;
  static constexpr bool kOffset = true;
  __device__ __forceinline__ static Line line(const uint8_t* e, int first) { return load_k_line(e, first); }
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    Codes codes = load_halves<4>(e + 48 + first / 64 * 32 + first % 32, first / 32 % 2 == 1);
    for (int i = 0; i < 2; ++i) {
      codes.word[i] |= (load_word<4>(e + 16 + first % 32 + 4 * i) >> first / 32 & 0x01010101u) << 4;
    }
    return codes;
  }
};
template <>
struct BlockFormat<kQ6_K> {
  static constexpr int kBytes = 210, kValues = 256, kAlign = 2, kBias = 32;
  static constexpr bool kOffset = false;
  __device__ __forceinline__ static Line line(const uint8_t* e, int first) {
    const int scale = static_cast<int8_t>(e[192 + first / 16]);
    return {static_cast<float>(scale) * load_half(e + 208), 0};
  }
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    const int strip = first / 32, half = strip / 4, quarter = strip % 4;
    Codes codes = load_halves<2>(e + half * 64 + quarter % 2 * 32 + first % 32, quarter >= 2);
    for (int i = 0; i < 2; ++i) {
      const uint32_t high = load_word<2>(e + 128 + half * 32 + first % 32 + 4 * i);
      codes.word[i] |= (high >> quarter * 2 & 0x03030303u) << 4;
    }
    return codes;
  }
};
// The earlier value is in the high half of a byte; codes stand for kNf4Values.
template <int kAlign>
__device__ __forceinline__ Codes load_nf4_codes(const uint8_t* e, int first) {
  const uint32_t word = load_word<kAlign>(e + first / 2);
  Codes codes{{0, 0}};
  for (int i = 0; i < 8; ++i) {
    codes.word[i / 4] |= (word >> (i / 2 * 8 + (i % 2 == 0 ? 4 : 0)) & 15u) << i % 4 * 8;
  }
  return codes;
}
template <>
struct BlockFormat<kNF4> {
  static constexpr int kBytes = kNf4Bytes, kValues = 64, kAlign = 4, kBias = 0;
  static constexpr bool kOffset = false;
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    return load_nf4_codes<4>(e, first);
  }
};
template <>
struct BlockFormat<kNF4_DQ> {
  static constexpr int kBytes = kNestedBytes, kValues = 64, kAlign = 1, kBias = 0;
  static constexpr bool kOffset = false;
  __device__ __forceinline__ static Codes codes(const uint8_t* e, int first) {
    return load_nf4_codes<1>(e, first);
  }
};

// What codes stand for where that is no line.
template <DType>
struct BlockTables {};
template <>
struct BlockTables<kNF4> {
  float values[16];
};
template <>
struct BlockTables<kNF4_DQ> {
  float values[16], map[256];
};
// All threads of a block, as many as there are.
template <DType kFormat>
__device__ __forceinline__ void fill_tables([[maybe_unused]] const Blocks& blocks,
                                            [[maybe_unused]] BlockTables<kFormat>& tables) {
  if constexpr (kFormat == kNF4 || kFormat == kNF4_DQ) {
    const int thread = static_cast<int>(threadIdx.x);
    if (thread < 16) tables.values[thread] = blocks.nf4_values[thread];
    if constexpr (kFormat == kNF4_DQ) {
      for (int code = thread; code < 256; code += static_cast<int>(blockDim.x)) {
        tables.map[code] = dynamic_map_value(code);
      }
    }
    __syncthreads();
  }
}

template <DType kFormat>
class Reader {
 public:
  using Format = BlockFormat<kFormat>;
  __device__ __forceinline__ Reader(const Blocks& blocks, const BlockTables<kFormat>& tables)
      : blocks_(blocks), tables_(tables) {
    if constexpr (kFormat == kNF4_DQ) mean_ = load_float(blocks.trailer);
  }

  // The scale of block `index`: nf4 and nf4_dq.
  __device__ __forceinline__ float scale(int64_t index) const {
    const uint8_t* e = blocks_.data + index * Format::kBytes;
    if constexpr (kFormat == kNF4_DQ) {
      const int64_t group = (blocks_.before + index) / kNestedGroup;
      return tables_.map[e[kNf4Codes]] * load_float(blocks_.trailer + 4 + 4 * group) + mean_;
    } else {
      return __builtin_bit_cast(float, load_word<4>(e + kNf4Codes));
    }
  }
  // Values `first`, a multiple of 8, to first + 7 of element `index`.
  __device__ __forceinline__ void eight(int64_t index, int first, float (&values)[8]) const {
    const uint8_t* e = blocks_.data + index * Format::kBytes;
    const Codes codes = Format::codes(e, first);
    if constexpr (kFormat == kNF4 || kFormat == kNF4_DQ) {
      const float absmax = scale(index);
      for (int i = 0; i < 8; ++i) values[i] = tables_.values[codes[i]] * absmax;
    } else {
      const Line line = Format::line(e, first);
      for (int i = 0; i < 8; ++i) {
        values[i] = static_cast<float>(codes[i] - Format::kBias) * line.scale;
        if constexpr (Format::kOffset) values[i] += line.offset;
      }
    }
  }

 private:
  const Blocks& blocks_;
  const BlockTables<kFormat>& tables_;
  float mean_ = 0;
};

// Calls fn(std::integral_constant<DType, format>).
template <class Fn>
void dispatch_block(DType dtype, Fn&& fn) {
  switch (dtype) {
    case kQ4_0:
      return fn(std::integral_constant<DType, kQ4_0>());
    case kQ4_1:
      return fn(std::integral_constant<DType, kQ4_1>());
    case kQ5_0:
      return fn(std::integral_constant<DType, kQ5_0>());
    case kQ5_1:
      return fn(std::integral_constant<DType, kQ5_1>());
    case kQ8_0:
      return fn(std::integral_constant<DType, kQ8_0>());
    case kQ4_K:
      return fn(std::integral_constant<DType, kQ4_K>());
    case kQ5_K:
      return fn(std::integral_constant<DType, kQ5_K>());
    case kQ6_K:
      return fn(std::integral_constant<DType, kQ6_K>());
    case kNF4:
      return fn(std::integral_constant<DType, kNF4>());
    default:
      return fn(std::integral_constant<DType, kNF4_DQ>());
  }
}

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_BLOCKS_H_
