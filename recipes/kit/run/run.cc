#include "recipes/kit/run/run.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/crc32c.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/machine.h"
#include "recipes/kit/run/ranks.h"
#include "recipes/kit/run/report.h"
#include "recipes/kit/run/sources_used.h"
#include "recipes/kit/run/terminal.h"
#include "tensor/comm/communicator.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/parallel.h"
#include "tensor/planned_device.h"

namespace roux::kit {
namespace {

constexpr const char* kOwnFiles[] = {"config.json", "metrics.jsonl", "timings.jsonl", "predictions.jsonl",
                                     "claims.json", "report.html",   "tensorboard"};

template <class T>
uint32_t checksum(const std::vector<T>& values) {
  return crc32c(absl::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
}

}  // namespace

Run::Run(RunSetup setup)
    : setup_(std::move(setup)),
      progress_(setup_.quiet ? -1 : STDERR_FILENO),
      report_clock_(setup_.report_seconds) {
  root_segment_ = add_segment();
  timings_.add_segment();
}

absl::StatusOr<std::unique_ptr<Run>> Run::open(RunSetup setup) {
  std::unique_ptr<Run> run(new Run(std::move(setup)));
  ROUX_ASSIGN_OR_RETURN(run->device_, parse_device(run->setup_.options.device));
  if (run->setup_.options.plan) {
    set_planned_device(run->setup_.options.preset == kGpuPreset ? DeviceType::kCuda : run->device_.type);
    run->device_ = kMeta;
  }
  ROUX_ASSIGN_OR_RETURN(run->seeds_, seeds_of(run->setup_.options, run->setup_.preset));
  if (!run->setup_.options.plan) ROUX_RETURN_IF_ERROR(run->open_files());
  return run;
}

absl::Status Run::open_files() {
  ROUX_ASSIGN_OR_RETURN(
      OutputDirectory directory,
      OutputDirectory::open(output_path(setup_.info, setup_.options), setup_.options.resume));
  out_ = directory.path();
  if (!directory.note().empty()) progress_.line(directory.note());
  directory_ = std::make_unique<OutputDirectory>(std::move(directory));
  if (setup_.options.resume) {
    ROUX_ASSIGN_OR_RETURN(const std::string earlier, read_file(path("config.json")));
    ROUX_RETURN_IF_ERROR(check_same_run(earlier, config(), out_));
  } else {
    ROUX_RETURN_IF_ERROR(write_file_atomically(path("config.json"), config()));
  }
  ROUX_RETURN_IF_ERROR(metrics_.open(path("metrics.jsonl")));
  metrics_.also_to_tensorboard(path("tensorboard"));
  predictions_.open_with_first_line(path("predictions.jsonl"));
  ROUX_RETURN_IF_ERROR(timings_.open(path("timings.jsonl"), setup_.options.resume));
  return write_report(absl::StrCat("The run began at ", utc_date(), "."));
}

std::string Run::config() const {
  const Options& options = setup_.options;
  const int threads = options.threads > 0 ? options.threads : num_threads();
  return config_text(setup_.info, options, seeds_, threads, setup_.settings, setup_.inputs);
}

absl::Status Run::count_session(bool finished) {
  const std::lock_guard<std::mutex> lock(config_mutex_);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const Session session{seconds, cpu_seconds(), peak_memory_mib(), finished};
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_file(path("config.json")));
  ROUX_ASSIGN_OR_RETURN(const std::string now, with_session(text, session, counted_, path("config.json")));
  ROUX_RETURN_IF_ERROR(write_file_atomically(path("config.json"), now));
  counted_ = session;
  return absl::OkStatus();
}

SourceOptions Run::source_options() const {
  return {.offline = setup_.options.offline || setup_.options.plan, .interrupted = interrupt_requested};
}

absl::Status Run::uses(const Provenance& from) {
  if (setup_.options.plan) return absl::OkStatus();
  ROUX_RETURN_IF_ERROR(same_on_all_ranks(absl::StrCat("the source ", from.name), from.sha256));
  ROUX_ASSIGN_OR_RETURN(const std::string config, read_file(path("config.json")));
  ROUX_ASSIGN_OR_RETURN(const std::string with, with_source(config, from, path("config.json")));
  ROUX_RETURN_IF_ERROR(write_file_atomically(path("config.json"), with));
  print(absl::StrCat("data: ", to_text(from), "\n"));
  sources_.rows.push_back({from.name, from.version, kind_name(from.kind), from.licence, from.sha256});
  return absl::OkStatus();
}

bool Run::interrupted() const { return interrupt_requested() || stopping_; }

Run::Meeting Run::meet_ranks(bool due) const {
  if (world().size() == 1) return {interrupted(), due};
  const Tensor any = tensor(std::vector<int64_t>{interrupted(), due && !setup_.follower}, {2});
  world().all_reduce_(any, ReduceOp::kMax).wait();
  const std::vector<int64_t> all = any.to_vector<int64_t>();
  return {all[0] != 0, all[1] != 0};
}

bool Run::any_rank_interrupted() const { return meet_ranks(false).stop; }

absl::Status Run::check_interrupt() const {
  return any_rank_interrupted() ? absl::CancelledError("interrupted") : absl::OkStatus();
}

bool Run::discard_if_nothing_was_done() {
  if (worked_ || setup_.options.resume) return false;
  directory_->discard();
  return true;
}

void Run::step_done(const std::string& line) {
  worked_ = true;
  int64_t done, total, skipped;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    done = ++steps_done_;
    total = expected_steps_;
    skipped = steps_skipped_;
  }
  if (!setup_.quiet) progress_.update(done, total, line, skipped);
  report_progress();
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
  worked_ = true;
  JsonObject line;
  for (const auto& tag : tags) line.add(tag.first, tag.second);
  line.add("step", step).add(name, value);
  metrics_.append(root_segment_, line.text() + "\n");
  flush().IgnoreError();  // the log keeps its first error; the next step or finish() returns it
}

