#include "tensor/step_graph.h"

#include <utility>

#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

thread_local bool captures = false;

// The tensor that kernels read the generator's state from. Generator::set_state makes a new one.
Tensor state_of(Generator generator) { return generator.next().state; }

}  // namespace

bool capturing() { return captures; }

StepGraph::StepGraph(Device device, Step step, const StepGraphOptions& options)
    : device_(device), step_(std::move(step)), options_(options) {
  ROUX_CHECK(options.warm_up >= 0) << "StepGraph: warm_up is " << options.warm_up << ", needed at least 0";
  for (const Generator* generator : options.generators) {
    ROUX_CHECK(generator->device() == device)
        << "StepGraph: a generator is on " << generator->device() << ", the step runs on " << device;
  }
}

void StepGraph::hold(const std::vector<Tensor>& inputs) {
  if (held_.empty()) {
    for (const Tensor& input : inputs) held_.push_back(empty(input.spec(), device_));
  }
  ROUX_CHECK(inputs.size() == held_.size())
      << "StepGraph: the step has " << inputs.size() << " inputs, the first run had " << held_.size();
  NoGradGuard no_grad;
  for (size_t i = 0; i < inputs.size(); ++i) {
    ROUX_CHECK(inputs[i].spec() == held_[i].spec())
        << "StepGraph: input " << i << " is " << inputs[i].spec() << ", in the first run it was "
        << held_[i].spec() << "; a captured step has one shape: make another StepGraph";
    copy_(held_[i], inputs[i].to(device_));
  }
}

void StepGraph::capture() {
  const std::vector<Generator*>& generators = options_.generators;
  std::vector<GeneratorState> before;
  for (const Generator* generator : generators) before.push_back(generator->state());
  DeviceRuntime& device = runtime(device_.type);
  device.begin_capture(device_.index);
  captures = true;
  try {
    outputs_ = step_(held_);
    captures = false;
    graph_ = device.end_capture(device_.index);
  } catch (...) {
    if (std::exchange(captures, false)) {
      try {
        device.end_capture(device_.index);
      } catch (const Error&) {  // the capture is over all the same; the first error is the one to tell
      }
    }
    outputs_.clear();
    for (size_t i = 0; i < generators.size(); ++i) generators[i]->set_state(before[i]);
    throw;
  }
  states_.clear();
  draws_.clear();
  for (size_t i = 0; i < generators.size(); ++i) {
    states_.push_back(state_of(*generators[i]));
    draws_.push_back(static_cast<int64_t>(generators[i]->state().offset - before[i].offset));
  }
}

const std::vector<Tensor>& StepGraph::run(const std::vector<Tensor>& inputs) {
  const std::vector<Generator*>& generators = options_.generators;
  hold(inputs);
  for (Generator* generator : generators) generator->commit();  // the step draws from here on
  for (size_t i = 0; graph_ != nullptr && i < generators.size(); ++i) {
    // The graph would go on reading the old state.
    if (state_of(*generators[i]).raw_data() != states_[i].raw_data()) graph_.reset();
  }
  const bool replays = graph_ != nullptr;
  if (!replays && runs_ < options_.warm_up) {
    outputs_ = step_(held_);
  } else if (!replays) {
    capture();
  }
  if (graph_ != nullptr) graph_->replay();
  // A capture leaves its draws with the generator, as an eager run does; a replay draws without it.
  for (size_t i = 0; i < generators.size(); ++i) generators[i]->commit(replays ? draws_[i] : 0);
  ++runs_;
  return outputs_;
}

}  // namespace roux
