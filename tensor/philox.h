// Philox 4x32-10, the counter-based generator of Salmon et al. (2011, "Parallel random numbers: as easy as 1,
// 2, 3"). The same words on CPU, emulator and GPU: word i of a stream depends on (seed, offset, i) alone.
#ifndef ROUX_TENSOR_PHILOX_H_
#define ROUX_TENSOR_PHILOX_H_

#include <cstdint>

#include "tensor/macros.h"
#include "tensor/vector_math.h"

namespace roux {

struct PhiloxWords {
  uint32_t word[4];
};

// Ten rounds on a 128-bit counter (block, offset) with the 64-bit seed as key. block: position inside one
// op's output (element index / 4); offset: the generator's state, different for each op.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE PhiloxWords philox(uint64_t seed, uint64_t offset, uint64_t block) {
  uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32);
  uint32_t c2 = static_cast<uint32_t>(offset), c3 = static_cast<uint32_t>(offset >> 32);
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0,
                   n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Uniform in [0, 1): the top 24 bits.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE float philox_uniform(uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

// Uniform in [first, last], which lie in [low, low + width): the fma may round out of the range, and so may
// the conversion to a dtype that has no value between last and low + width.
template <class C>
struct UniformIn {
  C low, width, first, last;
  ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE C operator()(uint32_t word) const {
    const C value = vmath::fma(static_cast<C>(philox_uniform(word)), width, low);
    return value > last ? last : (value < first ? first : value);
  }
};

// Two standard normals from two words (Box and Muller). The first uniform is in (0, 1], so the logarithm is
// finite.
ROUX_HOST_DEVICE ROUX_ALWAYS_INLINE void philox_normal(uint32_t word0, uint32_t word1, float* n0, float* n1) {
  const float u = static_cast<float>((word0 >> 8) + 1) * 0x1p-24f;
  const float radius = __builtin_sqrtf(-2.0f * vmath::log(u));
  float sine, cosine;
  vmath::sincos_2pi(philox_uniform(word1), &sine, &cosine);
  *n0 = radius * cosine;
  *n1 = radius * sine;
}

}  // namespace roux

#endif  // ROUX_TENSOR_PHILOX_H_
