#include "recipes/lr_annealing_scaling_law/consequences.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace roux::lr_annealing {
namespace {

Schedule wsd_with_share(double peak, int64_t total, double share, Decay shape) {
  const auto decay = static_cast<int64_t>(std::lround(share * static_cast<double>(total)));
  return wsd_schedule({.peak = peak, .total = total}, std::clamp<int64_t>(decay, 1, total), shape);
}

}  // namespace

FinalAreas final_areas(const Schedule& schedule, int64_t total, double lambda) {
  const Areas area = areas(area_rates(schedule, total, 0), lambda);
  return {area.forward.back(), area.annealing.back()};
}

double final_loss(const Fit& fit, const Schedule& schedule, int64_t total) {
  const FinalAreas area = final_areas(schedule, total, fit.lambda);
  return fit.law(fit.form == Form::kStepOnly ? static_cast<double>(total + 1) : area.forward, area.annealing);
}

PowerLaw constant_rate_power_law(const Law& law, double eta) {
  ROUX_CHECK(eta > 0) << "constant_rate_power_law: eta is " << eta << ", needed > 0";
  return {law.l0, law.a * std::pow(eta, -law.alpha), law.alpha};
}

std::vector<double> cosine_losses_by_cycle(const Fit& fit, double peak, int64_t total,
                                           std::span<const int64_t> cycles) {
  std::vector<double> losses;
  for (int64_t cycle : cycles)
    losses.push_back(final_loss(fit, cosine_schedule({.peak = peak, .total = cycle}), total));
  return losses;
}

std::vector<double> cosine_losses_by_floor(const Fit& fit, double peak, int64_t total,
                                           std::span<const double> floor_shares) {
  std::vector<double> losses;
  for (double share : floor_shares) {
    losses.push_back(
        final_loss(fit, cosine_schedule({.peak = peak, .floor = share * peak, .total = total}), total));
  }
  return losses;
}

std::vector<double> wsd_losses_by_decay(const Fit& fit, double peak, int64_t total,
                                        std::span<const double> shares, Decay shape) {
  std::vector<double> losses;
  for (double share : shares)
    losses.push_back(final_loss(fit, wsd_with_share(peak, total, share, shape), total));
  return losses;
}

double best_decay_share(const Fit& fit, double peak, int64_t total, Decay shape) {
  std::vector<double> shares;
  for (int percent = 1; percent <= 100; ++percent) shares.push_back(percent / 100.0);
  const std::vector<double> losses = wsd_losses_by_decay(fit, peak, total, shares, shape);
  return shares[std::min_element(losses.begin(), losses.end()) - losses.begin()];
}

double loss_bump_after(const Fit& fit, std::span<const double> eta, int64_t step) {
  ROUX_CHECK(step >= 0 && step < static_cast<int64_t>(eta.size()))
      << "loss_bump_after: step is " << step << ", needed 0.." << static_cast<int64_t>(eta.size()) - 1;
  const std::vector<double> loss = predict(fit, eta);
  return *std::max_element(loss.begin() + step, loss.end()) - loss[step];
}

int64_t cosine_overtakes_constant(const Fit& fit, double peak, std::span<const int64_t> totals) {
  for (int64_t total : totals) {
    const double cosine = final_loss(fit, cosine_schedule({.peak = peak, .total = total}), total);
    if (cosine < final_loss(fit, constant_schedule(peak), total)) return total;
  }
  return -1;
}

}  // namespace roux::lr_annealing
