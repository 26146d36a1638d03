// A training or decoding step that is captured once and replayed: its launches cost the host one call.
//
//   StepGraph graph(device, [&](const std::vector<Tensor>& batch) {
//     optimizer.zero_grad();
//     Tensor loss = loss_of(model, batch[0], batch[1], generator);
//     backward(loss);
//     optimizer.step({.lr = lr, .max_grad_norm = 1.0});
//     return std::vector<Tensor>{loss};
//   }, {.generators = {&generator}});
//   for (...) {
//     optimizer.set_lr(schedule(step));  // Optimizer::step() does not upload it while capturing
//     Tensor loss = graph.run({ids, targets})[0];
//   }
//
// What a step may do: launch. Values that it reads, uploads or waits for throw Error while it is captured,
// and numbers of the host (a clipping norm, a branch) stay what they were then. Shapes stay the same.
//
// The first runs are eager: libraries load their kernels and make their tables at their first use, which a
// capture cannot hold. On a device without graphs (cpu) every run is eager. A captured run gives the bits of
// an eager one.
#ifndef ROUX_TENSOR_STEP_GRAPH_H_
#define ROUX_TENSOR_STEP_GRAPH_H_

#include <functional>
#include <memory>
#include <vector>

#include "tensor/device.h"
#include "tensor/generator.h"
#include "tensor/tensor.h"

namespace roux {

// Whether a StepGraph captures on this thread.
bool capturing();

struct StepGraphOptions {
  int warm_up = 1;                     // eager runs before the capture
  std::vector<Generator*> generators;  // those that the step draws from: each run draws anew
};

// Belongs to one thread.
class StepGraph {
 public:
  using Step = std::function<std::vector<Tensor>(const std::vector<Tensor>& inputs)>;
  StepGraph(Device device, Step step, const StepGraphOptions& options = {});
  StepGraph(const StepGraph&) = delete;

  // One step. inputs: on any device, of the specs of the first run; their values are copied to tensors of the
  // graph's own, which `step` gets. Returns what the step returned; a captured step overwrites it at each
  // run. Throws Error for other specs, and what `step` throws: then nothing was captured, the generators are
  // where they were, and the next run tries again.
  const std::vector<Tensor>& run(const std::vector<Tensor>& inputs);
  bool captured() const { return graph_ != nullptr; }

 private:
  void hold(const std::vector<Tensor>& inputs);
  // Records a run. On a device without graphs it has run then, and graph_ stays nullptr.
  void capture();

  const Device device_;
  const Step step_;
  const StepGraphOptions options_;
  int runs_ = 0;
  std::vector<Tensor> held_, outputs_;
  std::vector<Tensor> states_;  // of the generators, which the graph reads
  std::vector<int64_t> draws_;  // of one run from each generator
  std::unique_ptr<CapturedGraph> graph_;
};

}  // namespace roux

#endif  // ROUX_TENSOR_STEP_GRAPH_H_
