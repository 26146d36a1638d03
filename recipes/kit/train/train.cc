#include "recipes/kit/train/train.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "nn/block.h"
#include "nn/module.h"
#include "nn/parallel/sharded_parameters.h"
#include "recipes/kit/train/training.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"

namespace roux::kit {
namespace {

constexpr char kBest[] = "best";

void check_options(const TrainOptions& o, const StepFunction& step) {
  ROUX_CHECK(o.steps >= 0 && step) << "train: steps are " << o.steps << ", needed >= 0 and a step function";
  for (const int64_t at : o.evaluate_at) {
    ROUX_CHECK(at >= 0 && at <= o.steps && o.evaluate) << "train: evaluate_at names step " << at << " of "
                                                       << o.steps << ", needed 0 .. steps and `evaluate`";
  }
  for (const auto& [at, what] : o.leave_at) {
    ROUX_CHECK(at >= 0 && at <= o.steps)
        << "train: leave_at names step " << at << " of " << o.steps << " for '" << what << "'";
    ROUX_CHECK(!o.keep_best || what != kBest) << "train: '" << kBest << "' is what keep_best leaves";
  }
  ROUX_CHECK((!o.keep_best && !o.stop) || !o.evaluate_at.empty())
      << "train: keep_best and stop go by evaluations, but evaluate_at is empty";
}

bool better(double value, double than, Best::Order order) {
  if (std::isnan(value) || std::isnan(than)) return !std::isnan(value);
  return order == Best::kLowest ? value < than : value > than;
}

// All modules among the states in eval mode, those that were training back to it afterwards.
class EvalMode {
 public:
  explicit EvalMode(const States& states) {
    for (const NamedState& state : states) {
      if (state.module == nullptr || !state.module->training()) continue;
      state.module->eval();
      modules_.push_back(state.module);
    }
  }
  ~EvalMode() {
    for (Module* module : modules_) module->train();
  }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  std::vector<Module*> modules_;
};

class Loop {
 public:
  Loop(Part& part, const TrainOptions& options, const States& states, const StepFunction& step)
      : part_(part),
        options_(options),
        states_(states),
        saved_(states + States{{"kit_train", log_}}),
        step_(step),
        late_(part.device().type == DeviceType::kCuda || part.device().type == DeviceType::kEmulated) {}

  absl::StatusOr<TrainLog> run() {
    if (part_.restored() != nullptr) {
      ROUX_RETURN_IF_ERROR(restore_states(*part_.restored(), saved_));
      divide_parameters();
    } else {
      divide_parameters();
      ROUX_RETURN_IF_ERROR(after_steps(0));
    }
    while (log_.steps < options_.steps && !log_.stopped) ROUX_RETURN_IF_ERROR(one_step());
    if (divided_) {
      divided_->make_whole();
      divided_.reset();
    }
    if (options_.keep_best && log_.best_step != log_.steps) {
      ROUX_RETURN_IF_ERROR(part_.load_own(kBest, states_));
    }
    return log_;
  }

  absl::StatusOr<TrainLog> plan() {
    int64_t parameters = 0;
    for (const NamedState& state : states_) {
      if (state.module != nullptr) parameters += state.module->num_parameters();
    }
    divide_parameters();
    absl::Status status;
    const MemoryPlan memory = plan_memory(part_.device(), [&] { status = step_(0).status(); });
    ROUX_RETURN_IF_ERROR(status);
    return part_.planned({"", parameters, memory.persistent, memory.peak});
  }

 private:
  // A step that was launched but not read yet.
  struct Launched {
    int64_t step;
    StepResult result;
  };

  // --zero=3. Blocks with cross-attention stay whole: their keys of the encoder are computed outside of them.
  void divide_parameters() {
    if (!part_.divides_parameters()) return;
    std::vector<const Module*> models = options_.divided, blocks;
    for (const NamedState& state : states_) {
      if (state.module != nullptr) models.push_back(state.module);
    }
    for (const Module* model : models) {
      for (const auto& [path, module] : model->modules()) {
        const auto* const block = dynamic_cast<const Block*>(module);
        if (block != nullptr && block->cross_attention() == nullptr) blocks.push_back(block);
      }
    }
    divided_.emplace(world(), blocks);
    reset_peak_memory(part_.device());
  }

  bool evaluates_at(int64_t step) const {
    return std::find(options_.evaluate_at.begin(), options_.evaluate_at.end(), step) !=
           options_.evaluate_at.end();
  }

  absl::Status one_step() {
    part_.begin_step(log_.steps + 1);
    ROUX_ASSIGN_OR_RETURN(StepResult result, step_(log_.steps));
    const int64_t done = ++log_.steps;
    ROUX_CHECK(result.loss.defined()) << "train: step " << done << " gave no loss";
    const bool needed = !late_ || done == options_.steps || evaluates_at(done) ||
                        options_.leave_at.count(done) > 0 || part_.checkpoint_due();
    if (launched_) {
      const Launched earlier = *std::move(launched_);
      launched_.reset();
      for (const auto& [name, value] : earlier.result.values) part_.metric(name, earlier.step, value);
      ROUX_RETURN_IF_ERROR(part_.record(info_of(earlier.step, earlier.result)));
    }
    if (!needed) {
      launched_ = Launched{done, std::move(result)};
      return absl::OkStatus();
    }
    const StepInfo info = info_of(done, result);
    // A step that is not finite ends the part below; what would be evaluated is worth nothing.
    const bool finite = std::isfinite(info.loss) && std::isfinite(info.grad_norm.value_or(0));
    if (finite) ROUX_RETURN_IF_ERROR(after_steps(done));
    for (const auto& [name, value] : result.values) part_.metric(name, done, value);
    return part_.step(info, [&](CheckpointWriter& writer) { save_states(saved_, writer); });
  }

