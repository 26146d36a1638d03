// What a run comes to: regressions on the proxies of each seed, the mixtures they choose, and the losses of
// the large model on those and on others.
#ifndef ROUX_RECIPES_REGMIX_OUTCOMES_H_
#define ROUX_RECIPES_REGMIX_OUTCOMES_H_

#include <functional>
#include <string>
#include <vector>

#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/seed_values.h"
#include "recipes/regmix/arms.h"
#include "recipes/regmix/method.h"

namespace roux::regmix {

// Regressions of one target on one seed's proxies, judged on the mixtures that none was fitted on.
struct Regression {
  std::vector<double> measured;          // losses of the test mixtures
  std::vector<double> linear, trees;     // their predictions
  double rho_linear = 0, rho_trees = 0;  // Spearman; 0 where all predictions are one
  double mse_linear = 0, mse_trees = 0;  // mean squared error
  int64_t rounds = 0;                    // of the trees
  double p_value = 1;                    // of rho_trees: random pairings (stats/resampling.h)
  std::vector<double> effects;  // a_j of the linear fit less their mean, weighted by p, over domains other
                                // than the target
  std::vector<int64_t> counts;  // of proxies to fit on,
  std::vector<double> rho_linear_by_count, rho_by_count;  // and what they give; half of them: the second
  double rho_half = 0;  // trees fitted on all proxies' losses after half of their steps
};

// A seed's proxies in the order of Mixtures::proxies(), and the index of the target in their losses. `target`
// past the last: the mean of all domains' losses (without the unseen text).
Regression regress(const Data& data, const Mixtures& mixtures, const std::vector<ProxyLosses>& proxies,
                   size_t target);

// Step 4 for a target: by trees the average of the best candidates and the best alone, and the average by the
// linear fit.
struct Chosen {
  Mixture trees, top1, linear;
};
Chosen choose(const Config& config, const Data& data, const Mixtures& mixtures,
              const std::vector<ProxyLosses>& proxies, size_t target, uint64_t seed);

// All of one seed but for the large model.
struct SeedOutcome {
  Mixtures mixtures;
  std::vector<ProxyLosses> proxies;
  std::vector<Regression> regressions;  // of each text, then of the mean
  Chosen target, unseen;                // the latter empty where there is no unseen text,
  Mixture nearest_only;                 // and so is this
};
SeedOutcome outcome_of(const Config& config, const Data& data, std::vector<ProxyLosses> proxies,
                       uint64_t seed);

// What the large model is trained on: random_1, ..., natural, uniform, target_only, regmix, regmix_linear,
// regmix_top1, and where there is an unseen text nearest_only and regmix_unseen. nearest_only is the domain
// that the linear fit credits most with the unseen text, alone: what target_only is for a target in the
// mixture.
std::vector<std::string> large_arms(const Config& config, const Data& data);
// Throws Error for a name that large_arms does not give.
const Mixture& mixture_of(const SeedOutcome& outcome, const std::string& arm);

struct Outcomes {
  const Config& config;
  const Data& data;
  std::vector<uint64_t> seeds;
  std::vector<SeedOutcome> by_seed;
  kit::Results<std::vector<double>> large;  // losses of each text

  // f of each seed, by position.
  kit::SeedValues each(const std::function<double(size_t seed)>& f) const {
    return kit::each_seed(seeds.size(), f);
  }
  // Loss of a text by the large model.
  double loss(const std::string& arm, size_t seed, size_t text) const;
  // Arms whose mixtures proxies were trained on too: all but nearest_only and what RegMix chose.
  std::vector<std::string> common_arms() const;
  // Final losses of the proxies on their mixtures.
  std::vector<double> proxy_losses(size_t seed, size_t text) const;
  // Spearman of proxies' and large models' losses over common_arms().
  double rank_invariance(size_t seed, size_t text) const;
  // Spearman of the test mixtures' proxies between this seed and the next (of the last: the first), so that
  // with three seeds or more no pair counts twice.
  double rank_between_seeds(size_t seed, size_t text) const;
  // Share of the other large arms that are below `arm`, RegMix's own variants left out.
  double share_better(const std::string& arm, size_t seed, size_t text) const;
  // Largest less smallest loss over the random mixtures, in units of the standard deviation over seeds that
  // one of them has (root of the mean variance).
  double spread_over_noise(size_t seed, size_t text) const;
  // +1 or -1: the sign that `effects` of domain j on text i has in all seeds, where its mean is more than two
  // of its standard deviations over seeds from 0; else 0. Two seeds or more.
  int clear_effect(size_t i, size_t j) const;
  // Of each pair of domains: 1 where both effects on one another are clear and of opposite signs, else 0.
  std::vector<double> one_sided_pairs() const;
};

}  // namespace roux::regmix

#endif  // ROUX_RECIPES_REGMIX_OUTCOMES_H_
