// --table: the rate of each step of a schedule that a file describes as phases, in the paper's terms.
//
//   {"phases": [{"name": "warm-up",   "shape": "linear",       "steps": 1320, "from": 0, "to": 3e-4},
//               {"name": "cool-down", "shape": "inverse_sqrt", "steps": 40000, "to": 1.65e-4, "alpha": 10},
//               {"name": "constant",  "shape": "constant",     "steps": 60000},
//               {"name": "anneal",    "shape": "exponential",  "steps": 20000, "to": 3e-5}]}
//
// A phase leads the rate from `from` (absent: where the phase before it ended; 0 in the first) to `to`
// (absent only in a constant phase) along x = step within the phase / steps. The file may also be the list
// alone.
#ifndef ROUX_RECIPES_CONTINUAL_PRETRAINING_PHASES_H_
#define ROUX_RECIPES_CONTINUAL_PRETRAINING_PHASES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "optim/schedules.h"

namespace roux::continual {

struct NamedPhase {
  std::string name;   // of the file, else the shape
  std::string shape;  // "linear", "cosine", "inverse_sqrt" (kShiftedInverseSqrt), "exponential", "constant"
  SchedulePhase phase;
};

// At most this many steps of all phases together.
inline constexpr int64_t kMostTableSteps = 10'000'000;

// InvalidArgument "<where>: phase N: <what>" for what is missing, unknown, of the wrong type or no rate;
// "<where>: no phase has a step"; "<where>: 'X' is unknown" for a key beside "phases".
absl::StatusOr<std::vector<NamedPhase>> parse_phases(const std::string& json, const std::string& where);

// {"steps": N, "phases": [{name, shape, begin, end, from, to}, ...], "rate": [N numbers], "end": rate after
// the last step}: rate[t] is that of step t = 0 .. N - 1.
std::string rates_json(const std::vector<NamedPhase>& phases);

}  // namespace roux::continual

#endif  // ROUX_RECIPES_CONTINUAL_PRETRAINING_PHASES_H_