  StepInfo info_of(int64_t step, const StepResult& result) const {
    StepInfo info{.step = step, .steps = options_.steps, .loss = result.loss.item(), .lr = result.lr};
    if (result.grad_norm.defined()) info.grad_norm = result.grad_norm.item();
    info.tokens = result.tokens;
    info.flops = 6.0 * static_cast<double>(options_.parameters * result.tokens);
    info.memory_mib = static_cast<double>(memory_stats(part_.device()).peak) / (1 << 20);
    info.nonfinite = result.nonfinite;
    return info;
  }

  // What is due when `done` steps are done: evaluation, best state, states to leave, the end.
  absl::Status after_steps(int64_t done) {
    if (evaluates_at(done)) {
      evaluate(done);
      if (options_.keep_best) ROUX_RETURN_IF_ERROR(keep_best(done));
      log_.stopped = options_.stop && options_.stop(log_);
    }
    const auto leave = options_.leave_at.find(done);
    return leave == options_.leave_at.end() ? absl::OkStatus() : part_.leave(leave->second, states_);
  }

  void evaluate(int64_t done) {
    Values values;
    {
      const EvalMode eval_mode(states_);
      const NoGradGuard no_grad;
      values = options_.evaluate(done);
    }
    for (const auto& [name, value] : values) {
      part_.metric(name, done, value);
      log_.curves[name].push_back(value);
    }
    log_.at.push_back(done);
    for (const auto& [name, curve] : log_.curves) {
      ROUX_CHECK(curve.size() == log_.at.size())
          << "train: evaluation " << log_.at.size() << ", at step " << done << ", gave " << curve.size()
          << " values called '" << name << "': each evaluation gives the same names, each once";
    }
  }

  absl::Status keep_best(int64_t done) {
    const auto curve = log_.curves.find(options_.keep_best->curve);
    ROUX_CHECK(curve != log_.curves.end())
        << "train: keep_best goes by '" << options_.keep_best->curve << "', which evaluate() does not give";
    const std::vector<double>& values = curve->second;
    if (log_.best_step >= 0) {
      const auto best = std::find(log_.at.begin(), log_.at.end(), log_.best_step) - log_.at.begin();
      if (!better(values.back(), values[static_cast<size_t>(best)], options_.keep_best->order)) {
        return absl::OkStatus();
      }
    }
    log_.best_step = done;
    return part_.leave(kBest, states_);
  }

  Part& part_;
  const TrainOptions& options_;
  const States& states_;
  TrainLog log_;
  const States saved_;  // with the log
  const StepFunction& step_;
  const bool late_;
  std::optional<Launched> launched_;
  std::optional<ShardedParameters> divided_;
};

}  // namespace

absl::StatusOr<TrainLog> train(Part& part, const TrainOptions& options, const States& states,
                               const StepFunction& step) {
  check_options(options, step);
  part.begin_loop("train()");
  Loop loop(part, options, states, step);
  return part.planning() ? loop.plan() : loop.run();
}

std::vector<int64_t> every(int64_t n, int64_t steps) {
  ROUX_CHECK(n >= 1) << "every: n is " << n << ", needed >= 1";
  std::vector<int64_t> out;
  for (int64_t step = n; step <= steps; step += n) out.push_back(step);
  return out;
}

std::vector<int64_t> log_spaced(int64_t count, int64_t steps) {
  ROUX_CHECK(count >= 2 && steps >= 1)
      << "log_spaced: count is " << count << ", steps are " << steps << ", needed >= 2 and >= 1";
  std::vector<int64_t> out;
  for (int64_t i = 0; i < count; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(count - 1);
    const int64_t step = std::llround(std::pow(static_cast<double>(steps), share));
    if (out.empty() || step > out.back()) out.push_back(step);
  }
  return out;
}

std::function<bool(const TrainLog&)> patience(const Best& best, int64_t evaluations, double min_change) {
  ROUX_CHECK(evaluations >= 1 && min_change >= 0)
      << "patience: evaluations are " << evaluations << ", min_change is " << min_change
      << ", needed >= 1 and >= 0";
  return [=](const TrainLog& log) {
    const auto curve = log.curves.find(best.curve);
    ROUX_CHECK(curve != log.curves.end())
        << "patience goes by '" << best.curve << "', which evaluate() does not give";
    const std::vector<double>& values = curve->second;
    size_t bettered = 0;
    for (size_t i = 1; i < values.size(); ++i) {
      const double than =
          best.order == Best::kLowest ? values[bettered] - min_change : values[bettered] + min_change;
      if (better(values[i], than, best.order)) bettered = i;
    }
    return static_cast<int64_t>(values.size() - 1 - bettered) >= evaluations;
  };
}

std::vector<int64_t> merged(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  std::vector<int64_t> out(a);
  out.insert(out.end(), b.begin(), b.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace roux::kit
