// The numbers of nf4 and nf4_dq (tensor/ops/quantize.h), for kernels of every device.
#ifndef ROUX_TENSOR_NF4_H_
#define ROUX_TENSOR_NF4_H_

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"
#include "tensor/macros.h"

namespace roux {

// The quantiles of NormalFloat.                                        [Dettmers et al. 2023, appendix E]
inline constexpr float kNf4Values[16] = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};

// An nf4 block: 32 bytes of codes, f32 scale; one of nf4_dq: the codes and a byte. Behind the last block of a
// storage of nf4_dq: f32 mean, f32 of each kNestedGroup blocks, u64 count of blocks (trailer_bytes()).
inline constexpr int kNf4Codes = 32, kNf4Bytes = 36, kNestedBytes = 33;
inline constexpr int64_t kNestedGroup = 256;

// The blocks of a storage of nf4_dq of that many bytes; -1: no number of blocks has as many.
inline int64_t nested_blocks(size_t bytes) {
  size_t count = bytes * kNestedGroup / (kNestedBytes * kNestedGroup + 4);  // not fewer than there are
  const auto taken = [](size_t blocks) { return blocks * kNestedBytes + trailer_bytes(kNF4_DQ, blocks); };
  while (count > 0 && taken(count) > bytes) --count;
  return taken(count) == bytes ? static_cast<int64_t>(count) : -1;
}

// bitsandbytes' dynamic map of 8 bits with signs, ascending: 2^i means of an even grid on
// [10^(i - 7), 10^(i - 6)] for i = 0 .. 6, their negatives, 0 and 1.   [Dettmers et al. 2022, 8-bit
// optimizers, section 2; the means rounded as bitsandbytes rounds them]
ROUX_HOST_DEVICE inline float dynamic_map_value(int code) {
  if (code == 127) return 0.0f;
  if (code == 255) return 1.0f;
  int k = code > 127 ? code - 127 : 127 - code, parts = 1;  // 1 .. 127, from the smallest magnitude on
  double decade = 1e-6;
  for (int i = 0; k >= 2 * parts; ++i) {
    parts *= 2;
    decade = i == 0 ? 1e-5 : i == 1 ? 1e-4 : i == 2 ? 1e-3 : i == 3 ? 1e-2 : i == 4 ? 1e-1 : 1.0;
  }
  k -= parts;
  const float low = static_cast<float>(0.1 + 0.9 * k / parts),
              high = static_cast<float>(0.1 + 0.9 * (k + 1) / parts);
  const float value = static_cast<float>(decade * static_cast<double>((low + high) / 2.0f));
  return code > 127 ? value : -value;
}

}  // namespace roux

#endif  // ROUX_TENSOR_NF4_H_
