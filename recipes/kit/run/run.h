// One run of a recipe: seeds, progress, metrics, checkpoints, claims and the files they end in.
//
//   absl::Status reproduce(const Config& config, Run& run) {
//     run.expect_steps(config.steps * run.seeds().size());
//     std::vector<double> losses;
//     for (uint64_t seed : run.seeds()) {
//       ROUX_ASSIGN_OR_RETURN(std::vector<double> result, run.part(absl::StrCat("adam/seed", seed), [&](Part&
//       part) {
//         return train(config, seed, part);                  // calls part.step() after every step, see
//         part.h
//       }));
//       losses.push_back(result[0]);
//     }
//     return run.claim({.text = "loss is low", .measured = over_seeds(run.seeds(), losses), .relation =
//     below(2.0),
//                       .scale = "0.1M parameters", .asserted = true});
//   }
//
// What is worth not losing happens inside parts. A part is named, returns a few numbers, and runs once: after
// an interruption finished parts return their stored numbers and the one that was cut goes on from its
// checkpoint, so a resumed run writes the same metrics.jsonl and claims.json as an undisturbed one, byte for
// byte.
//
// Thread contract: parts may record and step concurrently (side_by_side); the rest belongs to the thread that
// made Run.
#ifndef ROUX_RECIPES_KIT_RUN_RUN_H_
#define ROUX_RECIPES_KIT_RUN_RUN_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/run/claims.h"
#include "recipes/kit/run/cli.h"
#include "recipes/kit/run/first_batch.h"
#include "recipes/kit/run/metrics_log.h"
#include "recipes/kit/run/output_directory.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/run/progress.h"
#include "recipes/kit/run/svg_chart.h"
#include "recipes/kit/run/text_table.h"

namespace roux::kit {

// What a run is made from; recipe_main fills it in from flags and preset.
struct RunSetup {
  RecipeInfo info;
  Options options;
  PresetInfo preset;
  int preset_index = 0;
  std::string settings;            // the recipe's Config as a JSON object
  double checkpoint_seconds = 60;  // between two checkpoints of a part
  bool quiet = false;              // no progress on stderr, nothing on stdout (tests)
};

class Run {
 public:
  using Tags = std::vector<std::pair<std::string, std::string>>;

  // Opens the output folder, writes config.json and, when resuming, checks that the settings are those of the
  // run that is resumed. With options.plan nothing is opened or written.
  static absl::StatusOr<std::unique_ptr<Run>> open(RunSetup setup);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // The consecutive seeds of this preset, from --seed on.
  const std::vector<uint64_t>& seeds() const { return seeds_; }
  const PresetInfo& preset() const { return setup_.preset; }
  const Options& options() const { return setup_.options; }
  // Absolute or relative path of the output folder, or of a file in it.
  const std::string& out() const { return out_; }
  std::string path(const std::string& file) const { return out_ + "/" + file; }

  // Steps of all parts together, so that the bar and the ETA cover the whole run.
  void expect_steps(int64_t steps) { expected_steps_ = steps; }
  // Floating-point operations a second this machine can do (measured): step lines then show the share of it.
  void set_peak_flops(double flops) { peak_flops_ = flops; }

  absl::StatusOr<std::vector<double>> part(const std::string& name, const PartFunction& function);
  // Runs independent parts on up to `threads` threads (0: as many as parallel_for has); results in the order
  // of `names`. Files do not depend on the threads. `function` must only touch its own part's data.
  absl::StatusOr<std::vector<std::vector<double>>> side_by_side(const std::vector<std::string>& names,
                                                                const PartFunction& function,
                                                                int threads = 0);

  // One line of metrics.jsonl outside parts: {<tags>, "step": step, <name>: value}. Recomputed by a resumed
  // run.
  void metric(const std::string& name, int64_t step, double value, const Tags& tags = {});
  // Progress of work that has no steps (a fit, an evaluation).
  void progress(double done, double total, const std::string& text);
  // Text for stdout; the bar steps aside.
  void print(const std::string& text);
  // Prints the batch with its loss mask; the errors of render_first_batch.
  absl::Status show_batch(const FirstBatch& batch);
  // Printed now and shown in the report.
  void table(const Table& table);
  // Shown in the report, before the charts of the metrics.
  void chart(Chart chart) { charts_.push_back(std::move(chart)); }
  // InvalidArgument for a claim that cannot be judged (check_claim).
  absl::Status claim(Claim claim);
  const std::vector<Claim>& claims() const { return claims_; }

  bool interrupted() const;
  // For loops without parts: Cancelled after Ctrl-C.
  absl::Status check_interrupt() const;

  // Writes claims.json and report.html and prints the claims table.
  absl::Status finish();

 private:
  friend class Part;
  explicit Run(RunSetup setup);
  absl::Status open_files();
  std::string config_text() const;
  absl::StatusOr<std::vector<double>> run_part(const std::string& name, size_t segment,
                                               const PartFunction& function);
  absl::Status check_part_name(const std::string& name);
  // Called by parts, from any thread.
  void step_done(const std::string& line);
  void skip_steps(int64_t steps);
  absl::Status timing(const std::string& line);

  RunSetup setup_;
  std::string out_;
  std::vector<uint64_t> seeds_;
  std::unique_ptr<OutputDirectory> directory_;
  MetricsLog metrics_;
  MetricsLog timings_;
  size_t root_segment_ = 0;
  Progress progress_;
  std::mutex mutex_;  // the four below
  int64_t expected_steps_ = 0;
  int64_t steps_done_ = 0;
  int64_t steps_skipped_ = 0;
  std::vector<std::string> part_names_;
  std::atomic<bool> stopping_{false};  // a part failed: the others stop at their next step
  double peak_flops_ = 0;
  std::vector<Claim> claims_;
  std::vector<Chart> charts_;
  std::vector<Table> tables_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_RUN_H_
