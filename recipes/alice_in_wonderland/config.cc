#include "recipes/alice_in_wonderland/config.h"

namespace roux::alice {

absl::Status Config::check() const {
  if (reasoner.hidden % (2 * reasoner.heads) != 0)
    return absl::InvalidArgumentError("hidden must be heads times an even number (rotary positions)");
  if (2 * reasoner.warmup > reasoner.steps)
    return absl::InvalidArgumentError("steps must be at least twice warmup");
  return absl::OkStatus();
}

Config smoke_config() {
  Config c;
  c.stand_in = true, c.exact.largest_count = 2, c.trials = 6, c.new_tokens = 8;
  c.reasoner.most_brothers = 2, c.reasoner.most_sisters = 3, c.reasoner.hidden = 16, c.reasoner.layers = 1;
  c.reasoner.batch = 16, c.reasoner.steps = 20, c.reasoner.warmup = 5;
  return c;
}

Config long_config() {
  Config c;
  c.exact.every = 1, c.arms = "all", c.trials = 60, c.new_tokens = 128;
  c.reasoner.most_brothers = c.reasoner.most_sisters = 7;
  c.reasoner.hidden = 128, c.reasoner.layers = 3, c.reasoner.steps = 3000;
  return c;
}

Config gpu_config() {
  Config c = long_config();
  c.new_tokens = 2048;
  c.reasoner.hidden = 512, c.reasoner.layers = 8, c.reasoner.heads = 8;
  c.reasoner.lr = 5e-4, c.reasoner.init_std = 0.03;
  return c;
}

}  // namespace roux::alice
