// What is trained: teachers, and students that learn from one for a while or never. All students of a seed
// have the same first weights and the same rows in the same order, but for the arms that select: their stage
// 1 has the selected rows in place of the loader's, and stage 2 may hold a selected row again.
#ifndef ROUX_RECIPES_SALT_ARMS_H_
#define ROUX_RECIPES_SALT_ARMS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/train/decoder.h"
#include "recipes/kit/train/train.h"
#include "recipes/salt/method.h"

namespace roux::salt {

struct Config {
  kit::DecoderConfig student = {
      .layers = 2, .hidden = 64, .heads = 4, .intermediate = 172, .length = 64, .init_std = 0.125};
  int64_t teacher_hidden = 32, batch = 8, steps = 600;  // ours, as the student; the teacher has one layer
  // Ours: of {600, 800, 1000} the one whose teacher passes the gate on seeds 100 and 101 (4 and 6 % above
  // BASELINE; 600: 8 and 11 %, 1000: 2 and 3 %).
  int64_t teacher_steps = 800;
  int64_t early_steps = 100;  // of the teacher that selects; the paper's, we believe, is at 26K of 208K
  // The paper's 36K of 208K, and what we believe to be its omega; its rho, we believe, is 0.25.
  double kd_share = 0.17, omega = 0.667, rho = 1;
  bool student_rho = false, kept_only = false;
  int64_t k = 10;  // the paper's
  // Ours: of {3e-3, 6e-3, 1e-2} BASELINE's best on seeds 100 and 101. SALT's is 1e-2 there; it gets
  // BASELINE's.
  double lr = 6e-3, teacher_lr = 6e-3;
  double lr_floor = 0.1, warmup = 0.02;  // shares of the peak and of the steps, ours
  double beta1 = 0.9, beta2 = 0.95, weight_decay = 0.1, max_grad_norm = 1;
  int64_t eval_windows = 240;
  double validation_share = 0.05;  // the last part of each text
  std::vector<std::string> texts = {"austen_emma", "web_luke_john", "bible_kjv", "wordnet"};
  bool excerpts = true;
  std::string regime = "one_pass", arms = "all";
  int64_t limited_bytes = 15000;  // of each text

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Flag;
    using kit::Range;
    student.visit(visit);
    visit("teacher_hidden", teacher_hidden, Range{8}), visit("batch", batch, Range{1});
    visit("steps", steps, Range{10}), visit("teacher_steps", teacher_steps, Range{2});
    visit("early_steps", early_steps, Range{1}), visit("kd_share", kd_share, Range{0.01, 0.6});
    visit("omega", omega, Range{0.01, 0.99}), visit("rho", rho, Range{0.01, 100});
    visit("student_rho", student_rho), visit("kept_only", kept_only), visit("k", k, Range{1}),
        visit("lr", lr, Range{0});
    visit("teacher_lr", teacher_lr, Range{0}), visit("lr_floor", lr_floor, Range{0, 1});
    visit("warmup", warmup, Range{0, 0.5}), visit("beta1", beta1, Range{0, 1}),
        visit("beta2", beta2, Range{0, 1});
    visit("weight_decay", weight_decay, Range{0}), visit("max_grad_norm", max_grad_norm, Range{0});
    visit("eval_windows", eval_windows, Range{3}),
        visit("validation_share", validation_share, Range{0.001, 0.5});
    visit("limited_bytes", limited_bytes, Range{1});
    visit("texts", texts, Flag{"text domains, in equal shares"});
    visit("excerpts", excerpts, Flag{"false: the whole texts; what is missing is downloaded"});
    visit("regime", regime, Flag{"each text once, or cut and repeated", {"one_pass", "limited"}});
    visit("arms", arms, Flag{"main: no ablations", {"main", "all"}});
  }
  absl::Status check() const;

  kit::DecoderConfig teacher(bool small) const;  // small: half as wide
  int64_t kd_steps() const;                      // n_KD
  Compute compute(int64_t vocab_size) const;
};

// All texts as one set of windows, one of validation, bytes as tokens. Under --plan tokens that stand in.
absl::StatusOr<kit::Corpus> load_data(const Config& config, kit::Run& run);

struct Arm {
  std::string name, from = {};  // from: the teacher; empty for the first one
  std::string what = "final";   // of what the teacher left
  bool teaches = false, small_teacher = false;
  int64_t steps = 0;
  OmegaSchedule omega = {};
  double rho = 1;
  bool selects = false;  // stage 1, the first n_KD steps, sees the selected rows alone
  Selection selection = {};
};
// Teachers before their students. `vocab_size` for the arm of equal cost.
std::vector<Arm> arms(const Config& config, int64_t vocab_size);

// Curves of a student: validation_loss, and easy_loss, medium_loss, hard_loss of the sequences that its
// seed's teacher finds so; of a teacher validation_loss alone.
struct Outcome {
  kit::TrainLog log;
  int64_t teacher_forwards = 0;
  // Of l_CE and of l_KD over the validation tokens, of the trained student: the theory's V at omega 0 and 1.
  double one_hot_variance = 0, soft_variance = 0;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("log", log), visit("teacher_forwards", teacher_forwards);
    visit("one_hot_variance", one_hot_variance), visit("soft_variance", soft_variance);
  }
};
using Results = kit::Results<Outcome>;

// Steps at which a run of so many is evaluated: 0, tenths, 5 % and n_KD.
std::vector<int64_t> evaluation_steps(const Config& config, int64_t steps);

absl::StatusOr<Outcome> train_arm(const Config& config, const kit::Corpus& corpus, const Arm& arm,
                                  uint64_t seed, kit::Part& part);

}  // namespace roux::salt

#endif  // ROUX_RECIPES_SALT_ARMS_H_
