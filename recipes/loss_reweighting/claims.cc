#include "recipes/loss_reweighting/claims.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::loss_reweighting {
namespace {

// "Within noise" of the plain mean, in nats per byte.
constexpr double kLevel = 0.01;

using Values = std::vector<double>;  // one a seed

Values smaller(Values a, const Values& b) {
  for (size_t s = 0; s < a.size(); ++s) a[s] = std::min(a[s], b[s]);
  return a;
}

Values absolute(Values a) {
  for (double& x : a) x = std::abs(x);
  return a;
}

class Judge {
 public:
  Judge(const Config& c, const std::vector<uint64_t>& toy_seeds, const Outcomes& outcomes, kit::Run& run)
      : toy_seeds_(toy_seeds), o_(outcomes), run_(run) {
    scale_ = absl::StrCat(c.decoder.parameters(o_.data.corpora[0].tokenizer.vocab_size()), " parameters, ",
                          c.steps * c.batch * c.decoder.length, " bytes a run");
  }

  absl::Status all() {
    for (const char* condition : {"redundant", "natural"}) ROUX_RETURN_IF_ERROR(strategies(condition));
    ROUX_RETURN_IF_ERROR(controls());
    ROUX_RETURN_IF_ERROR(temperatures());
    ROUX_RETURN_IF_ERROR(other_data());
    ROUX_RETURN_IF_ERROR(toy());
    ROUX_RETURN_IF_ERROR(untested("a step with weights costs less than 1 % more time", kit::below(0.01),
                                  "a time is no number that a run repeats; bazel run "
                                  "//recipes/loss_reweighting:overhead measures it"));
    return untested("models of 1.4B and 7B parameters answer few-shot questions better, accuracy",
                    kit::above(0), "that took the authors 64 GPUs, and such models are not trained here");
  }

 private:
  absl::Status claim(const std::string& text, const Values& values, kit::Relation relation,
                     bool asserted = false) {
    return run_.claim({.text = text,
                       .measured = kit::over_seeds(run_.seeds(), values),
                       .relation = relation,
                       .scale = scale_,
                       .asserted = asserted});
  }
  absl::Status untested(const std::string& text, kit::Relation relation, const std::string& why) {
    return run_.claim({.text = text, .relation = relation, .scale = "not run", .not_testable = why});
  }

  // Final held-out loss of arm a minus that of arm b.
  Values difference(const std::string& a, const std::string& b) const {
    return minus(o_.losses(a), o_.losses(b));
  }

  absl::Status strategies(const std::string& in) {
    const std::string text = in + " text: ", lin_upper = in + ".lin_upper", uniform = in + ".uniform";
    ROUX_RETURN_IF_ERROR(claim(text + "LinUpper ends lower than the plain mean: held-out loss, difference",
                               difference(lin_upper, uniform), kit::below(0),
                               /*asserted=*/in == "redundant"));
    ROUX_RETURN_IF_ERROR(
        claim(text + "LinUpper gets to the plain mean's final loss sooner: share of steps saved",
              o_.steps_saved(lin_upper, uniform), kit::above(0)));
    ROUX_RETURN_IF_ERROR(claim(text + "Quadratic ends lower than the plain mean: held-out loss, difference",
                               difference(in + ".quadratic", uniform), kit::below(0)));
    ROUX_RETURN_IF_ERROR(claim(text + "Extremes is no better than the plain mean: held-out loss, difference",
                               difference(in + ".extremes", uniform), kit::at_least(0)));
    Values best = o_.losses(uniform);
    for (const char* other : {".quadratic", ".extremes", ".upper"})
      best = smaller(best, o_.losses(in + other));
    return claim(text + "LinUpper is the best strategy: held-out loss, difference to the best other",
                 minus(o_.losses(lin_upper), best), kit::below(0));
  }

  absl::Status controls() {
    Values best = o_.losses("redundant.uniform");
    for (const char* factor : {"0.7", "1.4", "2", "2.8"})
      best = smaller(best, o_.losses(absl::StrCat("redundant.uniform.lr", factor)));
    ROUX_RETURN_IF_ERROR(
        claim("redundant text: it is no effect of the step size: LinUpper minus the best plain mean at 0.7, "
              "1, 1.4, 2 "
              "and 2.8 times the rate, held-out loss",
              minus(o_.losses("redundant.lin_upper"), best), kit::below(0)));
    return claim(
        "redundant text: LinUpper memorises the copies less: loss of the copies, difference to the plain "
        "mean",
        minus(o_.losses("redundant.lin_upper", kCopiesCurve), o_.losses("redundant.uniform", kCopiesCurve)),
        kit::above(0));
  }

