// Settings and presets of both parts.
#ifndef ROUX_RECIPES_ALICE_IN_WONDERLAND_CONFIG_H_
#define ROUX_RECIPES_ALICE_IN_WONDERLAND_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "recipes/alice_in_wonderland/exam.h"
#include "recipes/alice_in_wonderland/reasoner.h"
#include "recipes/kit/run/settings.h"

namespace roux::alice {

struct Config {
  ExactOptions exact;
  int64_t trials = 30, new_tokens = 16;
  double temperature = 1;  // the authors' runner
  ReasonerConfig reasoner;
  std::string arms = "default", benchmarks;
  std::vector<int64_t> ids;
  bool stand_in = false;  // a small random model in the place of SmolLM2
  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Flag, kit::Range;
    visit("largest_count", exact.largest_count, Range{1, 7}), visit("every", exact.every, Range{1, 2});
    visit("trials", trials, Range{1}), visit("new_tokens", new_tokens, Range{1});
    visit("temperature", temperature, Range{0, 10});
    ReasonerConfig& r = reasoner;
    visit("most_brothers", r.most_brothers, Range{2, 9}), visit("most_sisters", r.most_sisters, Range{2, 9});
    visit("hidden", r.hidden, Range{2}), visit("layers", r.layers, Range{1}),
        visit("heads", r.heads, Range{1});
    visit("batch", r.batch, Range{1}), visit("steps", r.steps, Range{2}), visit("warmup", r.warmup, Range{0});
    visit("lr", r.lr, Range{0}), visit("init_std", r.init_std, Range{0});
    visit("max_grad_norm", r.max_grad_norm, Range{0}), visit("weight_decay", r.weight_decay, Range{0});
    visit("hidden_share", r.hidden_share, Range{0, 0.5}), visit("stand_in", stand_in);
    visit("arms", arms,
          Flag{"the arms of both parts; all: perturbations, mirror, hidden", {"default", "all"}});
    visit("ids", ids, Flag{"with --data: which of its prompts, by id"});
    visit("benchmarks", benchmarks, Flag{"with --table: a CSV with the column model and one a benchmark"});
  }
  absl::Status check() const;
};

// Those of the presets.
Config smoke_config();
Config long_config();
Config gpu_config();

}  // namespace roux::alice

#endif  // ROUX_RECIPES_ALICE_IN_WONDERLAND_CONFIG_H_
