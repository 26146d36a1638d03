#include "recipes/kit/run/trace.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/json.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr size_t kChunkBytes = 1 << 20;  // a long trace is larger than its events in memory
constexpr size_t kMostSpecs = 8;         // of a list: an optimizer has hundreds

const char* category(ScopeKind kind) {
  return kind == ScopeKind::kKernel ? "op" : kind == ScopeKind::kBackward ? "backward" : "region";
}

std::vector<std::string> texts(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> texts;
  for (const TensorSpec& spec : specs) {
    if (texts.size() == kMostSpecs) {
      texts.push_back(absl::StrCat(specs.size() - kMostSpecs, " more"));
      break;
    }
    texts.push_back(to_string(spec));
  }
  return texts;
}

// What events of this call share.
JsonObject fields(const TraceCall& call) {
  JsonObject object;
  object.add("name", call.name).add("cat", category(call.kind));
  if (call.kind != ScopeKind::kKernel) return object;
  JsonObject arguments;
  arguments.add("inputs", texts(call.inputs)).add("outputs", texts(call.outputs));
  arguments.add("bytes", call.cost.read + call.cost.written);
  if (call.cost.flops >= 0) arguments.add("flops", call.cost.flops);
  object.add_raw("args", arguments.text());
  return object;
}

JsonObject fields(const TraceStep& step) {
  JsonObject object, arguments;
  arguments.add("part", step.part).add("step", step.step);
  object.add("name", absl::StrCat("step ", step.step)).add("cat", "step").add_raw("args", arguments.text());
  return object;
}

class Writer {
 public:
  explicit Writer(AtomicFile file) : file_(std::move(file)) {}
  template <class Item>
  absl::Status add(absl::string_view fields, const Item& item) {  // fields: an object that goes on
    absl::StrAppend(&text_, first_ ? "\n" : ",\n", absl::StripSuffix(fields, "}"));
    first_ = false;
    absl::StrAppendFormat(&text_, ",\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f}", item.thread,
                          static_cast<double>(item.begin_ns) / 1e3,
                          static_cast<double>(item.duration_ns) / 1e3);
    if (text_.size() < kChunkBytes) return absl::OkStatus();
    const absl::Status written = file_.append(text_);
    text_.clear();
    return written;
  }
  absl::Status finish() {
    ROUX_RETURN_IF_ERROR(file_.append(text_ + "\n]}\n"));
    return file_.commit();
  }

 private:
  AtomicFile file_;
  std::string text_ = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[";
  bool first_ = true;
};

}  // namespace

absl::Status write_chrome_trace(const std::string& path, const Trace& trace) {
  ROUX_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  Writer writer(std::move(file));
  std::vector<std::string> of_calls;
  for (const TraceCall& call : trace.calls) of_calls.push_back(fields(call).text());
  for (const TraceStep& step : trace.steps) ROUX_RETURN_IF_ERROR(writer.add(fields(step).text(), step));
  for (const TraceEvent& event : trace.events) {
    ROUX_RETURN_IF_ERROR(writer.add(of_calls[static_cast<size_t>(event.call)], event));
  }
  return writer.finish();
}

}  // namespace roux::kit