  absl::Status temperatures() {
    const Values r10 = difference("natural.lin_upper.r10", "natural.uniform");
    const Values r02 = difference("natural.lin_upper.r0.2", "natural.uniform");
    ROUX_RETURN_IF_ERROR(claim("natural text: r = 10 is level with the plain mean: held-out loss, difference",
                               r10, kit::within(-kLevel, kLevel)));
    return claim("natural text: r = 10 is nearer to the plain mean than r = 0.2: difference of distances",
                 minus(absolute(r02), absolute(r10)), kit::above(0));
  }

  absl::Status other_data() {
    ROUX_RETURN_IF_ERROR(
        claim("one domain: LinUpper ends lower than the plain mean: held-out loss, difference",
              difference("single.lin_upper", "single.uniform"), kit::below(0)));
    for (const auto& [arm, name] : {std::pair{"doge", "DoGE"}, std::pair{"doremi", "DoReMi"}}) {
      const std::string lin_upper = absl::StrCat(arm, ".lin_upper");
      const std::string text = absl::StrCat(
          "sampling by ", name, ": LinUpper ends lower than the plain mean: held-out loss, difference");
      ROUX_RETURN_IF_ERROR(
          o_.has(lin_upper)
              ? claim(text, difference(lin_upper, absl::StrCat(arm, ".uniform")), kit::below(0))
              : untested(text, kit::below(0), "these shares are of seven domains; --data has other ones"));
    }
    return absl::OkStatus();
  }

  absl::Status toy() {
    const auto claim = [this](const std::string& text, const Values& values, kit::Relation relation) {
      return run_.claim({.text = absl::StrCat("toy regression, ", text),
                         .measured = kit::over_seeds(toy_seeds_, values),
                         .relation = relation,
                         .scale = "50 dimensions, 2000 samples, each strategy at its own rate"});
    };
    const auto saved = [this](const char* arm) { return o_.toy_steps_saved(ToyData::kRedundant, arm); };
    const Values lin_upper = saved("lin_upper.r0.4"), quadratic = saved("quadratic.r0.4");
    ROUX_RETURN_IF_ERROR(
        claim("redundant samples: LinUpper is faster than the plain mean: share of steps saved", lin_upper,
              kit::above(0)));
    ROUX_RETURN_IF_ERROR(
        claim("redundant samples: Quadratic is faster than the plain mean: share of steps saved", quadratic,
              kit::above(0)));
    ROUX_RETURN_IF_ERROR(
        claim("redundant samples: Extremes is no faster than the plain mean: share of steps saved",
              saved("extremes.r0.4"), kit::at_most(0)));
    ROUX_RETURN_IF_ERROR(
        claim("redundant samples: LinUpper is faster than Quadratic: difference of shares saved",
              minus(lin_upper, quadratic), kit::above(0)));
    ROUX_RETURN_IF_ERROR(
        claim("redundant samples and outliers: LinUpper is faster than the plain mean: share of steps saved",
              o_.toy_steps_saved(ToyData::kOutliers, "lin_upper.r0.4"), kit::above(0)));
    ROUX_RETURN_IF_ERROR(claim(
        "redundant samples: with r = 10 LinUpper is nearer to the plain mean: difference of shares saved",
        minus(absolute(lin_upper), absolute(saved("lin_upper.r10"))), kit::above(0)));
    return claim("distinct samples of the same curvature: LinUpper saves less: difference of shares saved",
                 minus(lin_upper, o_.toy_steps_saved(ToyData::kDistinct, "lin_upper.r0.4")), kit::above(0));
  }

  const std::vector<uint64_t>& toy_seeds_;
  const Outcomes& o_;
  kit::Run& run_;
  std::string scale_;
};

}  // namespace

absl::Status judge(const Config& config, const std::vector<uint64_t>& toy_seeds, const Outcomes& outcomes,
                   kit::Run& run) {
  return Judge(config, toy_seeds, outcomes, run).all();
}

}  // namespace roux::loss_reweighting
