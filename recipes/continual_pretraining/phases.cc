#include "recipes/continual_pretraining/phases.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/nearest_name.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux::continual {
namespace {

struct Shape {
  const char* name;
  Decay decay;
};
constexpr Shape kShapes[] = {{"linear", Decay::kLinear},
                             {"cosine", Decay::kCosine},
                             {"inverse_sqrt", Decay::kShiftedInverseSqrt},
                             {"exponential", Decay::kExponential},
                             {"constant", Decay::kLinear}};
constexpr const char* kKeys[] = {"name", "shape", "steps", "from", "to", "alpha"};

absl::Status bad_phase(const std::string& where, size_t index, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": phase ", index + 1, ": ", what));
}

// What is wrong with the first key that is none of these; empty where all are known.
std::string unknown_key(const JsonValue& object, const std::vector<std::string>& known) {
  for (const auto& entry : object.members()) {
    if (std::find(known.begin(), known.end(), entry.first) == known.end())
      return absl::StrCat("'", entry.first, "' is unknown", kit::did_you_mean(entry.first, known, ""));
  }
  return "";
}

// A member that is a finite number of at least 0.
absl::StatusOr<double> number_of(const JsonValue& phase, const char* key, double otherwise,
                                 const std::string& where, size_t index) {
  const JsonValue* value = phase.find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_number() || !std::isfinite(value->number()) || value->number() < 0) {
    return bad_phase(where, index, absl::StrCat("'", key, "' must be a number of at least 0"));
  }
  return value->number();
}

// 1000 or 1e3; what exceeds kMostTableSteps is one above it, for parse_phases() to refuse.
absl::StatusOr<int64_t> steps_of(const JsonValue& phase, const std::string& where, size_t index) {
  const JsonValue* value = phase.find("steps");
  const double steps = value != nullptr && value->is_number() ? value->number() : -1;
  if (!(steps >= 0) || steps != std::floor(steps)) {
    return bad_phase(where, index, "'steps' must be a whole number of at least 0");
  }
  return static_cast<int64_t>(std::min(steps, kMostTableSteps + 1.0));
}

absl::StatusOr<std::string> text_of(const JsonValue& phase, const char* key, const std::string& otherwise,
                                    const std::string& where, size_t index) {
  const JsonValue* value = phase.find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) return bad_phase(where, index, absl::StrCat("'", key, "' must be a text"));
  return value->string();
}

absl::StatusOr<NamedPhase> parse_phase(const JsonValue& value, double before, const std::string& where,
                                       size_t index) {
  if (!value.is_object()) return bad_phase(where, index, "must be an object");
  const std::string unknown = unknown_key(value, {std::begin(kKeys), std::end(kKeys)});
  if (!unknown.empty()) return bad_phase(where, index, unknown);
  NamedPhase out;
  ROUX_ASSIGN_OR_RETURN(out.shape, text_of(value, "shape", "", where, index));
  const auto shape = std::find_if(std::begin(kShapes), std::end(kShapes),
                                  [&](const Shape& known) { return out.shape == known.name; });
  if (shape == std::end(kShapes)) {
    return bad_phase(where, index,
                     "'shape' must be linear, cosine, inverse_sqrt, exponential or constant" +
                         (out.shape.empty() ? "" : absl::StrCat(", it is '", out.shape, "'")));
  }
  out.phase.shape = shape->decay;
  ROUX_ASSIGN_OR_RETURN(out.name, text_of(value, "name", out.shape, where, index));
  ROUX_ASSIGN_OR_RETURN(out.phase.steps, steps_of(value, where, index));
  ROUX_ASSIGN_OR_RETURN(out.phase.from, number_of(value, "from", before, where, index));
  const bool constant = out.shape == "constant";
  if (!constant && value.find("to") == nullptr) return bad_phase(where, index, "'to' is missing");
  ROUX_ASSIGN_OR_RETURN(out.phase.to, number_of(value, "to", out.phase.from, where, index));
  if (constant && out.phase.to != out.phase.from) {
    return bad_phase(where, index,
                     absl::StrCat("is constant, but goes from ", out.phase.from, " to ", out.phase.to));
  }
  ROUX_ASSIGN_OR_RETURN(out.phase.alpha, number_of(value, "alpha", out.phase.alpha, where, index));
  if (!(out.phase.alpha > 0)) return bad_phase(where, index, "'alpha' must be above 0");
  if (out.phase.shape == Decay::kExponential && !(out.phase.from > 0 && out.phase.to > 0)) {
    return bad_phase(where, index,
                     absl::StrCat("is exponential, but goes from ", out.phase.from, " to ", out.phase.to,
                                  "; both must be above 0"));
  }
  return out;
}

}  // namespace

absl::StatusOr<std::vector<NamedPhase>> parse_phases(const std::string& json, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue value, parse_json_value(json, where, {.unique_keys = true}));
  const JsonValue* list = value.is_object() ? value.find("phases") : &value;
  if (list == nullptr || !list->is_array() || list->items().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        where,
        R"(: needs {"phases": [...]} with at least one phase, as {"shape": "linear", "steps": 10, "to": 3e-4})"));
  }
  const std::string unknown = value.is_object() ? unknown_key(value, {"phases"}) : "";
  if (!unknown.empty()) return absl::InvalidArgumentError(absl::StrCat(where, ": ", unknown));
  std::vector<NamedPhase> phases;
  int64_t steps = 0;
  for (size_t i = 0; i < list->items().size(); ++i) {
    ROUX_ASSIGN_OR_RETURN(
        NamedPhase phase,
        parse_phase(list->items()[i], phases.empty() ? 0 : phases.back().phase.to, where, i));
    if (phase.phase.steps > kMostTableSteps - steps) {
      return bad_phase(where, i, absl::StrCat("more than ", kMostTableSteps, " steps in all"));
    }
    steps += phase.phase.steps;
    phases.push_back(std::move(phase));
  }
  if (steps == 0) return absl::InvalidArgumentError(where + ": no phase has a step");
  return phases;
}

std::string rates_json(const std::vector<NamedPhase>& phases) {
  std::vector<SchedulePhase> bare;
  std::vector<std::string> described;
  int64_t steps = 0;
  for (const NamedPhase& p : phases) {
    kit::JsonObject one;
    one.add("name", p.name).add("shape", p.shape).add("begin", steps).add("end", steps + p.phase.steps);
    described.push_back(one.add("from", p.phase.from).add("to", p.phase.to).text());
    steps += p.phase.steps;
    bare.push_back(p.phase);
  }
  const Schedule schedule(bare);
  std::vector<double> rates;
  for (int64_t step = 0; step < steps; ++step) rates.push_back(schedule(step));
  kit::JsonObject all;
  all.add("steps", steps).add_raw("phases", kit::json_list(described)).add("rate", rates);
  return all.add("end", schedule(steps)).text() + "\n";
}

}  // namespace roux::continual
