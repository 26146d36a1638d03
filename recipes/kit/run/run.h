// One run of a recipe: seeds, progress, metrics, checkpoints, claims and the files they end in.
//
//   absl::Status reproduce(const Config& config, Run& run) {
//     run.expect_steps(config.steps * run.seeds().size());
//     std::vector<double> losses;
//     for (uint64_t seed : run.seeds()) {
//       ROUX_ASSIGN_OR_RETURN(const double loss, run.part(absl::StrCat("adam/seed", seed), [&](Part& part) {
//         return train(config, seed, part);        // StatusOr<double>; calls part.step() after every step
//       }));
//       losses.push_back(loss);
//     }
//     return run.claim({.text = "loss is low", .measured = over_seeds(run.seeds(), losses),
//                       .relation = below(2.0), .scale = "0.1M parameters", .asserted = true});
//   }
//
// What is worth not losing happens inside parts. A part is named, returns its result (see grid.h), and runs
// once: after an interruption finished parts return their stored results and the one that was cut goes on
// from its checkpoint, so a resumed run writes the same metrics.jsonl, predictions.jsonl and claims.json as
// an undisturbed one, byte for byte. Parts share const data only: what one gives to others is its result
// (small, in memory) or what it leaves (large, on disk).
//
// Under --plan a part runs one step on the device `meta` (train() does that). part() then gives an empty
// result and the run goes on; the first side_by_side(), and a part() whose result is a vector, which may be
// indexed, prints the table of what was planned and ends the run with a status that is no failure.
//
// Thread contract: parts may record and step concurrently (side_by_side); the rest belongs to the thread that
// made Run.
#ifndef ROUX_RECIPES_KIT_RUN_RUN_H_
#define ROUX_RECIPES_KIT_RUN_RUN_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"
#include "recipes/kit/run/claims.h"
#include "recipes/kit/run/cli.h"
#include "recipes/kit/run/config_file.h"
#include "recipes/kit/run/first_batch.h"
#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/metric_charts.h"
#include "recipes/kit/run/metrics_log.h"
#include "recipes/kit/run/output_directory.h"
#include "recipes/kit/run/parallel_parts.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/run/progress.h"
#include "recipes/kit/run/report_clock.h"
#include "recipes/kit/run/svg_chart.h"
#include "recipes/kit/run/text_table.h"
#include "tensor/device.h"

namespace roux::kit {

// What a run is made from; recipe_main fills it in from flags and preset.
struct RunSetup {
  RecipeInfo info;
  Options options;
  PresetInfo preset;
  int preset_index = 0;
  std::string settings;            // the recipe's Config as a JSON object
  RunInputs inputs;                // what --model, --data and --table name
  PartMemory memory;               // from the plan: side_by_side keeps within it
  double checkpoint_seconds = 60;  // between two checkpoints of a part
  uint64_t whole_checkpoint_bytes = kWholeCheckpointBytes;
  double report_seconds = 30;  // between two partial reports, at least; see ReportClock
  bool quiet = false;          // no progress on stderr, nothing on stdout (tests)
  bool follower = false;       // a rank but the first (ranks.h): no checkpoint between the ends of parts
};

class Run {
 public:
  using Tags = std::vector<std::pair<std::string, std::string>>;

  // Opens the output folder, writes config.json and, when resuming, checks that the settings are those of the
  // run that is resumed. With options.plan nothing is opened or written.
  static absl::StatusOr<std::unique_ptr<Run>> open(RunSetup setup);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // The consecutive seeds of this run, from --seed on.
  const std::vector<uint64_t>& seeds() const { return seeds_; }
  const RecipeInfo& info() const { return setup_.info; }
  const PresetInfo& preset() const { return setup_.preset; }
  const Options& options() const { return setup_.options; }
  // Absolute or relative path of the output folder, or of a file in it.
  const std::string& out() const { return out_; }
  std::string path(const std::string& file) const { return out_ + "/" + file; }

  // What named sources take: offline under --offline and --plan, stopped by Ctrl-C.
  SourceOptions source_options() const;
  // Prints where data came from and keeps it in config.json and the report. FailedPrecondition if a resumed
  // run began with other bytes of this name. Outside parts.
  absl::Status uses(const Provenance& from);

