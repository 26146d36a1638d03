#include "recipes/loss_reweighting/outcomes.h"

#include <algorithm>
#include <numeric>

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

double share_saved(const std::vector<int64_t>& at, const std::vector<double>& curve,
                   const std::vector<double>& base) {
  const auto share = [&](const std::vector<double>& of, double level) {
    return 1 - steps_to_reach(at, of, level) / static_cast<double>(at.back());
  };
  const bool gets_there = *std::min_element(curve.begin(), curve.end()) <= base.back();
  return gets_there ? share(curve, base.back()) : -share(base, curve.back());
}

double mean(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

bool Outcomes::has(const std::string& arm) const {
  return std::any_of(arms.begin(), arms.end(), [&](const Arm& a) { return a.name == arm; });
}

std::vector<double> Outcomes::curve(const Trained& one) const {
  std::vector<double> sum(one.log.at.size(), 0);
  double domains = 0;
  for (const std::string& name : data.names) {
    const auto found = one.log.curves.find(curve_name(name));
    if (found == one.log.curves.end()) continue;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += found->second[i];
    ++domains;
  }
  for (double& value : sum) value /= domains;
  return sum;
}

std::vector<double> Outcomes::losses(const std::string& arm) const {
  return trained.values(arm, [&](const Trained& one) { return curve(one).back(); });
}

std::vector<double> Outcomes::losses(const std::string& arm, const std::string& curve) const {
  return trained.values(arm, [&](const Trained& one) {
    const auto found = one.log.curves.find(curve);
    ROUX_CHECK(found != one.log.curves.end()) << "outcomes: " << arm << " was not judged by " << curve;
    return found->second.back();
  });
}

std::vector<double> Outcomes::steps_saved(const std::string& arm, const std::string& base) const {
  const std::vector<const Trained*> bases = trained.of(base);
  size_t seed = 0;
  return trained.values(
      arm, [&](const Trained& one) { return share_saved(one.log.at, curve(one), curve(*bases.at(seed++))); });
}

const ToyRuns& Outcomes::toy(ToyData of, const std::string& name) const {
  const auto found = std::find_if(toy_arms.begin(), toy_arms.end(),
                                  [&](const ToyArm& a) { return a.data == of && a.name == name; });
  ROUX_CHECK(found != toy_arms.end()) << "outcomes: no toy arm is called " << name;
  return toys.results.at(static_cast<size_t>(found - toy_arms.begin()));
}

std::vector<double> Outcomes::toy_steps_saved(ToyData of, const std::string& name) const {
  std::vector<double> saved;
  const std::vector<ToyResult>&arm = toy(of, name).seeds, &base = toy(of, "uniform").seeds;
  for (size_t s = 0; s < arm.size(); ++s) {
    saved.push_back(1 - static_cast<double>(arm[s].steps_to_threshold) /
                            static_cast<double>(base.at(s).steps_to_threshold));
  }
  return saved;
}

}  // namespace roux::loss_reweighting
