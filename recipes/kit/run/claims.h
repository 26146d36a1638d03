// Claims: what a paper says, what was measured, and whether the whole interval lies on the claimed side.
//
//   Claim claim{.text = "mean held-out error of the law", .paper = 0.002,
//               .measured = over_seeds(seeds, errors), .relation = below(0.01),
//               .scale = "0.08M parameters, 0.3M tokens", .evidence = Evidence::kSmallScale,
//               .asserted = true};
//   verdict(claim)   // kHolds when the whole interval is below 0.01
//
// A claim is never judged by its mean alone. Small-scale and paper-scale claims need an interval over three
// seeds, or where nothing is trained over ten items; exact and published-data claims are single numbers. An
// asserted claim that fails makes the recipe exit with 3.
#ifndef ROUX_RECIPES_KIT_RUN_CLAIMS_H_
#define ROUX_RECIPES_KIT_RUN_CLAIMS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "recipes/kit/run/measurement.h"

namespace roux::kit {

enum class Evidence {
  kExact,          // closed forms and invariants
  kPublishedData,  // the authors' own numbers recomputed
  kSmallScale,     // trained here, smaller than the paper
  kPaperScale,     // the paper's sizes
};

enum class Verdict { kHolds, kFails, kNotSeparated, kNotTestable };

// The side on which the paper puts the number.
struct Relation {
  enum Kind { kAbove, kAtLeast, kBelow, kAtMost, kWithin };
  Kind kind = kAbove;
  double low = 0;   // the bound of kAbove, kAtLeast and kWithin
  double high = 0;  // the bound of kBelow, kAtMost and kWithin
};
Relation above(double bound);                  // > bound
Relation at_least(double bound);               // >= bound
Relation below(double bound);                  // < bound
Relation at_most(double bound);                // <= bound
Relation within(double low, double high);      // low <= x <= high
Relation near(double value, double relative);  // within relative * |value| of value

struct Claim {
  std::string text;                     // one sentence, the same in every preset
  std::optional<double> paper;          // the paper's number, where it prints one
  std::optional<Measurement> measured;  // absent only when not testable
  Relation relation;
  std::string scale;  // parameters, tokens, or which data
  Evidence evidence = Evidence::kSmallScale;
  bool asserted = false;  // false: reported only
  // Not empty: why the claim was not tested (a precondition was not met, data are missing) and the command
  // that helps.
  std::string not_testable;
};

// InvalidArgument for a claim that cannot be judged honestly: no text, a NaN, an inverted interval, no
// measurement and no reason, or an interval missing where seeds or items are the units.
absl::Status check_claim(const Claim& claim);

// Why the claim cannot be tested: `not_testable`, or too few units; empty if it can be.
std::string untestable_reason(const Claim& claim);
Verdict verdict(const Claim& claim);

// How a verdict is shown: "holds" "fails" "not separated" "not testable", its ANSI colour and its class in
// the report's style sheet.
struct VerdictStyle {
  const char* name;
  const char* ansi_colour;
  const char* css_class;
};
const VerdictStyle& style_of(Verdict verdict);
inline const char* verdict_name(Verdict verdict) { return style_of(verdict).name; }
const char* evidence_name(Evidence evidence);         // "exact" "published-data" "small-scale" "paper-scale"
std::string relation_text(const Relation& relation);  // "> 0.98", "within [2.6, 2.65]"
std::string interval_text(const Interval& interval);  // "[2.6, 2.65]"
// The interval of a measurement over `units` units: "[2.6, 2.65]"; where they do not differ at all it says
// nothing of what other units would give, so that it reads "all 5 seeds agree" ("no spread, n = 40" of
// items).
std::string spread_text(const Interval& interval, const std::string& unit, int64_t units);
// What stands under a claim: "small-scale, 3 seeds, 0.08M parameters (asserted); not testable: ...".
std::string claim_notes(const Claim& claim);

// A list of
// {"claim","paper","measured","interval","relation","seeds","unit","units","scale","evidence","asserted",
// "verdict"}. "unit" is what the interval is over ("seed", "question"), null for a number without spread. The
// reason why a claim was not testable is appended to its "scale".
std::string claims_json(const std::vector<Claim>& claims);

// What is printed at the end of a run: verdict, claim, numbers and notes of each; fits 80 columns. `colour`:
// ANSI colours for the verdicts.
std::string claims_table(const std::vector<Claim>& claims, bool colour);

// True if an asserted claim fails.
bool any_asserted_fails(const std::vector<Claim>& claims);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CLAIMS_H_
