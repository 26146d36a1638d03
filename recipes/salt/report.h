// Tables and figures of a run beside its claims.
#ifndef ROUX_RECIPES_SALT_REPORT_H_
#define ROUX_RECIPES_SALT_REPORT_H_

#include "recipes/kit/run/run.h"
#include "recipes/salt/arms.h"
#include "recipes/salt/bigram.h"

namespace roux::salt {

// Losses of all arms, the teacher's gate, the lead over BASELINE, losses against n_KD, time of the stages.
void report(const Config& config, const kit::Corpus& corpus, const std::vector<Arm>& arms,
            const Results& results, kit::Run& run);

// The squared risk in the world of bigrams against omega and n, by the closed form and of drawn tables.
void report_bigrams(const BigramWorld& world, kit::Run& run);

kit::Table risks_table(const std::vector<BigramRisk>& risks, const std::string& title);

}  // namespace roux::salt

#endif  // ROUX_RECIPES_SALT_REPORT_H_
