#include "tensor/profiler.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "tensor/parallel.h"

namespace roux {
namespace internal {

bool trace_enabled = false;

struct TraceBuffer {
  std::vector<TraceCall> calls;
  std::unordered_multimap<uint64_t, int> call_of_hash;
  std::vector<TraceEvent> events;
  std::vector<TraceStep> steps;
  std::optional<TraceStep> step;  // the open one
  TraceScope* innermost = nullptr;
  int thread = 0;
};

}  // namespace internal

namespace {

using internal::TraceBuffer;

std::mutex mutex;
std::vector<std::shared_ptr<TraceBuffer>>& buffers() {
  static auto* all = new std::vector<std::shared_ptr<TraceBuffer>>;
  return *all;
}
TraceOptions options;
int64_t origin_ns = 0;

int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
int64_t now_ns() { return steady_ns() - origin_ns; }

TraceBuffer& this_thread_buffer() {
  thread_local std::shared_ptr<TraceBuffer> buffer = [] {
    auto made = std::make_shared<TraceBuffer>();
    const std::lock_guard<std::mutex> lock(mutex);
    made->thread = static_cast<int>(buffers().size());
    buffers().push_back(made);
    return made;
  }();
  return *buffer;
}

bool is_kept_step(int64_t step) { return step >= options.first_step && step <= options.last_step; }

bool keeps_events(const TraceBuffer& buffer) {
  if (!options.events) return false;
  return buffer.step ? is_kept_step(buffer.step->step) : options.first_step == 0;
}

uint64_t mixed(uint64_t hash, uint64_t value) { return (hash ^ value) * 0x9E3779B97F4A7C15ULL; }
uint64_t mixed(uint64_t hash, absl::Span<const TensorSpec> specs) {
  hash = mixed(hash, specs.size());
  for (const TensorSpec& spec : specs) {
    hash = mixed(hash, static_cast<uint64_t>(spec.dtype));
    for (const int64_t size : spec.shape) hash = mixed(hash, static_cast<uint64_t>(size));
  }
  return hash ^ (hash >> 29);
}

// A call without its counts; copied only when it is new.
struct CallView {
  const char* name;
  ScopeKind kind;
  int width;
  absl::Span<const TensorSpec> inputs, outputs;
  OpCost cost;

  explicit CallView(const TraceCall& c) : CallView(c.name, c.kind, c.width, c.inputs, c.outputs, c.cost) {}
  CallView(const char* name, ScopeKind kind, int width, absl::Span<const TensorSpec> inputs,
           absl::Span<const TensorSpec> outputs, const OpCost& cost)
      : name(name), kind(kind), width(width), inputs(inputs), outputs(outputs), cost(cost) {}

