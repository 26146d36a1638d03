// Parts as data: what Run::side_by_side takes and gives, and the grid of arms and seeds.
//
//   struct Arm { std::string name, from; double lr; };
//   const std::vector<Arm> arms = {{"base", "", 1e-3}, {"warm", "base", 1e-4}, {"cold", "base", 1e-5}};
//   ROUX_ASSIGN_OR_RETURN(const auto curves, run.side_by_side(grid(arms, run.seeds(),
//       [&](const Arm& arm, uint64_t seed, Part& part) { return train_arm(config, arm, seed, part); })));
//   const auto last = [&](const char* arm) { return curves.values(arm, [](const Curve& c) { return c.back();
//   }); }; paired(run.seeds(), last("warm"), last("cold"))
#ifndef ROUX_RECIPES_KIT_RUN_GRID_H_
#define ROUX_RECIPES_KIT_RUN_GRID_H_

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/run/record.h"
#include "tensor/error.h"

namespace roux::kit {
namespace internal {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

}  // namespace internal

// One part of several, with a result R: a Value of record.h (a number, a vector, a struct with visit()),
// stored bit for bit. `after`: parts it waits for, each an arm (this part's seed of it, else the shared part
// of that name) or a full name; earlier in the list, or ended in an earlier call.
template <Value R>
struct PartOf {
  std::string name;
  std::function<absl::StatusOr<R>(Part&)> run;
  std::vector<std::string> after = {};
};

template <class R>
struct Results {
  std::vector<std::string> names;  // in the order in which the parts were listed
  std::vector<R> results;

  // The results of an arm, one a seed, as listed. Throws Error for an arm that has no part.
  std::vector<const R*> of(const std::string& arm) const {
    std::vector<const R*> out;
    for (size_t i = 0; i < names.size(); ++i) {
      const PartName name(names[i]);
      if (name.arm == arm && name.seed) out.push_back(&results[i]);
    }
    ROUX_CHECK(!out.empty()) << "results: no part is called " << arm << "/seed<N>";
    return out;
  }

  // field(result) of each of them: what over_seeds, paired and ClaimList take.
  template <class Field>
  std::vector<double> values(const std::string& arm, Field field) const {
    std::vector<double> out;
    for (const R* result : of(arm)) out.push_back(field(*result));
    return out;
  }
};

// The result type of a part function or of grid()'s function: R of absl::StatusOr<R>.
template <class F, class... Args>
using ResultOf = typename std::invoke_result_t<F, Args...>::value_type;

// The arm of this name. Throws Error where there is none.
template <class Arm>
const Arm& find_arm(const std::vector<Arm>& arms, const std::string& name) {
  for (const Arm& arm : arms) {
    if (arm.name == name) return arm;
  }
  throw Error("no arm is called " + name);
}

// Parts "<arm.name>/seed<N>", seed by seed, each arm in every seed: f(arm, seed, part) gives StatusOr<R>.
// Arms are copied. An arm with a member `from` that is not empty waits for that one.
template <class Arm, class F>
auto grid(const std::vector<Arm>& arms, const std::vector<uint64_t>& seeds, F f) {
  using R = ResultOf<F, const Arm&, uint64_t, Part&>;
  std::vector<PartOf<R>> parts;
  for (const uint64_t seed : seeds) {
    for (const Arm& arm : arms) {
      PartOf<R> part{arm.name + "/seed" + std::to_string(seed),
                     [arm, seed, f](Part& p) -> absl::StatusOr<R> { return f(arm, seed, p); }};
      if constexpr (requires { std::string(arm.from); }) {
        if (!arm.from.empty()) part.after.push_back(arm.from);
      }
      parts.push_back(std::move(part));
    }
  }
  return parts;
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_GRID_H_
