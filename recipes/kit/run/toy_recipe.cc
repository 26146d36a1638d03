// A recipe without tensors, for the tests of the harness: plain gradient descent on a noisy bowl, two arms,
// three seeds.
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/main.h"
#include "tensor/error.h"
#include "tensor/profiler.h"

namespace roux::kit {
namespace {

struct Config {
  int64_t steps = 40;
  double lr = 0.1;
  double noise = 0.3;
  int64_t pause_ms = 0;    // of each step, so that a test can interrupt
  int64_t nan_at = -1;     // step whose loss is NaN
  double claimed = 1;      // bound of the asserted claim
  int64_t state = 1;       // numbers in a checkpoint: many make saving slow
  bool bad_shape = false;  // throws the Error of a misused op
  bool stuck = false;      // does not look at Ctrl-C
  template <class Visit>
  void visit(Visit&& visit) {
    visit("steps", steps, Range{1});
    visit("lr", lr, Range{0, 1});
    visit("noise", noise);
    visit("pause_ms", pause_ms);
    visit("nan_at", nan_at);
    visit("claimed", claimed);
    visit("state", state, Range{1});
  }
};

// Numbers in [-0.5, 0.5) that depend on seed and step alone.
double noise_at(uint64_t seed, int64_t step) {
  uint64_t z = seed * 0x9E3779B97F4A7C15ULL + static_cast<uint64_t>(step) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return static_cast<double>((z ^ (z >> 31)) >> 11) / 9007199254740992.0 - 0.5;
}

absl::StatusOr<std::vector<double>> descend(const Config& config, double lr, uint64_t seed, Part& part) {
  double x = 2;
  if (const Checkpoint* saved = part.restored()) {
    ROUX_ASSIGN_OR_RETURN(const std::vector<double> state, saved->numbers("x"));
    x = state[0];
  }
  double loss = x * x;
  for (int64_t step = part.start_step(); step < config.steps;) {
    ROUX_TRACE_SCOPE("toy_step");
    const double gradient = 2 * x + config.noise * noise_at(seed, step);
    x -= lr * gradient;
    loss = x * x;
    ++step;
    if (config.pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(config.pause_ms));
    if (step % 10 == 0) part.metric("validation_loss", step, loss + 0.01);
    if (step == config.nan_at) loss = std::nan("");
    ROUX_RETURN_IF_ERROR(part.step(
        {.step = step,
         .steps = config.steps,
         .loss = loss,
         .grad_norm = std::abs(gradient),
         .lr = lr,
         .tokens = 512},
        [&](CheckpointWriter& writer) { writer.add_numbers("x", std::vector<double>(config.state, x)); }));
  }
  return std::vector<double>{loss};
}

absl::Status reproduce(const Config& config, Run& run) {
  ROUX_CHECK(!config.bad_shape) << "matmul: inner dimensions differ: a is f32[4,3], b is f32[4,5]";
  if (config.stuck && !run.planning()) std::this_thread::sleep_for(std::chrono::seconds(30));
  FirstBatch batch{.columns = 12};
  const std::string text = "Q: 1+1? A: 2Q: 2+3? A: 5";
  for (size_t i = 0; i < text.size(); ++i) {
    batch.tokens.push_back(static_cast<uint8_t>(text[i]));
    batch.loss_mask.push_back(i % 12 == 11 ? 1 : 0);
  }
  batch.decode = [](int64_t token) { return std::string(1, static_cast<char>(token)); };
  ROUX_RETURN_IF_ERROR(run.show_batch(batch));

  std::vector<std::string> names;
  for (const char* arm : {"slow", "fast"}) {
    for (const uint64_t seed : run.seeds()) names.push_back(absl::StrCat(arm, "/seed", seed));
  }
  run.expect_steps(config.steps * static_cast<int64_t>(names.size()));
  const size_t seeds = run.seeds().size();
  ROUX_ASSIGN_OR_RETURN(auto results, run.side_by_side(names, [&](Part& part) {
    const bool fast = part.name().compare(0, 4, "fast") == 0;
    const uint64_t seed = std::stoull(part.name().substr(9));
    return descend(config, fast ? 3 * config.lr : config.lr, seed, part);
  }));
  std::vector<double> slow, fast;
  Table table{"Final loss", {"seed", "slow", "fast"}, {}};
  for (size_t i = 0; i < seeds; ++i) {
    slow.push_back(results[i][0]);
    fast.push_back(results[seeds + i][0]);
    table.rows.push_back({absl::StrCat(run.seeds()[i]), format_number(slow[i]), format_number(fast[i])});
    run.metric("gap", static_cast<int64_t>(i), slow[i] - fast[i], {{"kind", "final"}});
  }
  run.table(table);
  // Without noise the bowl is x_s = 2 (1 - 2 lr)^s.
  Chart chart{"Noiseless path",
              "step",
              "x",
              {{"closed form", {}, {}, Series::kDashed}, {"descent", {}, {}, Series::kPoints}}};
  double x = 2;
  for (int64_t step = 0; step <= 20; ++step) {
    chart.series[0].x.push_back(static_cast<double>(step));
    chart.series[0].y.push_back(2 * std::pow(1 - 2 * config.lr, static_cast<double>(step)));
    chart.series[1].x.push_back(static_cast<double>(step));
    chart.series[1].y.push_back(x);
    x -= config.lr * 2 * x;
  }
  run.chart(chart);
  const std::string scale = "1 parameter, no tokens";
  ROUX_RETURN_IF_ERROR(run.claim({.text = "the fast arm ends below the bound of its preset",
                                  .paper = 0.01,
                                  .measured = over_seeds(run.seeds(), fast),
                                  .relation = below(config.claimed),
                                  .scale = scale,
                                  .asserted = true}));
  ROUX_RETURN_IF_ERROR(run.claim({.text = "the slow arm ends lower than the fast one at this number of steps",
                                  .measured = paired(run.seeds(), fast, slow),
                                  .relation = above(0),
                                  .scale = scale}));
  return run.claim({.text = "the bowl's minimum is 0",
                    .paper = 0.0,
                    .measured = single(0),
                    .relation = within(0, 0),
                    .scale = "closed form",
                    .evidence = Evidence::kExact,
                    .asserted = true});
}

}  // namespace
}  // namespace roux::kit

int main(int argc, char** argv) {
  using roux::kit::Config;
  Config smoke, paused, many, nan, wrong, fails, stuck, heavy;
  paused.pause_ms = 2, paused.steps = 150;
  many.steps = 400;
  nan.nan_at = 7;
  wrong.bad_shape = true;
  fails.claimed = -1;
  stuck.stuck = true;
  heavy.state = 200000, heavy.steps = 60, heavy.pause_ms = 1;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "toy", .title = "A Toy", .arxiv = "", .model_help = "", .data_help = "a text file"},
       .presets = {{{.name = "smoke", .what = "40 steps", .minutes = 0.01}, smoke},
                   {{.name = "default", .what = "150 slow steps", .minutes = 0.02}, paused},
                   {{.name = "long", .what = "400 steps", .minutes = 0.01}, many},
                   {{.name = "nan", .what = "a loss that is NaN", .minutes = 0.01}, nan},
                   {{.name = "wrong", .what = "a misused op", .minutes = 0.01}, wrong},
                   {{.name = "fails", .what = "an asserted claim that fails", .minutes = 0.01}, fails},
                   {{.name = "stuck", .what = "sleeps", .minutes = 0.5}, stuck},
                   {{.name = "heavy", .what = "large checkpoints", .minutes = 0.1}, heavy}},
       .reproduce = roux::kit::reproduce,
       .checkpoint_seconds = 0.02});
}