  // Steps of all parts together, so that the bar and the ETA cover the whole run.
  void expect_steps(int64_t steps) { expected_steps_ = steps; }
  // Under --plan: bytes that one part needs at its peak. The largest counts; the harness compares it with the
  // free memory, also before a run that trains.
  void plan_part(int64_t bytes) { planned_ = std::max(planned_, bytes); }
  int64_t planned_part() const { return planned_; }
  // Floating-point operations a second this machine can do (measured): step lines then show the share of it.
  void set_peak_flops(double flops) { peak_flops_ = flops; }

  // --device, checked before any work; meta under --plan.
  Device device() const { return device_; }
  bool planning() const { return setup_.options.plan; }

  // f(part) gives StatusOr<R>, and so does part(). Throws Error for a name that is not plain or was used.
  template <class F>
  auto part(const std::string& name, F f) {
    using R = ResultOf<F, Part&>;
    const AfterPlan after_plan = internal::IsVector<R>::value ? kEnd : kGoOn;
    absl::StatusOr<Results<R>> results = run_all(std::vector<PartOf<R>>{{name, std::move(f)}}, 1, after_plan);
    return results.ok() ? absl::StatusOr<R>(std::move(results->results[0])) : results.status();
  }
  // Runs parts on up to `threads` threads, one each (0: as many as parallel_for has; on CUDA always one), and
  // a part only when those of its `after` have ended. Results and files are in the order of the list,
  // whatever the threads. Parts must only touch their own data. Throws Error for an `after` that names no
  // part above.
  template <class R>
  absl::StatusOr<Results<R>> side_by_side(const std::vector<PartOf<R>>& parts, int threads = 0) {
    return run_all(parts, threads, kEnd);
  }
  // Independent parts that run one function and give some numbers.
  absl::StatusOr<std::vector<std::vector<double>>> side_by_side(const std::vector<std::string>& names,
                                                                const PartFunction& function,
                                                                int threads = 0);

  // What --plan found, in the order of the parts, and its table; NotFound when it found nothing.
  const std::vector<PartPlan>& plans() const { return plans_; }
  absl::Status show_plans();

  // One line of metrics.jsonl outside parts: {<tags>, "step": step, <name>: value}. Recomputed by a resumed
  // run.
  void metric(const std::string& name, int64_t step, double value, const Tags& tags = {});
  // Progress of work that has no steps (a fit, an evaluation).
  void progress(double done, double total, const std::string& text);
  // Text for stdout; the bar steps aside.
  void print(const std::string& text);
  // Prints the batch with its loss mask; the errors of render_first_batch, and FailedPrecondition where ranks
  // have other batches.
  absl::Status show_batch(const FirstBatch& batch);
  // Printed now and shown in the report. Under --plan nothing is shown of batches and tables.
  void table(const Table& table);
  // Shown in the report, before the charts of the metrics.
  void chart(Chart chart) { charts_.push_back(std::move(chart)); }
  // The name, with unit, of a field of metrics.jsonl in the report: name_metric("loss", "training loss
  // (nats)").
  void name_metric(const std::string& field, const std::string& name) { metric_names_[field] = name; }
  // InvalidArgument for a claim that cannot be judged (check_claim). On the user's own data, model or
  // settings claims are reported, not asserted: what holds there nobody has looked at.
  absl::Status claim(Claim claim);
  // One after the other, up to the first error.
  absl::Status claim_all(const std::vector<Claim>& claims);
  bool is_users_own() const;
  const std::vector<Claim>& claims() const { return claims_; }

  bool interrupted() const;
  // Whether any rank is: every rank asks, at the same place.
  bool any_rank_interrupted() const;
  // What the ranks do together after a step: stop, if any of them was interrupted; save, if rank 0's `due`.
  struct Meeting {
    bool stop, save;
  };
  Meeting meet_ranks(bool due) const;
  // For loops without parts: Cancelled after Ctrl-C.
  absl::Status check_interrupt() const;

  // A further file of the output folder, whole or absent: table.json, samples.txt. InvalidArgument for a name
  // with a folder, or one of the harness's own files.
  absl::Status write(const std::string& file, absl::string_view text);

  // Writes claims.json and report.html and prints the claims table.
  absl::Status finish();
  // Adds the time of this session, as far as it is not there yet, to config.json. From any thread: parts call
  // it when they have written a checkpoint, so that little is lost of a session that is killed.
  absl::Status count_session(bool finished = false);
  // Removes the output folder of a run that failed before its first step, number or file, so that a slip
  // which only the recipe sees (data too short for its sizes) leaves none. False if something was done, or
  // the run was resumed: the folder is kept.
  bool discard_if_nothing_was_done();
  // For a run that ended early: report.html shows what there is and why it stopped. Returns `why`.
  absl::Status stopped(const absl::Status& why);

