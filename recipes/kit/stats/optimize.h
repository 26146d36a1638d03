// Small minimisers in f64: L-BFGS with bounds for smooth functions with a gradient, Nelder-Mead for those
// without. Thread-safe as long as the objective is. A start outside the bounds is moved onto them.
//
//   auto f = [](std::span<const double> x, std::span<double> g) {
//     g[0] = 2 * (x[0] - 3);
//     return (x[0] - 3) * (x[0] - 3);
//   };
//   Minimum m = minimize_lbfgs(f, {0.0});  // m.x[0] == 3
#ifndef ROUX_RECIPES_KIT_STATS_OPTIMIZE_H_
#define ROUX_RECIPES_KIT_STATS_OPTIMIZE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace roux::stats {

// Box constraints; empty means unbounded, else one entry per variable (+-infinity allowed).
struct Bounds {
  std::vector<double> lower;
  std::vector<double> upper;
};

struct Minimum {
  std::vector<double> x;
  double value = 0;
  int64_t iterations = 0;
  int64_t evaluations = 0;
  bool converged =
      false;  // a tolerance was met, not a limit; false too where the gradient and the value disagree
  std::string reason;  // which
};

// Returns the value at x and writes the gradient.
using SmoothObjective = std::function<double(std::span<const double> x, std::span<double> gradient)>;
using PlainObjective = std::function<double(std::span<const double> x)>;

struct LbfgsOptions {
  Bounds bounds;
  int64_t memory = 10;
  int64_t max_iterations = 10000;
  double gradient_tolerance = 1e-8;  // on the largest entry of the projected gradient
  double value_tolerance = 1e-15;    // on (f_k - f_{k+1}) / max(|f_k|, |f_{k+1}|), met twice in a row
};

// Projected L-BFGS: variables held by a bound are frozen for the step, the two-loop recursion works on the
// free ones, and the line search (bisection for the weak Wolfe conditions) follows the path projected onto
// the box. [Liu & Nocedal 1989; Bertsekas 1982; Lewis & Overton 2013]
Minimum minimize_lbfgs(const SmoothObjective& f, std::vector<double> start, const LbfgsOptions& options = {});

struct NelderMeadOptions {
  Bounds bounds;
  double initial_step = 0.05;  // relative to each |x|; absolute 0.00025 where x is 0
  int64_t max_evaluations = 20000;
  double x_tolerance = 1e-10;      // spread of vertices, relative to 1 + |x|
  double value_tolerance = 1e-14;  // relative gain below which a restart is the last
};

// Simplex search with dimension-dependent coefficients, restarted from its own result until a restart no
// longer helps. Bounds by clipping.                                                     [Nelder & Mead 1965;
// Gao & Han 2012]
Minimum minimize_nelder_mead(const PlainObjective& f, std::vector<double> start,
                             const NelderMeadOptions& options = {});

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_OPTIMIZE_H_
