#include "recipes/loss_reweighting/claims.h"

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::loss_reweighting {
namespace {

// "Within noise" of the plain mean, in nats per byte.
constexpr double kLevel = 0.01;

using kit::absolute;
using kit::lowest;
using kit::minus;
using Values = kit::SeedValues;

class Judge {
 public:
  Judge(const Config& c, const std::vector<uint64_t>& toy_seeds, const Outcomes& outcomes,
        const std::vector<uint64_t>& seeds)
      : toy_seeds_(toy_seeds),
        o_(outcomes),
        claims_(seeds, absl::StrCat(c.decoder.parameters(o_.data.corpora[0].tokenizer.vocab_size()),
                                    " parameters, ", c.steps * c.batch * c.decoder.length, " bytes a run")) {
    for (const char* condition : {"redundant", "natural"}) strategies(condition);
    controls();
    temperatures();
    other_data();
    toy();
    untested(
        "a step with weights costs less than 1 % more time", kit::below(0.01),
        "a time is no number that a run repeats; bazel run //recipes/loss_reweighting:overhead measures it");
    untested("models of 1.4B and 7B parameters answer few-shot questions better, accuracy", kit::above(0),
             "that took the authors 64 GPUs, and such models are not trained here");
  }
  const std::vector<kit::Claim>& claims() const { return claims_.all(); }

 private:
  void untested(const std::string& text, kit::Relation relation, const std::string& why) {
    claims_.untested(text, relation, why).scale = "not run";
  }

  // Final held-out loss of arm a minus that of arm b.
  Values difference(const std::string& a, const std::string& b) const {
    return minus(o_.losses(a), o_.losses(b));
  }

  void strategies(const std::string& in) {
    const std::string text = in + " text: ", lin_upper = in + ".lin_upper", uniform = in + ".uniform";
    claims_.add(text + "LinUpper ends lower than the plain mean: held-out loss, difference",
                difference(lin_upper, uniform), kit::below(0), {.asserted = in == "redundant"});
    claims_.add(text + "LinUpper gets to the plain mean's final loss sooner: share of steps saved",
                o_.steps_saved(lin_upper, uniform), kit::above(0));
    claims_.add(text + "Quadratic ends lower than the plain mean: held-out loss, difference",
                difference(in + ".quadratic", uniform), kit::below(0));
    claims_.add(text + "Extremes is no better than the plain mean: held-out loss, difference",
                difference(in + ".extremes", uniform), kit::at_least(0));
    Values best = o_.losses(uniform);
    for (const char* other : {".quadratic", ".extremes", ".upper"})
      best = lowest({best, o_.losses(in + other)});
    claims_.add(text + "LinUpper is the best strategy: held-out loss, difference to the best other",
                minus(o_.losses(lin_upper), best), kit::below(0));
  }

  void controls() {
    Values best = o_.losses("redundant.uniform");
    for (const char* factor : {"0.7", "1.4", "2", "2.8"})
      best = lowest({best, o_.losses(absl::StrCat("redundant.uniform.lr", factor))});
    claims_.add(
        "redundant text: it is no effect of the step size: LinUpper minus the best plain mean at 0.7, 1, "
        "1.4, 2 and 2.8 times the rate, held-out loss",
        minus(o_.losses("redundant.lin_upper"), best), kit::below(0));
    claims_.add(
        "redundant text: LinUpper memorises the copies less: loss of the copies, difference to the plain "
        "mean",
        minus(o_.losses("redundant.lin_upper", kCopiesCurve), o_.losses("redundant.uniform", kCopiesCurve)),
        kit::above(0));
  }

  void temperatures() {
    const Values r10 = difference("natural.lin_upper.r10", "natural.uniform");
    const Values r02 = difference("natural.lin_upper.r0.2", "natural.uniform");
    claims_.add("natural text: r = 10 is level with the plain mean: held-out loss, difference", r10,
                kit::within(-kLevel, kLevel));
    claims_.add("natural text: r = 10 is nearer to the plain mean than r = 0.2: difference of distances",
                minus(absolute(r02), absolute(r10)), kit::above(0));
  }

  void other_data() {
    claims_.add("one domain: LinUpper ends lower than the plain mean: held-out loss, difference",
                difference("single.lin_upper", "single.uniform"), kit::below(0));
    for (const auto& [arm, name] : {std::pair{"doge", "DoGE"}, std::pair{"doremi", "DoReMi"}}) {
      const std::string lin_upper = absl::StrCat(arm, ".lin_upper");
      const std::string text = absl::StrCat(
          "sampling by ", name, ": LinUpper ends lower than the plain mean: held-out loss, difference");
      if (o_.has(lin_upper)) {
        claims_.add(text, difference(lin_upper, absl::StrCat(arm, ".uniform")), kit::below(0));
      } else {
        untested(text, kit::below(0), "these shares are of seven domains; --data has other ones");
      }
    }
  }

  void toy() {
    kit::ClaimList claims(toy_seeds_, "50 dimensions, 2000 samples, each strategy at its own rate");
    const auto claim = [&](const std::string& text, const Values& values, kit::Relation relation) {
      claims_.add(claims.add(absl::StrCat("toy regression, ", text), values, relation));
    };
    const auto saved = [this](const char* arm) { return o_.toy_steps_saved(ToyData::kRedundant, arm); };
    const Values lin_upper = saved("lin_upper.r0.4"), quadratic = saved("quadratic.r0.4");
    claim("redundant samples: LinUpper is faster than the plain mean: share of steps saved", lin_upper,
          kit::above(0));
    claim("redundant samples: Quadratic is faster than the plain mean: share of steps saved", quadratic,
          kit::above(0));
    claim("redundant samples: Extremes is no faster than the plain mean: share of steps saved",
          saved("extremes.r0.4"), kit::at_most(0));
    claim("redundant samples: LinUpper is faster than Quadratic: difference of shares saved",
          minus(lin_upper, quadratic), kit::above(0));
    claim("redundant samples and outliers: LinUpper is faster than the plain mean: share of steps saved",
          o_.toy_steps_saved(ToyData::kOutliers, "lin_upper.r0.4"), kit::above(0));
    claim("redundant samples: with r = 10 LinUpper is nearer to the plain mean: difference of shares saved",
          minus(absolute(lin_upper), absolute(saved("lin_upper.r10"))), kit::above(0));
    claim("distinct samples of the same curvature: LinUpper saves less: difference of shares saved",
          minus(lin_upper, o_.toy_steps_saved(ToyData::kDistinct, "lin_upper.r0.4")), kit::above(0));
  }

  const std::vector<uint64_t>& toy_seeds_;
  const Outcomes& o_;
  kit::ClaimList claims_;
};

}  // namespace

absl::Status judge(const Config& config, const std::vector<uint64_t>& toy_seeds, const Outcomes& outcomes,
                   kit::Run& run) {
  return run.claim_all(Judge(config, toy_seeds, outcomes, run.seeds()).claims());
}

}  // namespace roux::loss_reweighting
