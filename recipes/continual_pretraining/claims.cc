#include "recipes/continual_pretraining/claims.h"

#include <cmath>
#include <functional>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::continual {
namespace {

// Without this much forgetting nothing can be said about what prevents it: 0.05 bits a byte, in nats.
constexpr double kLeastForgetting = 0.05 * std::numbers::ln2;

class Judge {
 public:
  Judge(const Outcomes& outcomes, bool near, const std::string& scale, const std::vector<uint64_t>& seeds)
      : o_(outcomes), near_(near), claims_(seeds, scale) {
    learning_rate();
    replay();
    infinite();
    weak_shift();
  }
  const std::vector<kit::Claim>& claims() const { return claims_.all(); }

 private:
  Losses at(const std::string& arm, size_t s, Domain domain = kNew) const {
    return o_.losses(arm, s, domain);
  }
  // Differences of final losses, arm a minus arm b.
  std::function<double(size_t)> new_loss(const std::string& a, const std::string& b,
                                         Domain domain = kNew) const {
    return [=, this](size_t s) { return at(a, s, domain).new_domain - at(b, s, domain).new_domain; };
  }
  std::function<double(size_t)> old_loss(const std::string& a, const std::string& b,
                                         Domain domain = kNew) const {
    return [=, this](size_t s) { return at(a, s, domain).old_domain - at(b, s, domain).old_domain; };
  }
  // Mean loss of arm a relative to that of arm b.
  std::function<double(size_t)> relative(const std::string& a, const std::string& b,
                                         Domain domain = kNew) const {
    return [=, this](size_t s) { return at(a, s, domain).mean() / at(b, s, domain).mean() - 1; };
  }
  double forgotten(size_t s, Domain domain) const {
    return forgetting(at(domain == kNew ? "replay_0" : "near_replay_0", s, domain), at("base", s, domain));
  }
  // Why claims about forgetting cannot be judged; empty if they can.
  std::string too_little_forgotten(Domain domain) const {
    double mean = 0;
    for (size_t s = 0; s < o_.seeds(); ++s) mean += forgotten(s, domain) / static_cast<double>(o_.seeds());
    return mean > kLeastForgetting
               ? ""
               : "less than 0.05 bits a byte are forgotten; --preset=default trains longer";
  }

  void learning_rate() {
    claims_.add("D1 is learnt worse at eta_min than re-warmed and re-decayed: D1 loss, difference",
                new_loss("eta_min", "replay_0"), kit::above(0), {.asserted = true});
    claims_.add("re-decaying helps: D1 loss at a rate that stays at its peak, minus re-decayed",
                new_loss("no_decay", "replay_0"), kit::above(0));
    claims_.add("a model that knows D0 learns D1 better than one from scratch: D1 loss, difference",
                new_loss("replay_0", "new_only"), kit::below(0));
    const kit::ClaimOptions forgets{.not_testable = too_little_forgotten(kNew)};
    claims_.add("twice the peak adapts more: D1 loss, difference to the usual peak",
                new_loss("peak_double", "replay_0"), kit::below(0));
    claims_.add("twice the peak forgets more: D0 loss, difference", old_loss("peak_double", "replay_0"),
                kit::above(0), forgets);
    claims_.add("half the peak adapts less: D1 loss, difference", new_loss("peak_half", "replay_0"),
                kit::above(0));
    claims_.add("half the peak forgets less: D0 loss, difference", old_loss("peak_half", "replay_0"),
                kit::below(0), forgets);
    for (const char* length : {"0", "0.5", "2"}) {
      claims_.add(absl::StrCat("a warm-up of ", length,
                               " % of the steps is as good as one of 1 %: mean loss, relative difference"),
                  relative(absl::StrCat("warmup_", length), "replay_0"), kit::within(-0.01, 0.01));
    }
    claims_.add("new AdamW moments are as good as kept ones: mean loss, relative difference",
                relative("new_moments", "replay_0"), kit::within(-0.01, 0.01));
  }

