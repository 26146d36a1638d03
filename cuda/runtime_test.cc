// What every DeviceRuntime promises, on each device that this machine has: cpu, emulated, and cuda:0 under
// --config=cuda where a GPU is.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "tensor/device.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

std::vector<Device> devices() {
  std::vector<Device> found;
  for (Device device : {kCpu, kEmulated, Device{DeviceType::kCuda, 0}}) {
    if (device_count(device.type) > 0) found.push_back(device);
  }
  return found;
}

class RuntimeTest : public ::testing::TestWithParam<Device> {
 protected:
  DeviceRuntime& runtime() const { return ::roux::runtime(GetParam().type); }
};

// Copies of sizes around the words and pages of a device, at odd offsets.
TEST_P(RuntimeTest, CopiesReturnTheBytes) {
  for (size_t bytes : {1, 3, 63, 64, 65, 4095, 1 << 20}) {
    std::vector<unsigned char> sent(bytes), back(bytes, 0);
    std::iota(sent.begin(), sent.end(), static_cast<unsigned char>(bytes));
    auto* a = static_cast<unsigned char*>(runtime().allocate(bytes + 1, 0));
    auto* b = static_cast<unsigned char*>(runtime().allocate(bytes + 1, 0));
    runtime().fill_bytes(b, 0xab, bytes + 1, 0);
    runtime().copy_from_host(a + 1, sent.data(), bytes, 0);
    runtime().copy(b, a + 1, bytes, 0);
    runtime().copy_to_host(back.data(), b, bytes, 0);
    EXPECT_EQ(back, sent) << bytes;
    runtime().copy_to_host(back.data(), b + bytes, 1, 0);
    EXPECT_EQ(back[0], 0xab) << "a byte behind the copy of " << bytes << " was overwritten";
    runtime().deallocate(a, bytes + 1, 0);
    runtime().deallocate(b, bytes + 1, 0);
  }
}

TEST_P(RuntimeTest, StatisticsFollowLiveTensors) {
  const Device device = GetParam();
  const MemoryStats before = memory_stats(device);
  {
    const Tensor x = empty({kF32, {1000}}, device);
    reset_peak_memory(device);
    {
      const Tensor y = empty({kF64, {500}}, device);
      EXPECT_EQ(memory_stats(device).current, before.current + 8000);
    }
    EXPECT_EQ(memory_stats(device).current, before.current + 4000);
    EXPECT_EQ(memory_stats(device).peak, before.current + 8000);
    EXPECT_EQ(memory_stats(device).allocations, before.allocations + 2);
    EXPECT_GE(memory_stats(device).reserved, memory_stats(device).current);
  }
  EXPECT_EQ(memory_stats(device).current, before.current);
}

// The second of two allocations of one size takes the block that the first gave back.
TEST_P(RuntimeTest, FreedBlocksAreUsedAgain) {
  const Device device = GetParam();
  if (device == kEmulated) GTEST_SKIP() << "keeps freed blocks apart to find uses after the end";
  { const Tensor warm = empty({kF32, {3 << 18}}, device); }
  const int64_t reserved = memory_stats(device).reserved;
  for (int i = 0; i < 5; ++i) const Tensor again = empty({kF32, {3 << 18}}, device);
  EXPECT_EQ(memory_stats(device).reserved, reserved);
}

TEST_P(RuntimeTest, TooMuchMemoryIsAnErrorThatCanBeSurvived) {
  const Device device = GetParam();
  const int64_t before = memory_stats(device).current;
  try {
    runtime().allocate(size_t{1} << 60, 0);
    FAIL() << "an exbibyte was handed out";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("out of memory"), std::string::npos) << error.what();
  }
  EXPECT_EQ(memory_stats(device).current, before);
  EXPECT_EQ(full({10}, 3, kF32, device).to_vector<float>(), std::vector<float>(10, 3));
}

TEST_P(RuntimeTest, EventsCanBeWaitedFor) {
  const std::unique_ptr<Event> event = runtime().make_event(0);
  const Tensor x = full({1 << 16}, 2, kF32, GetParam());
  event->record();
  event->wait();
  event->synchronize();
  EXPECT_EQ(x.to_vector<float>().back(), 2);
}

// What a captured step computes follows the contents of its inputs when it is replayed; its temporary and its
// output stay its own while other tensors come and go.
TEST_P(RuntimeTest, AReplayedCaptureReadsItsInputsAnew) {
  const Device device = GetParam();
  NoGradGuard no_grad;
  const Tensor x = tensor(std::vector<float>{1, 2, 3}, {3}, device);
  auto step = [&] { return add(mul(x, x), 1.0); };
  { const Tensor warm = step(); }
  runtime().begin_capture(0);
  const Tensor y = step();
  const std::unique_ptr<CapturedGraph> graph = runtime().end_capture(0);
  if (graph == nullptr) {
    EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{2, 5, 10}));
    return;
  }
  for (float value : {5.0f, -7.0f}) {
    const std::vector<float> fresh(3, value);
    runtime().copy_from_host(x.data<float>(), fresh.data(), 12, 0);
    const Tensor other = full({3}, 99, kF32, device);
    graph->replay();
    EXPECT_EQ(y.to_vector<float>(), std::vector<float>(3, value * value + 1));
    EXPECT_EQ(other.to_vector<float>(), std::vector<float>(3, 99)) << "a replay wrote into another tensor";
  }
}

// Each replay may find a bad index, and a good one after it finds none.
TEST_P(RuntimeTest, AReplayReportsBadIndices) {
  const Device device = GetParam();
  NoGradGuard no_grad;
  const Tensor weight = ones({3, 2}, kF32, device);
  const Tensor ids = tensor(std::vector<int64_t>{0, 1}, {2}, device);
  { const Tensor warm = embedding(weight, ids); }
  runtime().begin_capture(0);
  const Tensor y = embedding(weight, ids);
  const std::unique_ptr<CapturedGraph> graph = runtime().end_capture(0);
  if (graph == nullptr) GTEST_SKIP() << "nothing is captured here";
  for (int64_t id : {9, 2, 7, 1}) {
    const std::vector<int64_t> fresh = {0, id};
    runtime().copy_from_host(ids.data<int64_t>(), fresh.data(), 16, 0);
    graph->replay();
    std::string error;
    try {
      synchronize(device);
    } catch (const Error& e) {
      error = e.what();
    }
    EXPECT_EQ(error.empty(), id < 3) << error;
    if (id < 3) continue;
    EXPECT_NE(error.find("[1] is " + std::to_string(id)), std::string::npos) << error;
  }
}

TEST_P(RuntimeTest, ThreadsShareADevice) {
  const Device device = GetParam();
  std::vector<double> sums(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < sums.size(); ++t) {
    threads.emplace_back([&, t] {
      NoGradGuard no_grad;
      for (int round = 0; round < 20; ++round) {
        const Tensor x = full({257}, static_cast<double>(t), kF32, device);
        sums[t] = sum(mul(x, x)).item();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < sums.size(); ++t) EXPECT_EQ(sums[t], 257.0 * static_cast<double>(t * t));
}

INSTANTIATE_TEST_SUITE_P(Devices, RuntimeTest, ::testing::ValuesIn(devices()),
                         [](const auto& info) { return std::string(name(info.param.type)); });

}  // namespace
}  // namespace roux
