// RandomStream: f64 random numbers for statistics and samplers, on the framework's counter-based Philox
// generator.
//
// Word i of a stream depends on (seed, stream, i) alone, so streams of one seed are independent, a saved
// state resumes exactly, and results are the same on every machine. A stream belongs to one thread.
//
//   RandomStream random(seed, /*stream=*/3);
//   double u = random.uniform();
//   RandomStreamState saved = random.state();
#ifndef ROUX_RECIPES_KIT_STATS_RANDOM_H_
#define ROUX_RECIPES_KIT_STATS_RANDOM_H_

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/philox.h"

namespace roux::stats {

struct RandomStreamState {
  uint64_t seed = 0;
  uint64_t stream = 0;
  uint64_t words = 0;  // 32-bit words drawn so far
  bool operator==(const RandomStreamState&) const = default;
};

class RandomStream {
 public:
  explicit RandomStream(uint64_t seed, uint64_t stream = 0) : state_{seed, stream, 0} {}
  explicit RandomStream(const RandomStreamState& state) : state_(state) {}

  const RandomStreamState& state() const { return state_; }

  uint32_t next_word();
  double uniform();           // in [0, 1), multiples of 2^-53
  double uniform_positive();  // in (0, 1]
  int64_t below(int64_t n);   // uniform on 0 .. n-1 without bias; n >= 1
  double normal();       // standard normal (Box-Muller, both halves of a pair are not kept: no hidden state)
  double exponential();  // mean 1

 private:
  RandomStreamState state_;
  PhiloxWords block_{};
  uint64_t cached_ = ~uint64_t{0};  // which block `block_` holds
};

// A uniformly random order of 0 .. n-1 (Fisher-Yates).
std::vector<int64_t> random_permutation(int64_t n, RandomStream& random);

// Puts values into a uniformly random order.
void shuffle(std::span<int64_t> values, RandomStream& random);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_RANDOM_H_
