// CUDA kernels of block_linear with x in codes of 8 bits. A warp makes the codes of a strip of 32 values;
// then a warp a weight row multiplies codes, eight at a time and exactly in integers, and adds up in f32.
#include "cuda/blocks.h"
#include "cuda/rows.h"
#include "tensor/ops/block_linear_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

struct Strip {
  uint32_t code[8];  // signed bytes
  float scale;
  uint32_t unused[15];
};
static_assert(sizeof(Strip) == 96);  // half of what block_linear_code_bytes() counts for 64 values

// The sum of the products of four signed bytes, and c.
__device__ __forceinline__ int dot_bytes(uint32_t a, uint32_t b, int c) {
#if ROUX_EMULATED
  for (int i = 0; i < 4; ++i) c += static_cast<int8_t>(a >> 8 * i) * static_cast<int8_t>(b >> 8 * i);
  return c;
#else
  return __dp4a(static_cast<int>(a), static_cast<int>(b), c);
#endif
}

struct LargestBits {  // of magnitudes, NaN above all
  uint32_t value;
  __device__ __forceinline__ LargestBits shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, value, lanes)};
  }
  __device__ __forceinline__ friend LargestBits merge(LargestBits a, LargestBits b) {
    return a.value < b.value ? b : a;
  }
};

// As tensor/cpu/block_codes.h, operation by operation.
__global__ void __launch_bounds__(kRowBlock) encode_kernel(const float* x, int64_t strips, Strip* codes) {
  const int64_t strip = WarpTeam::row();
  if (strip >= strips) return;
  const int lane = WarpTeam::rank();
  const float value = x[strip * 32 + lane];
  const LargestBits own{__builtin_bit_cast(uint32_t, value) & 0x7fffffffu};
  const uint32_t largest = WarpTeam::reduce(own).value;
  const bool finite = largest < 0x7f800000u;
  const float d = __builtin_bit_cast(float, largest) / 127;
  float inverse = 1 / d;
  inverse = finite && inverse < __builtin_inff() ? inverse : 0;
  const int code = finite ? static_cast<int>(std::rint(value * inverse)) : 0;
  uint32_t word = static_cast<uint32_t>(code) & 255u;
  word |= __shfl_xor_sync(kAllLanes, word, 1) << 8;  // whole in even lanes, then in each fourth
  word |= __shfl_xor_sync(kAllLanes, word, 2) << 16;
  if (lane % 4 == 0) codes[strip].code[lane / 4] = word;
  if (lane == 0) codes[strip].scale = finite ? d : __builtin_nanf("");
}

struct Int8Product {
  const Strip* x;  // [M, strips]
  int64_t m, n, strips;
  Blocks weight;
  const float* bias;  // may be null
  float* y;
};

constexpr int kRows = 4;

template <DType kFormat>
__global__ void __launch_bounds__(kRowBlock) block_linear_int8_kernel(Int8Product in) {
  using Format = BlockFormat<kFormat>;
  constexpr int kStrips = Format::kValues / 32;
  const int64_t column = WarpTeam::row(), first_row = int64_t{blockIdx.y} * kRows;
  if (column >= in.n) return;
  const uint8_t* weights = in.weight.data + column * (in.strips / kStrips) * Format::kBytes;
  Sum<float> sums[kRows] = {};
  for (int64_t eight = WarpTeam::rank(); eight < in.strips * 4; eight += WarpTeam::kSize) {
    const int64_t strip = eight / 4;
    const int part = static_cast<int>(eight % 4) * 2, first = static_cast<int>(eight % (kStrips * 4)) * 8;
    const uint8_t* e = weights + strip / kStrips * Format::kBytes;
    Codes codes = Format::codes(e, first);
    const Line line = Format::line(e, first);
    constexpr bool kSigned = kFormat == kQ8_0;
    if constexpr (kSigned) {
      for (uint32_t& word : codes.word) word ^= 0x80808080u;
    }
    for (int r = 0; r < kRows; ++r) {
      if (first_row + r >= in.m) break;
      const Strip& x = in.x[(first_row + r) * in.strips + strip];
      const uint32_t low = x.code[part], high = x.code[part + 1];
      int dot = dot_bytes(codes.word[1], high, dot_bytes(codes.word[0], low, 0));
      if constexpr (!kSigned) {
        constexpr uint32_t kOnes = 0x01010101u;
        const int sum = dot_bytes(kOnes, high, dot_bytes(kOnes, low, 0));
        dot -= Format::kBias * sum;
        if constexpr (Format::kOffset) {
          sums[r].value = vmath::fma(line.offset, x.scale * static_cast<float>(sum), sums[r].value);
        }
      }
      sums[r].value = vmath::fma(static_cast<float>(dot), line.scale * x.scale, sums[r].value);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    const float sum = WarpTeam::reduce(sums[r]).value;
    if (WarpTeam::rank() != 0 || first_row + r >= in.m) continue;
    in.y[(first_row + r) * in.n + column] = in.bias != nullptr ? sum + in.bias[column] : sum;
  }
}

void block_linear_int8(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& codes, Tensor& y) {
  const Int8Product in{static_cast<const Strip*>(codes.raw_data()),
                       x.size(0),
                       weight.size(0),
                       x.size(1) / 32,
                       blocks_of(weight),
                       bias.defined() ? bias.data<const float>() : nullptr,
                       y.data<float>()};
  launch(encode_kernel, {.grid = WarpTeam::blocks(in.m * in.strips), .block = kRowBlock},
         x.data<const float>(), in.m * in.strips, static_cast<Strip*>(codes.raw_data()));
  dispatch_block(weight.dtype(), [&](auto tag) {
    constexpr DType kFormat = decltype(tag)::value;
    if constexpr (kFormat != kNF4 && kFormat != kNF4_DQ) {
      launch(block_linear_int8_kernel<kFormat>,
             {.grid = dim3(WarpTeam::blocks(in.n), blocks_for(in.m, kRows)), .block = kRowBlock}, in);
    }
  });
}

const RegisterKernel kInt8(block_linear_int8_kernels, ROUX_CUDA_DEVICE_TYPE,
                           kQ4_0 | kQ4_1 | kQ5_0 | kQ5_1 | kQ8_0 | kQ4_K | kQ5_K | kQ6_K, block_linear_int8);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
