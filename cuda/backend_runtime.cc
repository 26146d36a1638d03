#include "cuda/backend_runtime.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::cuda {

constexpr size_t kStaticSharedLimit = 48 * 1024;  // more must be allowed per kernel

thread_local BackendRuntime::Capture* BackendRuntime::capture_ = nullptr;

class BackendRuntime::RuntimeEvent final : public Event {
 public:
  RuntimeEvent(BackendRuntime& runtime, int index)
      : runtime_(runtime), index_(index), event_(runtime.backend_.make_event(index, false)) {}
  ~RuntimeEvent() override { runtime_.backend_.destroy_event(index_, event_); }
  void record() override { runtime_.backend_.record(index_, event_, runtime_.stream_of(index_)); }
  void wait() override { runtime_.backend_.wait(index_, event_, runtime_.stream_of(index_)); }
  void synchronize() override {
    runtime_.refuse_in_capture(index_, "an event waited for");
    runtime_.backend_.synchronize(index_, event_);
  }

 private:
  BackendRuntime& runtime_;
  const int index_;
  EventHandle* const event_;
};

class BackendRuntime::RuntimeGraph final : public CapturedGraph {
 public:
  RuntimeGraph(BackendRuntime& runtime, int index, GraphHandle* graph,
               std::shared_ptr<CachingAllocator::Pool> pool)
      : runtime_(runtime), index_(index), graph_(graph), pool_(std::move(pool)) {}
  ~RuntimeGraph() override {
    runtime_.backend_.destroy_graph(index_, graph_);
    runtime_.device(index_).faults.release(pool_.get());
  }
  void replay() override {
    runtime_.refuse_in_capture(index_, "another graph replayed");
    runtime_.backend_.replay(index_, graph_, runtime_.device(index_).stream);
  }

 private:
  BackendRuntime& runtime_;
  const int index_;
  GraphHandle* const graph_;
  std::shared_ptr<CachingAllocator::Pool> pool_;  // gone after the graph
};

BackendRuntime::DeviceState& BackendRuntime::device(int index) const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::unique_ptr<DeviceState>& state = devices_[index];
  if (state == nullptr) state = std::make_unique<DeviceState>(backend_, index, options_.caches);
  return *state;
}

BackendRuntime::Capture* BackendRuntime::capture_on(int index) const {
  return capture_ != nullptr && capture_->runtime == this && capture_->index == index ? capture_ : nullptr;
}
CachingAllocator::Pool* BackendRuntime::pool_on(int index) const {
  const Capture* capture = capture_on(index);
  return capture != nullptr ? capture->pool.get() : nullptr;
}
StreamHandle* BackendRuntime::stream_of(int index) const {
  const Capture* capture = capture_on(index);
  return capture != nullptr ? capture->stream : device(index).stream;
}
void BackendRuntime::refuse_in_capture(int index, const char* what) const {
  ROUX_CHECK(capture_on(index) == nullptr)
      << "cuda:" << index << ": while a step is captured nothing can be " << what
      << ", which its replays could not repeat; do it before the step or after it";
}

void BackendRuntime::enter_device(int index) {
  if (backend_.current_device() != index) backend_.set_device(index);
}
void* BackendRuntime::allocate(size_t bytes, int index) {
  enter_device(index);  // where the launch that follows runs
  return device(index).allocator.allocate(bytes, pool_on(index));
}
void BackendRuntime::deallocate(void* data, size_t bytes, int index) {
  device(index).allocator.deallocate(data, bytes, pool_on(index));
}

void BackendRuntime::copy(void* dst, const void* src, size_t bytes, int index) {
  backend_.copy(index, stream_of(index), dst, src, bytes, CopyKind::kOnDevice);
}
void BackendRuntime::fill_bytes(void* dst, int value, size_t bytes, int index) {
  backend_.fill(index, stream_of(index), dst, value, bytes);
}
void BackendRuntime::copy_from_host(void* dst, const void* src, size_t bytes, int index) {
  refuse_in_capture(index, "uploaded");
  device(index).staging.upload(dst, src, bytes);
}
void BackendRuntime::copy_to_host(void* dst, const void* src, size_t bytes, int index) {
  refuse_in_capture(index, "read");
  DeviceState& state = device(index);
  std::string text;
  state.staging.download(
      dst, src, bytes, [&] { text = state.faults.read([&] { backend_.synchronize(index, state.stream); }); });
  ROUX_CHECK(text.empty()) << text;
}
void BackendRuntime::synchronize(int index) {
  refuse_in_capture(index, "waited for");
  DeviceState& state = device(index);
  const std::string text = state.faults.read([&] { backend_.synchronize(index, state.stream); });
  ROUX_CHECK(text.empty()) << text;
}
std::unique_ptr<Event> BackendRuntime::make_event(int index) {
  return std::make_unique<RuntimeEvent>(*this, index);
}

