// The host logic of `cuda:N` on a fake driver: what a GPU would only show now and then, or never.
#include "cuda/backend_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cuda/fake_backend.h"
#include "tensor/enter_device.h"
#include "tensor/error.h"
#include "tensor/error_of.h"
#include "tensor/tensor.h"

namespace roux::cuda {
namespace {

using ::testing::HasSubstr;

class BackendRuntimeTest : public ::testing::Test {
 protected:
  BackendRuntimeTest() { driver_.set_device(0); }

  // A launch of work, as launch() makes it.
  void launch(const FakeBackend::Work& work, const std::function<void(double)>* observe = nullptr,
              size_t dynamic_shared = 0) {
    kernels_.push_back(std::make_unique<FakeBackend::Work>(work));
    runtime_.launch({kernels_.back().get(), &name_, {1, 1, 1}, {32, 1, 1}, dynamic_shared, nullptr}, observe);
  }
  // y[0] = x[0] + by.
  void launch_add(const int* x, int by, int* y) {
    launch([=] { *y = *x + by; });
  }
  int* make(int value) {
    int* x = static_cast<int*>(runtime_.allocate(sizeof value, 0));
    runtime_.copy_from_host(x, &value, sizeof value, 0);
    return x;
  }
  void drop(int* x) { runtime_.deallocate(x, sizeof *x, 0); }
  int read(const int* x) {
    int value = 0;
    runtime_.copy_to_host(&value, x, sizeof value, 0);
    return value;
  }

