#include "recipes/loss_reweighting/toy.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"

namespace roux::loss_reweighting {
namespace {

using stats::RandomStream;

constexpr int64_t kDim = 50, kTrain = 2000, kTest = 500, kDirections = 5;
constexpr double kNoise = 0.1, kRedundantNoise = 0.01, kOutlierNoise = 1;

// Streams of a seed: data, the order of training.
enum Stream : uint64_t { kDataStream = 1, kOrderStream = 2 };

std::vector<double> normals(int64_t count, RandomStream& random) {
  std::vector<double> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(random.normal());
  return out;
}

double dot(const double* a, const double* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

double mean_loss(const Regression& data, absl::Span<const double> w) {
  double sum = 0;
  for (size_t i = 0; i < data.y.size(); ++i) {
    const double error = data.predict(w, i) - data.y[i];
    sum += 0.5 * error * error;
  }
  return sum / static_cast<double>(data.y.size());
}

}  // namespace

const char* toy_data_name(ToyData data) {
  return data == ToyData::kRedundant ? "redundant" : data == ToyData::kOutliers ? "outliers" : "distinct";
}

double Regression::predict(absl::Span<const double> w, size_t row) const {
  return dot(w.data(), x.data() + static_cast<int64_t>(row) * dim, dim);
}

ToyProblem toy_problem(ToyData data, uint64_t seed) {
  RandomStream random(seed, kDataStream);
  std::vector<double> truth = normals(kDim, random);
  const double length = std::sqrt(dot(truth.data(), truth.data(), kDim));
  for (double& t : truth) t /= length;
  const std::vector<double> directions = normals(kDirections * kDim, random);
  ToyProblem out{{kDim, {}, {}}, {kDim, {}, {}}};
  for (int64_t i = 0; i < kTrain; ++i) {
    // Rows 0.7 n: redundant; the last 0.05 n: outliers.
    const bool redundant = data != ToyData::kDistinct && 10 * i < 7 * kTrain;
    const bool outlier = data == ToyData::kOutliers && 20 * i >= 19 * kTrain;
    std::vector<double> x = normals(kDim, random);
    const int64_t direction = random.below(kDirections);
    if (redundant) std::copy_n(directions.begin() + direction * kDim, kDim, x.begin());
    if (data == ToyData::kDistinct) {  // E x x^T as in the redundant data
      const std::vector<double> along = normals(kDirections, random);
      for (int64_t j = 0; j < kDim; ++j) {
        x[j] *= std::sqrt(0.3);
        for (int64_t k = 0; k < kDirections; ++k)
          x[j] += std::sqrt(0.7 / kDirections) * along[k] * directions[k * kDim + j];
      }
    }
    const double noise = redundant ? kRedundantNoise : outlier ? kOutlierNoise : kNoise;
    out.train.y.push_back(dot(x.data(), truth.data(), kDim) + noise * random.normal());
    out.train.x.insert(out.train.x.end(), x.begin(), x.end());
  }
  out.test.x = normals(kTest * kDim, random);
  out.test.y.assign(kTest, 0);
  for (size_t i = 0; i < static_cast<size_t>(kTest); ++i) out.test.y[i] = out.test.predict(truth, i);
  return out;
}

void sgd_step(const Regression& data, absl::Span<const int64_t> rows, const Weighting& weighting, double lr,
              std::vector<double>& w) {
  std::vector<double> errors, losses;
  for (const int64_t row : rows) {
    errors.push_back(data.predict(w, static_cast<size_t>(row)) - data.y[static_cast<size_t>(row)]);
    losses.push_back(0.5 * errors.back() * errors.back());
  }
  const std::vector<double> weights = loss_weights(losses, weighting);
  std::vector<double> gradient(w.size(), 0);
  for (size_t k = 0; k < rows.size(); ++k) {
    const double* x = data.x.data() + rows[k] * data.dim;
    for (size_t j = 0; j < w.size(); ++j) gradient[j] += weights[k] * errors[k] * x[j];
  }
  for (size_t j = 0; j < w.size(); ++j) w[j] -= lr * gradient[j];
}

ToyResult run_toy(const ToyProblem& problem, const Weighting& weighting, double lr, uint64_t seed,
                  const ToyOptions& options) {
  constexpr double kDiverged = 1e9;
  RandomStream random(seed, kOrderStream);
  std::vector<double> w(static_cast<size_t>(problem.train.dim), 0);
  ToyResult result{options.steps, mean_loss(problem.test, w), {}};
  result.curve.push_back(result.final_loss);
  std::vector<int64_t> rows(static_cast<size_t>(options.batch));
  for (int64_t step = 1; step <= options.steps; ++step) {
    for (int64_t& row : rows) row = random.below(static_cast<int64_t>(problem.train.y.size()));
    sgd_step(problem.train, rows, weighting, lr, w);
    // Every step until the threshold, whose step is what is asked for; then only for the curve.
    const bool reached = result.steps_to_threshold < options.steps;
    if (reached && step % options.curve_every != 0 && step != options.steps) continue;
    result.final_loss = mean_loss(problem.test, w);
    if (!(result.final_loss < kDiverged)) {
      result.final_loss = kDiverged;
      break;
    }
    if (!reached && result.final_loss < options.threshold) {
      result.steps_to_threshold = step;
      if (options.until_threshold) break;
    }
    if (step % options.curve_every == 0) result.curve.push_back(result.final_loss);
  }
  return result;
}

ToyProblems toy_problems(ToyData data, const std::vector<uint64_t>& seeds) {
  ToyProblems out{seeds, {}, {}};
  for (const uint64_t seed : seeds) out.problems.push_back(toy_problem(data, seed));
  for (const uint64_t seed : kTuningSeeds) out.tuning.push_back(toy_problem(data, seed));
  return out;
}

double tuned_toy_rate(const ToyProblems& data, const Weighting& weighting, ToyOptions options) {
  options.until_threshold = true;
  const auto steps = [&](double rate) {
    int64_t sum = 0;
    for (size_t i = 0; i < kTuningSeeds.size(); ++i)
      sum += run_toy(data.tuning[i], weighting, rate, kTuningSeeds[i], options).steps_to_threshold;
    return sum;
  };
  const auto fastest = [&](absl::Span<const double> rates) {
    std::vector<int64_t> of_rates;
    for (const double rate : rates) of_rates.push_back(steps(rate));
    return rates[std::min_element(of_rates.begin(), of_rates.end()) - of_rates.begin()];
  };
  const double coarse = fastest(kToyRates);
  std::vector<double> fine;
  for (int k = -5; k <= 5; ++k) fine.push_back(coarse * std::exp2(k / 12.0));
  return fastest(fine);
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

ToyRuns run_toy_arm(const ToyArm& arm, const ToyProblems& data, const ToyOptions& options) {
  ToyRuns runs{tuned_toy_rate(data, arm.weighting, options), {}};
  for (size_t i = 0; i < data.seeds.size(); ++i)
    runs.seeds.push_back(run_toy(data.problems[i], arm.weighting, runs.rate, data.seeds[i], options));
  return runs;
}

}  // namespace roux::loss_reweighting
