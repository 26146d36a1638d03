#include "recipes/kit/stats/random.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "tensor/error.h"

namespace roux::stats {

uint32_t RandomStream::next_word() {
  const uint64_t block = state_.words / 4;
  if (block != cached_) {
    block_ = philox(state_.seed, state_.stream, block);
    cached_ = block;
  }
  return block_.word[state_.words++ % 4];
}

double RandomStream::uniform() {
  const uint64_t high = next_word();
  const uint64_t low = next_word();
  return static_cast<double>((high << 21) | (low >> 11)) * 0x1p-53;
}

double RandomStream::uniform_positive() { return 1 - uniform(); }

int64_t RandomStream::below(int64_t n) {
  ROUX_CHECK(n >= 1) << "below: n is " << n << ", needed >= 1";
  const auto range = static_cast<uint64_t>(n);
  // Values from the incomplete last multiple of n are drawn again, so that every remainder is equally likely.
  const uint64_t limit = ~uint64_t{0} - (~uint64_t{0} % range + 1) % range;
  while (true) {
    const uint64_t high = next_word();
    const uint64_t value = (high << 32) | next_word();
    if (value <= limit) return static_cast<int64_t>(value % range);
  }
}

double RandomStream::normal() {
  const double radius = std::sqrt(-2 * std::log(uniform_positive()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

double RandomStream::exponential() { return -std::log(uniform_positive()); }

void shuffle(std::span<int64_t> values, RandomStream& random) {
  for (auto i = static_cast<int64_t>(values.size()); i > 1; --i)
    std::swap(values[i - 1], values[random.below(i)]);
}

std::vector<int64_t> random_permutation(int64_t n, RandomStream& random) {
  ROUX_CHECK(n >= 0) << "random_permutation: n is " << n << ", needed >= 0";
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, random);
  return order;
}

}  // namespace roux::stats
