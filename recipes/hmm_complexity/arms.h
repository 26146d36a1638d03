// The four kinds of features whose heads are compared: the oracle's of a linear-Gaussian HMM, those that a
// recurrent net has learnt, the oracle's of a discrete HMM, and a real language model's.
#ifndef ROUX_RECIPES_HMM_COMPLEXITY_ARMS_H_
#define ROUX_RECIPES_HMM_COMPLEXITY_ARMS_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nn/module.h"
#include "recipes/hmm_complexity/method.h"
#include "recipes/kit/models/language_model.h"
#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"

namespace roux::hmm_complexity {

// Sizes are the specification's where it has them; the learning rate comes from seed 100 (README).
struct Config {
  // Oracle features of a linear-Gaussian HMM.
  int64_t states = 200, words = 200, length = 10, labelled = 60, sets = 60, test = 3000;
  double rho = 0.9, tau = 0.1, noise = 0.25;
  // Learnt features.
  std::vector<int64_t> widths = {4, 8, 16, 32, 48, 64, 96, 192};
  int64_t net_states = 64, net_length = 12, net_labelled = 48, net_sequences = 4000, net_test = 1000;
  int64_t net_sets = 30, steps = 200, batch = 64;
  double lr = 6e-3;
  // Discrete HMM.
  int64_t hidden = 32, vocabulary = 40;
  double concentration = 0.1;
  // A real model.
  int64_t texts = 240, text_labelled = 60, splits = 24;
  bool stand_in = false;  // a random model on single words: for smoke runs

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Range;
    visit("states", states, Range{4, 10000}), visit("words", words, Range{1, 10000});
    visit("length", length, Range{1, 1000}), visit("labelled", labelled, Range{12, 10000});
    visit("sets", sets, Range{20, 100000}), visit("test", test, Range{100, 1000000});
    visit("rho", rho, Range{0, 0.999}), visit("tau", tau, Range{1e-3, 1e3}),
        visit("noise", noise, Range{0, 1e3});
    visit("widths", widths, Range{1, 4096}), visit("net_states", net_states, Range{1, 4096});
    visit("net_length", net_length, Range{1, 1000}), visit("net_labelled", net_labelled, Range{4, 4096});
    visit("net_sequences", net_sequences, Range{1, 1000000}), visit("net_test", net_test, Range{10, 100000});
    visit("net_sets", net_sets, Range{2, 1000}), visit("steps", steps, Range{1});
    visit("batch", batch, Range{1, 10000}), visit("lr", lr, Range{0, 10});
    visit("hidden", hidden, Range{2, 4096});
    visit("vocabulary", vocabulary, Range{2, 100000}),
        visit("concentration", concentration, Range{1e-3, 1e3});
    visit("texts", texts, Range{20, 10000}), visit("text_labelled", text_labelled, Range{4, 10000});
    visit("splits", splits, Range{2, 10000}), visit("stand_in", stand_in);
  }
  absl::Status check() const;
};

// Risks by model size p, over labelled sets; NaN where a curve lacks a kind. ridge: median, with the
// penalty of least leave-one-out error.
struct Curve {
  int64_t n = 0;
  std::vector<int64_t> p;
  std::vector<double> mean, median, bias2, variance, theory, ridge;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("n", n), visit("p", p), visit("mean", mean), visit("median", median), visit("bias2", bias2);
    visit("variance", variance), visit("theory", theory), visit("ridge", ridge);
  }
  void append(const Curve& other, size_t i);  // its i-th size
  size_t at(int64_t size) const;              // throws Error for a size that the curve lacks
  double peak() const;                        // p of the largest median
  double least_below() const;                 // the least median of 0 < p < n
  // |mean / theory - 1|, median over sizes more than 2 from n, NaN without a theory; rank correlation of the
  // two.
  double gap() const;
  double rank_correlation() const;
};

// 0 and sizes around n, up to D.
std::vector<int64_t> sizes_around(int64_t n, int64_t D);

// What p features look like: a map of rows of `base`, and the closed form.
struct FeatureView {
  std::function<Tensor(const Tensor& rows)> map;  // [N, D] -> [N, p]
  double theory = std::numeric_limits<double>::quiet_NaN();
};
struct HeadTask {
  Tensor base = {};    // [sets * n + test, D]; all below has as many rows
  Tensor labels = {};  // [.., q]
  Tensor target = {};  // E[label | words]; undefined: no bias and variance
  int64_t n = 0, sets = 0;
  int64_t subsets = 1;  // how many views; each serves sets / subsets labelled sets
  int64_t shrunk = 0;   // sets of each view that also get a ridge head
};
// The view of p features, for the g-th subset.
using ViewOf = std::function<FeatureView(int64_t p, int64_t g)>;
Curve risk_curve(const HeadTask& task, const std::vector<int64_t>& sizes, const ViewOf& view);

// h_i = f(U h_{i-1} + V x_i + b), f the identity or tanh; the next word is predicted as O h_i + c. (nn/rnn.h
// has no linear kind.)
class Predictor final : public ModuleOf<Predictor> {
 public:
  Predictor(int64_t words, int64_t width, bool linear, const Init& init);
  Tensor states(const Tensor& x) const;  // [N, L, m] -> [N, L, width]
  Tensor forward(const Tensor& states) const;
  std::string pretty_print() const override { return "Predictor"; }

 private:
  bool linear_;
  Tensor input_, recurrent_, bias_, output_, output_bias_;
};

struct Arm {
  std::string name;
  int64_t steps = 0;  // of training
  enum Kind { kStateSpace, kLowRho, kFewStates, kDiscrete, kNet } kind = kNet;
  bool linear = false;
  int64_t width = 0;
};
std::vector<Arm> arms(const Config& config);
std::string net_name(bool linear, int64_t width);

struct Outcome {
  std::map<std::string, Curve> curves;
  std::map<std::string, double> facts;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("curves", curves), visit("facts", facts);
  }
};
using Results = kit::Results<Outcome>;

// One arm on one seed, of which model, labels and weights are drawn. hmm: of the discrete arm, in place of a
// random one.
absl::StatusOr<Outcome> run_arm(const Config& config, const std::optional<DiscreteHmm>& hmm, const Arm& arm,
                                uint64_t seed, kit::Part& part);

// Short texts with what is known of them, and a model's last-token states of each, standardised.
struct RealFeatures {
  int64_t size = 0;                                    // of a state
  std::vector<double> states;                          // [texts, size]
  std::map<std::string, std::vector<double>> targets;  // standardised
  template <class Visit>
  void visit(Visit&& visit) {
    visit("size", size), visit("states", states), visit("targets", targets);
  }
};
absl::StatusOr<RealFeatures> real_features(const Config& config, const kit::Pretrained& model, kit::Run& run);

struct SplitCurve {
  Curve curve;
  std::vector<std::vector<double>> of_text;  // [size][text]: mean over splits of a squared error, at n median
};
// Random splits of the texts into n labelled and the rest, each with its random subset of the coordinates.
SplitCurve split_curve(const Config& config, const RealFeatures& features, const std::string& target,
                       uint64_t seed);

}  // namespace roux::hmm_complexity

#endif  // ROUX_RECIPES_HMM_COMPLEXITY_ARMS_H_
