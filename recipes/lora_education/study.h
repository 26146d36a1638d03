// The experiment of the small world: a base, arms of phase 1 on it, arms of phase 2 on those, all seeds.
#ifndef ROUX_RECIPES_LORA_EDUCATION_STUDY_H_
#define ROUX_RECIPES_LORA_EDUCATION_STUDY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/run/part.h"
#include "recipes/lora_education/config.h"
#include "recipes/lora_education/evaluation.h"
#include "recipes/lora_education/training.h"
#include "recipes/lora_education/world.h"

namespace roux::lora_education {

struct Arm {
  std::string name, from;
  int phase = 0;  // -1: the base
  HandOff kind = HandOff::kAdapterOnly;
  int64_t r = 0;
  bool nf4 = true, errors = false;  // the base in NF4; wrong facts in the dialogues
  bool judged = false;              // answers and cloze questions are evaluated, too
};
// base; phase1 and what follows it by each hand-off; phase 1 and 2 with errors, on the f32 base, of other
// ranks.
std::vector<Arm> arms(const Config& config);

struct Outcome {
  std::vector<int64_t> at;       // steps of the phase,
  std::vector<double> held_out;  // and the loss of unseen dialogues after them, nats a token
  // Of judged arms:
  AnswerScores scores;
  double stated_right = 0;      // share of asked facts that answers state as they are,
  double stated_as_taught = 0;  // as the arm's dialogues state them
  // Cloze accuracy of all facts, of those that no arm teaches wrongly and of those that `errors` does; and
  // the log-odds of the truth against the wrong value, nats.
  double known = 0, known_clean = 0, known_wrong = 0, margin_clean = 0, margin_wrong = 0;
  double wrong_share = 0;                       // of facts in the seed's wrong ones
  std::vector<std::string> questions, answers;  // the first few
  int64_t held_bytes = 0, f16_bytes = 0, parameters = 0, adapter = 0;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("at", at), visit("held_out", held_out), visit("scores", scores);
    visit("stated_right", stated_right), visit("stated_as_taught", stated_as_taught);
    visit("known", known), visit("known_clean", known_clean), visit("known_wrong", known_wrong);
    visit("margin_clean", margin_clean), visit("margin_wrong", margin_wrong);
    visit("wrong_share", wrong_share), visit("questions", questions), visit("answers", answers);
    visit("held_bytes", held_bytes), visit("f16_bytes", f16_bytes);
    visit("parameters", parameters), visit("adapter", adapter);
  }
};

// What all arms and seeds share.
struct Shared {
  World world;
  Language language;
  kit::WindowSet text;  // the base's
};
absl::StatusOr<Shared> make_shared(const Config& config);

// The dialogues of a seed; with or without errors they differ in the values stated alone.
struct SeedData {
  std::vector<bool> wrong;
  std::vector<std::string> stated;
  std::vector<Conversation> train, held_out;
  std::vector<Dialogue> prompts;
};
SeedData seed_data(const Config& config, const World& world, bool errors, uint64_t seed);

absl::StatusOr<Outcome> run_arm(const Config& config, const Shared& shared, const Arm& arm, uint64_t seed,
                                kit::Part& part);

// Steps, rate and warm-up of both phases on so many conversations.
Phases phases_of(const Config& config, int64_t conversations);
}  // namespace roux::lora_education

#endif  // ROUX_RECIPES_LORA_EDUCATION_STUDY_H_