void BackendRuntime::begin_capture(int index) {
  ROUX_CHECK(capture_ == nullptr) << "cuda:" << index << ": this thread captures already, on "
                                  << to_string({DeviceType::kCuda, static_cast<int8_t>(capture_->index)});
  DeviceState& state = device(index);
  state.faults.begin_capture();
  StreamHandle* const stream = backend_.make_stream(index);
  try {
    backend_.begin_capture(index, stream);
    capture_ = new Capture{this, index, stream, std::make_shared<CachingAllocator::Pool>(state.allocator)};
  } catch (...) {
    backend_.destroy_stream(index, stream);
    throw;
  }
}

std::unique_ptr<CapturedGraph> BackendRuntime::end_capture(int index) {
  ROUX_CHECK(capture_on(index) != nullptr) << "cuda:" << index << ": this thread captures nothing here";
  // Whatever happens below, the thread captures no longer, and pool and slots go back.
  const std::unique_ptr<Capture> capture(std::exchange(capture_, nullptr));
  struct Cleanup {
    BackendRuntime& runtime;
    const Capture& capture;
    bool failed = true;
    ~Cleanup() {
      runtime.backend_.destroy_stream(capture.index, capture.stream);
      if (failed) runtime.device(capture.index).faults.release(capture.pool.get());
    }
  } cleanup{*this, *capture};
  GraphHandle* const graph = backend_.end_capture(index, capture->stream);
  cleanup.failed = false;
  return std::make_unique<RuntimeGraph>(*this, index, graph, capture->pool);
}

FaultBoard::Slot* BackendRuntime::open_fault_slot() {
  const int index = backend_.current_device();
  return device(index).faults.open(pool_on(index));
}
void BackendRuntime::close_fault_slot(FaultBoard::Slot* slot, FaultBoard::Message message) {
  const int index = backend_.current_device();
  device(index).faults.close(slot, std::move(message), pool_on(index));
}

void BackendRuntime::check_launch(int error, const KernelLaunch& launch, const char* what) {
  if (error == 0) return;
  const std::string text = backend_.error_text(error);
  backend_.clear_error();  // else the next call, of another op, would report it again
  throw Error(absl::StrCat("cuda: ", what, " ", *launch.name, " failed: ", text, "; grid ", launch.grid[0],
                           " x ", launch.grid[1], " x ", launch.grid[2], ", block ", launch.block[0], " x ",
                           launch.block[1], " x ", launch.block[2], ", ", launch.dynamic_shared,
                           " bytes of dynamic shared memory"));
}

void BackendRuntime::launch(const KernelLaunch& launch,
                            const std::function<void(double milliseconds)>* observe) {
  const int index = backend_.current_device();
  DeviceState& state = device(index);
  if (launch.dynamic_shared > kStaticSharedLimit) {
    std::lock_guard<std::mutex> lock(state.mutex);
    size_t& allowed = state.dynamic_shared[launch.kernel];
    if (allowed < launch.dynamic_shared) {
      check_launch(backend_.allow_dynamic_shared(launch.kernel, launch.dynamic_shared), launch,
                   "the shared memory of");
      allowed = launch.dynamic_shared;
    }
  }
  StreamHandle* const stream = stream_of(index);
  const bool capturing = capture_on(index) != nullptr;
  if (observe == nullptr || capturing) {
    check_launch(backend_.launch(launch, stream), launch, "the launch of");
    if (options_.synchronous && !capturing) backend_.synchronize(index, stream);
    return;
  }
  struct TimedEvent {
    Backend& backend;
    int index;
    EventHandle* handle = backend.make_event(index, true);
    ~TimedEvent() { backend.destroy_event(index, handle); }
  } begin{backend_, index}, end{backend_, index};
  backend_.record(index, begin.handle, stream);
  check_launch(backend_.launch(launch, stream), launch, "the launch of");
  backend_.record(index, end.handle, stream);
  backend_.synchronize(index, end.handle);
  (*observe)(backend_.milliseconds(index, begin.handle, end.handle));
}

}  // namespace roux::cuda
