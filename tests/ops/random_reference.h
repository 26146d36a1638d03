// Philox 4x32-10 written out again, and what the entries of random ops share.
#ifndef ROUX_TESTS_OPS_RANDOM_REFERENCE_H_
#define ROUX_TESTS_OPS_RANDOM_REFERENCE_H_

#include <algorithm>
#include <cstdint>

#include "tensor/ops/random.h"
#include "tests/ops/suite.h"

namespace roux::testing {

inline constexpr uint64_t kSeed = 0x123456789abcdefu;

inline uint32_t word(uint64_t offset, int64_t element) {
  uint64_t c[4] = {static_cast<uint64_t>(element / 4) & 0xffffffffu, static_cast<uint64_t>(element / 4) >> 32,
                   offset & 0xffffffffu, offset >> 32};
  uint64_t k0 = kSeed & 0xffffffffu, k1 = kSeed >> 32;
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = 0xD2511F53u * c[0], b = 0xCD9E8D57u * c[2];
    const uint64_t next[4] = {(b >> 32) ^ c[1] ^ k0, b & 0xffffffffu, (a >> 32) ^ c[3] ^ k1, a & 0xffffffffu};
    std::copy(next, next + 4, c);
    k0 = (k0 + 0x9E3779B9u) & 0xffffffffu;
    k1 = (k1 + 0xBB67AE85u) & 0xffffffffu;
  }
  return static_cast<uint32_t>(c[element % 4]);
}
inline double u01(uint64_t offset, int64_t element) { return (word(offset, element) >> 8) * 0x1p-24; }

// A generator on x's device (on meta the state stays on the CPU) after two draws.
inline Generator after_two_draws(const Tensor& x) {
  Generator generator(kSeed, x.device());
  generator.set_state({kSeed, 2});
  return generator;
}

inline const auto shapes = [](Suite& suite) {
  suite.inputs({constant_in(0, 1)}).sample({{3, 5}}).sample({{0, 4}}).sample({{1}}).sample({{70001}});
};

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_RANDOM_REFERENCE_H_
