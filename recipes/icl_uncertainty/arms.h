// What is trained, and on which prompts it is judged. Arms of one seed have the same first weights, and the
// same prompts where their laws are the same; pools and test prompts are those of all seeds.
#ifndef ROUX_RECIPES_ICL_UNCERTAINTY_ARMS_H_
#define ROUX_RECIPES_ICL_UNCERTAINTY_ARMS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/icl_uncertainty/method.h"
#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/train/in_context.h"
#include "recipes/kit/train/train.h"

namespace roux::icl_uncertainty {

struct Config {
  kit::InContextConfig model = {.layers = 2, .hidden = 32, .heads = 2, .length = 20, .init_std = 0.18};
  int64_t dimension = 1, pairs = 10, batch = 64, steps = 1800;  // ours
  double lr = 6e-3, max_grad_norm = 1;
  int64_t warmup = 50;
  std::vector<double> sigmas = {0.3, 0.8, 2};  // the discrete prior, ours
  std::string prior = "discrete";
  double a = 3, b = 2;                       // of the inverse-gamma prior
  double sigma_low = 0.4, sigma_high = 1.6;  // of pools and of the tie
  int64_t few = 8, many = 4096;              // tasks of the pools
  int64_t test_prompts = 1024;
  std::vector<std::string> arms = {"icl", "no_positions", "scales", "pool_few", "pool_many", "tied"};

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Flag;
    using kit::Range;
    model.visit(visit);
    visit("dimension", dimension, Range{1, 1000}), visit("pairs", pairs, Range{4}),
        visit("batch", batch, Range{1});
    visit("steps", steps, Range{2}), visit("lr", lr, Range{0});
    visit("max_grad_norm", max_grad_norm, Range{0}), visit("warmup", warmup, Range{0});
    visit("sigmas", sigmas, Flag{"the discrete prior of sigma", {}, {1e-3, 1e6}});
    visit("prior", prior, Flag{"of sigma", {"discrete", "inverse_gamma", "tied"}});
    visit("a", a, Range{1.000001}), visit("b", b, Range{1e-12});
    visit("sigma_low", sigma_low, Range{1e-3}), visit("sigma_high", sigma_high, Range{1e-3});
    visit("few", few, Range{2}), visit("many", many, Range{2});
    visit("test_prompts", test_prompts, Range{8});
    visit("arms", arms,
          Flag{"what is trained; claims about others are not testable",
               {"icl", "no_positions", "mean_only", "scales", "pool_few", "pool_many", "tied"}});
  }
  absl::Status check() const;
  bool trains(const std::string& arm) const;

  TaskLaw law() const;         // of the prior
  TaskLaw two_sigmas() const;  // sigma_low or sigma_high, whatever w is
  TaskLaw tied_law() const;    // sigma_low where w_1 > 0
};

// Test prompts with what the references say of each label.
struct Domain {
  std::string name;
  RegressionPrompts prompts;
  std::vector<double> sigma = {};   // of each prompt
  std::vector<double> signal = {};  // w . x_t of each label
  // The first is Bayes under the law that made the prompts, if that law is a prior.
  std::vector<std::pair<std::string, std::vector<Gaussian>>> references = {};

  const std::vector<Gaussian>& reference(const std::string& name) const;
  std::vector<double> nll_by_position(const std::string& reference) const;
};
using Domains = std::map<std::string, std::vector<Domain>>;  // by what arms are judged on

Domains make_domains(const Config& config);

struct Arm {
  std::string name, judged_on;
  TaskLaw law;
  int64_t steps;
  Objective objective = Objective::kPair;
  bool positions = true;
};
std::vector<Arm> arms(const Config& config);  // those of config.arms

// Of what is predicted of a domain: share of labels in mean +- 1.96 sigma; correlation of ln sigma with that
// of the first reference at the last position.
double coverage(const Domain& domain, const std::vector<Gaussian>& predicted);
double sigma_correlation(const Domain& domain, const std::vector<Gaussian>& predicted);

// Of a trained arm. curves: "<domain>/nll", "<domain>/<reference>/mean2" and "/sigma2" (mean squared
// differences of mean and log sigma), "<domain>/low_ratio" (mean of ln(predicted / true sigma) where
// sigma_low is true) and "/mean_error" there (mean squared difference to w . x), by position. numbers:
// "coverage" and "correlation" of the first domain.
struct Outcome {
  kit::TrainLog log;
  std::map<std::string, std::vector<double>> curves;
  std::map<std::string, double> numbers;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("log", log), visit("curves", curves), visit("numbers", numbers);
  }
};
using Results = kit::Results<Outcome>;

absl::StatusOr<Outcome> train_arm(const Config& config, const Domains& domains, const Arm& arm, uint64_t seed,
                                  kit::Part& part);

}  // namespace roux::icl_uncertainty

#endif  // ROUX_RECIPES_ICL_UNCERTAINTY_ARMS_H_
