#include "tensor/tunable.h"

#include <thread>

#include "gtest/gtest.h"
#include "tensor/error_of.h"

namespace roux {
namespace {

constinit const Tunable kFirst("test.first", 1000, 8), kSecond("test.second", 50, 3),
    kNever("test.never", 7, 1);

TEST(Tunable, ScopesNestAndEnd) {
  EXPECT_EQ(kFirst, 1000);
  {
    const ScopedTunable outer(kFirst, kFirst.small());
    EXPECT_EQ(kFirst, 8);
    {
      const ScopedTunable inner(kFirst, 9);
      EXPECT_EQ(kFirst, 9);
    }
    EXPECT_EQ(kFirst, 8);
    EXPECT_EQ(kSecond, 50);
  }
  EXPECT_EQ(kFirst, 1000);
  EXPECT_EQ(error_of([] { ScopedTunable(kFirst, 0); }), "test.first: value is 0, at least 1 is needed");
}

TEST(Tunable, ThoseThatWereReadAreKnownOnceEach) {
  forget_read_tunables();
  EXPECT_TRUE(read_tunables().empty());
  EXPECT_EQ(kSecond + kFirst + kSecond, 1100);
  EXPECT_EQ(read_tunables(), (std::vector<const Tunable*>{&kSecond, &kFirst}));
  const ScopedTunable set(kFirst, 5);
  forget_read_tunables();
  EXPECT_EQ(kFirst, 1000);
  EXPECT_EQ(read_tunables(), std::vector<const Tunable*>{&kFirst});
}

TEST(Tunable, FirstReadByManyThreads) {
  forget_read_tunables();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      EXPECT_EQ(kFirst, 1000);
      EXPECT_EQ(kSecond, 50);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read_tunables().size(), 2u);
}

}  // namespace
}  // namespace roux
