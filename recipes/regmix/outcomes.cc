#include "recipes/regmix/outcomes.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/stats/correlation.h"
#include "recipes/kit/stats/regression.h"
#include "recipes/kit/stats/resampling.h"
#include "tensor/error.h"

namespace roux::regmix {
namespace {

using stats::Matrix;

// Spearman; 0 where one does not vary: as good as no rank at all.
double rho(std::span<const double> a, std::span<const double> b) {
  const double coefficient = stats::spearman(a, b).coefficient;
  return std::isnan(coefficient) ? 0 : coefficient;
}

double loss_of(const std::vector<double>& losses, const Data& data, size_t target) {
  if (target < losses.size()) return losses[target];
  const auto end = losses.begin() + static_cast<std::ptrdiff_t>(data.domains);
  return std::accumulate(losses.begin(), end, 0.0) / static_cast<double>(data.domains);
}

std::vector<double> losses_of(const std::vector<ProxyLosses>& proxies, size_t first, size_t count,
                              const Data& data, size_t target, std::vector<double> ProxyLosses::*when) {
  std::vector<double> out;
  for (size_t i = first; i < first + count; ++i) out.push_back(loss_of(proxies[i].*when, data, target));
  return out;
}

double p_value(const std::vector<double>& predicted, const std::vector<double>& measured) {
  stats::RandomStream random(1);
  const auto statistic = [&](std::span<const int64_t> order) {
    std::vector<double> paired;
    for (const int64_t i : order) paired.push_back(measured[static_cast<size_t>(i)]);
    return rho(predicted, paired);
  };
  return stats::pairing_test(static_cast<int64_t>(predicted.size()), statistic, random).p_value;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double variance_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return sum / static_cast<double>(values.size() - 1);
}

std::vector<double> effects_of(const std::vector<double>& a, const Mixture& p, size_t target) {
  double sum = 0, of = 0;
  for (size_t j = 0; j < a.size(); ++j) {
    if (j == target) continue;
    sum += p[j] * a[j], of += p[j];
  }
  std::vector<double> effects;
  for (const double weight : a) effects.push_back(weight - sum / of);
  return effects;
}

// A domain alone.
Mixture alone(size_t domains, size_t which) {
  Mixture mixture(domains, 0);
  mixture[which] = 1;
  return mixture;
}

}  // namespace

Regression regress(const Data& data, const Mixtures& mixtures, const std::vector<ProxyLosses>& proxies,
                   size_t target) {
  const size_t fitted = mixtures.train.size(), tested = mixtures.test.size();
  const std::vector<double> y = losses_of(proxies, 0, fitted, data, target, &ProxyLosses::end);
  Regression r;
  r.measured = losses_of(proxies, fitted, tested, data, target, &ProxyLosses::end);
  const Matrix test = as_rows(mixtures.test);
  for (size_t quarter = 1; quarter <= 4; ++quarter) {
    const size_t count = std::max<size_t>(quarter * fitted / 4, 4);
    const Matrix x =
        as_rows({mixtures.train.begin(), mixtures.train.begin() + static_cast<std::ptrdiff_t>(count)});
    const std::span<const double> some(y.data(), count);
    const stats::LinearModel linear = fit_linear(x, some);
    const stats::BoostedTrees trees = fit_trees(x, some);
    r.linear = stats::predict(linear, test), r.trees = stats::predict(trees, test);
    r.counts.push_back(static_cast<int64_t>(count));
    r.rho_linear_by_count.push_back(rho(r.linear, r.measured));
    r.rho_by_count.push_back(rho(r.trees, r.measured));
    r.rounds = static_cast<int64_t>(trees.trees.size());
    r.effects = effects_of(linear.weights, data.p, target);
  }
  r.rho_linear = r.rho_linear_by_count.back(), r.rho_trees = r.rho_by_count.back();
  r.mse_linear = stats::mean_squared_error(r.measured, r.linear);
  r.mse_trees = stats::mean_squared_error(r.measured, r.trees);
  r.p_value = p_value(r.trees, r.measured);
  const std::vector<double> half = losses_of(proxies, 0, fitted, data, target, &ProxyLosses::half);
  r.rho_half = rho(stats::predict(fit_trees(as_rows(mixtures.train), half), test), r.measured);
  return r;
}

Chosen choose(const Config& config, const Data& data, const Mixtures& mixtures,
              const std::vector<ProxyLosses>& proxies, size_t target, uint64_t seed) {
  const Matrix x = as_rows(mixtures.train);
  const std::vector<double> y = losses_of(proxies, 0, mixtures.train.size(), data, target, &ProxyLosses::end);
  const Matrix candidates = draw_capped_candidates(data.p, config.candidates, sampler_of(config, data), seed);
  const std::vector<double> by_trees = stats::predict(fit_trees(x, y), candidates);
  const std::vector<double> by_line = stats::predict(fit_linear(x, y), candidates);
  return {average_of_best(candidates, by_trees, config.best), average_of_best(candidates, by_trees, 1),
          average_of_best(candidates, by_line, config.best)};
}

SeedOutcome outcome_of(const Config& config, const Data& data, std::vector<ProxyLosses> proxies,
                       uint64_t seed) {
  SeedOutcome out{.mixtures = mixtures_of(config, data, seed), .proxies = std::move(proxies)};
  for (size_t text = 0; text <= data.corpora.size(); ++text)
    out.regressions.push_back(regress(data, out.mixtures, out.proxies, text));
  out.target = choose(config, data, out.mixtures, out.proxies, data.target, seed);
  if (data.has_unseen()) {
    out.unseen = choose(config, data, out.mixtures, out.proxies, data.domains, seed);
    const std::vector<double>& effects = out.regressions[data.domains].effects;
    const auto best = std::min_element(effects.begin(), effects.end());
    out.nearest_only = alone(data.domains, static_cast<size_t>(best - effects.begin()));
  }
  return out;
}

std::vector<std::string> large_arms(const Config& config, const Data& data) {
  std::vector<std::string> arms;
  for (int64_t i = 1; i <= config.large_mixtures; ++i) arms.push_back(absl::StrCat("random_", i));
  for (const char* name : {"natural", "uniform", "target_only", "regmix", "regmix_linear", "regmix_top1"})
    arms.emplace_back(name);
  if (data.has_unseen()) arms.insert(arms.end(), {"nearest_only", "regmix_unseen"});
  return arms;
}

const Mixture& mixture_of(const SeedOutcome& outcome, const std::string& arm) {
  size_t number = 0;
  if (absl::StartsWith(arm, "random_") && absl::SimpleAtoi(arm.substr(7), &number) && number >= 1 &&
      number <= outcome.mixtures.test.size()) {
    return outcome.mixtures.test[number - 1];
  }
  if (arm == "natural") return outcome.mixtures.natural;
  if (arm == "uniform") return outcome.mixtures.uniform;
  if (arm == "target_only") return outcome.mixtures.target_only;
  if (arm == "regmix") return outcome.target.trees;
  if (arm == "regmix_linear") return outcome.target.linear;
  if (arm == "regmix_top1") return outcome.target.top1;
  if (arm == "nearest_only" && !outcome.nearest_only.empty()) return outcome.nearest_only;
  ROUX_CHECK(arm == "regmix_unseen") << "mixture_of: no arm is called " << arm;
  return outcome.unseen.trees;
}

double Outcomes::loss(const std::string& arm, size_t seed, size_t text) const {
  return large.of(arm).at(seed)->at(text);
}

std::vector<std::string> Outcomes::common_arms() const {
  std::vector<std::string> arms = large_arms(config, data);
  std::erase_if(
      arms, [](const std::string& arm) { return arm == "nearest_only" || absl::StartsWith(arm, "regmix"); });
  return arms;
}

std::vector<double> Outcomes::proxy_losses(size_t seed, size_t text) const {
  const SeedOutcome& of = by_seed[seed];
  const std::vector<Mixture> trained = of.mixtures.proxies();
  std::vector<double> losses;
  for (const std::string& arm : common_arms()) {
    const auto at = std::find(trained.begin() + config.train_mixtures, trained.end(), mixture_of(of, arm));
    losses.push_back(of.proxies[static_cast<size_t>(at - trained.begin())].end[text]);
  }
  return losses;
}

double Outcomes::rank_invariance(size_t seed, size_t text) const {
  std::vector<double> big;
  for (const std::string& arm : common_arms()) big.push_back(loss(arm, seed, text));
  return rho(proxy_losses(seed, text), big);
}

double Outcomes::rank_between_seeds(size_t seed, size_t text) const {
  const size_t next = (seed + 1) % seeds.size();
  return rho(by_seed[seed].regressions[text].measured, by_seed[next].regressions[text].measured);
}

double Outcomes::share_better(const std::string& arm, size_t seed, size_t text) const {
  std::vector<std::string> others = common_arms();
  if (data.has_unseen()) others.emplace_back("nearest_only");
  std::erase(others, arm);
  const auto better = std::count_if(others.begin(), others.end(), [&](const std::string& other) {
    return loss(other, seed, text) < loss(arm, seed, text);
  });
  return static_cast<double>(better) / static_cast<double>(others.size());
}

double Outcomes::spread_over_noise(size_t seed, size_t text) const {
  double lowest = INFINITY, highest = -INFINITY, variance = 0;
  for (int64_t i = 1; i <= config.large_mixtures; ++i) {
    const std::string arm = absl::StrCat("random_", i);
    const std::vector<double> losses = each([&](size_t s) { return loss(arm, s, text); });
    lowest = std::min(lowest, losses[seed]), highest = std::max(highest, losses[seed]);
    variance += variance_of(losses) / static_cast<double>(config.large_mixtures);
  }
  return (highest - lowest) / std::sqrt(variance);
}

int Outcomes::clear_effect(size_t i, size_t j) const {
  const std::vector<double> effects = each([&](size_t s) { return by_seed[s].regressions[i].effects[j]; });
  const auto [low, high] = std::minmax_element(effects.begin(), effects.end());
  const double mean = mean_of(effects);
  if (*low * *high <= 0 || std::abs(mean) <= 2 * std::sqrt(variance_of(effects))) return 0;
  return mean > 0 ? 1 : -1;
}

std::vector<double> Outcomes::one_sided_pairs() const {
  std::vector<double> pairs;
  for (size_t i = 0; i < data.domains; ++i) {
    for (size_t j = 0; j < i; ++j) pairs.push_back(clear_effect(i, j) * clear_effect(j, i) < 0 ? 1 : 0);
  }
  return pairs;
}

}  // namespace roux::regmix
