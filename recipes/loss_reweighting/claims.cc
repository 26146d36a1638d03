#include "recipes/loss_reweighting/claims.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"

namespace roux::loss_reweighting {
namespace {

// "Within noise" of the plain mean, in nats per byte.
constexpr double kLevel = 0.01;

using Value = std::function<double(size_t seed)>;

struct Options {
  bool asserted = false;
  std::string not_testable = {};
};

class Judge {
 public:
  Judge(const Config& config, const Outcomes& outcomes, kit::Run& run) : c_(config), o_(outcomes), run_(run) {
    const int64_t bytes = c_.steps * c_.batch * c_.decoder.length;
    scale_ = absl::StrCat(c_.decoder.parameters(o_.data().corpora[0].tokenizer.vocab_size()), " parameters, ",
                          bytes, " bytes a run");
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
  absl::Status claim(const std::string& text, const Value& value, kit::Relation relation,
                     const Options& options = {}) {
    kit::Claim claim{.text = text, .relation = relation, .scale = scale_, .asserted = options.asserted};
    claim.not_testable = options.not_testable;
    if (claim.not_testable.empty()) claim.measured = kit::over_seeds(run_.seeds(), o_.each(value));
    return run_.claim(claim);
  }
  absl::Status untested(const std::string& text, kit::Relation relation, const std::string& why) {
    return run_.claim({.text = text, .relation = relation, .scale = "not run", .not_testable = why});
  }

  // Final held-out loss of arm a minus that of arm b.
  Value difference(const std::string& a, const std::string& b) const {
    return [=, this](size_t s) { return o_.loss(a, s) - o_.loss(b, s); };
  }

  absl::Status strategies(const std::string& condition) {
    const auto arm = [&](const char* strategy) { return absl::StrCat(condition, ".", strategy); };
    const std::string in = condition + " text: ";
    const bool planted = condition == "redundant";
    ROUX_RETURN_IF_ERROR(claim(in + "LinUpper ends lower than the plain mean: held-out loss, difference",
                               difference(arm("lin_upper"), arm("uniform")), kit::below(0),
                               {.asserted = planted}));
    ROUX_RETURN_IF_ERROR(claim(
        in + "LinUpper gets to the plain mean's final loss sooner: share of steps saved",
        [=, this](size_t s) { return o_.steps_saved(arm("lin_upper"), arm("uniform"), s); }, kit::above(0)));
    ROUX_RETURN_IF_ERROR(claim(in + "Quadratic ends lower than the plain mean: held-out loss, difference",
                               difference(arm("quadratic"), arm("uniform")), kit::below(0)));
    ROUX_RETURN_IF_ERROR(claim(in + "Extremes is no better than the plain mean: held-out loss, difference",
                               difference(arm("extremes"), arm("uniform")), kit::at_least(0)));
    return claim(
        in + "LinUpper is the best strategy: held-out loss, difference to the best other",
        [=, this](size_t s) {
          double best = o_.loss(arm("uniform"), s);
          for (const char* other : {"quadratic", "extremes", "upper"})
            best = std::min(best, o_.loss(arm(other), s));
          return o_.loss(arm("lin_upper"), s) - best;
        },
        kit::below(0));
  }

  absl::Status controls() {
    ROUX_RETURN_IF_ERROR(claim(
        "redundant text: it is no effect of the step size: LinUpper minus the best plain mean at 0.7, 1 and "
        "1.4 "
        "times the rate, held-out loss",
        [this](size_t s) {
          const double best =
              std::min({o_.loss("redundant.uniform", s), o_.loss("redundant.uniform.lr0.7", s),
                        o_.loss("redundant.uniform.lr1.4", s)});
          return o_.loss("redundant.lin_upper", s) - best;
        },
        kit::below(0)));
    ROUX_RETURN_IF_ERROR(claim(
        "redundant text: LinUpper memorises the copies less: loss of the copies, difference to the plain "
        "mean",
        [this](size_t s) {
          return o_.loss_on(kCopiesCurve, "redundant.lin_upper", s) -
                 o_.loss_on(kCopiesCurve, "redundant.uniform", s);
        },
        kit::above(0)));
    // The oracle trains on other text in the place of the copies.
    const auto gap = [this](size_t s) {
      return o_.loss("redundant.uniform", s) - o_.loss("natural.uniform", s);
    };
    Options gated;
    if (!(o_.mean(gap) > kLevel)) {
      gated.not_testable = "copies cost less than 0.01 nats a byte here; --preset=default trains longer";
    }
    return claim(
        "redundant text: LinUpper closes part of the gap to a run without copies: share",
        [=, this](size_t s) {
          return (o_.loss("redundant.uniform", s) - o_.loss("redundant.lin_upper", s)) / gap(s);
        },
        kit::above(0), gated);
  }

  absl::Status temperatures() {
    ROUX_RETURN_IF_ERROR(claim("natural text: r = 10 is level with the plain mean: held-out loss, difference",
                               difference("natural.lin_upper.r10", "natural.uniform"),
                               kit::within(-kLevel, kLevel)));
    return claim(
        "natural text: r = 10 is nearer to the plain mean than r = 0.2: difference of distances",
        [this](size_t s) {
          const auto distance = [&](const char* arm) {
            return std::abs(o_.loss(arm, s) - o_.loss("natural.uniform", s));
          };
          return distance("natural.lin_upper.r0.2") - distance("natural.lin_upper.r10");
        },
        kit::above(0));
  }

  absl::Status other_data() {
    ROUX_RETURN_IF_ERROR(
        claim("one domain: LinUpper ends lower than the plain mean: held-out loss, difference",
              difference("single.lin_upper", "single.uniform"), kit::below(0)));
    for (const auto& [arm, name] : {std::pair{"doge", "DoGE"}, std::pair{"doremi", "DoReMi"}}) {
      const std::string lin_upper = absl::StrCat(arm, ".lin_upper");
      Options options;
      if (!o_.has(lin_upper))
        options.not_testable = "these shares are of seven domains; --data has other ones";
      ROUX_RETURN_IF_ERROR(
          claim(absl::StrCat("sampling by ", name,
                             ": LinUpper ends lower than the plain mean: held-out loss, difference"),
                difference(lin_upper, absl::StrCat(arm, ".uniform")), kit::below(0), options));
    }
    return absl::OkStatus();
  }

  absl::Status toy() {
    const auto claim = [this](const std::string& text, const Value& value, kit::Relation relation) {
      std::vector<double> values;
      for (size_t s = 0; s < static_cast<size_t>(c_.toy_seeds); ++s) values.push_back(value(s));
      return run_.claim({.text = "toy regression, " + text,
                         .measured = kit::over_seeds(toy_seeds(c_, run_.seeds()[0]), values),
                         .relation = relation,
                         .scale = "50 dimensions, 2000 samples, each strategy at its own rate"});
    };
    const auto steps = [this](ToyData data, const char* arm, size_t s) {
      return static_cast<double>(o_.toy(data, arm).seeds[s].steps_to_threshold);
    };
    // Of the plain mean's steps.
    const auto saved = [=](ToyData data, const char* arm) {
      return [=](size_t s) { return 1 - steps(data, arm, s) / steps(data, "uniform", s); };
    };
    ROUX_RETURN_IF_ERROR(
        claim("redundant samples: LinUpper is faster than the plain mean: share of steps saved",
              saved(ToyData::kRedundant, "lin_upper.r0.4"), kit::above(0)));
    ROUX_RETURN_IF_ERROR(
        claim("redundant samples: Quadratic is faster than the plain mean: share of steps saved",
              saved(ToyData::kRedundant, "quadratic.r0.4"), kit::above(0)));
    ROUX_RETURN_IF_ERROR(
        claim("redundant samples: Extremes is no faster than the plain mean: share of steps saved",
              saved(ToyData::kRedundant, "extremes.r0.4"), kit::at_most(0)));
    ROUX_RETURN_IF_ERROR(claim(
        "redundant samples: LinUpper is faster than Quadratic: steps, difference",
        [=](size_t s) {
          return steps(ToyData::kRedundant, "lin_upper.r0.4", s) -
                 steps(ToyData::kRedundant, "quadratic.r0.4", s);
        },
        kit::below(0)));
    ROUX_RETURN_IF_ERROR(
        claim("redundant samples and outliers: LinUpper is faster than the plain mean: share of steps saved",
              saved(ToyData::kOutliers, "lin_upper.r0.4"), kit::above(0)));
    ROUX_RETURN_IF_ERROR(claim(
        "redundant samples: with r = 10 LinUpper is nearer to the plain mean: difference of shares saved",
        [=](size_t s) {
          return std::abs(saved(ToyData::kRedundant, "lin_upper.r0.4")(s)) -
                 std::abs(saved(ToyData::kRedundant, "lin_upper.r10")(s));
        },
        kit::above(0)));
    return claim(
        "without redundant samples LinUpper saves less: difference of shares saved",
        [=](size_t s) {
          return saved(ToyData::kRedundant, "lin_upper.r0.4")(s) -
                 saved(ToyData::kPlain, "lin_upper.r0.4")(s);
        },
        kit::above(0));
  }

  const Config& c_;
  const Outcomes& o_;
  kit::Run& run_;
  std::string scale_;
};

}  // namespace

absl::Status judge(const Config& config, const Outcomes& outcomes, kit::Run& run) {
  return Judge(config, outcomes, run).all();
}

}  // namespace roux::loss_reweighting