  FakeBackend driver_;
  BackendRuntime runtime_{driver_, {}};
  const std::string name_ = "add_kernel";
  std::vector<std::unique_ptr<FakeBackend::Work>> kernels_;
};

TEST_F(BackendRuntimeTest, ACaptureRunsWhenItIsReplayed) {
  int *x = make(1), *y = make(0);
  runtime_.begin_capture(0);
  launch_add(x, 10, y);
  const auto graph = runtime_.end_capture(0);
  EXPECT_EQ(read(y), 0);
  for (int value : {5, 7}) {
    runtime_.copy_from_host(x, &value, sizeof value, 0);
    graph->replay();
    EXPECT_EQ(read(y), value + 10);
  }
}

// Whatever breaks a capture, its blocks, slots and stream go back and the next one works.
TEST_F(BackendRuntimeTest, AFailedCaptureLeavesEverythingUsable) {
  int *x = make(1), *y = make(0);
  for (bool at_the_end : {true, false}) {
    runtime_.begin_capture(0);
    int* inside = static_cast<int*>(runtime_.allocate(sizeof(int), 0));
    launch_add(x, 1, inside);
    runtime_.close_fault_slot(runtime_.open_fault_slot(), [](int64_t, int64_t) { return "wrong"; });
    driver_.end_capture_fails = at_the_end;
    if (!at_the_end) {
      driver_.launch_error = 9;
      EXPECT_THAT(error_of([&] { launch_add(x, 1, y); }), HasSubstr("add_kernel failed: error 9"));
    }
    const std::string error = error_of([&] { runtime_.end_capture(0); });
    EXPECT_EQ(error, at_the_end ? "stream capture was invalidated" : "no error");
    drop(inside);
    int* again = make(3);
    EXPECT_EQ(again, inside) << "the capture's block never came back";
    launch_add(again, 1, y);
    EXPECT_EQ(read(y), 4);
    EXPECT_EQ(driver_.open_streams(), 1) << "a capture's stream was left behind";
    drop(again);
  }
  runtime_.begin_capture(0);
  launch_add(x, 2, y);
  const auto graph = runtime_.end_capture(0);
  graph->replay();
  EXPECT_EQ(read(y), 3);
}

// A block of one graph that is freed while another is captured stays the first one's: its replays write
// there. The second graph, which may read it, keeps the first one's memory.
TEST_F(BackendRuntimeTest, GraphsDoNotShareMemory) {
  int* x = make(1);
  runtime_.begin_capture(0);
  int* a = static_cast<int*>(runtime_.allocate(sizeof(int), 0));
  launch_add(x, 1, a);
  auto first = runtime_.end_capture(0);

  int* result = make(0);
  runtime_.begin_capture(0);
  launch_add(a, 5, result);
  drop(a);
  int* b = static_cast<int*>(runtime_.allocate(sizeof(int), 0));
  launch_add(x, 100, b);
  const auto second = runtime_.end_capture(0);
  EXPECT_NE(b, a);
  first->replay();
  second->replay();
  first->replay();
  EXPECT_EQ(read(b), 101);
  first.reset();
  int* other = make(40);
  EXPECT_NE(other, a) << "the second graph still reads it";
  second->replay();
  EXPECT_EQ(read(other), 40);
  EXPECT_EQ(read(result), 7);
}

// Memory that the capture freed may be handed out again inside it and nowhere else, until the graph is gone.
TEST_F(BackendRuntimeTest, AGraphsMemoryComesBackWithItsEnd) {
  int *x = make(1), *older = make(2);
  runtime_.begin_capture(0);
  int* a = static_cast<int*>(runtime_.allocate(sizeof(int), 0));
  drop(a);
  EXPECT_EQ(runtime_.allocate(sizeof(int), 0), a) << "a capture uses its own blocks again";
  launch_add(older, 1, a);
  drop(older);
  auto graph = runtime_.end_capture(0);
  drop(a);
  std::set<int*> outside;
  for (int i = 0; i < 4; ++i) outside.insert(make(i));
  EXPECT_EQ(outside.count(a) + outside.count(older), 0u);
  graph.reset();
  for (int i = 0; i < 2; ++i) outside.insert(make(i));
  EXPECT_EQ(outside.count(a) + outside.count(older), 2u);
  EXPECT_EQ(read(x), 1);
}

TEST_F(BackendRuntimeTest, NothingIsUploadedReadOrWaitedForInACapture) {
  int *x = make(1), *y = make(0);
  const auto event = runtime_.make_event(0);
  event->record();
  int host = 0;
  runtime_.begin_capture(0);
  launch_add(x, 1, y);
  EXPECT_THAT(error_of([&] { runtime_.copy_from_host(x, &host, 4, 0); }), HasSubstr("can be uploaded"));
  EXPECT_THAT(error_of([&] { runtime_.copy_to_host(&host, x, 4, 0); }), HasSubstr("can be read"));
  EXPECT_THAT(error_of([&] { runtime_.synchronize(0); }), HasSubstr("can be waited for"));
  EXPECT_THAT(error_of([&] { event->synchronize(); }), HasSubstr("event waited for"));
  EXPECT_THAT(error_of([&] { runtime_.begin_capture(0); }), HasSubstr("captures already"));
  const auto graph = runtime_.end_capture(0);
  graph->replay();
  EXPECT_EQ(read(y), 2);
  EXPECT_THAT(error_of([&] { runtime_.end_capture(0); }), HasSubstr("captures nothing"));
}

// Another thread's work is neither recorded nor does it take the capture's memory.
TEST_F(BackendRuntimeTest, OtherThreadsWorkWhileOneCaptures) {
  int *x = make(1), *y = make(0), *z = make(0);
  runtime_.begin_capture(0);
  launch_add(x, 1, y);
  std::thread([&] {
    driver_.set_device(0);
    launch_add(x, 50, z);
    EXPECT_EQ(read(z), 51);
    int* own = make(9);
    drop(own);
    EXPECT_EQ(make(8), own) << "a block of another thread belongs to no capture";
  }).join();
  const auto graph = runtime_.end_capture(0);
  runtime_.fill_bytes(z, 0, sizeof(int), 0);
  graph->replay();
  EXPECT_EQ(read(y), 2);
  EXPECT_EQ(read(z), 0) << "a replay repeated another thread's launch";
}

// Waiting would spoil the capture.
TEST_F(BackendRuntimeTest, ACaptureIsNeitherTimedNorMadeSynchronous) {
  BackendRuntime synchronous(driver_, {.synchronous = true});
  int told = 0, runs = 0;
  const std::function<void(double)> observe = [&](double milliseconds) {
    ++told;
    EXPECT_EQ(milliseconds, 0.25);
  };
  FakeBackend::Work work = [&] { ++runs; };
  const KernelLaunch launch{&work, &name_, {1, 1, 1}, {32, 1, 1}, 0, nullptr};
  synchronous.launch(launch, nullptr);
  EXPECT_EQ(runs, 1);
  synchronous.launch(launch, &observe);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(told, 1);
  synchronous.begin_capture(0);
  synchronous.launch(launch, nullptr);
  synchronous.launch(launch, &observe);
  const auto graph = synchronous.end_capture(0);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(told, 1);
  graph->replay();
  synchronous.synchronize(0);
  EXPECT_EQ(runs, 4);
}

// A thread's launches go to the device of what it allocated or wrote last; copies, events and replays go to
// their own and leave the thread's alone.
TEST_F(BackendRuntimeTest, EveryCallGoesToItsDevice) {
  void* there = runtime_.allocate(4, 1);
  launch([] {});
  void* here = runtime_.allocate(4, 0);
  launch([] {});
  runtime_.enter_device(1);
  launch([] {});
  EXPECT_EQ(driver_.launch_devices, (std::vector<int>{1, 0, 1}));
  runtime_.enter_device(0);
  runtime_.fill_bytes(there, 0, 4, 1);
  runtime_.copy(there, there, 4, 1);
  runtime_.synchronize(1);
  const auto event = runtime_.make_event(1);
  event->record();
  event->synchronize();
  int runs = 0;
  runtime_.enter_device(1);
  runtime_.begin_capture(1);
  launch([&] { ++runs; });
  const auto graph = runtime_.end_capture(1);
  runtime_.enter_device(0);
  graph->replay();
  event->record();
  event->wait();
  EXPECT_EQ(driver_.current_device(), 0);
  runtime_.synchronize(1);
  EXPECT_EQ(runs, 1);
  runtime_.deallocate(here, 4, 0);
  runtime_.deallocate(there, 4, 1);
}

// Ops that write in place allocate nothing: what they note is enough.
TEST_F(BackendRuntimeTest, AWriteTakesTheThreadToItsDevice) {
  // Registered for the rest of the program, which is this test's.
  static auto* driver = new FakeBackend;
  static auto* runtime = new BackendRuntime(*driver, {});
  const RegisterRuntime registered(DeviceType::kCuda, runtime);
  set_enter_device(DeviceType::kCuda, [](int index) { runtime->enter_device(index); });
  const Tensor there = empty({kF32, {4}}, {DeviceType::kCuda, 1});
  const Tensor here = empty({kF32, {4}}, {DeviceType::kCuda, 0});
  EXPECT_EQ(driver->current_device(), 0);
  note_write(there, "test");
  EXPECT_EQ(driver->current_device(), 1);
  note_write(here, "test");
  EXPECT_EQ(driver->current_device(), 0);
}

TEST_F(BackendRuntimeTest, WithoutACacheBlocksAreExactAndGoBackAtOnce) {
  BackendRuntime exact(driver_, {.caches = false});
  void* x = exact.allocate(100, 0);
  EXPECT_EQ(driver_.live.at(x), 100u);
  exact.deallocate(x, 100, 0);
  EXPECT_EQ(driver_.live.count(x), 0u);
  EXPECT_EQ(exact.memory_stats(0).reserved, 0);
  exact.begin_capture(0);
  void* inside = exact.allocate(100, 0);
  exact.deallocate(inside, 100, 0);
  EXPECT_NE(exact.allocate(100, 0), inside) << "a block that is used again hides a use after the end";
  auto graph = exact.end_capture(0);
  EXPECT_EQ(driver_.live.count(inside), 1u) << "replays write there";
  graph.reset();
  EXPECT_EQ(driver_.live.count(inside), 0u);
  void* cached = runtime_.allocate(100, 0);
  EXPECT_EQ(driver_.live.at(cached), 512u);
  runtime_.deallocate(cached, 100, 0);
  EXPECT_EQ(driver_.live.count(cached), 1u);
}

TEST_F(BackendRuntimeTest, MemoryThatIsCachedIsFreedBeforeThereIsNoneLeft) {
  driver_.memory_left = 8192;
  void* x = runtime_.allocate(4096, 0);
  runtime_.deallocate(x, 4096, 0);
  void* y = runtime_.allocate(6000, 0);
  EXPECT_THAT(
      error_of([&] { runtime_.allocate(6000, 0); }),
      HasSubstr("out of memory: 6000 bytes asked for, 6000 bytes are in live tensors on cuda:0, 6144"));
  EXPECT_EQ(runtime_.memory_stats(0).current, 6000);
  runtime_.deallocate(y, 6000, 0);
}

TEST_F(BackendRuntimeTest, AFailedLaunchIsReportedOnce) {
  int *x = make(1), *y = make(0);
  driver_.launch_error = 7;
  const std::string error = error_of([&] { launch_add(x, 1, y); });
  EXPECT_THAT(error, HasSubstr("the launch of add_kernel failed: error 7; grid 1 x 1 x 1, block 32 x 1 x 1"));
  launch_add(x, 1, y);
  EXPECT_EQ(read(y), 2);
  EXPECT_THAT(error_of([&] { launch([] {}, nullptr, 228 * 1024); }), HasSubstr("the shared memory of"));
  launch([] {}, nullptr, 100 * 1024);
}

// What a kernel noted, with the values, in one wait; and uploads wait for nothing.
TEST_F(BackendRuntimeTest, AReadWaitsOnce) {
  int* x = make(1);
  EXPECT_EQ(driver_.synchronizations, 0);
  EXPECT_EQ(read(x), 1);
  EXPECT_EQ(driver_.synchronizations, 1);
  FaultBoard::Slot* slot = runtime_.open_fault_slot();
  launch([=] { *slot = FaultBoard::Slot{3} << 32 | 8; });
  runtime_.close_fault_slot(slot, [](int64_t position, int64_t value) {
    return "ids[" + std::to_string(position) + "] is " + std::to_string(value);
  });
  EXPECT_EQ(error_of([&] { read(x); }), "ids[3] is 8");
  EXPECT_EQ(driver_.synchronizations, 2);
  EXPECT_EQ(read(x), 1) << "a fault is reported once";
  EXPECT_EQ(driver_.synchronizations, 3);
  EXPECT_EQ(driver_.pageable_copies, 0);
}

// The host's memory may change as soon as an upload has returned, also when the ring comes round.
TEST_F(BackendRuntimeTest, UploadsKeepTheirValues) {
  constexpr size_t kBytes = Staging::kLargest - 3;
  std::vector<char*> sent;
  for (int i = 0; i < 6; ++i) {
    std::vector<char> host(kBytes, static_cast<char>('a' + i));
    sent.push_back(static_cast<char*>(runtime_.allocate(kBytes, 0)));
    runtime_.copy_from_host(sent.back(), host.data(), kBytes, 0);
    std::fill(host.begin(), host.end(), '-');
  }
  EXPECT_EQ(driver_.synchronizations, 1);
  for (int i = 0; i < 6; ++i) {
    std::vector<char> back(kBytes);
    runtime_.copy_to_host(back.data(), sent[static_cast<size_t>(i)], kBytes, 0);
    EXPECT_EQ(back, std::vector<char>(kBytes, static_cast<char>('a' + i)));
  }
}

// Slots run out where nothing is read: then they are read. A graph's stay its own.
TEST_F(BackendRuntimeTest, SlotsAreFreeAgainWhenTheyWereRead) {
  const auto note = [&](FaultBoard::Slot value) {
    FaultBoard::Slot* slot = runtime_.open_fault_slot();
    launch([=] { *slot = value; });
    runtime_.close_fault_slot(slot, [](int64_t position, int64_t) { return std::to_string(position); });
  };
  runtime_.begin_capture(0);
  note(FaultBoard::Slot{5} << 32);
  auto graph = runtime_.end_capture(0);
  for (int i = 0; i < 3 * FaultBoard::kSlots; ++i) note(FaultBoard::kNothing);
  runtime_.synchronize(0);
  for (int i = 0; i < 2; ++i) {
    graph->replay();
    EXPECT_EQ(error_of([&] { runtime_.synchronize(0); }), "5");
  }
  graph.reset();
  for (int i = 0; i < FaultBoard::kSlots; ++i) note(FaultBoard::kNothing);
  runtime_.begin_capture(0);
  const auto fill = [&] {
    for (int i = 0; i <= FaultBoard::kSlots; ++i) note(FaultBoard::kNothing);
  };
  EXPECT_THAT(error_of(fill), HasSubstr("more than 4096"));
  runtime_.end_capture(0);
  runtime_.synchronize(0);
}

}  // namespace
}  // namespace roux::cuda
