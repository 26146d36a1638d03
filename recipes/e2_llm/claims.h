// What the parts of a run came to, the paper's claims judged on it, and the report's tables and charts.
#ifndef ROUX_RECIPES_E2_LLM_CLAIMS_H_
#define ROUX_RECIPES_E2_LLM_CLAIMS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "recipes/e2_llm/arms.h"
#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/run.h"

namespace roux::e2_llm {

using Results = kit::Results<Trained>;

// A checkpoint and how it is read.
struct Checkpoint {
  std::string arm, reading = "window";
};

// Numbers of each seed. `window`: its index in Config::windows().
class Outcomes {
 public:
  Outcomes(const Config& config, const Results& results) : config_(config), results_(results) {}

  std::vector<double> bits(const Checkpoint& of, size_t window) const;
  // Over the windows up to g_max L.
  std::vector<double> mean_bits(const Checkpoint& of) const;
  std::vector<double> recall(const Checkpoint& of, std::vector<double> Scores::*where, size_t window) const;
  const Config& config() const { return config_; }
  size_t farthest() const { return config_.windows().size() - 2; }  // g_max L; one more follows

 private:
  template <class F>
  std::vector<double> each(const Checkpoint& of, F f) const {
    return results_.values(of.arm, [&](const Trained& trained) { return f(trained.at(of.reading)); });
  }
  const Config& config_;
  const Results& results_;
};

// `scale`: of all claims.
absl::Status judge(const Outcomes& outcomes, const std::string& scale, kit::Run& run);

// Tables, charts, and windows.csv with every number.
absl::Status report(const Outcomes& outcomes, kit::Run& run);

}  // namespace roux::e2_llm

#endif  // ROUX_RECIPES_E2_LLM_CLAIMS_H_
