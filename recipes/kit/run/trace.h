// Chrome/Perfetto traces (chrome://tracing, ui.perfetto.dev) of what tensor/profiler recorded.
#ifndef ROUX_RECIPES_KIT_RUN_TRACE_H_
#define ROUX_RECIPES_KIT_RUN_TRACE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tensor/profiler.h"

namespace roux::kit {

// Writes the events as complete ("X") events, times in microseconds.
absl::Status write_chrome_trace(const std::string& path, const std::vector<TraceEvent>& events);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_TRACE_H_
