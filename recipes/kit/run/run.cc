#include "recipes/kit/run/run.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/config_file.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/machine.h"
#include "recipes/kit/run/report.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) != 0; }

}  // namespace

Run::Run(RunSetup setup) : setup_(std::move(setup)), progress_(setup_.quiet ? -1 : STDERR_FILENO) {
  for (int i = 0; i < setup_.preset.seeds; ++i)
    seeds_.push_back(setup_.options.seed + static_cast<uint64_t>(i));
  root_segment_ = add_segment();
  timings_.add_segment();
}

absl::StatusOr<std::unique_ptr<Run>> Run::open(RunSetup setup) {
  std::unique_ptr<Run> run(new Run(std::move(setup)));
  ROUX_ASSIGN_OR_RETURN(run->device_, parse_device(run->setup_.options.device));
  if (run->setup_.options.plan) run->device_ = kMeta;
  if (!run->setup_.options.plan) ROUX_RETURN_IF_ERROR(run->open_files());
  return run;
}

absl::Status Run::open_files() {
  out_ = output_path(setup_.info, setup_.options);
  ROUX_ASSIGN_OR_RETURN(OutputDirectory directory, OutputDirectory::open(out_, setup_.options.resume));
  if (!directory.note().empty()) progress_.line(directory.note());
  directory_ = std::make_unique<OutputDirectory>(std::move(directory));
  if (setup_.options.resume) {
    ROUX_ASSIGN_OR_RETURN(const std::string earlier, read_file(path("config.json")));
    ROUX_RETURN_IF_ERROR(check_same_run(earlier, config_text(), out_));
  } else {
    ROUX_RETURN_IF_ERROR(write_file_atomically(path("config.json"), config_text()));
  }
  ROUX_RETURN_IF_ERROR(metrics_.open(path("metrics.jsonl")));
  predictions_.open_with_first_line(path("predictions.jsonl"));
  return timings_.open(path("timings.jsonl"), setup_.options.resume);
}

std::string Run::config_text() const {
  const Machine machine = this_machine();
  const Options& options = setup_.options;
  JsonObject where;
  where.add("cpu", machine.cpu).add("cores", machine.cores).add("memory_mib", machine.memory_mib);
  where.add("system", machine.system);
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  const std::string commit = workspace == nullptr ? "" : head_commit(workspace);
  JsonObject config;
  config.add("recipe", setup_.info.slug).add("title", setup_.info.title).add("arxiv", setup_.info.arxiv);
  config.add("preset", options.preset).add("seeds", seeds_).add("device", options.device);
  config.add("threads", options.threads).add("model", options.model).add("data", options.data);
  config.add_raw("settings", setup_.settings.empty() ? "{}" : setup_.settings);
  config.add_raw("commit", commit.empty() ? "null" : to_json(commit));
  config.add("date", utc_date()).add_raw("machine", where.text());
  return config.text(JsonObject::kPretty) + "\n";
}

bool Run::interrupted() const { return interrupt_requested() || stopping_; }

absl::Status Run::check_interrupt() const {
  return interrupted() ? absl::CancelledError("interrupted") : absl::OkStatus();
}

void Run::step_done(const std::string& line) {
  int64_t done, total, skipped;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    done = ++steps_done_;
    total = expected_steps_;
    skipped = steps_skipped_;
  }
  if (!setup_.quiet) progress_.update(done, total, line, skipped);
}

void Run::skip_steps(int64_t steps) {
  const std::lock_guard<std::mutex> lock(mutex_);
  steps_done_ += steps;
  steps_skipped_ += steps;
}

absl::Status Run::timing(const std::string& line) {
  timings_.append(0, line);
  ROUX_RETURN_IF_ERROR(timings_.flush());
  return flush();
}

size_t Run::add_segment() {
  predictions_.add_segment();
  return metrics_.add_segment();
}

void Run::close_segment(size_t segment) {
  metrics_.close(segment);
  predictions_.close(segment);
}

absl::Status Run::flush() {
  ROUX_RETURN_IF_ERROR(metrics_.flush());
  return predictions_.flush();
}

void Run::metric(const std::string& name, int64_t step, double value, const Tags& tags) {
  JsonObject line;
  for (const auto& tag : tags) line.add(tag.first, tag.second);
  line.add("step", step).add(name, value);
  metrics_.append(root_segment_, line.text() + "\n");
  flush().IgnoreError();  // the log keeps its first error; the next step or finish() returns it
}

void Run::progress(double done, double total, const std::string& text) {
  if (!setup_.quiet) progress_.update(done, total, text);
}

void Run::print(const std::string& text) {
  if (setup_.quiet) return;
  progress_.clear();
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

absl::Status Run::show_batch(const FirstBatch& batch) {
  if (planning()) return absl::OkStatus();
  ROUX_ASSIGN_OR_RETURN(const std::string text, render_first_batch(batch, stdout_is_terminal()));
  print(text + "\n");
  return absl::OkStatus();
}

void Run::table(const Table& table) {
  if (planning()) return;
  tables_.push_back(table);
  print(text_table(table) + "\n");
}

absl::Status Run::claim(Claim claim) {
  ROUX_RETURN_IF_ERROR(check_claim(claim));
  claims_.push_back(std::move(claim));
  return absl::OkStatus();
}

absl::Status Run::finish() {
  close_segment(root_segment_);
  ROUX_RETURN_IF_ERROR(flush());
  ROUX_RETURN_IF_ERROR(write_file_atomically(path("claims.json"), claims_json(claims_)));
  Report report{claims_, charts_, tables_, "", ""};
  ROUX_ASSIGN_OR_RETURN(report.config, read_file(path("config.json")));
  ROUX_ASSIGN_OR_RETURN(report.metrics, read_file(path("metrics.jsonl")));
  ROUX_RETURN_IF_ERROR(write_file_atomically(path("report.html"), report_html(report)));
  if (!claims_.empty()) print(claims_table(claims_, stdout_is_terminal()));
  print(absl::StrCat("\nReport: ", path("report.html"), "\n"));
  return absl::OkStatus();
}

}  // namespace roux::kit
