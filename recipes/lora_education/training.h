// The frozen base and the two phases of its adapter, each a part of the run.
#ifndef ROUX_RECIPES_LORA_EDUCATION_TRAINING_H_
#define ROUX_RECIPES_LORA_EDUCATION_TRAINING_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nn/models/transformer.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/train/train.h"
#include "recipes/lora_education/config.h"
#include "recipes/lora_education/conversations.h"
#include "recipes/lora_education/method.h"
#include "recipes/lora_education/world.h"

namespace roux::lora_education {

// How all models of the small world read text.
struct Language {
  std::shared_ptr<const kit::Tokenizer> tokenizer;  // byte-level BPE of what the base reads and of dialogues
  kit::ChatTemplate chat;  // Mistral-Instruct's: <s>[INST] question [/INST] answer</s>
};
absl::StatusOr<Language> make_language(const Config& config, const World& world);

// What the base reads, in windows: prose that states the true facts, notes, plain text.
absl::StatusOr<kit::WindowSet> base_text(const Config& config, const World& world, const Language& language);
// Steps of one epoch.
int64_t base_steps(const Config& config, const kit::WindowSet& text);
// Trains the base for an epoch from the seed's weights and leaves it as "final".
absl::StatusOr<std::unique_ptr<Transformer>> train_base(const Config& config, const Language& language,
                                                        const kit::WindowSet& text, uint64_t seed,
                                                        kit::Part& part);
// The base that the part "base" of this seed left.
absl::StatusOr<std::unique_ptr<Transformer>> load_base(const Config& config, const Language& language,
                                                       const kit::Part& part);

// Puts NF4 blocks in the place of the weights of all projections, where `nf4`, and a fresh adapter of rank r
// on each: alpha / r = 2 as in the paper.
void make_qlora(Transformer& base, bool nf4, bool double_quantization, int64_t r, uint64_t seed);

// One phase: how it begins and how it goes.
struct Phase {
  int number = 0;  // 0 or 1
  HandOff kind = HandOff::kAdapterOnly;
  std::string from;  // phase 1: the arm that left adapter and optimizer
  Phases phases;
  int64_t batch = 8, micro_rows = 0;  // conversations a step, and at once; 0: all
  double max_grad_norm = 0.3;         // section 3
  bool adamw_8bit = false;
};
// Steps of a phase as transformers' Trainer counts them: whole batches of an epoch, times the epochs; at
// least one.
int64_t phase_steps(int64_t conversations, int64_t batch, int64_t epochs);

struct TuningData {
  std::vector<kit::MaskedDocument> train, held_out;
};
// Two of the conversations with their loss mask; an untrained EOS is an error.
absl::Status show_first_batch(const Language& language, const TuningData& data, kit::Run& run);

// Trains the adapter of `model` and leaves "adapter" and "optimizer" as "final"; curve "held_out_loss" in
// nats per target token. Phases of one seed have the same order of conversations in all arms.
absl::StatusOr<kit::TrainLog> train_phase(const Phase& phase, LanguageModel& model, const TuningData& data,
                                          uint64_t seed, kit::Part& part);

// Mean loss per target of these, in batches of 16.
double held_out_loss(const LanguageModel& model, absl::Span<const kit::MaskedDocument> documents,
                     Device device);

// Bytes of the weights of all projections as they are held, and as f16.
struct WeightBytes {
  int64_t held = 0, f16 = 0;
};
WeightBytes projection_bytes(const Module& model);

}  // namespace roux::lora_education

#endif  // ROUX_RECIPES_LORA_EDUCATION_TRAINING_H_
