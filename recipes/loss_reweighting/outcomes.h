// What the parts of a run came to: the losses of each arm and seed, and the toy's steps.
#ifndef ROUX_RECIPES_LOSS_REWEIGHTING_OUTCOMES_H_
#define ROUX_RECIPES_LOSS_REWEIGHTING_OUTCOMES_H_

#include <functional>
#include <string>
#include <vector>

#include "recipes/kit/run/grid.h"
#include "recipes/loss_reweighting/arms.h"
#include "recipes/loss_reweighting/toy.h"

namespace roux::loss_reweighting {

// Where a curve first comes down to `level`, linear between its points; the last of `at` where it never does.
// at: ascending, as many as values, at least one; Error otherwise.
double steps_to_reach(const std::vector<int64_t>& at, const std::vector<double>& curve, double level);

// A weighting of the toy on one kind of data, at its own rate.
struct ToyArm {
  std::string name;  // "lin_upper.r0.4"; "uniform"
  ToyData data;
  Weighting weighting;
};
std::vector<ToyArm> toy_arms();

struct ToyRuns {
  double rate = 0;
  std::vector<ToyResult> seeds;
  template <class V>
  void visit(V&& v) {
    v("rate", rate), v("seeds", seeds);
  }
};
// Seeds of the toy, from `first` on.
std::vector<uint64_t> toy_seeds(const Config& config, uint64_t first);
// `data`: of arm.data.
ToyRuns run_toy_arm(const Config& config, const ToyArm& arm, const ToyProblems& data);

class Outcomes {
 public:
  // Of the grid of these arms and seeds, and of toy_arms(). All must outlive it.
  Outcomes(const Data& data, const std::vector<Arm>& arms, const kit::Results<Trained>& results, size_t seeds,
           const std::vector<ToyArm>& toy_arms, const kit::Results<ToyRuns>& toy);

  const Data& data() const { return data_; }
  const std::vector<Arm>& arms() const { return arms_; }
  const std::vector<ToyArm>& toy_arms() const { return toy_arms_; }
  size_t seeds() const { return seeds_; }
  bool has(const std::string& arm) const;
  // Throws Error for an arm or a curve that there is not.
  const Trained& of(const std::string& arm, size_t seed) const;
  const ToyRuns& toy(ToyData data, const std::string& name) const;

  // Held-out loss in nats per byte, the mean of the domains that the arm was judged on, at each evaluation.
  std::vector<double> curve(const std::string& arm, size_t seed) const;
  double loss(const std::string& arm, size_t seed) const { return curve(arm, seed).back(); }
  double loss_on(const std::string& curve, const std::string& arm, size_t seed) const;
  // Share of the steps that `arm` saves on its way to the final loss of `base`; 0 where it does not get
  // there.
  double steps_saved(const std::string& arm, const std::string& base, size_t seed) const;
  double effective_sample_size(const std::string& arm, size_t seed) const;  // mean over steps

  // f of each seed, and its mean.
  std::vector<double> each(const std::function<double(size_t seed)>& f) const;
  double mean(const std::function<double(size_t seed)>& f) const;

 private:
  size_t index(const std::string& arm) const;

  const Data& data_;
  const std::vector<Arm>& arms_;
  const kit::Results<Trained>& results_;
  const size_t seeds_;
  const std::vector<ToyArm>& toy_arms_;
  const kit::Results<ToyRuns>& toy_;
};

}  // namespace roux::loss_reweighting

#endif  // ROUX_RECIPES_LOSS_REWEIGHTING_OUTCOMES_H_
