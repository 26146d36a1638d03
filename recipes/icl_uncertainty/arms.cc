#include "recipes/icl_uncertainty/arms.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "optim/optimizer.h"
#include "optim/schedules.h"
#include "recipes/kit/eval/calibration.h"
#include "recipes/kit/stats/correlation.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/train/update.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"

namespace roux::icl_uncertainty {
namespace {

using stats::RandomStream;

constexpr uint64_t kPoolSeed = 2405, kTestSeed = 90210;  // those of all seeds
constexpr uint64_t kFirstStream = uint64_t{1} << 32;  // of a seed's batches; the ones before draw its weights
constexpr int64_t kPredictions = 16;                  // lines of predictions.jsonl of an arm

using References = std::vector<std::pair<std::string, Predictor>>;

Domain make_domain(const std::string& name, const TaskLaw& law, int64_t length, int64_t rows,
                   const References& references) {
  Domain domain{name, RegressionPrompts(length, law.dimension)};
  for (int64_t row = 0; row < rows; ++row) {
    RandomStream random(kTestSeed, static_cast<uint64_t>(row));
    const Task task = add_prompt(law, random, domain.prompts);
    domain.sigma.push_back(task.sigma);
    for (int64_t t = 0; t < length; ++t) {
      const auto x = domain.prompts.x_at(row, t);
      domain.signal.push_back(std::inner_product(x.begin(), x.end(), task.w.begin(), 0.0));
    }
  }
  for (const auto& [reference, predictor] : references)
    domain.references.emplace_back(reference, kit::predict_all(predictor, domain.prompts));
  return domain;
}

std::vector<Domain> free_domains(const Config& c) {
  const TaskLaw law = c.law();
  const Predictor training = bayes_of(law);
  const References own = {{"bayes", training},
                          {"ols", kit::least_squares_predictor()},
                          {"ridge", kit::ridge_predictor({1})},
                          {"ridge_cv", kit::ridge_predictor({0.01, 0.1, 1, 10})}};
  const auto make = [&](const std::string& name, const TaskLaw& l, const References& references,
                        int64_t times = 1) {
    return make_domain(name, l, times * c.pairs, c.test_prompts, references);
  };
  std::vector<Domain> domains = {make("same", law, own)};
  const auto shifted = [&](const std::string& name, auto change) {
    TaskLaw other = law;
    change(other);
    domains.push_back(
        make(name, other,
             {{"bayes", bayes_of(other)}, {"training", training}, {"ols", kit::least_squares_predictor()}}));
  };
  for (const double sigma : {0.1, 4.0})
    shifted(absl::StrCat("sigma_", sigma), [&](TaskLaw& l) { l.sigmas = {sigma}, l.tied = false; });
  if (c.prior == "discrete") shifted("w_3", [](TaskLaw& l) { l.w_scale = 3; });
  const auto inputs = [&](const std::string& name, auto change) {
    TaskLaw other = law;
    change(other);
    domains.push_back(make(name, other, {own[0], own[1]}));
  };
  for (const double scale : {0.5, 2.0})
    inputs(absl::StrCat("x_", scale), [&](TaskLaw& l) { l.x_low = l.x_high = scale; });
  inputs("x_shift", [](TaskLaw& l) { l.x_mean = 1; });
  domains.push_back(make("longer", law, {own[0], own[1]}, 2));
  return domains;
}

std::vector<Domain> pool_domains(const Config& c, int64_t tasks) {
  const TaskLaw law = c.two_sigmas();
  TaskLaw pool = law, exchanged;
  pool.pool = task_pool(tasks, law, kPoolSeed);
  exchanged = pool, exchanged.exchanged = true;
  const std::pair<std::string, Predictor> memory{"memory", bayes_of(pool)}, prior{"prior", bayes_of(law)};
  const auto make = [&](const std::string& name, const TaskLaw& l, const References& references) {
    return make_domain(name, l, c.pairs, c.test_prompts, references);
  };
  References elsewhere = {prior};
  if (tasks < 100) elsewhere.push_back(memory);  // of many tasks it is the prior's, and slow
  return {make("pool", pool, {memory, prior}), make("new", law, elsewhere),
          make("exchanged", exchanged, elsewhere)};
}

std::vector<Domain> tied_domains(const Config& c) {
  const TaskLaw law = c.tied_law();
  TaskLaw exchanged = law;
  exchanged.exchanged = true;
  const References references = {
      {"tied", bayes_of(law)}, {"untied", bayes_of(c.two_sigmas())}, {"ols", kit::least_squares_predictor()}};
  return {make_domain("kept", law, c.pairs, c.test_prompts, references),
          make_domain("exchanged", exchanged, c.pairs, c.test_prompts, references)};
}

// What a model says of all labels of a domain.
std::vector<Gaussian> predict(const kit::InContextRegressor& model, const RegressionPrompts& prompts) {
  const NoGradGuard no_grad;
  const Tensor outputs = model(model.tokens(prompts));
  const auto values = outputs.to_vector<double>();
  const auto sigma = sigma_of(outputs).to_vector<double>();
  std::vector<Gaussian> out;
  for (size_t i = 0; i < sigma.size(); ++i) out.push_back({values[2 * i], sigma[i] * sigma[i]});
  return out;
}

std::vector<double> nlls(const std::vector<Gaussian>& predicted, const RegressionPrompts& prompts) {
  std::vector<double> out;
  for (size_t i = 0; i < predicted.size(); ++i) out.push_back(nll(predicted[i], prompts.y[i]));
  return out;
}

void compare(const Config& c, const Domain& domain, const std::vector<Gaussian>& predicted,
             Outcome& outcome) {
  const int64_t length = domain.prompts.length;
  const auto curve = [&](const std::string& name, const std::vector<double>& values) {
    outcome.curves[absl::StrCat(domain.name, "/", name)] = kit::mean_by_position(values, length);
  };
  curve("nll", nlls(predicted, domain.prompts));
  for (const auto& [name, reference] : domain.references) {
    std::vector<double> mean2, sigma2;
    for (size_t i = 0; i < predicted.size(); ++i) {
      mean2.push_back(std::pow(predicted[i].mean - reference[i].mean, 2));
      sigma2.push_back(std::pow(0.5 * std::log(predicted[i].variance / reference[i].variance), 2));
    }
    curve(name + "/mean2", mean2), curve(name + "/sigma2", sigma2);
  }
  std::vector<double> ratio, error;  // where the smaller sigma is true
  for (size_t i = 0; i < domain.signal.size() && domain.name == "exchanged"; ++i) {
    const double sigma = domain.sigma[i / static_cast<size_t>(length)];
    if (sigma != c.sigma_low) continue;
    ratio.push_back(0.5 * std::log(predicted[i].variance) - std::log(sigma));
    error.push_back(std::pow(predicted[i].mean - domain.signal[i], 2));
  }
  if (!ratio.empty()) curve("low_ratio", ratio), curve("mean_error", error);
}

RegressionPrompts next_prompts(const Config& c, const Arm& arm, uint64_t seed, int64_t step) {
  RegressionPrompts prompts(c.pairs, c.dimension);
  RandomStream random(seed, kFirstStream + static_cast<uint64_t>(step));
  for (int64_t row = 0; row < c.batch; ++row) add_prompt(arm.law, random, prompts);
  return prompts;
}

}  // namespace

absl::Status Config::check() const {
  ROUX_RETURN_IF_ERROR(model.check());
  if (arms.empty()) return absl::InvalidArgumentError("arms= is empty: at least one must be trained");
  if (prior == "discrete" && sigmas.empty())
    return absl::InvalidArgumentError("sigmas= is empty: the discrete prior needs at least one");
  if (pairs < dimension + 6) {
    return absl::InvalidArgumentError(absl::StrCat("pairs=", pairs, ", dimension=", dimension,
                                                   ": least squares is judged from dimension + 4 pairs on, "
                                                   "so that prompts have at least dimension + 6"));
  }
  if (model.length < 2 * pairs) {
    return absl::InvalidArgumentError(
        absl::StrCat("length=", model.length, ", pairs=", pairs,
                     ": models are judged on prompts of twice as many pairs too"));
  }
  if (warmup >= steps)
    return absl::InvalidArgumentError(
        absl::StrCat("warmup=", warmup, ": it must end before ", steps, " steps"));
  return sigma_low < sigma_high
             ? absl::OkStatus()
             : absl::InvalidArgumentError(absl::StrCat("sigma_low=", sigma_low, ", sigma_high=", sigma_high,
                                                       ": the first must be the smaller"));
}

bool Config::trains(const std::string& arm) const {
  return std::find(arms.begin(), arms.end(), arm) != arms.end();
}

TaskLaw Config::law() const {
  if (prior == "tied") return tied_law();
  TaskLaw law{.dimension = dimension, .a = a, .b = b};
  if (prior == "discrete") law.sigmas = sigmas;
  return law;
}

TaskLaw Config::two_sigmas() const { return {.dimension = dimension, .sigmas = {sigma_low, sigma_high}}; }

TaskLaw Config::tied_law() const {
  return {.dimension = dimension, .sigmas = {sigma_low, sigma_high}, .tied = true};
}

const std::vector<Gaussian>& Domain::reference(const std::string& wanted) const {
  for (const auto& [reference, predicted] : references)
    if (reference == wanted) return predicted;
  throw Error(absl::StrCat("domain ", name, " has no reference ", wanted));
}

double coverage(const Domain& domain, const std::vector<Gaussian>& predicted) {
  std::vector<double> z;
  for (size_t i = 0; i < predicted.size(); ++i)
    z.push_back((domain.prompts.y[i] - predicted[i].mean) / std::sqrt(predicted[i].variance));
  return kit::interval_coverage(z);
}

double sigma_correlation(const Domain& domain, const std::vector<Gaussian>& predicted) {
  std::vector<double> log_sigma, of_reference;
  const auto length = static_cast<size_t>(domain.prompts.length);
  for (size_t i = length - 1; i < predicted.size(); i += length) {
    log_sigma.push_back(0.5 * std::log(predicted[i].variance));
    of_reference.push_back(0.5 * std::log(domain.references[0].second[i].variance));
  }
  return stats::pearson(log_sigma, of_reference).coefficient;
}

std::vector<double> Domain::nll_by_position(const std::string& wanted) const {
  return kit::mean_by_position(nlls(reference(wanted), prompts), prompts.length);
}

Domains make_domains(const Config& c) {
  return {{"free", free_domains(c)},
          {"few", pool_domains(c, c.few)},
          {"many", pool_domains(c, c.many)},
          {"tied", tied_domains(c)}};
}

std::vector<Arm> arms(const Config& c) {
  const Arm icl{"icl", "free", c.law(), c.steps};
  const auto with = [](Arm arm, const std::string& name, auto change) {
    arm.name = name;
    change(arm);
    return arm;
  };
  const auto pooled = [&](const std::string& judged_on, int64_t tasks) {
    return with(icl, "pool_" + judged_on, [&](Arm& arm) {
      arm.judged_on = judged_on, arm.law = c.two_sigmas();
      arm.law.pool = task_pool(tasks, c.two_sigmas(), kPoolSeed);
    });
  };
  std::vector<Arm> all = {
      icl,
      with(icl, "no_positions", [](Arm& arm) { arm.positions = false; }),
      with(icl, "mean_only", [](Arm& arm) { arm.objective = Objective::kMean; }),
      with(icl, "scales", [](Arm& arm) { arm.law.x_low = 0.5, arm.law.x_high = 2; }),
      pooled("few", c.few),
      pooled("many", c.many),
      with(icl, "tied", [&](Arm& arm) { arm.judged_on = "tied", arm.law = c.tied_law(); }),
  };
  std::erase_if(all, [&](const Arm& arm) { return !c.trains(arm.name); });
  return all;
}

absl::StatusOr<Outcome> train_arm(const Config& c, const Domains& domains, const Arm& arm, uint64_t seed,
                                  kit::Part& part) {
  Generator generator(seed);
  kit::InContextConfig size = c.model;
  size.positions = arm.positions;
  kit::InContextRegressor model(size, c.dimension, 2, size.init(generator, part.device()));
  Adam optimizer({{model.named_parameters()}});
  const Schedule lr = cosine_schedule({.peak = c.lr, .total = arm.steps, .warmup = c.warmup});
  const std::vector<Domain> none;
  const std::vector<Domain>& judged = part.planning() ? none : domains.at(arm.judged_on);
  kit::TrainOptions options{.steps = arm.steps};
  if (arm.objective == Objective::kPair)
    options.evaluate_at = kit::every(std::max<int64_t>(1, arm.steps / 5), arm.steps);
  options.parameters = model.num_parameters();
  std::vector<double> best;
  if (!judged.empty()) best = judged[0].nll_by_position(judged[0].references[0].first);
  options.evaluate = [&](int64_t) -> kit::Values {
    const std::vector<double> own = kit::mean_by_position(
        nlls(predict(model, judged[0].prompts), judged[0].prompts), judged[0].prompts.length);
    double sum = 0;
    for (size_t t = 0; t < own.size(); ++t) sum += (own[t] - best[t]) / static_cast<double>(own.size());
    return {{"excess_nll", sum}};
  };
  Outcome outcome;
  ROUX_ASSIGN_OR_RETURN(outcome.log,
                        kit::train(part, options, {{"model", model}, {"optimizer", optimizer}},
                                   [&](int64_t step) -> absl::StatusOr<kit::StepResult> {
                                     const RegressionPrompts prompts = next_prompts(c, arm, seed, step);
                                     const Tensor tokens = model.tokens(prompts);
                                     const Tensor y =
                                         tensor(std::vector<float>(prompts.y.begin(), prompts.y.end()),
                                                {prompts.rows(), prompts.length}, part.device());
                                     kit::StepResult result = kit::update(
                                         optimizer, {.lr = lr(step), .max_grad_norm = c.max_grad_norm},
                                         [&] { return objective_loss(arm.objective, model(tokens), y); });
                                     result.tokens = y.numel();
                                     return result;
                                   }));
  for (const Domain& domain : judged) {
    const std::vector<Gaussian> predicted = predict(model, domain.prompts);
    compare(c, domain, predicted, outcome);
    if (&domain != &judged[0]) continue;
    outcome.numbers["coverage"] = coverage(domain, predicted);
    outcome.numbers["correlation"] = sigma_correlation(domain, predicted);
    for (int64_t row = 0; row < std::min(kPredictions, domain.prompts.rows()); ++row) {
      const auto at = static_cast<size_t>((row + 1) * domain.prompts.length - 1);
      const Gaussian& bayes = domain.references[0].second[at];
      part.prediction({absl::StrCat(domain.name, "/", row),
                       absl::StrCat(domain.prompts.y[at]),
                       absl::StrCat(predicted[at].mean),
                       {std::sqrt(predicted[at].variance), bayes.mean, std::sqrt(bayes.variance)}});
    }
  }
  return outcome;
}

}  // namespace roux::icl_uncertainty
