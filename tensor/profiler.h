// What ran when, and what it cost. While nothing is recorded a scope costs one predictable branch.
//
//   start_trace({.events = false});
//   train();
//   const Trace trace = take_trace();                 // trace.calls: how often, how long, which inputs
//
// Scopes nest; the time of the inner ones is no part of an outer one's self_ns, so that the self_ns of all
// calls add up to the time of the outermost scopes. Names must be string literals (only the pointer is kept).
// Each thread records on its own; start_trace() and take_trace() must not run while a thread is inside a
// scope. Kernels of a GPU are launched, not awaited, by what is timed here.
#ifndef ROUX_TENSOR_PROFILER_H_
#define ROUX_TENSOR_PROFILER_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tensor/shape.h"

namespace roux {

// The least that a call of a kernel has to do: each distinct element of its arguments is moved once, in
// bytes. flops: multiplications and additions, 2 for a fused one; negative where no count is known.
struct OpCost {
  int64_t read = 0, written = 0;
  int64_t flops = -1;
};
inline bool operator==(const OpCost& a, const OpCost& b) {
  return a.read == b.read && a.written == b.written && a.flops == b.flops;
}

enum class ScopeKind : uint8_t {
  kKernel,    // a kernel of a KernelTable (tables.h)
  kBackward,  // the backward of a graph node, around the kernels that it calls
  kRegion,    // ROUX_TRACE_SCOPE
};

// All calls that are alike in what stands above the counts.
struct TraceCall {
  const char* name = "";
  ScopeKind kind = ScopeKind::kRegion;
  int width = 1;                            // num_threads() of the caller
  std::vector<TensorSpec> inputs, outputs;  // of kernels
  OpCost cost;
  int64_t calls = 0;
  int64_t total_ns = 0;
  int64_t self_ns = 0;
};
struct TraceEvent {
  int call;          // position in Trace::calls
  int64_t begin_ns;  // since start_trace()
  int64_t duration_ns;
  int thread;  // small number, in order of first use
};
// One step of a part (a training; recipes/kit/run/part.h).
struct TraceStep {
  std::string part;
  int64_t step;
  int64_t begin_ns, duration_ns;
  int thread;
};
struct Trace {
  std::vector<TraceCall> calls;
  std::vector<TraceEvent> events;  // ordered by begin
  std::vector<TraceStep> steps;    // likewise
  int64_t wall_ns = 0;             // from start_trace() to take_trace()
};

struct TraceOptions {
  bool events = true;  // false: only Trace::calls, whose size does not grow with the run
  // Events and steps are kept of these steps, both included. With a first step above 0 what runs outside of
  // steps is not kept. Calls are counted all the same.
  int64_t first_step = 0;
  int64_t last_step = std::numeric_limits<int64_t>::max();
};
void start_trace(const TraceOptions& options = {});  // clears and switches on, for all threads
Trace take_trace();                                  // switches off

// On this thread step `step` of `part` begins, and the one that was open ends; the same one begun again
// begins anew.
void trace_step_begins(absl::string_view part, int64_t step);
void trace_steps_end();

namespace internal {
extern bool trace_enabled;
struct TraceBuffer;
}  // namespace internal

class TraceScope {
 public:
  explicit TraceScope(const char* name, ScopeKind kind = ScopeKind::kRegion) {
    if (internal::trace_enabled) [[unlikely]]
      begin(name, kind, {}, {}, {});
  }
  // Of a kernel, while recording.
  TraceScope(const char* name, absl::Span<const TensorSpec> inputs, absl::Span<const TensorSpec> outputs,
             const OpCost& cost) {
    begin(name, ScopeKind::kKernel, inputs, outputs, cost);
  }
  ~TraceScope() {
    if (buffer_) [[unlikely]]
      end();
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  void begin(const char* name, ScopeKind kind, absl::Span<const TensorSpec> inputs,
             absl::Span<const TensorSpec> outputs, const OpCost& cost);
  void end();

  internal::TraceBuffer* buffer_ = nullptr;  // null: not recording
  TraceScope* outer_;
  int call_;
  bool kept_;  // as an event
  int64_t begin_ns_, inner_ns_;
};

}  // namespace roux

#define ROUX_TRACE_SCOPE(name) ::roux::TraceScope roux_trace_scope_(name)

#endif  // ROUX_TENSOR_PROFILER_H_