  uint64_t hash() const {
    uint64_t hash = mixed(reinterpret_cast<uintptr_t>(name), static_cast<uint64_t>(kind));
    hash = mixed(hash, static_cast<uint64_t>(width));
    for (const int64_t part : {cost.read, cost.written, cost.flops})
      hash = mixed(hash, static_cast<uint64_t>(part));
    return mixed(mixed(hash, inputs), outputs);
  }
  bool is(const TraceCall& c) const {
    return name == c.name && kind == c.kind && width == c.width && cost == c.cost && inputs == c.inputs &&
           outputs == c.outputs;
  }
};

// The position of `view` in calls, which it joins where it is new.
int position(const CallView& view, std::vector<TraceCall>& calls,
             std::unordered_multimap<uint64_t, int>& call_of_hash) {
  const uint64_t hash = view.hash();
  const auto [first, last] = call_of_hash.equal_range(hash);
  for (auto at = first; at != last; ++at) {
    if (view.is(calls[static_cast<size_t>(at->second)])) return at->second;
  }
  const int added = static_cast<int>(calls.size());
  calls.push_back({view.name,
                   view.kind,
                   view.width,
                   {view.inputs.begin(), view.inputs.end()},
                   {view.outputs.begin(), view.outputs.end()},
                   view.cost});
  call_of_hash.emplace(hash, added);
  return added;
}

void close_step(TraceBuffer& buffer) {
  if (!buffer.step) return;
  TraceStep& step = *buffer.step;
  step.duration_ns = now_ns() - step.begin_ns;
  if (options.events && is_kept_step(step.step)) buffer.steps.push_back(std::move(step));
  buffer.step.reset();
}

void clear(TraceBuffer& buffer) {
  buffer.calls.clear();
  buffer.call_of_hash.clear();
  buffer.events.clear();
  buffer.steps.clear();
  buffer.step.reset();
  buffer.innermost = nullptr;
}

template <class T>
void sort_by_begin(std::vector<T>& items) {
  std::stable_sort(items.begin(), items.end(),
                   [](const T& a, const T& b) { return a.begin_ns < b.begin_ns; });
}

}  // namespace

void start_trace(const TraceOptions& wanted) {
  const std::lock_guard<std::mutex> lock(mutex);
  for (const auto& buffer : buffers()) clear(*buffer);
  options = wanted;
  origin_ns = steady_ns();
  internal::trace_enabled = true;
}

Trace take_trace() {
  internal::trace_enabled = false;
  Trace trace;
  trace.wall_ns = now_ns();
  std::unordered_multimap<uint64_t, int> call_of_hash;
  const std::lock_guard<std::mutex> lock(mutex);
  for (const auto& buffer : buffers()) {
    close_step(*buffer);
    std::vector<int> positions;
    for (const TraceCall& call : buffer->calls) {
      positions.push_back(position(CallView(call), trace.calls, call_of_hash));
      TraceCall& sum = trace.calls[static_cast<size_t>(positions.back())];
      sum.calls += call.calls;
      sum.total_ns += call.total_ns;
      sum.self_ns += call.self_ns;
    }
    for (TraceEvent& event : buffer->events) event.call = positions[static_cast<size_t>(event.call)];
    trace.events.insert(trace.events.end(), buffer->events.begin(), buffer->events.end());
    trace.steps.insert(trace.steps.end(), buffer->steps.begin(), buffer->steps.end());
    clear(*buffer);
  }
  sort_by_begin(trace.events);
  sort_by_begin(trace.steps);
  return trace;
}

void trace_step_begins(absl::string_view part, int64_t step) {
  if (!internal::trace_enabled) return;
  TraceBuffer& buffer = this_thread_buffer();
  const bool again = buffer.step && buffer.step->step == step && part == buffer.step->part;
  if (!again) close_step(buffer);
  buffer.step = TraceStep{std::string(part), step, now_ns(), 0, buffer.thread};
}

void trace_steps_end() {
  if (internal::trace_enabled) close_step(this_thread_buffer());
}

void TraceScope::begin(const char* name, ScopeKind kind, absl::Span<const TensorSpec> inputs,
                       absl::Span<const TensorSpec> outputs, const OpCost& cost) {
  buffer_ = &this_thread_buffer();
  outer_ = buffer_->innermost;
  buffer_->innermost = this;
  call_ = position({name, kind, num_threads(), inputs, outputs, cost}, buffer_->calls, buffer_->call_of_hash);
  kept_ = keeps_events(*buffer_);
  inner_ns_ = 0;
  begin_ns_ = now_ns();
}

void TraceScope::end() {
  const int64_t duration = now_ns() - begin_ns_;
  TraceCall& call = buffer_->calls[static_cast<size_t>(call_)];
  ++call.calls;
  call.total_ns += duration;
  call.self_ns += duration - inner_ns_;
  if (kept_) buffer_->events.push_back({call_, begin_ns_, duration, buffer_->thread});
  buffer_->innermost = outer_;
  if (outer_) outer_->inner_ns_ += duration;
}

}  // namespace roux