 private:
  friend class Part;
  explicit Run(RunSetup setup);
  absl::Status open_files();
  std::string config() const;
  // A part whose result is bytes.
  struct AnyPart {
    std::string name;
    std::vector<std::string> after;
    std::function<absl::StatusOr<std::string>(Part&)> run;
    Part::Fits fits;
    std::string empty;  // the result under --plan
  };
  enum AfterPlan { kGoOn, kEnd };
  template <class R>
  absl::StatusOr<Results<R>> run_all(const std::vector<PartOf<R>>& parts, int threads, AfterPlan after_plan);
  // Side by side: their encoded results, in order.
  absl::StatusOr<std::vector<std::string>> run_parts(const std::vector<AnyPart>& parts, int threads,
                                                     AfterPlan after_plan);
  absl::StatusOr<std::vector<std::string>> plan_parts(const std::vector<AnyPart>& parts,
                                                      AfterPlan after_plan);
  absl::StatusOr<std::string> run_part(const AnyPart& part, size_t segment);
  void check_part_name(const std::string& name);
  // Positions in `parts` of what each waits for.
  std::vector<std::vector<size_t>> dependencies(const std::vector<AnyPart>& parts);
  // Called by parts, from any thread.
  void step_done(const std::string& line);
  void skip_steps(int64_t steps);
  absl::Status timing(const std::string& line);
  // Segments of metrics and predictions go together.
  size_t add_segment();
  void close_segment(size_t segment);
  absl::Status flush();
  void add_plan(PartPlan plan);
  // The status that ends a part or the run under --plan.
  static absl::Status plan_ended(const std::string& why);
  struct Ended {
    std::string name;
    std::vector<std::string> left;
  };
  // The ended part that `from` names for `part`; FailedPrecondition when there is none.
  absl::StatusOr<Ended> ended(const std::string& part, const std::string& from);
  // Writes report.html; `partial` as in Report.
  absl::Status write_report(const std::string& partial);
  // The same while the run goes on, when it is due. From any thread: claims, charts and tables do not change
  // while parts run.
  void report_progress();
  std::string progress_text();

  RunSetup setup_;
  std::string out_;
  Device device_ = kCpu;
  std::vector<uint64_t> seeds_;
  std::unique_ptr<OutputDirectory> directory_;
  MetricsLog metrics_;
  MetricsLog predictions_;
  MetricsLog timings_;
  size_t root_segment_ = 0;
  Progress progress_;
  std::mutex config_mutex_;         // config.json while parts run, and what is below
  std::optional<Session> counted_;  // what config.json has of this session
  std::mutex mutex_;                // the five below
  int64_t expected_steps_ = 0;
  int64_t steps_done_ = 0;
  int64_t steps_skipped_ = 0;
  std::vector<std::string> part_names_;
  std::map<std::string, std::vector<std::string>> ended_;  // what each ended part left
  std::atomic<bool> worked_{false};                        // see discard_if_nothing_was_done
  std::atomic<bool> stopping_{false};  // a part failed: the others stop at their next step
  double peak_flops_ = 0;
  std::vector<PartPlan> plans_;
  int64_t planned_ = 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::vector<Claim> claims_;
  std::vector<Chart> charts_;
  std::vector<Table> tables_;
  MetricNames metric_names_;
  ReportClock report_clock_;
  Table sources_{"Data", {"source", "version", "from", "licence", "sha256"}, {}};
};

template <class R>
absl::StatusOr<Results<R>> Run::run_all(const std::vector<PartOf<R>>& parts, int threads,
                                        AfterPlan after_plan) {
  std::vector<AnyPart> any;
  Results<R> results;
  for (const PartOf<R>& part : parts) {
    results.names.push_back(part.name);
    any.push_back({part.name, part.after,
                   [&part](Part& p) -> absl::StatusOr<std::string> {
                     ROUX_ASSIGN_OR_RETURN(const R result, part.run(p));
                     return encode_value(result);
                   },
                   [](absl::string_view bytes) {
                     R ignored{};
                     return decode_value(bytes, ignored);
                   },
                   encode_value(R{})});
  }
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> encoded, run_parts(any, threads, after_plan));
  for (const std::string& bytes : encoded) {
    R result{};
    ROUX_RETURN_IF_ERROR(decode_value(bytes, result));
    results.results.push_back(std::move(result));
  }
  return results;
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_RUN_H_
