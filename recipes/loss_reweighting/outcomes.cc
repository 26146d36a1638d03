#include "recipes/loss_reweighting/outcomes.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::loss_reweighting {

double steps_to_reach(const std::vector<int64_t>& at, const std::vector<double>& curve, double level) {
  ROUX_CHECK(!at.empty() && at.size() == curve.size()) << "steps_to_reach: " << at.size() << " steps and "
                                                       << curve.size() << " values, needed as many, and one";
  for (size_t i = 0; i < at.size(); ++i) {
    if (curve[i] > level) continue;
    if (i == 0) return static_cast<double>(at[0]);
    const double before = static_cast<double>(at[i - 1]), after = static_cast<double>(at[i]);
    return before + (after - before) * (curve[i - 1] - level) / (curve[i - 1] - curve[i]);
  }
  return static_cast<double>(at.back());
}

std::vector<ToyArm> toy_arms() {
  std::vector<ToyArm> out;
  for (const ToyData data : kToyData) {
    out.push_back({"uniform", data, {.strategy = Strategy::kUniform}});
    for (const Strategy strategy : kStrategies) {
      if (strategy == Strategy::kUniform) continue;
      for (const double r : {0.4, 1.0})
        out.push_back({absl::StrCat(strategy_name(strategy), ".r", r), data, {.strategy = strategy, .r = r}});
    }
    out.push_back({"lin_upper.r10", data, {.strategy = Strategy::kLinUpper, .r = 10}});
  }
  return out;
}

std::vector<uint64_t> toy_seeds(const Config& config, uint64_t first) {
  std::vector<uint64_t> seeds(static_cast<size_t>(config.toy_seeds));
  std::iota(seeds.begin(), seeds.end(), first);
  return seeds;
}

ToyRuns run_toy_arm(const Config& config, const ToyArm& arm, const ToyProblems& data) {
  const ToyOptions options{.steps = config.toy_steps};
  ToyRuns runs{tuned_toy_rate(data, arm.weighting, options), {}};
  for (size_t i = 0; i < data.seeds.size(); ++i)
    runs.seeds.push_back(run_toy(data.problems[i], arm.weighting, runs.rate, data.seeds[i], options));
  return runs;
}

Outcomes::Outcomes(const Data& data, const std::vector<Arm>& arms, const kit::Results<Trained>& results,
                   size_t seeds, const std::vector<ToyArm>& toy_arms, const kit::Results<ToyRuns>& toy)
    : data_(data), arms_(arms), results_(results), seeds_(seeds), toy_arms_(toy_arms), toy_(toy) {
  ROUX_CHECK(results.results.size() == arms.size() * seeds && toy.results.size() == toy_arms.size())
      << "outcomes: " << arms.size() << " arms, " << seeds << " seeds and " << toy_arms.size()
      << " toy arms have " << results.results.size() << " and " << toy.results.size() << " results";
}

size_t Outcomes::index(const std::string& arm) const {
  const auto found = std::find_if(arms_.begin(), arms_.end(), [&](const Arm& a) { return a.name == arm; });
  return static_cast<size_t>(found - arms_.begin());
}

bool Outcomes::has(const std::string& arm) const { return index(arm) < arms_.size(); }

const Trained& Outcomes::of(const std::string& arm, size_t seed) const {
  ROUX_CHECK(has(arm)) << "outcomes: no arm is called " << arm;
  return results_.results.at(seed * arms_.size() + index(arm));
}

const ToyRuns& Outcomes::toy(ToyData data, const std::string& name) const {
  const auto found = std::find_if(toy_arms_.begin(), toy_arms_.end(),
                                  [&](const ToyArm& a) { return a.data == data && a.name == name; });
  ROUX_CHECK(found != toy_arms_.end()) << "outcomes: no toy arm is called " << name;
  return toy_.results.at(static_cast<size_t>(found - toy_arms_.begin()));
}

std::vector<double> Outcomes::curve(const std::string& arm, size_t seed) const {
  const kit::TrainLog& log = of(arm, seed).log;
  std::vector<double> sum(log.at.size(), 0);
  double domains = 0;
  for (const std::string& name : data_.names) {
    const auto found = log.curves.find(curve_name(name));
    if (found == log.curves.end()) continue;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += found->second[i];
    ++domains;
  }
  for (double& value : sum) value /= domains;
  return sum;
}

double Outcomes::loss_on(const std::string& curve, const std::string& arm, size_t seed) const {
  const auto& curves = of(arm, seed).log.curves;
  const auto found = curves.find(curve);
  ROUX_CHECK(found != curves.end()) << "outcomes: " << arm << " was not judged by " << curve;
  return found->second.back();
}

double Outcomes::steps_saved(const std::string& arm, const std::string& base, size_t seed) const {
  const std::vector<int64_t>& at = of(arm, seed).log.at;
  return 1 - steps_to_reach(at, curve(arm, seed), loss(base, seed)) / static_cast<double>(at.back());
}

double Outcomes::effective_sample_size(const std::string& arm, size_t seed) const {
  const WeightRecord& weights = of(arm, seed).weights;
  return weights.effective_sample_sizes / static_cast<double>(weights.steps);
}

std::vector<double> Outcomes::each(const std::function<double(size_t seed)>& f) const {
  std::vector<double> values;
  for (size_t s = 0; s < seeds_; ++s) values.push_back(f(s));
  return values;
}

double Outcomes::mean(const std::function<double(size_t seed)>& f) const {
  const std::vector<double> values = each(f);
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace roux::loss_reweighting
