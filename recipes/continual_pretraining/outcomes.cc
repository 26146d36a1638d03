#include "recipes/continual_pretraining/outcomes.h"

#include "tensor/error.h"

namespace roux::continual {

Outcomes::Outcomes(const std::vector<Arm>& arms, const Results& results, size_t seeds)
    : arms_(arms), results_(results), seeds_(seeds) {
  ROUX_CHECK(results.results.size() == arms.size() * seeds)
      << "outcomes: " << arms.size() << " arms and " << seeds << " seeds have " << results.results.size()
      << " results";
}

const Arm& Outcomes::arm(const std::string& name) const { return kit::find_arm(arms_, name); }

const kit::PretrainResult& Outcomes::of(const std::string& name, size_t seed) const {
  return *results_.of(name).at(seed);
}

const std::vector<double>& Outcomes::curve(const std::string& name, size_t seed, Domain domain) const {
  const auto& curves = of(name, seed).log.curves;
  const auto found = curves.find(kLossNames[domain]);
  ROUX_CHECK(found != curves.end()) << "outcomes: " << name << " was not judged by " << kLossNames[domain];
  return found->second;
}

Losses Outcomes::losses(const std::string& name, size_t seed, Domain domain) const {
  return {curve(name, seed, kOld).back(), curve(name, seed, domain).back()};
}

Losses Outcomes::mean_losses(const std::string& name, Domain domain) const {
  Losses mean;
  for (size_t s = 0; s < seeds_; ++s) {
    const Losses one = losses(name, s, domain);
    mean.old_domain += one.old_domain / static_cast<double>(seeds_);
    mean.new_domain += one.new_domain / static_cast<double>(seeds_);
  }
  return mean;
}

}  // namespace roux::continual
