// Step time and memory of many GPUs on paper: what tensor/comm sends, by volume and number of messages, put
// into published bandwidths and latencies. tensor/comm/README.md has the table and where it stops scaling.
#ifndef ROUX_TESTS_BENCHMARKS_SCALING_MODEL_H_
#define ROUX_TESTS_BENCHMARKS_SCALING_MODEL_H_

#include <cstdint>
#include <string>

namespace roux {

struct ModelShape {
  std::string name;
  double layers, width, length;  // blocks, channels, tokens of a row
  double in_blocks, outside;     // parameters of blocks; embeddings and output weight
  double batch_tokens;           // of a step, all GPUs together
  double micro_tokens;           // at most, of a GPU's micro-batch
};

// GPUs in nodes of up to `per_node`, which are joined by links of one kind, and nodes by another.
struct Cluster {
  std::string name;
  double flops;                  // that a GPU reaches, a second
  double memory_bytes_s, bytes;  // of a GPU's memory: speed and size
  double per_node;
  double node_bytes_s, node_latency_s;        // of a GPU, each direction; of one message
  double network_bytes_s, network_latency_s;  // the same between nodes
};

enum class Stage { kDataParallel, kZero1, kZero3 };

struct Prediction {
  double step_s;
  double compute_s, exposed_s;  // of it: arithmetic, and communication that nothing hides
  double bytes;                 // parameters, gradients and moments on a GPU, activations not counted
};

// A reduce-scatter or an all-gather of `bytes` in `messages` over `gpus`: within nodes, then between nodes
// what is left to each GPU. Rings: n - 1 latencies for n members.
double pass_seconds(const Cluster& cluster, double gpus, double bytes, double messages);

// As the tree does it: f32 parameters, gradients and moments; gradients in buckets, sent while the
// last micro-batch's backward runs (stage 3: while each does); stage 1 gathers parameters after the step,
// stage 3 each block before its forward and before its backward, in which the block runs again.
Prediction predict(const ModelShape& shape, const Cluster& cluster, Stage stage, double gpus,
                   double bucket_bytes = 4 << 20);

}  // namespace roux

#endif  // ROUX_TESTS_BENCHMARKS_SCALING_MODEL_H_
