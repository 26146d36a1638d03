#include "recipes/regmix/claims.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::regmix {
namespace {

// Below this the order of the proxies is the seed's, not the mixtures': then nothing else can be said.
constexpr double kLeastAgreement = 0.7;

class Judge {
 public:
  Judge(const Outcomes& outcomes, const std::string& scale) : o_(outcomes), claims_(outcomes.seeds, scale) {
    const std::string none =
        o_.data.has_unseen() ? "" : "there is no text outside of the mixture; --unseen=NAME";
    of_text("target in the mixture", o_.data.target, "regmix", "");
    of_text("target outside of it", o_.data.domains, "regmix_unseen", none);
    ablations();
    one_sided();
    claims_.untested("the predicted mixture matches DoReMi's at a tenth of its compute", kit::at_most(0.1),
                     "DoReMi's proxy training is not part of this recipe");
    claims_.untested("the predicted mixture is at or near the best of 64 random ones", kit::below(0.01),
                     absl::StrCat("the large model is trained on ", o_.config.large_mixtures,
                                  " of them; --set large_mixtures=64 --set test_mixtures=64"));
  }
  const std::vector<kit::Claim>& claims() const { return claims_.all(); }

 private:
  const Regression& regression(size_t s, size_t text) const { return o_.by_seed[s].regressions[text]; }

  // `which`: the words for a target, `arm`: the large model on the mixture that RegMix chose for it.
  void of_text(const std::string& which, size_t text, const std::string& arm, const std::string& none) {
    const kit::Bounds rank{-1, 1};
    const bool outside = text == o_.data.domains;  // what is asserted of it held on seeds 4 to 6 too
    std::string noise = none;
    if (none.empty()) {
      const std::vector<double> agree = o_.each([&](size_t s) { return o_.rank_between_seeds(s, text); });
      const double mean =
          std::accumulate(agree.begin(), agree.end(), 0.0) / static_cast<double>(agree.size());
      if (o_.seeds.size() > 1 && mean < kLeastAgreement)
        noise = "seeds order the proxies differently; a larger --set proxy_steps helps";
    }
    const std::string two = o_.seeds.size() > 1 ? none : "one seed has nothing to compare; --seeds=3";
    claims_.add(which + ": proxies of two seeds order the test mixtures alike: Spearman",
                [=, this](size_t s) { return o_.rank_between_seeds(s, text); }, kit::above(0.9),
                {.not_testable = two, .bounds = rank});
    claims_.add(which + ": ranks do not depend on the size: Spearman of proxies' and large models' losses",
                [=, this](size_t s) { return o_.rank_invariance(s, text); }, kit::above(0.8),
                {.not_testable = noise, .bounds = rank});
    // The notebook's output for Pile-CC, by LightGBM at 1M.
    claims_.add(which + ": trees predict unseen mixtures: Spearman of predicted and measured losses",
                [=, this](size_t s) { return regression(s, text).rho_trees; }, kit::above(0.8),
                {.paper = text == o_.data.target ? std::optional(0.989) : std::nullopt,
                 .not_testable = noise,
                 .bounds = rank});
    claims_.add(
        which + ": trees rank better than the linear fit: Spearman, difference",
        [=, this](size_t s) { return regression(s, text).rho_trees - regression(s, text).rho_linear; },
        kit::above(0), {.not_testable = noise, .bounds = {-2, 2}});
    const auto against = [=, this](const std::string& other) {
      return [=, this](size_t s) { return o_.loss(arm, s, text) - o_.loss(other, s, text); };
    };
    for (const char* other : {"natural", "uniform"}) {
      claims_.add(absl::StrCat(which, ": the predicted mixture trains a better large model than the ", other,
                               " one: loss, difference"),
                  against(other), kit::below(0),
                  {.asserted = outside || other == std::string("natural"), .not_testable = noise});
    }
    if (outside) {
      claims_.add(
          which +
              ": the predicted mixture trains a better large model than the nearest domain alone: loss, "
              "difference",
          against("nearest_only"), kit::below(0), {.not_testable = noise});
    }
    claims_.add(which + ": it is in the best quarter: share of the other mixtures that are better",
                [=, this](size_t s) { return o_.share_better(arm, s, text); }, kit::at_most(0.25),
                {.asserted = outside, .not_testable = noise, .bounds = {0, 1}});
    claims_.add(which + ": it is at or near the best random one: loss, relative difference",
                [=, this](size_t s) {
                  double best = INFINITY;
                  for (int64_t i = 1; i <= o_.config.large_mixtures; ++i)
                    best = std::min(best, o_.loss(absl::StrCat("random_", i), s, text));
                  return o_.loss(arm, s, text) / best - 1;
                },
                kit::below(0.01), {.asserted = outside, .not_testable = noise});
    const std::string seeds = o_.seeds.size() > 1 ? noise : "one seed has no spread; --seeds=3";
    claims_.add(which +
                    ": random mixtures differ more than seeds: spread of the large models, in standard "
                    "deviations of seeds",
                [=, this](size_t s) { return o_.spread_over_noise(s, text); }, kit::above(5),
                {.asserted = true, .not_testable = seeds});
  }

  void ablations() {
    const size_t target = o_.data.target;
    const auto loss = [=, this](const char* arm, size_t s) { return o_.loss(arm, s, target); };
    claims_.add(
        "the average of the best candidates beats the best alone: large model's loss, difference",
        [=](size_t s) { return loss("regmix", s) - loss("regmix_top1", s); }, kit::below(0));
    claims_.add(
        "trees choose a better mixture than the linear fit: large model's loss, difference",
        [=](size_t s) { return loss("regmix", s) - loss("regmix_linear", s); }, kit::below(0));
    claims_.add(
        "the predicted mixture is level with the target's own text alone, which no cap allows here: large "
        "model's loss, relative difference",
        [=](size_t s) { return loss("regmix", s) / loss("target_only", s) - 1; }, kit::below(0.01));
    claims_.add(
        "more proxies help more than longer ones: Spearman of all proxies at half their steps minus half of "
        "the proxies at all steps",
        [=, this](size_t s) {
          const Regression& r = regression(s, target);
          return r.rho_half - r.rho_by_count[1];
        },
        kit::above(0), {.bounds = {-2, 2}});
  }

  void one_sided() {
    kit::Claim& claim = claims_.untested(
        "a domain's effect on another is not always intuitive: share of pairs of which one helps the other "
        "more than the other foreign domains do and is helped less, beyond what seeds differ by",
        kit::above(0),
        o_.seeds.size() < 3 ? "a sign is clear or not over three seeds or more; --seeds=3" : "");
    if (claim.not_testable.empty())
      claim.measured = kit::over_items(o_.one_sided_pairs(), {.unit = "pair of domains"});
  }

  const Outcomes& o_;
  kit::ClaimList claims_;
};

}  // namespace

absl::Status judge(const Outcomes& outcomes, const std::string& scale, kit::Run& run) {
  return run.claim_all(Judge(outcomes, scale).claims());
}

}  // namespace roux::regmix
