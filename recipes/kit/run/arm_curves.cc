#include "recipes/kit/run/arm_curves.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace roux::kit {
namespace {

// Points that can be drawn; `omitted` counts the finite ones that cannot.
Series drawable(const Series& series, bool log_x, bool log_y, size_t& omitted) {
  Series kept{series.label, {}, {}, series.style};
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    const double x = series.x[i], y = series.y[i];
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    if ((log_x && x <= 0) || (log_y && y <= 0)) {
      ++omitted;
      continue;
    }
    kept.x.push_back(x);
    kept.y.push_back(y);
  }
  return kept;
}

// Sums over the seeds at one x.
struct Spread {
  double sum = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  int count = 0;
  void add(double value) {
    sum += value;
    low = std::min(low, value);
    high = std::max(high, value);
    ++count;
  }
};

void add_points(const Series& seed, std::map<double, Spread>& at) {
  for (size_t i = 0; i < seed.x.size(); ++i) at[seed.x[i]].add(seed.y[i]);
}

// Adds the seed's line to every x of the grid that its range holds.
void add_line(const std::map<double, double>& seed, std::map<double, Spread>& at) {
  if (seed.empty()) return;
  auto next = seed.begin();
  const auto end = at.upper_bound(seed.rbegin()->first);
  for (auto grid = at.lower_bound(seed.begin()->first); grid != end; ++grid) {
    while (next->first < grid->first) ++next;
    if (next->first == grid->first) {
      grid->second.add(next->second);
      continue;
    }
    const auto before = std::prev(next);
    const double share = (grid->first - before->first) / (next->first - before->first);
    grid->second.add(before->second + share * (next->second - before->second));
  }
}

ArmCurve merged(const std::vector<const Series*>& seeds) {
  ArmCurve curve{seeds[0]->label, seeds[0]->style, {}, {}, {}, {}, static_cast<int>(seeds.size())};
  if (seeds.size() == 1) {
    curve.x = seeds[0]->x;
    curve.mean = curve.low = curve.high = seeds[0]->y;
    return curve;
  }
  std::map<double, Spread> at;
  if (curve.style == Series::kPoints) {
    for (const Series* seed : seeds) add_points(*seed, at);
  } else {
    std::vector<std::map<double, double>> lines;
    for (const Series* seed : seeds) {
      lines.emplace_back();
      for (size_t i = 0; i < seed->x.size(); ++i) {
        lines.back()[seed->x[i]] = seed->y[i];
        at[seed->x[i]];
      }
    }
    for (const auto& line : lines) add_line(line, at);
  }
  for (const auto& item : at) {
    curve.x.push_back(item.first);
    curve.mean.push_back(item.second.sum / item.second.count);
    curve.low.push_back(item.second.low);
    curve.high.push_back(item.second.high);
  }
  return curve;
}

std::vector<double> means(const std::vector<double>& values, size_t stretch) {
  std::vector<double> out;
  for (size_t begin = 0; begin < values.size(); begin += stretch) {
    const size_t end = std::min(values.size(), begin + stretch);
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += values[i];
    out.push_back(sum / static_cast<double>(end - begin));
  }
  return out;
}

}  // namespace

ArmCurves arm_curves(const std::vector<Series>& series, bool log_x, bool log_y, size_t most_points) {
  ArmCurves out;
  std::vector<Series> kept;
  for (const Series& item : series) kept.push_back(drawable(item, log_x, log_y, out.omitted));
  std::vector<std::vector<const Series*>> groups;
  for (const Series& item : kept) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& seeds) {
      return seeds[0]->label == item.label && seeds[0]->style == item.style;
    });
    if (group == groups.end()) {
      groups.push_back({&item});
    } else {
      group->push_back(&item);
    }
  }
  for (const auto& group : groups) {
    ArmCurve curve = merged(group);
    const size_t stretch = (curve.x.size() + most_points - 1) / most_points;
    if (stretch > 1) {
      out.stretch = std::max(out.stretch, stretch);
      for (std::vector<double>* values : {&curve.x, &curve.mean, &curve.low, &curve.high}) {
        *values = means(*values, stretch);
      }
    }
    out.curves.push_back(std::move(curve));
  }
  return out;
}

}  // namespace roux::kit
