#include "recipes/kit/run/trace.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/json.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr size_t kChunkBytes = 1 << 20;  // a long trace is larger than its events in memory

}  // namespace

absl::Status write_chrome_trace(const std::string& path, const std::vector<TraceEvent>& events) {
  ROUX_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  std::string text = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[";
  for (size_t i = 0; i < events.size(); ++i) {
    const TraceEvent& event = events[i];
    absl::StrAppend(&text, i == 0 ? "\n" : ",\n", "{\"name\":", json_quote(event.name));
    absl::StrAppendFormat(&text, ",\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f}", event.thread,
                          static_cast<double>(event.begin_ns) / 1e3,
                          static_cast<double>(event.duration_ns) / 1e3);
    if (text.size() < kChunkBytes) continue;
    ROUX_RETURN_IF_ERROR(file.append(text));
    text.clear();
  }
  ROUX_RETURN_IF_ERROR(file.append(text + "\n]}\n"));
  return file.commit();
}

}  // namespace roux::kit
