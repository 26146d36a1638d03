#include "recipes/kit/run/run.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/config_file.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/machine.h"
#include "recipes/kit/run/report.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::kit {
namespace {

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) != 0; }

}  // namespace

Run::Run(RunSetup setup) : setup_(std::move(setup)), progress_(setup_.quiet ? -1 : STDERR_FILENO) {
  for (int i = 0; i < setup_.preset.seeds; ++i)
    seeds_.push_back(setup_.options.seed + static_cast<uint64_t>(i));
  root_segment_ = metrics_.add_segment();
  timings_.add_segment();
}

absl::StatusOr<std::unique_ptr<Run>> Run::open(RunSetup setup) {
  std::unique_ptr<Run> run(new Run(std::move(setup)));
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

absl::Status Run::check_part_name(const std::string& name) {
  const bool plain = !name.empty() && name.front() != '/' && name.back() != '/' &&
                     !absl::StrContains(name, "..") && std::all_of(name.begin(), name.end(), [](char c) {
                       return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                              absl::StrContains("_-./=+", absl::string_view(&c, 1));
                     });
  ROUX_CHECK(plain) << "run.part: a name is letters, digits and _-./=+: got '" << name << "'";
  ROUX_CHECK(std::find(part_names_.begin(), part_names_.end(), name) == part_names_.end())
      << "run.part: there are two parts called '" << name << "'";
  part_names_.push_back(name);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<double>> Run::part(const std::string& name, const PartFunction& function) {
  ROUX_ASSIGN_OR_RETURN(std::vector<std::vector<double>> results, side_by_side({name}, function, 1));
  return std::move(results[0]);
}

absl::StatusOr<std::vector<std::vector<double>>> Run::side_by_side(const std::vector<std::string>& names,
                                                                   const PartFunction& function,
                                                                   int threads) {
  ROUX_CHECK(!setup_.options.plan) << "run.part: a plan does not train; use Recipe::plan";
  std::vector<size_t> segments;
  metrics_.close(root_segment_);
  for (const std::string& name : names) {
    ROUX_RETURN_IF_ERROR(check_part_name(name));
    segments.push_back(metrics_.add_segment());
  }
  root_segment_ = metrics_.add_segment();
  const int width = num_threads();
  threads =
      std::clamp<int>(threads == 0 ? width : threads, 1, static_cast<int>(std::max<size_t>(names.size(), 1)));

  std::vector<absl::StatusOr<std::vector<double>>> results(names.size(), absl::CancelledError("interrupted"));
  std::vector<std::exception_ptr> thrown(names.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    set_num_threads(std::max(1, width / threads));  // thread-local; results do not depend on it
    for (size_t i = next++; i < names.size(); i = next++) {
      if (interrupted()) continue;
      try {
        results[i] = run_part(names[i], segments[i], function);
      } catch (...) {
        thrown[i] = std::current_exception();
      }
      if (!results[i].ok()) stopping_ = true;
    }
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  set_num_threads(width);
  for (std::thread& helper : helpers) helper.join();

  const absl::Status flushed = metrics_.flush();
  absl::Status first = absl::OkStatus();
  std::vector<std::vector<double>> values;
  for (size_t i = 0; i < names.size(); ++i) {
    if (thrown[i]) std::rethrow_exception(thrown[i]);
    if (results[i].ok()) {
      values.push_back(*std::move(results[i]));
    } else if (first.ok() || (absl::IsCancelled(first) && !absl::IsCancelled(results[i].status()))) {
      first = results[i].status();  // the cause rather than those that stopped because of it
    }
  }
  ROUX_RETURN_IF_ERROR(first);
  ROUX_RETURN_IF_ERROR(flushed);
  return values;
}

absl::StatusOr<std::vector<double>> Run::run_part(const std::string& name, size_t segment,
                                                  const PartFunction& function) {
  Part part(*this, name, segment);
  if (setup_.options.resume) ROUX_RETURN_IF_ERROR(part.restore());
  if (!part.result_) {
    part.last_step_ = part.last_save_ = Part::Clock::now();
    ROUX_ASSIGN_OR_RETURN(part.result_, function(part));
    ROUX_RETURN_IF_ERROR(part.finish(*part.result_));
  }
  metrics_.close(segment);
  ROUX_RETURN_IF_ERROR(metrics_.flush());
  return *part.result_;
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
  return metrics_.flush();
}

void Run::metric(const std::string& name, int64_t step, double value, const Tags& tags) {
  JsonObject line;
  for (const auto& tag : tags) line.add(tag.first, tag.second);
  line.add("step", step).add(name, value);
  metrics_.append(root_segment_, line.text() + "\n");
  metrics_.flush().IgnoreError();  // the log keeps its first error; the next step or finish() returns it
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
  ROUX_ASSIGN_OR_RETURN(const std::string text, render_first_batch(batch, stdout_is_terminal()));
  print(text + "\n");
  return absl::OkStatus();
}

void Run::table(const Table& table) {
  tables_.push_back(table);
  print(text_table(table) + "\n");
}

absl::Status Run::claim(Claim claim) {
  ROUX_RETURN_IF_ERROR(check_claim(claim));
  claims_.push_back(std::move(claim));
  return absl::OkStatus();
}

absl::Status Run::finish() {
  metrics_.close(root_segment_);
  ROUX_RETURN_IF_ERROR(metrics_.flush());
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