  void replay() {
    const kit::ClaimOptions asserted{.asserted = true, .not_testable = too_little_forgotten(kNew)};
    const kit::ClaimOptions reported{.not_testable = too_little_forgotten(kNew)};
    const auto removed = [this](const char* arm) {
      return [=, this](size_t s) {
        return share_of_forgetting_removed(at(arm, s), at("replay_0", s), at("base", s));
      };
    };
    claims_.add("strong shift: 5 % replay forgets less than none: D0 loss, difference",
                old_loss("replay_0", "replay_5"), kit::above(0), asserted);
    claims_.add("strong shift: 25 % replay forgets less than 5 %: D0 loss, difference",
                old_loss("replay_5", "replay_25"), kit::above(0), asserted);
    claims_.add("strong shift: 25 % replay removes most of the forgetting: share", removed("replay_25"),
                kit::above(0.5), asserted);
    claims_.add(
        "5 % replay costs nearly no adaptation: D1 loss, relative difference to none",
        [this](size_t s) { return at("replay_5", s).new_domain / at("replay_0", s).new_domain - 1; },
        kit::below(0.01));
    claims_.add("50 % replay costs adaptation: D1 loss, difference to 5 %", new_loss("replay_50", "replay_5"),
                kit::above(0), asserted);
    claims_.add(
        "strong shift: 25 % replay is nearer to the union than none: distance of mean losses",
        [this](size_t s) {
          return std::abs(gap_to_union(at("replay_0", s), at("union", s))) -
                 std::abs(gap_to_union(at("replay_25", s), at("union", s)));
        },
        kit::above(0), asserted);
    claims_.add(
        "strong shift: 25 % replay closes most of the gap to the union: share",
        [this](size_t s) {
          return share_of_gap_closed(at("replay_25", s), at("replay_0", s), at("union", s));
        },
        kit::above(0.5), reported);
    claims_.add("strong shift: 25 % replay is level with the union: mean loss, relative difference",
                relative("replay_25", "union"), kit::below(0.03), reported);
  }

  void infinite() {
    for (const auto& [arm, cooldown] :
         {std::pair{"infinite", "cosine"}, std::pair{"infinite_sqrt", "1/sqrt"}}) {
      claims_.add(absl::StrCat("infinite schedule (", cooldown,
                               " cool-down) ends level with re-warming, both with 5 % replay: mean loss, "
                               "relative difference"),
                  relative(arm, "replay_5"), kit::within(-0.03, 0.03));
    }
    const auto rise = [this](const char* arm, size_t s) { return largest_rise(o_.curve(arm, s, kOld)); };
    claims_.add(
        "re-warming on more of D0 raises its loss for a while: largest rise",
        [&](size_t s) { return rise("same_data", s); }, kit::above(0));
    claims_.add(
        "the constant rate of the infinite schedule raises it less: difference of rises",
        [&](size_t s) { return rise("same_data", s) - rise("same_data_infinite", s); }, kit::above(0));
    const auto against = [this](const char* other) {
      return [=, this](size_t s) {
        return o_.curve("annealed_3", s, kOld).back() / o_.curve(other, s, kOld).back() - 1;
      };
    };
    claims_.add(
        "D0 as three data sets: infinite and annealed is level with one long cosine: D0 loss, "
        "relative difference",
        against("base"), kit::within(-0.03, 0.03));
    claims_.add(
        "D0 as three data sets: infinite and annealed is at least level with three re-warmed cosines: D0 "
        "loss, relative difference",
        against("cosines_3"), kit::below(0.03));
  }

  // The paper's losses (nats a token) are those of its 405M model, Pile -> SlimPajama.
  void weak_shift() {
    const std::string untrained = near_ ? "" : "there is no D1 in D0's language; --near=NAME names one";
    const std::string why = near_ ? too_little_forgotten(kNear) : untrained;
    const auto removed = [this](const char* arm) {
      return [=, this](size_t s) {
        return share_of_forgetting_removed(at(arm, s, kNear), at("near_replay_0", s, kNear),
                                           at("base", s, kNear));
      };
    };
    claims_.add("weak shift: D1 is learnt worse at eta_min than re-warmed: D1 loss, difference",
                new_loss("near_eta_min", "near_replay_0", kNear), kit::above(0), {.not_testable = untrained});
    claims_.add("weak shift: less is forgotten than in the strong one: forgetting, difference",
                [this](size_t s) { return forgotten(s, kNew) - forgotten(s, kNear); }, kit::above(0),
                {.not_testable = untrained});
    claims_.add("weak shift: 1 % replay removes most of the forgetting: share", removed("near_replay_1"),
                kit::above(0.5), {.not_testable = why});
    claims_.add("weak shift: 5 % replay removes most of the forgetting: share", removed("near_replay_5"),
                kit::above(0.5), {.paper = 0.78, .not_testable = why});
    claims_.add("weak shift: 5 % replay is level with the union: mean loss, relative difference",
                relative("near_replay_5", "near_union", kNear), kit::below(0.03),
                {.paper = 0.0085, .not_testable = untrained});
  }

  const Outcomes& o_;
  const bool near_;
  kit::ClaimList claims_;
};

}  // namespace

absl::Status judge(const Outcomes& outcomes, bool near, const std::string& scale, kit::Run& run) {
  return run.claim_all(Judge(outcomes, near, scale, run.seeds()).claims());
}

}  // namespace roux::continual
