#include "recipes/rephrasing/outcomes.h"

#include <algorithm>
#include <numeric>

#include "tensor/error.h"

namespace roux::rephrasing {

const Arm& Outcomes::arm(const std::string& name) const {
  const auto found = std::find_if(arms.begin(), arms.end(), [&](const Arm& a) { return a.name == name; });
  ROUX_CHECK(found != arms.end()) << "there is no arm " << name;
  return *found;
}

std::vector<double> Outcomes::bits(const std::string& name, const std::string& set) const {
  std::vector<std::string> sets = {set};
  if (set.empty()) {
    sets.clear();
    const std::vector<std::string>& judged = arm(name).judged;
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

std::vector<double> Outcomes::accuracy(const std::string& name, const std::string& wording) const {
  return trained.values(name, [&](const Trained& one) {
    const auto found = one.accuracy.find(wording);
    ROUX_CHECK(found != one.accuracy.end()) << name << " has no accuracy in " << wording;
    return found->second;
  });
}

std::vector<double> Outcomes::gain(const std::string& before, const std::string& after,
                                   const std::string& set) const {
  return minus(bits(before, set), bits(after, set));
}

std::vector<double> Outcomes::unique_tokens(const std::string& name) const {
  return trained.values(name, [](const Trained& one) {
    double sum = 0;
    for (const auto& [set, tokens] : one.unique) sum += static_cast<double>(tokens);
    return sum;
  });
}

std::vector<double> minus(const std::vector<double>& a, const std::vector<double>& b) {
  ROUX_CHECK(a.size() == b.size()) << "minus: " << a.size() << " and " << b.size() << " values";
  std::vector<double> out;
  for (size_t i = 0; i < a.size(); ++i) out.push_back(a[i] - b[i]);
  return out;
}

double mean(const std::vector<double>& x) {
  ROUX_CHECK(!x.empty()) << "mean of nothing";
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

}  // namespace roux::rephrasing
