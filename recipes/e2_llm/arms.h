// What is trained: a base at windows of R tokens, and fine-tunings that go on from it, each read at windows
// up to twice G_max R.
#ifndef ROUX_RECIPES_E2_LLM_ARMS_H_
#define ROUX_RECIPES_E2_LLM_ARMS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "optim/schedules.h"
#include "recipes/e2_llm/method.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/train/decoder.h"

namespace roux::e2_llm {

// Sizes, rates and texts. All ours but G_max's role; the paper has 4096 tokens, G_max = 20 and Llama 2.
struct Config {
  kit::DecoderConfig decoder{.heads = 3};  // length: the trained window L, and R of most arms
  double rope_theta = 500;                 // so that some of 8 pairs turn often in 64 tokens
  int64_t g_max = 8;
  int64_t batch = 8, base_steps = 2000, tune_steps = 150;  // rows of L tokens a step
  double base_lr = 3e-3;
  // Of the fine-tunings, each the best of one grid on seed 100 (README); e2_lr also of ablations and sizes.
  double control_lr = 2e-3, pi_lr = 5e-4, pi_long_lr = 4e-3, e2_lr = 2e-3;
  double beta1 = 0.9, beta2 = 0.95, weight_decay = 0.1, max_grad_norm = 1;
  double symbol_weight = 32;  // of a recalled symbol in the loss, where rows have L tokens
  int64_t eval_windows = 128, last = 32;
  double validation_share = 0.04;  // the last part of each text
  std::vector<std::string> text = {"web_luke_john", "austen_emma"};
  bool excerpts = true;

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Flag;
    using kit::Range;
    decoder.visit(visit);
    visit("rope_theta", rope_theta, Range{1.001}), visit("g_max", g_max, Range{4, 64});
    visit("batch", batch, Range{1}), visit("base_steps", base_steps, Range{1});
    visit("tune_steps", tune_steps, Range{1}), visit("base_lr", base_lr, Range{0});
    visit("control_lr", control_lr, Range{0}), visit("pi_lr", pi_lr, Range{0});
    visit("pi_long_lr", pi_long_lr, Range{0}), visit("e2_lr", e2_lr, Range{0});
    visit("beta1", beta1, Range{0, 1}), visit("beta2", beta2, Range{0, 1});
    visit("weight_decay", weight_decay, Range{0}), visit("max_grad_norm", max_grad_norm, Range{0});
    visit("symbol_weight", symbol_weight, Range{0}), visit("eval_windows", eval_windows, Range{1});
    visit("last", last, Range{1}), visit("validation_share", validation_share, Range{0.001, 0.5});
    visit("text", text, Flag{"text domains that are joined"});
    visit("excerpts", excerpts,
          Flag{"false: whole texts also where there is an excerpt; what is missing is downloaded"});
  }
  absl::Status check() const;

  int64_t L() const { return decoder.length; }
  std::vector<int64_t> windows() const;  // L, 2 L, 4 L, ... 2 g_max L
  int64_t farthest() const { return g_max * L(); }
};

struct Data {
  std::string description;
  std::map<int64_t, kit::WindowSet> train;  // by the length of rows
  std::vector<int32_t> unseen;              // the validation text
  std::vector<int64_t> ends;                // of its windows
};
// Under --plan tokens that stand in for the texts.
absl::StatusOr<Data> load_data(const Config& config, kit::Run& run);

// How a checkpoint is read at a window of W tokens: with g, or W / R where g is 0; or with stretched
// frequencies and s = W / L.
struct Reading {
  std::string name, label;
  double g = 0;
  RopeType type = RopeType::kDefault;
  bool recall = false;  // symbols too, not only text
};

struct Arm {
  std::string name, from = {};
  int64_t steps = 0;
  Schedule lr = constant_schedule(0);
  Augmentation augmentation = {};
  int64_t length = 0, R = 0;  // tokens of a row; the window that scales count in
  std::vector<Reading> readings = {};
  int64_t rows(const Config& config) const { return config.batch * config.L() / length; }
};
std::vector<Arm> arms(const Config& config);

// A batch of an arm. Every second row holds a planted symbol (the only row, where there is one); it weighs so
// much that symbols have the same share of the loss whatever the rows' length.
struct Batch {
  Tensor ids, target, weight;  // [rows, length]
  Tensor positions;            // f32 [rows, length]
};
Batch make_batch(const Config& config, const Arm& arm, kit::TokenBatch rows, uint64_t seed, int64_t step,
                 Device device);

// Of each window in Config::windows(); recall up to g_max L, with the symbol a quarter and half a window
// before the marker, and at index 1.
struct Scores {
  std::vector<double> bits, quarter, half, sink;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("bits", bits), visit("quarter", quarter), visit("half", half), visit("sink", sink);
  }
};
using Trained = std::map<std::string, Scores>;  // by the name of a reading

absl::StatusOr<Trained> train_arm(const Config& config, const Data& data, const Arm& arm, uint64_t seed,
                                  kit::Part& part);

// Bytes of tensors at the peak of one training step on so many rows, found on meta: with positions of each
// row (E2-LLM), or with the tables of 0, 1, ... that all rows share.
int64_t step_memory(const Config& config, int64_t rows, int64_t length, bool row_positions);

}  // namespace roux::e2_llm

#endif  // ROUX_RECIPES_E2_LLM_ARMS_H_
