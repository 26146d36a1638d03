#include "recipes/kit/run/measurement.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "recipes/kit/stats/random.h"
#include "recipes/kit/stats/resampling.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr int64_t kResamples = 4000;
constexpr uint64_t kResamplingSeed = 0x726f7578;  // any: the same scores give the same interval

// Sum and number of the items of each group, in the order of the groups' numbers; each item alone if there
// are no groups.
std::vector<std::pair<double, double>> totals(const std::vector<double>& scores,
                                              const std::vector<int64_t>& group) {
  std::vector<std::pair<double, double>> out;
  if (group.empty()) {
    for (const double score : scores) out.emplace_back(score, 1);
    return out;
  }
  std::map<int64_t, std::pair<double, double>> by_group;
  for (size_t i = 0; i < scores.size(); ++i) {
    by_group[group[i]].first += scores[i];
    by_group[group[i]].second += 1;
  }
  for (const auto& entry : by_group) out.push_back(entry.second);
  return out;
}

void check_unit(const std::string& unit, const char* name) {
  ROUX_CHECK(!unit.empty() && unit != "seed")
      << name << ": the unit is '" << unit << "', needed is what an item is; seeds go through over_seeds";
}

}  // namespace

Measurement single(double value) { return {value, std::nullopt, {}, "", 0}; }

Measurement over_seeds(const std::vector<uint64_t>& seeds, const std::vector<double>& values,
                       const Bounds& bounds) {
  ROUX_CHECK(seeds.size() == values.size() && !values.empty())
      << "over_seeds: one value a seed is needed: " << seeds.size() << " seeds, " << values.size()
      << " values";
  for (size_t i = 0; i < values.size(); ++i) {
    ROUX_CHECK(std::isfinite(values[i]))
        << "over_seeds: the value of seed " << seeds[i] << " is " << values[i];
    ROUX_CHECK(bounds.low <= values[i] && values[i] <= bounds.high)
        << "over_seeds: the value of seed " << seeds[i] << " is " << values[i] << ", outside of its bounds ["
        << bounds.low << ", " << bounds.high << "]";
  }
  if (values.size() == 1) return {values[0], std::nullopt, seeds};
  const stats::Interval interval = stats::student_interval(values);
  return {std::clamp(interval.estimate, bounds.low, bounds.high),
          Interval{std::max(interval.low, bounds.low), std::min(interval.high, bounds.high)}, seeds};
}

Measurement paired(const std::vector<uint64_t>& seeds, const std::vector<double>& a,
                   const std::vector<double>& b, const Bounds& bounds) {
  ROUX_CHECK(a.size() == b.size()) << "paired: sizes differ: " << a.size() << " and " << b.size();
  std::vector<double> differences;
  for (size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  return over_seeds(seeds, differences, bounds);
}

Measurement over_items(const std::vector<double>& scores, const ItemOptions& options) {
  check_unit(options.unit, "over_items");
  ROUX_CHECK(!scores.empty() && (options.group.empty() || options.group.size() == scores.size()))
      << "over_items: there are " << scores.size() << " scores and " << options.group.size()
      << " groups, needed at least one score and a group each or none";
  for (size_t i = 0; i < scores.size(); ++i) {
    ROUX_CHECK(std::isfinite(scores[i])) << "over_items: the score of item " << i << " is " << scores[i];
  }
  const std::vector<std::pair<double, double>> units = totals(scores, options.group);
  const auto mean = [&](std::span<const int64_t> drawn) {
    double sum = 0, items = 0;
    for (const int64_t unit : drawn) sum += units[unit].first, items += units[unit].second;
    return sum / items;
  };
  stats::RandomStream random(kResamplingSeed);
  const auto n = static_cast<int64_t>(units.size());
  return measured(stats::bootstrap_interval(n, mean, random, {kResamples, options.confidence}), options.unit,
                  n);
}

Measurement paired_items(const std::vector<double>& a, const std::vector<double>& b,
                         const ItemOptions& options) {
  ROUX_CHECK(a.size() == b.size()) << "paired_items: sizes differ: " << a.size() << " and " << b.size();
  std::vector<double> differences;
  for (size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  return over_items(differences, options);
}

Measurement measured(const stats::Interval& interval, const std::string& unit, int64_t units) {
  check_unit(unit, "measured");
  ROUX_CHECK(units >= 1) << "measured: units are " << units << ", needed >= 1";
  // Quantiles of resamples may miss the estimate by a rounding or, with one extreme item, by more.
  const Interval whole{std::min(interval.low, interval.estimate), std::max(interval.high, interval.estimate)};
  return {interval.estimate, whole, {}, unit, units};
}

}  // namespace roux::kit
