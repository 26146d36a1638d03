#include "tests/benchmarks/scaling_model.h"

#include <algorithm>
#include <cmath>

namespace roux {
namespace {
constexpr double kValue = 4;                   // bytes of an f32
constexpr double kUpdateBytes = 7 * kValue;    // AdamW: reads p, g, m, v, writes p, m, v
constexpr double kForward = 2, kBackward = 4;  // operations for a parameter and token
}  // namespace

double pass_seconds(const Cluster& cluster, double gpus, double bytes, double messages) {
  const double members = std::min(gpus, cluster.per_node), nodes = gpus / members;
  return bytes * (members - 1) / members / cluster.node_bytes_s +
         bytes / members * (nodes - 1) / nodes / cluster.network_bytes_s +
         messages * ((members - 1) * cluster.node_latency_s + (nodes - 1) * cluster.network_latency_s);
}

Prediction predict(const ModelShape& shape, const Cluster& cluster, Stage stage, double gpus,
                   double bucket_bytes) {
  const double values = shape.in_blocks + shape.outside;
  const double tokens = shape.batch_tokens / gpus;
  const double micro = std::ceil(tokens / shape.micro_tokens);
  // Scores and their product with values: 4 operations for a channel, token and token before it, half of them
  // masked.
  const double attention = 2 * shape.layers * shape.width * shape.length;
  const double forward = tokens / micro * (kForward * values + attention) / cluster.flops;
  const double again = tokens / micro * (kForward * shape.in_blocks + attention) / cluster.flops;
  const double backward = tokens / micro * (kBackward * values + 2 * attention) / cluster.flops;
  const auto pass = [&](double count, double messages) {
    return pass_seconds(cluster, gpus, kValue * count, std::max(1.0, messages));
  };
  const double buckets = std::ceil(kValue * values / bucket_bytes);
  const double reduce = pass(values, buckets);

  Prediction result = {};
  double updated = values;
  switch (stage) {
    case Stage::kDataParallel:
      result.compute_s = micro * (forward + backward);
      result.exposed_s = std::max(0.0, 2 * reduce - backward);
      result.bytes = 4 * kValue * values;
      break;
    case Stage::kZero1:
      result.compute_s = micro * (forward + backward);
      result.exposed_s = std::max(0.0, reduce - backward) + pass(values, buckets);
      result.bytes = 2 * kValue * values + 2 * kValue * values / gpus;
      updated = values / gpus;
      break;
    case Stage::kZero3: {
      const double gathers = 2 * pass(shape.in_blocks, shape.layers);
      result.compute_s = micro * (forward + again + backward);
      result.exposed_s = micro * (gathers + std::max(0.0, reduce - backward - again)) +
                         pass(shape.outside, std::ceil(kValue * shape.outside / bucket_bytes));
      // Slices of parameters, summed gradients and moments; what is outside of blocks; one block and its
      // gradient.
      result.bytes = 4 * kValue * shape.in_blocks / gpus + kValue * shape.outside +
                     3 * kValue * shape.outside / gpus + 2 * kValue * shape.in_blocks / shape.layers;
      updated = values / gpus;
      break;
    }
  }
  result.compute_s += kUpdateBytes * updated / cluster.memory_bytes_s;
  result.step_s = result.compute_s + result.exposed_s;
  return result;
}

}  // namespace roux
