// What is trained: a base on D0, arms that go on from it with D1, and runs from scratch. Two shifts from the
// same D0: D1 in another language (the strong one), and one in the same language (the weak one, "near").
#ifndef ROUX_RECIPES_CONTINUAL_PRETRAINING_ARMS_H_
#define ROUX_RECIPES_CONTINUAL_PRETRAINING_ARMS_H_

#include <array>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "optim/schedules.h"
#include "recipes/continual_pretraining/method.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/train/decoder.h"
#include "recipes/kit/train/pretrain.h"

namespace roux::continual {

// Equal parts of D0 for the arms that see it as three data sets.
inline constexpr int64_t kStages = 3;

// Sizes, rates and texts.
struct Config {
  kit::DecoderConfig decoder;                           // ours: fits two minutes on two cores
  int64_t batch = 8, old_steps = 600, new_steps = 300;  // ours; |D0| and |D1| are batch * length * steps
  // Ours: of {3e-3, 6e-3, 1e-2, 1.5e-2} the best for D0 only, D1 only and the union together, on seed 100.
  double eta_max = 6e-3;
  double eta_min_share = 0.1;    // the paper's 3e-4 to 3e-5
  double eta_const_share = 0.5;  // of eta_max; the paper's 1.65e-4 of 3e-4
  double warmup = 0.01;          // share of the steps: the paper's 1 %
  double cooldown = 0.25;        // share of D0's steps, ours
  double anneal = 0.15;          // share of a data set's steps, ours
  double beta1 = 0.9, beta2 = 0.95, weight_decay = 0.1, max_grad_norm = 1;  // the paper's
  int64_t eval_every = 50, eval_windows = 128;                              // ours
  double validation_share = 0.08;  // the last part of each text, ours
  std::vector<std::string> old_text = {"austen_emma", "web_luke_john"}, new_text = {"bible_rv1909"};
  std::vector<std::string> near_text = {"bible_kjv"};
  bool excerpts = true;

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Flag;
    using kit::Range;
    decoder.visit(visit);
    visit("batch", batch, Range{1}), visit("old_steps", old_steps, Range{12});
    visit("new_steps", new_steps, Range{4}), visit("eta_max", eta_max, Range{0});
    visit("eta_min_share", eta_min_share, Range{1e-6, 1}),
        visit("eta_const_share", eta_const_share, Range{1e-6, 1});
    visit("warmup", warmup, Range{0, 0.5}), visit("cooldown", cooldown, Range{0, 0.3});
    visit("anneal", anneal, Range{0.01, 0.5}), visit("beta1", beta1, Range{0, 1});
    visit("beta2", beta2, Range{0, 1}), visit("weight_decay", weight_decay, Range{0});
    visit("max_grad_norm", max_grad_norm, Range{0}), visit("eval_every", eval_every, Range{1});
    visit("eval_windows", eval_windows, Range{1}),
        visit("validation_share", validation_share, Range{0.001, 0.5});
    visit("old", old_text, Flag{"text domains of D0: their names, or those in --data"});
    visit("new", new_text, Flag{"the same of D1 (strong shift)"});
    visit("near", near_text, Flag{"the same of D1 in D0's language (weak shift)"});
    visit("excerpts", excerpts,
          Flag{"false: whole texts also where there is an excerpt; what is missing is downloaded"});
  }
  absl::Status check() const;

  int64_t stage_steps() const { return old_steps / kStages; }
  int64_t anneal_steps(int64_t steps) const;  // at the end of a data set of so many steps
  int64_t cooldown_steps() const;
  Rates rates() const { return {eta_max, eta_const_share * eta_max, eta_min_share * eta_max}; }
};

// The domains, in the order in which mixtures name their shares.
enum Domain : size_t { kOld, kNew, kNear };
inline constexpr size_t kDomains = 3;
inline constexpr std::array<const char*, kDomains> kDomainNames = {"D0", "D1", "near D1"};
inline constexpr std::array<const char*, kDomains> kLossNames = {"old_loss", "new_loss", "near_loss"};

struct Data {
  std::vector<kit::Corpus> corpora;  // of D0 and D1; of the near D1 too, unless the user's own data has none
  bool has_near() const { return corpora.size() == kDomains; }
};
// Under --plan tokens that stand in for the texts.
absl::StatusOr<Data> load_data(const Config& config, kit::Run& run);

// One part. The shares are those of the domains; `judged` are evaluated.
struct Arm {
  std::string name, from = {};
  int64_t steps = 0;
  Schedule lr = constant_schedule(0);
  std::vector<double> shares = {};
  std::vector<Domain> judged = {kOld, kNew};
  std::string what = "final";  // of `from`
  kit::MixtureOrder order = kit::MixtureOrder::kByPosition;
  int64_t lr_step = 0, skip_steps = 0;
  bool keep_moments = true;
  std::map<int64_t, std::string> leave_at = {};
};
std::vector<Arm> arms(const Config& config, bool near);

// Shares of replay beside 0, in the order of the arms; "replay_5" is that of 5 %.
inline constexpr double kReplay[] = {0.005, 0.01, 0.05, 0.1, 0.25, 0.5};
std::string replay_name(double share);

// Evaluations: at the start, close together after it, then every eval_every steps and at the end.
std::vector<int64_t> evaluation_steps(const Config& config, int64_t steps);

absl::StatusOr<kit::PretrainResult> train_arm(const Config& config, const Data& data, const Arm& arm,
                                              uint64_t seed, kit::Part& part);

}  // namespace roux::continual

#endif  // ROUX_RECIPES_CONTINUAL_PRETRAINING_ARMS_H_
