// Tables, charts and claims of the three parts.
#ifndef ROUX_RECIPES_ALICE_IN_WONDERLAND_REPORT_H_
#define ROUX_RECIPES_ALICE_IN_WONDERLAND_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "recipes/alice_in_wonderland/exam.h"
#include "recipes/alice_in_wonderland/reasoner.h"
#include "recipes/alice_in_wonderland/records.h"
#include "recipes/kit/run/run.h"

namespace roux::alice {

// Why a breakdown cannot be told from a model that solves nothing: the controls' mean probability of the
// right number is below 0.5. Empty where they are solved.
std::string controls_unsolved(const std::vector<ExactItem>& items,
                              const std::vector<IntegerDistribution>& results);

// Exact mode: probabilities by arm, and the claims that compare arms cell by cell.
absl::Status report_exact(const std::string& scale, const std::vector<ExactItem>& items,
                          const std::vector<IntegerDistribution>& results, kit::Run& run);

// Sampled mode, of any prompts: rates with Wilson intervals and Beta parameters, fluctuation by prompt type,
// kinds of answers, and the claims about rates, which are not testable for the reason `unsolved`, if it is
// given.
absl::Status report_sampled(const std::string& scale, const std::vector<SampledItem>& items,
                            const std::vector<Responses>& responses, const std::string& unsolved,
                            kit::Run& run);

// The claims of exact and sampled mode as not testable, where SmolLM2 could not be had.
absl::Status claim_without_model(const absl::Status& why, kit::Run& run);
// The paper's claims about models that are not here.
absl::Status claim_what_needs_other_models(kit::Run& run);

// Part B.
absl::Status report_reasoner(const ReasonerConfig& config, const FamilyTask& task,
                             const kit::Results<Reasoned>& results, const std::vector<TrainedArm>& arms,
                             kit::Run& run);

// --table: the same statistics of given trials, printed and in table.json; `benchmarks` may be empty.
absl::Status report_trials(const std::vector<ModelTrials>& models, const Benchmarks& benchmarks,
                           kit::Run& run);

}  // namespace roux::alice

#endif  // ROUX_RECIPES_ALICE_IN_WONDERLAND_REPORT_H_
