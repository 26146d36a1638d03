#include "recipes/salt/claims.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::salt {
namespace {

// Two ways to the same end are level when they differ by at most a quarter of what the end is worth: SALT's
// gain over BASELINE. A band that the gain itself fits in would say nothing.
constexpr double kLevel = 0.25;

using Values = kit::SeedValues;

class Judge {
 public:
  Judge(const Config& config, const Results& results, const std::string& scale,
        const std::vector<uint64_t>& seeds)
      : config_(config), results_(results), seeds_(seeds), claims_(seeds, scale) {
    main_claims();
    reverse_distillation();
    controls();
    ablations();
  }
  const std::vector<kit::Claim>& claims() const { return claims_.all(); }

 private:
  // Loss of arm a minus that of arm b, at a share of the steps of each.
  std::function<Values()> difference(const std::string& a, const std::string& b, double share = 1,
                                     const std::string& curve = "validation_loss") const {
    return [=, this] {
      return kit::minus(values_at(results_, a, curve, share), values_at(results_, b, curve, share));
    };
  }
  // That the arm ends level with SALT, in units of SALT's mean gain over BASELINE.
  void level_with_salt(const std::string& what, const std::string& arm, std::string why = {}) {
    const kit::Measurement gain =
        kit::paired(seeds_, final_losses(results_, "baseline"), final_losses(results_, "salt"));
    if (why.empty() && !(gain.interval && gain.interval->low > 0))
      why = "SALT's own gain is not separated from 0; more --seeds may do it";
    claims_.add(
        absl::StrCat(what, " ends level with SALT: validation loss, difference as a share of SALT's gain"),
        [=, this] {
          Values shares = difference(arm, "salt")();
          for (double& share : shares) share /= gain.value;
          return shares;
        },
        kit::within(-kLevel, kLevel), {.not_testable = why});
  }
  std::string untrained() const {
    return config_.arms == "all" ? "" : "the ablations were not trained; --arms=all trains them";
  }
  // Why SALT and RKD cannot be expected to lead.
  std::string useless() const {
    for (const TeacherGate& gate : gates(config_, results_)) {
      if (!gate.is_useful())
        return "the teacher is no better than BASELINE when stage 1 ends; --set teacher_steps=N trains it "
               "more";
    }
    return "";
  }

  void main_claims() {
    const std::string why = useless();
    claims_.add("SALT is ahead of BASELINE when stage 1 ends: validation loss, difference",
                difference("salt", "baseline", config_.kd_share), kit::below(0),
                {.asserted = true, .not_testable = why});
    claims_.add("SALT ends below BASELINE at equal steps: validation loss, difference",
                difference("salt", "baseline"), kit::below(0), {.not_testable = why});
    claims_.add("SALT at 70 % of the steps, its schedule complete, is at most at BASELINE's loss: difference",
                difference("salt_70", "baseline"), kit::at_most(0), {.not_testable = why});
    claims_.add(
        "SALT is down at BASELINE's final loss after at most 90 % of the steps: share of the steps (1: "
        "at the end, or never)",
        [this] {
          const Values levels = final_losses(results_, "baseline");
          size_t seed = 0;
          return results_.values("salt", [&](const Outcome& o) {
            const double at = steps_to_reach(o.log.at, o.log.curves.at("validation_loss"), levels[seed++]);
            return std::min(1.0, at / static_cast<double>(o.log.steps));
          });
        },
        kit::at_most(0.9), {.paper = 0.7, .not_testable = why});
    claims_.untested("wall-clock saved until BASELINE's final loss: share", kit::above(0),
                     "times of a shared machine are not judged; the report has the milliseconds of "
                     "a step of both stages",
                     0.25);
    const auto gain = [this](const char* curve) { return difference("baseline", "salt", 1, curve)(); };
    claims_.add(
        "the gain is larger on easy sequences than on hard ones: difference of gains",
        [=] { return kit::minus(gain("easy_loss"), gain("hard_loss")); }, kit::above(0));
    claims_.add("SALT is not worse on hard sequences: loss, difference to BASELINE",
                difference("salt", "baseline", 1, "hard_loss"), kit::below(0.005));
  }

