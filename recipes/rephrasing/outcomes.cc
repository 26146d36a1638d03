#include "recipes/rephrasing/outcomes.h"

#include <algorithm>
#include <numeric>

#include "tensor/error.h"

namespace roux::rephrasing {

kit::SeedValues Outcomes::bits(const std::string& name, const std::string& set) const {
  std::vector<std::string> sets = {set};
  if (set.empty()) {
    sets.clear();
    const std::vector<std::string>& judged = kit::find_arm(arms, name).judged;
    for (const JudgedOn& held : data.judged)
      if (held.main && std::find(judged.begin(), judged.end(), held.source) != judged.end())
        sets.push_back(held.name);
  }
  return trained.values(name, [&](const Trained& one) {
    double sum = 0;
    for (const std::string& each : sets) {
      const auto found = one.bits.find(each);
      ROUX_CHECK(found != one.bits.end()) << name << " is not judged on " << each;
      sum += found->second;
    }
    return sum / static_cast<double>(sets.size());
  });
}

kit::SeedValues Outcomes::gain(const std::string& before, const std::string& after,
                               const std::string& set) const {
  return kit::minus(bits(before, set), bits(after, set));
}

kit::SeedValues Outcomes::cloze(const std::string& name) const {
  return trained.values(
      name, [](const Trained& one) { return (one.cloze.at("older") + one.cloze.at("modern")) / 2; });
}

kit::SeedValues Outcomes::unique_tokens(const std::string& name) const {
  return trained.values(name, [](const Trained& one) {
    double sum = 0;
    for (const auto& [set, tokens] : one.unique) sum += static_cast<double>(tokens);
    return sum;
  });
}

double mean(const kit::SeedValues& x) {
  ROUX_CHECK(!x.empty()) << "mean of nothing";
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

}  // namespace roux::rephrasing
