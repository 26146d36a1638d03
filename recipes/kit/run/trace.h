// Chrome/Perfetto traces (chrome://tracing, ui.perfetto.dev) of what tensor/profiler recorded.
#ifndef ROUX_RECIPES_KIT_RUN_TRACE_H_
#define ROUX_RECIPES_KIT_RUN_TRACE_H_

#include <string>

#include "absl/status/status.h"
#include "tensor/profiler.h"

namespace roux::kit {

// Writes events and steps as complete ("X") events, times in microseconds. Category "op", "backward" or
// "region", and "step" for the marks. Arguments: of an op "inputs" and "outputs" ("f32[16,64]"; of long lists
// the first and how many more), "bytes" and, where known, "flops"; of a step "part" and "step".
absl::Status write_chrome_trace(const std::string& path, const Trace& trace);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_TRACE_H_
