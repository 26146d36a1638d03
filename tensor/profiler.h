// Trace of what ran when. ROUX_TRACE_SCOPE("op") costs one predictable branch while tracing is off. Names
// must be string literals (only the pointer is kept). Each thread writes its own buffer; take_trace() gathers
// them all and must not run while traced threads are inside scopes.
#ifndef ROUX_TENSOR_PROFILER_H_
#define ROUX_TENSOR_PROFILER_H_

#include <cstdint>
#include <vector>

namespace roux {

struct TraceEvent {
  const char* name;
  int64_t begin_ns;  // since start_trace()
  int64_t duration_ns;
  int thread;  // small number, in order of first use
};

void start_trace();                    // clears and switches on, for all threads
std::vector<TraceEvent> take_trace();  // switches off; events ordered by begin

namespace internal {
extern bool trace_enabled;
int64_t trace_now();
void trace_event(const char* name, int64_t begin_ns, int64_t end_ns);
}  // namespace internal

class TraceScope {
 public:
  explicit TraceScope(const char* name) : name_(internal::trace_enabled ? name : nullptr) {
    if (name_) [[unlikely]]
      begin_ns_ = internal::trace_now();
  }
  ~TraceScope() {
    if (name_) [[unlikely]]
      internal::trace_event(name_, begin_ns_, internal::trace_now());
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  const char* name_;
  int64_t begin_ns_ = 0;
};

}  // namespace roux

#define ROUX_TRACE_SCOPE(name) ::roux::TraceScope roux_trace_scope_(name)

#endif  // ROUX_TENSOR_PROFILER_H_
