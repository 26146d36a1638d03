// The CPU runtime's allocator, through tensors and directly.
#include <cstring>
#include <thread>

#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/reduce.h"
#include "tensor/parallel.h"
#include "tensor/tensor.h"

namespace roux {
namespace {

// Freed after main() and this thread's cache: must not touch what is gone (AddressSanitizer would tell).
Tensor& tensor_in_static_storage() {
  static Tensor x = zeros({5});
  return x;
}

DeviceRuntime& cpu() { return runtime(DeviceType::kCpu); }

TEST(CpuRuntime, BlocksAreAlignedAndUsable) {
  tensor_in_static_storage();
  for (size_t bytes = 1; bytes < (size_t{9} << 20); bytes = bytes * 5 / 4 + 1) {
    void* data = cpu().allocate(bytes, 0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u) << bytes;
    std::memset(data, 0xab, bytes);
    cpu().deallocate(data, bytes, 0);
  }
}

TEST(CpuRuntime, LiveBlocksDoNotOverlap) {
  std::vector<std::pair<unsigned char*, size_t>> blocks;
  for (size_t i = 0; i < 300; ++i) {
    const size_t bytes = 1 + i * i % 3001;
    auto* data = static_cast<unsigned char*>(cpu().allocate(bytes, 0));
    std::memset(data, static_cast<int>(i % 251), bytes);
    blocks.emplace_back(data, bytes);
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    for (size_t k = 0; k < blocks[i].second; ++k) ASSERT_EQ(blocks[i].first[k], i % 251) << i;
    cpu().deallocate(blocks[i].first, blocks[i].second, 0);
  }
}

TEST(CpuRuntime, FreedBlocksAreReused) {
  for (size_t bytes : {size_t{100}, size_t{5000}, size_t{300000}, size_t{6000000}}) {
    void* first = cpu().allocate(bytes, 0);
    cpu().deallocate(first, bytes, 0);
    const int64_t reserved = memory_stats(kCpu).reserved;
    void* second = cpu().allocate(bytes, 0);
    EXPECT_EQ(second, first) << bytes;
    EXPECT_EQ(memory_stats(kCpu).reserved, reserved) << bytes;
    cpu().deallocate(second, bytes, 0);
  }
}

TEST(CpuRuntime, Statistics) {
  const MemoryStats before = memory_stats(kCpu);
  reset_peak_memory(kCpu);
  EXPECT_EQ(memory_stats(kCpu).peak, before.current);
  {
    const Tensor a = empty({kF32, {1000}});
    const Tensor view = alias(a, {500}, {1}, 0);  // shares
    EXPECT_EQ(memory_stats(kCpu).current, before.current + 4000);
    {
      const Tensor b = empty({kU8, {3}});
      EXPECT_EQ(memory_stats(kCpu).current, before.current + 4003);
    }
    EXPECT_EQ(memory_stats(kCpu).current, before.current + 4000);
  }
  const MemoryStats after = memory_stats(kCpu);
  EXPECT_EQ(after.current, before.current);
  EXPECT_EQ(after.peak, before.current + 4003);
  EXPECT_EQ(after.allocations, before.allocations + 2);
  EXPECT_GE(after.reserved, after.peak);
  empty({kF32, {0, 7}});  // zero bytes: no allocation
  EXPECT_EQ(memory_stats(kCpu).allocations, after.allocations);
  reset_peak_memory(kCpu);
  EXPECT_EQ(memory_stats(kCpu).peak, after.current);
}

TEST(CpuRuntime, AbsurdAllocationsAreErrorsAndCountNothing) {
  const MemoryStats before = memory_stats(kCpu);
  for (int64_t count : {int64_t{1} << 40, int64_t{1} << 50, int64_t{1} << 60}) {
    EXPECT_EQ(error_of([&] {
                empty({kF32, {count}});
              }).rfind("out of memory: " + std::to_string(4 * count), 0),
              0u)
        << count;
  }
  EXPECT_NE(error_of([] { empty({kF64, {int64_t{1} << 61}}); }).find("out of memory"), std::string::npos);
  EXPECT_NE(error_of([] { cpu().allocate(~size_t{0}, 0); }).find("out of memory"), std::string::npos);
  const MemoryStats after = memory_stats(kCpu);
  EXPECT_EQ(after.current, before.current);
  EXPECT_EQ(after.peak, before.peak);
  EXPECT_EQ(after.reserved, before.reserved);
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(sum(ones({1000})).item(), 1000);
}

TEST(CpuRuntime, BlocksOfAThreadThatEndedAreReused) {
  constexpr size_t kBytes = 777;
  const MemoryStats before = memory_stats(kCpu);
  void* there = nullptr;
  std::thread([&] {
    there = cpu().allocate(kBytes, 0);
    void* other = cpu().allocate(kBytes, 0);
    cpu().deallocate(there, kBytes, 0);
    cpu().deallocate(other, kBytes, 0);
  }).join();
  EXPECT_EQ(memory_stats(kCpu).current, before.current);
  const int64_t reserved = memory_stats(kCpu).reserved;
  std::vector<void*> blocks;
  bool found = false;
  for (int i = 0; i < 200 && !found; ++i) {
    blocks.push_back(cpu().allocate(kBytes, 0));
    found = blocks.back() == there;
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(memory_stats(kCpu).reserved, reserved);
  for (void* block : blocks) cpu().deallocate(block, kBytes, 0);
}

TEST(CpuRuntime, FreedOnAnotherThread) {
  const MemoryStats before = memory_stats(kCpu);
  std::vector<Tensor> made;
  std::thread([&] {
    for (int64_t i = 1; i < 200; ++i) made.push_back(full({i * 13}, static_cast<double>(i)));
  }).join();
  for (int64_t i = 1; i < 200; ++i) {
    EXPECT_EQ(sum(made[static_cast<size_t>(i - 1)]).item(), static_cast<double>(i * i * 13));
  }
  made.clear();
  EXPECT_EQ(memory_stats(kCpu).current, before.current);
}

TEST(CpuRuntime, ThreadsAllocateAndComputeAtOnce) {
  const MemoryStats before = memory_stats(kCpu);
  auto work = [](int seed) {
    set_num_threads(2);
    for (int repeat = 0; repeat < 60; ++repeat) {
      const int64_t n = 1 + (repeat * 977 + seed * 131) % 40000;
      const Tensor x = full({n}, seed);
      ASSERT_EQ(sum(x).item(), static_cast<double>(n * seed));
    }
  };
  std::vector<std::thread> threads;
  for (int seed = 1; seed <= 3; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory_stats(kCpu).current, before.current);
}

TEST(MetaRuntime, CountsWithoutMemory) {
  const MemoryStats before = memory_stats(kMeta);
  {
    const Tensor x = empty({kF32, {int64_t{1} << 40}}, kMeta);
    EXPECT_EQ(memory_stats(kMeta).current, before.current + (int64_t{4} << 40));
  }
  EXPECT_EQ(memory_stats(kMeta).current, before.current);
  EXPECT_EQ(memory_stats(kMeta).peak, before.current + (int64_t{4} << 40));
}

}  // namespace
}  // namespace roux
