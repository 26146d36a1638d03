// A driver without a GPU, for tests of the host logic. Its memory is the host's; streams do their work only
// when they are waited for, as late as a GPU might, so that a copy from memory that is gone by then shows.
// It is as strict as CUDA where that matters: an error is reported by every call until it is cleared, a
// launch needs a stream of the thread's device, and whatever waits for a capturing stream spoils the capture.
#ifndef ROUX_CUDA_FAKE_BACKEND_H_
#define ROUX_CUDA_FAKE_BACKEND_H_

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/backend.h"
#include "tensor/error.h"

namespace roux::cuda {

class FakeBackend final : public Backend {
 public:
  using Work = std::function<void()>;  // what a launch's `kernel` points to

  // What tests set and read.
  size_t memory_left = size_t{1} << 30;
  int launch_error = 0;             // of the next launch
  bool end_capture_fails = false;   // the next time
  int synchronizations = 0;         // of streams and events
  int pageable_copies = 0;          // with host memory that is not page-locked
  std::map<void*, size_t> live;     // device memory, with its size
  std::vector<int> launch_devices;  // of each launch so far

  int device_count() override { return 2; }
  int current_device() override {
    check();
    return device_;
  }
  void set_device(int index) override {
    check();
    device_ = index;
  }

  void* allocate(int, size_t bytes) override {
    check();
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (bytes > memory_left) return nullptr;
    void* data = std::malloc(bytes);
    memory_left -= bytes;
    live[data] = bytes;
    return data;
  }
  void free(int, void* data) noexcept override {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    for (auto& stream : streams_) finish(*stream);
    memory_left += live.at(data);
    live.erase(data);
    std::free(data);
  }
  void* allocate_pinned(int, size_t bytes) override {
    check();
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    pinned_.push_back(std::make_unique<std::vector<char>>(bytes));
    return pinned_.back()->data();
  }

  StreamHandle* make_stream(int index) override {
    check();
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    streams_.push_back(std::make_unique<Stream>());
    streams_.back()->index = index;
    return reinterpret_cast<StreamHandle*>(streams_.back().get());
  }
  void destroy_stream(int, StreamHandle*) noexcept override { ++destroyed_streams_; }
  int open_streams() const { return static_cast<int>(streams_.size()) - destroyed_streams_; }
  void copy(int, StreamHandle* stream, void* dst, const void* src, size_t bytes, CopyKind kind) override {
    check();
    const void* host = kind == CopyKind::kFromHost ? src : dst;
    if (kind == CopyKind::kOnDevice || is_pinned(host)) {
      return add(stream, [=] { std::memcpy(dst, src, bytes); });
    }
    ++pageable_copies;  // a driver waits, then copies
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    finish(of(stream));
    std::memcpy(dst, src, bytes);
  }
  void fill(int, StreamHandle* stream, void* dst, int value, size_t bytes) override {
    check();
    add(stream, [=] { std::memset(dst, value, bytes); });
  }
  void synchronize(int, StreamHandle* stream) override {
    check();
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    ++synchronizations;
    Stream& s = of(stream);
    if (s.capturing) {
      s.spoiled = true;
      throw Error("operation not permitted when stream is capturing");
    }
    finish(s);
  }

  EventHandle* make_event(int index, bool) override {
    check();
    return reinterpret_cast<EventHandle*>(new FakeEvent{index, nullptr});
  }
  void destroy_event(int, EventHandle* event) noexcept override {
    delete reinterpret_cast<FakeEvent*>(event);
  }
  void record(int index, EventHandle* event, StreamHandle* stream) override {
    check();
    auto* e = reinterpret_cast<FakeEvent*>(event);
    ROUX_CHECK(e->index == index && of(stream).index == index) << "an event of another device";
    e->stream = stream;
  }
  void wait(int, EventHandle*, StreamHandle*) override { check(); }
  void synchronize(int index, EventHandle* event) override {
    check();
    auto* e = reinterpret_cast<FakeEvent*>(event);
    if (e->stream != nullptr) synchronize(index, e->stream);
  }
  double milliseconds(int, EventHandle*, EventHandle*) override { return 0.25; }

  void begin_capture(int, StreamHandle* stream) override {
    check();
    of(stream).capturing = true;
  }
  GraphHandle* end_capture(int, StreamHandle* stream) override {
    check();
    Stream& s = of(stream);
    s.capturing = false;
    std::vector<Work> recorded = std::move(s.work);
    s.work.clear();
    const bool spoiled = s.spoiled || std::exchange(end_capture_fails, false);
    if (spoiled) throw Error("stream capture was invalidated");
    return reinterpret_cast<GraphHandle*>(new std::vector<Work>(std::move(recorded)));
  }
  void destroy_graph(int, GraphHandle* graph) noexcept override {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    for (auto& stream : streams_) finish(*stream);
    delete reinterpret_cast<std::vector<Work>*>(graph);
  }
  void replay(int index, GraphHandle* graph, StreamHandle* stream) override {
    check();
    ROUX_CHECK(of(stream).index == index) << "a graph of another device";
    for (const Work& work : *reinterpret_cast<std::vector<Work>*>(graph)) add(stream, work);
  }

  int allow_dynamic_shared(const void*, size_t bytes) override { return bytes > 227 * 1024 ? fail(1) : 0; }
  int launch(const KernelLaunch& launch, StreamHandle* stream) override {
    if (last_error_ != 0) return last_error_;
    if (launch_error != 0) return fail(std::exchange(launch_error, 0));
    if (of(stream).index != device_) return fail(400);
    launch_devices.push_back(device_);
    add(stream, *static_cast<const Work*>(launch.kernel));
    return 0;
  }
  std::string error_text(int error) override { return "error " + std::to_string(error); }
  void clear_error() noexcept override { last_error_ = 0; }

 private:
  struct Stream {
    int index = 0;
    bool capturing = false, spoiled = false;
    std::vector<Work> work;  // to be done, or recorded
  };
  struct FakeEvent {
    int index;
    StreamHandle* stream;
  };

  static Stream& of(StreamHandle* stream) { return *reinterpret_cast<Stream*>(stream); }
  int fail(int error) { return last_error_ = error; }
  void check() const {
    ROUX_CHECK(last_error_ == 0) << "error " << last_error_ << " of an earlier call, reported again";
  }
  void add(StreamHandle* stream, Work work) {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    of(stream).work.push_back(std::move(work));
  }
  void finish(Stream& stream) noexcept {
    if (stream.capturing) return;
    const std::vector<Work> work = std::exchange(stream.work, {});
    for (const Work& one : work) one();
  }
  bool is_pinned(const void* data) const {
    for (const auto& block : pinned_) {
      if (data >= block->data() && data < block->data() + block->size()) return true;
    }
    return false;
  }

  std::recursive_mutex mutex_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<std::vector<char>>> pinned_;
  int destroyed_streams_ = 0;
  inline static thread_local int device_ = 0;
  inline static thread_local int last_error_ = 0;
};

}  // namespace roux::cuda

#endif  // ROUX_CUDA_FAKE_BACKEND_H_
