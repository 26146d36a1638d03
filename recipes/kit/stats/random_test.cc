// Streams of statistics and samplers: what different seeds and streams give differs, 0 included.
#include "recipes/kit/stats/random.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/loader.h"

namespace roux::stats {
namespace {

const uint64_t kNumbers[] = {0,
                             1,
                             2,
                             3,
                             7,
                             (uint64_t{1} << 32) - 1,
                             uint64_t{1} << 32,
                             (uint64_t{1} << 32) + 1,
                             uint64_t{1} << 63,
                             ~uint64_t{0}};

TEST(RandomStream, AllPairsOfSeedsAndStreamsDiffer) {
  std::map<std::vector<uint32_t>, std::string> seen;
  for (uint64_t seed : kNumbers) {
    for (uint64_t stream : kNumbers) {
      RandomStream random(seed, stream);
      for (int part = 0; part < 3; ++part) {  // also against what the others give later
        std::vector<uint32_t> words;
        for (int i = 0; i < 4; ++i) words.push_back(random.next_word());
        const std::string what = absl::StrCat("seed ", seed, " stream ", stream, " part ", part);
        const auto [found, is_new] = seen.emplace(words, what);
        EXPECT_TRUE(is_new) << what << " equals " << found->second;
      }
    }
  }
  EXPECT_EQ(seen.size(), 3 * 10 * 10);
}

TEST(EpochOrder, AllPairsOfSeedsAndEpochsDiffer) {
  std::map<std::vector<int64_t>, std::string> seen;
  for (uint64_t seed : kNumbers) {
    for (int64_t epoch : {0, 1, 2, 3, 7, 1000}) {
      const std::string what = absl::StrCat("seed ", seed, " epoch ", epoch);
      const auto [found, is_new] = seen.emplace(kit::epoch_order(seed, epoch, 40), what);
      EXPECT_TRUE(is_new) << what << " equals " << found->second;
    }
  }
}

}  // namespace
}  // namespace roux::stats
