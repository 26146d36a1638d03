#include "recipes/e2_llm/method.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"
#include "tensor/ops/creation.h"

namespace roux::e2_llm {
namespace {

void check_scale(const char* who, double g, int64_t R) {
  ROUX_CHECK(std::isfinite(g) && g >= 1 && R >= 1)
      << who << ": g is " << g << ", R is " << R << ", needed at least 1 each";
}

// Distances p_m - p_n that a row of this scale has, all >= 0.
void add_seen(const Augmentation& a, double g, int64_t R, bool with_sinks, std::vector<double>* seen) {
  const int64_t sinks = std::min(a.sinks, R), rest = R - sinks;
  for (int64_t delta = 0; delta < std::max(sinks, rest); ++delta)
    seen->push_back(static_cast<double>(delta) / g);
  if (!with_sinks || sinks == 0 || rest == 0) return;
  // A first token n < sinks and a later one m: m + t - n, from 1 on, each whole number.
  const int64_t farthest = R - 1 + (a.offsets ? largest_offset(g, R) : 0);
  for (int64_t delta = 1; delta <= farthest; ++delta) seen->push_back(static_cast<double>(delta) / g);
}

}  // namespace

int64_t largest_offset(double g, int64_t R) {
  check_scale("largest_offset", g, R);
  return static_cast<int64_t>(std::floor((g - 1) * static_cast<double>(R)));
}

Augmentation e2_augmentation(int64_t g_max) {
  ROUX_CHECK(g_max >= 1) << "e2_augmentation: g_max is " << g_max << ", needed at least 1";
  Augmentation out{.scales = {}, .offsets = true};
  for (int64_t g = 1; g <= g_max; ++g) out.scales.push_back(static_cast<double>(g));
  return out;
}

Draw draw_row(const Augmentation& augmentation, int64_t R, stats::RandomStream& random) {
  ROUX_CHECK(!augmentation.scales.empty()) << "draw_row: there is no scale to draw";
  const double scale = random.uniform(), offset = random.uniform();
  const auto one_of = [](double u, int64_t n) {
    return std::min(static_cast<int64_t>(u * static_cast<double>(n)), n - 1);
  };
  Draw draw;
  const auto scales = static_cast<int64_t>(augmentation.scales.size());
  draw.g = augmentation.scales[static_cast<size_t>(one_of(scale, scales))];
  if (augmentation.offsets) draw.t = one_of(offset, largest_offset(draw.g, R) + 1);
  return draw;
}

std::vector<double> positions(const Draw& draw, int64_t length, int64_t sinks) {
  check_scale("positions", draw.g, 1);
  ROUX_CHECK(draw.t >= 0 && length >= 0 && sinks >= 0)
      << "positions: t is " << draw.t << ", length " << length << ", sinks " << sinks
      << ", needed at least 0 each";
  std::vector<double> p;
  for (int64_t m = 0; m < length; ++m) p.push_back(static_cast<double>(m < sinks ? m : m + draw.t) / draw.g);
  return p;
}

Tensor position_table(const std::vector<Draw>& rows, int64_t length, int64_t sinks, Device device) {
  std::vector<float> values;
  for (const Draw& row : rows) {
    for (const double p : positions(row, length, sinks)) values.push_back(static_cast<float>(p));
  }
  return tensor(values, {static_cast<int64_t>(rows.size()), length}, device);
}

double window_scale(int64_t window, int64_t R) {
  check_scale("window_scale", 1, R);
  return std::max(1.0, static_cast<double>(window) / static_cast<double>(R));
}

double smallest_scale(int64_t length, int64_t R) { return std::ceil(window_scale(length, R)); }

Rope stretched(Rope rope, RopeType type, double s, int64_t L) {
  rope.scaling = {.type = type, .factor = s, .original_max_position_embeddings = L};
  // Of kDynamicNtk the factor multiplies what the length gives, n / L.
  if (type == RopeType::kDynamicNtk) rope.scaling.factor = 1;
  return rope;
}

double angle_coverage(const Augmentation& training, int64_t R, int64_t window, double g, bool with_sinks) {
  check_scale("angle_coverage", g, R);
  ROUX_CHECK(window >= 1) << "angle_coverage: window is " << window << ", needed at least 1";
  std::vector<double> seen;
  for (const double scale : training.scales) add_seen(training, scale, R, with_sinks, &seen);
  std::sort(seen.begin(), seen.end());
  int64_t covered = 0;
  const double reach = 0.5 / g + 1e-9;  // distances that are equal but for rounding count
  for (int64_t delta = 0; delta < window; ++delta) {
    const double used = static_cast<double>(delta) / g;
    const auto nearest = std::lower_bound(seen.begin(), seen.end(), used - reach);
    covered += nearest != seen.end() && *nearest <= used + reach;
  }
  return static_cast<double>(covered) / static_cast<double>(window);
}

}  // namespace roux::e2_llm