void Run::progress(double done, double total, const std::string& text) {
  worked_ = true;
  if (!setup_.quiet) progress_.update(done, total, text);
  report_progress();
}

void Run::print(const std::string& text) {
  if (setup_.quiet) return;
  progress_.clear();
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

absl::Status Run::show_batch(const FirstBatch& batch) {
  if (planning()) return absl::OkStatus();
  ROUX_RETURN_IF_ERROR(same_on_all_ranks(
      "the first batch", absl::StrCat("tokens of crc32c ", absl::Hex(checksum(batch.tokens)),
                                      " and targets of ", absl::Hex(checksum(batch.loss_mask)))));
  ROUX_ASSIGN_OR_RETURN(const std::string text, render_first_batch(batch, use_colour(STDOUT_FILENO)));
  print(text + "\n");
  return absl::OkStatus();
}

void Run::table(const Table& table) {
  if (planning()) return;
  tables_.push_back(table);
  print(text_table(table) + "\n");
}

bool Run::is_users_own() const {
  const Options& options = setup_.options;
  return !options.data.empty() || !options.model.empty() || !options.table.empty() ||
         !options.changes.empty();
}

absl::Status Run::claim(Claim claim) {
  ROUX_RETURN_IF_ERROR(check_claim(claim));
  claim.asserted = claim.asserted && !is_users_own();
  claims_.push_back(std::move(claim));
  return absl::OkStatus();
}

absl::Status Run::claim_all(const std::vector<Claim>& claims) {
  for (const Claim& each : claims) ROUX_RETURN_IF_ERROR(claim(each));
  return absl::OkStatus();
}

absl::Status Run::write(const std::string& file, absl::string_view text) {
  const bool plain = !file.empty() && file[0] != '.' && !absl::StrContains(file, '/');
  const bool own = std::find(std::begin(kOwnFiles), std::end(kOwnFiles), file) != std::end(kOwnFiles);
  if (!plain || own)
    return absl::InvalidArgumentError(absl::StrCat("run.write: '", file, "' is no name for a further file"));
  worked_ = true;
  return write_file_atomically(path(file), text);
}

absl::Status Run::write_report(const std::string& partial) {
  Report report{claims_, charts_, tables_};
  if (!sources_.rows.empty()) report.tables.push_back(sources_);
  report.metric_names = metric_names_;
  report.partial = partial;
  ROUX_ASSIGN_OR_RETURN(report.config, read_file(path("config.json")));
  ROUX_ASSIGN_OR_RETURN(report.metrics, read_file(path("metrics.jsonl")));
  ROUX_ASSIGN_OR_RETURN(report.timings, read_file(path("timings.jsonl")));
  return write_file_atomically(path("report.html"), report_html(report));
}

std::string Run::progress_text() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (expected_steps_ <= 0) return absl::StrCat(utc_date(), ", after ", steps_done_, " steps");
  return absl::StrCat(utc_date(), ", after step ", steps_done_, " of ", expected_steps_);
}

void Run::report_progress() {
  if (setup_.options.plan || setup_.follower || !report_clock_.start()) return;
  // A report that cannot be written does not stop a run; the last one, of finish(), does.
  write_report(absl::StrCat("The run was going on at ", progress_text(),
                            ". If it has ended since, --resume goes on from its last checkpoint."))
      .IgnoreError();
  report_clock_.done();
}

absl::Status Run::stopped(const absl::Status& why) {
  if (setup_.options.plan) return why;
  const std::string what = absl::IsCancelled(why)
                               ? absl::StrCat("Interrupted at ", progress_text(), "; --resume goes on.")
                               : absl::StrCat("Stopped at ", progress_text(), ": ", why.message());
  metrics_.flush().IgnoreError();
  write_report(what).IgnoreError();  // `why` is what the user must hear of
  return why;
}

absl::Status Run::finish() {
  close_segment(root_segment_);
  ROUX_RETURN_IF_ERROR(flush());
  ROUX_RETURN_IF_ERROR(write_file_atomically(path("claims.json"), claims_json(claims_)));
  ROUX_RETURN_IF_ERROR(write_report(/*partial=*/""));
  if (!claims_.empty()) print(claims_table(claims_, use_colour(STDOUT_FILENO)));
  print(absl::StrCat("\nReport: ", path("report.html"), "\n"));
  return absl::OkStatus();
}

}  // namespace roux::kit
