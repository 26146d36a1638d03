#include "recipes/kit/run/claims.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/text_table.h"

namespace roux::kit {
namespace {

constexpr int64_t kSeedsNeeded = 3;
constexpr int64_t kItemsNeeded = 10;

// A claim about a sample: of trained seeds, or of items where nothing was trained.
bool needs_units(const Claim& claim) {
  return claim.evidence == Evidence::kSmallScale || claim.evidence == Evidence::kPaperScale;
}

Interval interval_of(const Measurement& measured) {
  return measured.interval.value_or(Interval{measured.value, measured.value});
}

// The unit is an item: neither a seed nor, as for a number without spread, nothing.
bool over_items(const Measurement& measured) { return !measured.unit.empty() && measured.unit != "seed"; }

int64_t units_needed(const Measurement& measured) {
  return over_items(measured) ? kItemsNeeded : kSeedsNeeded;
}

std::string units_text(const Claim& claim) {
  const int64_t count = claim.measured ? claim.measured->unit_count() : 0;
  if (count == 0) return "";
  if (over_items(*claim.measured)) return absl::StrCat(", unit ", claim.measured->unit, ", n = ", count);
  return count == 1 ? ", 1 seed" : absl::StrCat(", ", count, " seeds");
}

}  // namespace

Relation above(double bound) { return {Relation::kAbove, bound, 0}; }
Relation at_least(double bound) { return {Relation::kAtLeast, bound, 0}; }
Relation below(double bound) { return {Relation::kBelow, 0, bound}; }
Relation at_most(double bound) { return {Relation::kAtMost, 0, bound}; }
Relation within(double low, double high) { return {Relation::kWithin, low, high}; }
Relation near(double value, double relative) {
  const double half = relative * std::abs(value);
  return within(value - half, value + half);
}

const VerdictStyle& style_of(Verdict verdict) {
  static constexpr VerdictStyle kStyles[] = {{"holds", "\x1b[32m", "holds"},
                                             {"fails", "\x1b[31m", "fails"},
                                             {"not separated", "\x1b[33m", "unsure"},
                                             {"not testable", "\x1b[90m", "idle"}};
  return kStyles[static_cast<int>(verdict)];
}

const char* evidence_name(Evidence evidence) {
  switch (evidence) {
    case Evidence::kExact:
      return "exact";
    case Evidence::kPublishedData:
      return "published-data";
    case Evidence::kSmallScale:
      return "small-scale";
    case Evidence::kPaperScale:
      return "paper-scale";
  }
  return "";
}

std::string relation_text(const Relation& relation) {
  switch (relation.kind) {
    case Relation::kAbove:
      return absl::StrCat("> ", format_number(relation.low));
    case Relation::kAtLeast:
      return absl::StrCat(">= ", format_number(relation.low));
    case Relation::kBelow:
      return absl::StrCat("< ", format_number(relation.high));
    case Relation::kAtMost:
      return absl::StrCat("<= ", format_number(relation.high));
    case Relation::kWithin:
      return absl::StrCat("within ", interval_text({relation.low, relation.high}));
  }
  return "";
}

std::string interval_text(const Interval& interval) {
  return absl::StrCat("[", format_number(interval.low), ", ", format_number(interval.high), "]");
}

std::string spread_text(const Interval& interval, const std::string& unit, int64_t units) {
  if (interval.low < interval.high) return interval_text(interval);
  if (unit == "seed") return absl::StrCat("all ", units, " seeds agree");
  return units > 0 ? absl::StrCat("no spread, n = ", units) : "no spread";
}

std::string claim_notes(const Claim& claim) {
  const std::string reason = untestable_reason(claim);
  return absl::StrCat(evidence_name(claim.evidence), units_text(claim), claim.scale.empty() ? "" : ", ",
                      claim.scale, claim.asserted ? " (asserted)" : " (reported)",
                      reason.empty() ? "" : absl::StrCat("; not testable: ", reason));
}

absl::Status check_claim(const Claim& claim) {
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat("claim '", claim.text, "': ", what));
  };
  if (claim.text.empty()) return refuse("it has no text");
  if (claim.relation.kind == Relation::kWithin && claim.relation.low > claim.relation.high) {
    return refuse("the claimed range is empty: " + relation_text(claim.relation));
  }
  if (!claim.measured) return claim.not_testable.empty() ? refuse("nothing was measured") : absl::OkStatus();
  if (!std::isfinite(claim.measured->value)) return refuse("the measured value is not finite");
  const Interval interval = interval_of(*claim.measured);
  const double value = claim.measured->value;
  if (!(interval.low <= value && value <= interval.high)) {
    return refuse(
        absl::StrCat("the interval ", interval_text(interval), " does not hold the measured ", value));
  }
  if (needs_units(claim) && claim.not_testable.empty() && !claim.measured->interval &&
      claim.measured->unit_count() >= units_needed(*claim.measured)) {
    return refuse(
        absl::StrCat("a claim over ", over_items(*claim.measured) ? "items" : "seeds", " needs an interval"));
  }
  return absl::OkStatus();
}

