// Streams: what different seeds, forks and draws give differs, fork 0 and seed 0 included.
#include "tensor/generator.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tensor/ops/random.h"

namespace roux {
namespace {

const uint64_t kNumbers[] = {0,
                             1,
                             2,
                             3,
                             7,
                             255,
                             (uint64_t{1} << 32) - 1,
                             uint64_t{1} << 32,
                             (uint64_t{1} << 32) + 1,
                             uint64_t{1} << 63,
                             ~uint64_t{0} - 1,
                             ~uint64_t{0}};

// Eight f32 numbers: 2^-192 is the chance that two streams agree.
std::vector<float> draw(Generator& generator) { return uniform({8}, 0, 1, generator).to_vector<float>(); }

class Streams {
 public:
  void add(Generator generator, const std::string& what) {
    for (const char* which : {" draw 0", " draw 1", " draw 2"}) {
      const auto [found, is_new] = seen_.emplace(draw(generator), what + which);
      EXPECT_TRUE(is_new) << what << which << " equals " << found->second;
    }
  }
  size_t size() const { return seen_.size(); }

 private:
  std::map<std::vector<float>, std::string> seen_;
};

TEST(Generator, AllPairsOfSeedsForksAndDrawsDiffer) {
  Streams streams;
  for (uint64_t seed : kNumbers) {
    streams.add(Generator(seed), absl::StrCat("seed ", seed));
    for (uint64_t stream : kNumbers)
      streams.add(Generator(seed).fork(stream), absl::StrCat("seed ", seed, " fork ", stream));
  }
  EXPECT_EQ(streams.size(), 3 * (12 + 12 * 12));
}

TEST(Generator, ForksOfForksDifferInEveryOrder) {
  Streams streams;
  for (uint64_t a : {0, 1, 2}) {
    for (uint64_t b : {0, 1, 2}) {
      for (uint64_t c : {0, 1, 2})
        streams.add(Generator(5).fork(a).fork(b).fork(c), absl::StrCat("forks ", a, " ", b, " ", c));
      streams.add(Generator(5).fork(a).fork(b), absl::StrCat("forks ", a, " ", b));
    }
    streams.add(Generator(5).fork(a), absl::StrCat("fork ", a));
  }
  EXPECT_EQ(streams.size(), 3 * (27 + 9 + 3));
}

TEST(Generator, AForkDependsOnTheSeedAloneAndLeavesTheParent) {
  Generator parent(11), same(11);
  const std::vector<float> before = [&] {
    Generator fork = parent.fork(0);
    return draw(fork);
  }();
  EXPECT_EQ(draw(parent), draw(same));
  Generator later = parent.fork(0);
  EXPECT_EQ(draw(later), before);
}

TEST(Generator, AStreamIsThatOfItsForkAndCountsAsItsOwn) {
  Generator generator(11), plain(11);
  Generator fork = plain.fork(3);
  const std::vector<float> first = draw(fork), second = draw(fork);
  {
    const RandomStreamGuard stream(3);
    EXPECT_EQ(draw(generator), first);
    {
      const RandomStreamGuard none(0);
      draw(plain);
    }
    EXPECT_EQ(draw(generator), second);
  }
  draw(plain);
  EXPECT_EQ(generator.state(), plain.state());
  EXPECT_EQ(draw(generator), draw(plain));
}

}  // namespace
}  // namespace roux
