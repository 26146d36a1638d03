#include "tensor/profiler.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>

namespace roux {
namespace {

struct ThreadBuffer {
  std::vector<TraceEvent> events;
  int thread;
};

std::mutex mutex;
std::vector<std::shared_ptr<ThreadBuffer>>& buffers() {
  static auto* all = new std::vector<std::shared_ptr<ThreadBuffer>>;
  return *all;
}
int64_t origin_ns = 0;

int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

ThreadBuffer& this_thread_buffer() {
  thread_local std::shared_ptr<ThreadBuffer> buffer = [] {
    auto made = std::make_shared<ThreadBuffer>();
    std::lock_guard<std::mutex> lock(mutex);
    made->thread = static_cast<int>(buffers().size());
    buffers().push_back(made);
    return made;
  }();
  return *buffer;
}

}  // namespace

namespace internal {
bool trace_enabled = false;
int64_t trace_now() { return steady_ns() - origin_ns; }
void trace_event(const char* name, int64_t begin_ns, int64_t end_ns) {
  ThreadBuffer& buffer = this_thread_buffer();
  buffer.events.push_back({name, begin_ns, end_ns - begin_ns, buffer.thread});
}
}  // namespace internal

void start_trace() {
  std::lock_guard<std::mutex> lock(mutex);
  for (const auto& buffer : buffers()) buffer->events.clear();
  origin_ns = steady_ns();
  internal::trace_enabled = true;
}

std::vector<TraceEvent> take_trace() {
  internal::trace_enabled = false;
  std::vector<TraceEvent> all;
  std::lock_guard<std::mutex> lock(mutex);
  for (const auto& buffer : buffers()) {
    all.insert(all.end(), buffer->events.begin(), buffer->events.end());
    buffer->events.clear();
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const TraceEvent& a, const TraceEvent& b) { return a.begin_ns < b.begin_ns; });
  return all;
}

}  // namespace roux