std::string untestable_reason(const Claim& claim) {
  if (!claim.not_testable.empty() || !claim.measured) return claim.not_testable;
  const int64_t count = claim.measured->unit_count(), needed = units_needed(*claim.measured);
  if (!needs_units(claim) || count >= needed) return "";
  if (over_items(*claim.measured)) {
    return absl::StrCat("needs at least ", needed, " units (", claim.measured->unit, "), has ", count);
  }
  return absl::StrCat("needs at least ", needed, " seeds, has ", count);
}

Verdict verdict(const Claim& claim) {
  if (!claim.measured || !untestable_reason(claim).empty()) return Verdict::kNotTestable;
  const Interval got = interval_of(*claim.measured);
  const Relation& want = claim.relation;
  bool inside = false;
  bool outside = false;
  switch (want.kind) {
    case Relation::kAbove:
      inside = got.low > want.low, outside = got.high <= want.low;
      break;
    case Relation::kAtLeast:
      inside = got.low >= want.low, outside = got.high < want.low;
      break;
    case Relation::kBelow:
      inside = got.high < want.high, outside = got.low >= want.high;
      break;
    case Relation::kAtMost:
      inside = got.high <= want.high, outside = got.low > want.high;
      break;
    case Relation::kWithin:
      inside = got.low >= want.low && got.high <= want.high;
      outside = got.high < want.low || got.low > want.high;
      break;
  }
  return inside ? Verdict::kHolds : outside ? Verdict::kFails : Verdict::kNotSeparated;
}

bool any_asserted_fails(const std::vector<Claim>& claims) {
  return std::any_of(claims.begin(), claims.end(),
                     [](const Claim& claim) { return claim.asserted && verdict(claim) == Verdict::kFails; });
}

std::string claims_json(const std::vector<Claim>& claims) {
  std::string out = "[";
  for (const Claim& claim : claims) {
    const std::string reason = untestable_reason(claim);
    const bool has_interval = claim.measured && claim.measured->interval;
    const bool has_unit = claim.measured && !claim.measured->unit.empty();
    JsonObject object;
    object.add("claim", claim.text)
        .add_raw("paper", claim.paper ? to_json(*claim.paper) : "null")
        .add_raw("measured", claim.measured ? to_json(claim.measured->value) : "null")
        .add_raw("interval", has_interval ? to_json(std::vector<double>{claim.measured->interval->low,
                                                                        claim.measured->interval->high})
                                          : "null")
        .add("relation", relation_text(claim.relation))
        .add_raw("seeds", claim.measured ? to_json(claim.measured->seeds) : "[]")
        .add_raw("unit", has_unit ? to_json(claim.measured->unit) : "null")
        .add("units", claim.measured ? claim.measured->unit_count() : 0)
        .add("scale", reason.empty() ? claim.scale : absl::StrCat(claim.scale, "; not testable: ", reason))
        .add("evidence", evidence_name(claim.evidence))
        .add("asserted", claim.asserted)
        .add("verdict", verdict_name(verdict(claim)));
    absl::StrAppend(&out, out.size() > 1 ? "," : "", "\n  ", object.text());
  }
  return absl::StrCat(out, claims.empty() ? "" : "\n", "]\n");
}

std::string claims_table(const std::vector<Claim>& claims, bool colour) {
  constexpr int kIndent = 15;  // the longest verdict and two blanks
  const std::string indent(kIndent, ' ');
  std::string out;
  for (const Claim& claim : claims) {
    const VerdictStyle& style = style_of(verdict(claim));
    std::string numbers =
        absl::StrCat("measured ", claim.measured ? format_number(claim.measured->value) : "-");
    if (claim.measured && claim.measured->interval) {
      const Interval& interval = *claim.measured->interval;
      const std::string spread = spread_text(interval, claim.measured->unit, claim.measured->unit_count());
      absl::StrAppend(&numbers, interval.low < interval.high ? absl::StrCat(" ", spread)
                                                             : absl::StrCat(" (", spread, ")"));
    }
    absl::StrAppend(&numbers, ", claimed ", relation_text(claim.relation));
    if (claim.paper) absl::StrAppend(&numbers, ", paper ", format_number(*claim.paper));

    const std::vector<std::string> text = wrap_text(claim.text, kTextColumns - kIndent);
    const std::string name = absl::StrFormat("%-*s", kIndent, style.name);
    absl::StrAppend(&out, colour ? absl::StrCat(style.ansi_colour, name, "\x1b[0m") : name, text[0], "\n");
    for (size_t line = 1; line < text.size(); ++line) absl::StrAppend(&out, indent, text[line], "\n");
    for (const std::string& line : wrap_text(numbers, kTextColumns - kIndent))
      absl::StrAppend(&out, indent, line, "\n");
    for (const std::string& line : wrap_text(claim_notes(claim), kTextColumns - kIndent))
      absl::StrAppend(&out, indent, colour ? "\x1b[2m" : "", line, colour ? "\x1b[0m" : "", "\n");
  }
  return out;
}

}  // namespace roux::kit
