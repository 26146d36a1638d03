#include "tensor/parallel.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tensor/error_of.h"

namespace roux {
namespace {

using Chunks = std::set<std::pair<int64_t, int64_t>>;

Chunks chunks_of(int64_t begin, int64_t end, int64_t grain, int threads) {
  set_num_threads(threads);
  std::mutex mutex;
  Chunks chunks;
  parallel_for(begin, end, grain, [&](int64_t from, int64_t to) {
    std::lock_guard<std::mutex> lock(mutex);
    EXPECT_TRUE(chunks.emplace(from, to).second) << "chunk " << from << " ran twice";
  });
  return chunks;
}

TEST(ParallelFor, ChunksDependOnRangeAndGrainAlone) {
  const Chunks wanted = {{3, 10}, {10, 17}, {17, 22}};
  for (int threads : {1, 2, 5, 16}) {
    EXPECT_EQ(chunks_of(3, 22, 7, threads), wanted) << threads;
    EXPECT_EQ(chunks_of(0, 1, 100, threads), (Chunks{{0, 1}})) << threads;
    EXPECT_EQ(chunks_of(5, 5, 1, threads), Chunks{}) << threads;
    EXPECT_EQ(chunks_of(5, 4, 1, threads), Chunks{}) << threads;
    EXPECT_EQ(chunks_of(0, 1000, 1, threads).size(), 1000u) << threads;
  }
}

TEST(ParallelFor, RethrowsTheErrorOfTheLowestChunk) {
  for (int threads : {1, 2, 8}) {
    set_num_threads(threads);
    for (int repeat = 0; repeat < 20; ++repeat) {
      EXPECT_EQ(error_of([] {
                  parallel_for(0, 100, 1, [](int64_t i, int64_t) {
                    if (i >= 13) throw Error("chunk " + std::to_string(i));
                  });
                }),
                "chunk 13");
    }
    std::atomic<int> runs{0};  // usable afterwards
    parallel_for(0, 10, 1, [&](int64_t, int64_t) { ++runs; });
    EXPECT_EQ(runs, 10);
    EXPECT_EQ(thread_index(), 0);
  }
}

TEST(ParallelFor, NestedCallsRunInline) {
  set_num_threads(4);
  std::atomic<int> runs{0};
  parallel_for(0, 8, 1, [&](int64_t, int64_t) {
    const std::thread::id outer = std::this_thread::get_id();
    const int index = thread_index();
    int64_t expected = 0;
    parallel_for(0, 16, 1, [&](int64_t from, int64_t) {
      EXPECT_EQ(std::this_thread::get_id(), outer);
      EXPECT_EQ(thread_index(), index);
      EXPECT_EQ(from, expected++);
      ++runs;
    });
  });
  EXPECT_EQ(runs, 8 * 16);
}

TEST(ParallelFor, ThreadIndexNamesOneThreadAtATime) {
  set_num_threads(4);
  const int limit = max_threads();
  EXPECT_GE(limit, 4);
  std::vector<std::atomic<int>> busy(static_cast<size_t>(limit));
  parallel_for(0, 500, 1, [&](int64_t, int64_t) {
    const int index = thread_index();
    ASSERT_GE(index, 0);
    ASSERT_LT(index, limit);
    EXPECT_EQ(busy[static_cast<size_t>(index)]++, 0) << "two threads share index " << index;
    std::this_thread::yield();
    --busy[static_cast<size_t>(index)];
  });
  EXPECT_EQ(thread_index(), 0);
}

TEST(ParallelFor, WidthBelongsToTheThread) {
  set_num_threads(1);
  int elsewhere = 0;
  std::thread other([&] {
    set_num_threads(7);
    elsewhere = num_threads();
  });
  other.join();
  EXPECT_EQ(elsewhere, 7);
  EXPECT_EQ(num_threads(), 1);
  const std::thread::id self = std::this_thread::get_id();
  parallel_for(0, 64, 1, [&](int64_t, int64_t) { EXPECT_EQ(std::this_thread::get_id(), self); });
  EXPECT_EQ(error_of([] { set_num_threads(0); }), "set_num_threads: count is 0, at least 1 is needed");
}

TEST(ParallelFor, TwoThreadsAtOnce) {
  int64_t sums[2] = {};
  auto work = [&](int which) {
    set_num_threads(2);
    for (int repeat = 0; repeat < 50; ++repeat) {
      std::vector<int64_t> squares(1000);
      parallel_for(0, 1000, 10, [&](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; ++i) squares[static_cast<size_t>(i)] = i * i;
      });
      for (int64_t square : squares) sums[which] += square;
    }
  };
  std::thread a(work, 0), b(work, 1);
  a.join();
  b.join();
  EXPECT_EQ(sums[0], 50 * int64_t{332833500});
  EXPECT_EQ(sums[1], sums[0]);
}

}  // namespace
}  // namespace roux