  void reverse_distillation() {
    std::string why;
    for (const TeacherGate& gate : gates(config_, results_)) {
      if (!gate.is_weaker())
        why = "the teacher is no weaker than BASELINE gets; --set teacher_steps=N trains it less";
    }
    claims_.add("RKD is ahead of BASELINE at 30 % of the steps: validation loss, difference",
                difference("rkd", "baseline", 0.3), kit::below(0),
                {.asserted = true, .not_testable = useless()});
    claims_.add("RKD ends behind BASELINE: validation loss, difference", difference("rkd", "baseline"),
                kit::above(0), {.not_testable = why});
    claims_.add("RKD ends behind SALT: validation loss, difference", difference("rkd", "salt"), kit::above(0),
                {.not_testable = why});
  }

  void controls() {
    claims_.add("SALT is below BASELINE at equal cost, the teacher's forwards counted: difference",
                difference("salt", "baseline_flops"), kit::below(0), {.not_testable = useless()});
    claims_.add("SALT at 70 % of the steps is below BASELINE at 70 %: difference",
                difference("salt_70", "baseline_70"), kit::below(0), {.not_testable = useless()});
    level_with_salt("SALT_DS", "salt_ds");
    claims_.add("soft labels help on the selected rows, too: SALT_DS minus the selection alone",
                difference("salt_ds", "ds_only"), kit::below(0));
    claims_.add(
        "the loss of soft labels varies less over tokens than that of one-hot labels: ratio of variances",
        [this] {
          return results_.values("baseline",
                                 [](const Outcome& o) { return o.soft_variance / o.one_hot_variance; });
        },
        kit::below(1));
    const std::string few_shot = "models of this size answer no few-shot task; no preset is large enough";
    claims_.untested("few-shot accuracy, mean over tasks, gains from SALT: points", kit::above(0), few_shot,
                     0.62);
    claims_.untested("the gain persists after supervised fine-tuning: points", kit::above(0), few_shot);
  }

  void ablations() {
    const kit::ClaimOptions options{.not_testable = untrained()};
    for (const auto& [arm, teacher] : {std::pair{"salt_small_teacher", "half as wide"},
                                       std::pair{"salt_early_teacher", "stopped early"}}) {
      claims_.add(absl::StrCat("a much weaker teacher, ", teacher,
                               ", helps less: validation loss, difference to SALT"),
                  difference(arm, "salt"), kit::above(0), options);
      claims_.add(absl::StrCat("a much weaker teacher, ", teacher,
                               ", does not help: validation loss, difference to BASELINE"),
                  difference(arm, "baseline"), kit::at_least(0), options);
    }
    for (const auto& [arm, what] :
         {std::pair{"salt_10", "n_KD of 10 % of the steps"},
          std::pair{"salt_30", "n_KD of 30 % of the steps"}, std::pair{"salt_linear", "a linear transition"},
          std::pair{"salt_ratio", "a linear transition of the ratio"}}) {
      level_with_salt(what, arm, options.not_testable);
    }
    level_with_salt("a sharper teacher, rho 0.25,", "salt_rho_0.25", options.not_testable);
  }

  const Config& config_;
  const Results& results_;
  const std::vector<uint64_t>& seeds_;
  kit::ClaimList claims_;
};

}  // namespace

std::vector<double> values_at(const Results& results, const std::string& arm, const std::string& curve,
                              double share) {
  return results.values(arm, [&](const Outcome& outcome) {
    const auto distance = [&](int64_t at) {
      return std::abs(static_cast<double>(at) - share * static_cast<double>(outcome.log.steps));
    };
    const std::vector<int64_t>& at = outcome.log.at;
    const auto nearest = std::min_element(at.begin(), at.end(),
                                          [&](int64_t a, int64_t b) { return distance(a) < distance(b); });
    return outcome.log.curves.at(curve).at(static_cast<size_t>(nearest - at.begin()));
  });
}

std::vector<TeacherGate> gates(const Config& config, const Results& results) {
  const std::string curve = "validation_loss";
  const Values teacher = final_losses(results, "teacher");
  const Values at_switch = values_at(results, "baseline", curve, config.kd_share);
  const Values last = final_losses(results, "baseline");
  std::vector<TeacherGate> out;
  for (size_t s = 0; s < teacher.size(); ++s) out.push_back({teacher[s], at_switch[s], last[s]});
  return out;
}

absl::Status judge(const Config& config, const Results& results, const std::string& scale, kit::Run& run) {
  return run.claim_all(Judge(config, results, scale, run.seeds()).claims());
}

}  // namespace roux::salt
