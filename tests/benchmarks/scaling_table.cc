// Prints the table of tensor/comm/README.md, three models on 8 to 4,096 GPUs: seconds of a step, and in
// brackets the percentage of it that is arithmetic; what a GPU would have to hold where that is too much. *:
// the batch is larger than the published one, for a row a GPU.
//
//   scaling_table [BYTES_OF_A_BUCKET]
#include <cstdio>
#include <cstdlib>

#include "tests/benchmarks/scaling_model.h"

namespace roux {
namespace {

// GPT-2 small; GPT-3 XL (Brown et al. 2020, table 2.1); Llama 2 70B (Touvron et al. 2023), whose blocks have
// 8 heads of keys and values. Batches are those of the papers.
constexpr double kLlamaBlock = 8192.0 * (2 * 8192 + 2 * 1024 + 3 * 28672);
const ModelShape kShapes[] = {
    {"124M", 12, 768, 1024, 12 * 12 * 768.0 * 768, (50257 + 1024) * 768.0, 524288, 16384},
    {"1.3B", 24, 2048, 2048, 24 * 12 * 2048.0 * 2048, (50257 + 2048) * 2048.0, 1048576, 16384},
    {"70B", 80, 8192, 4096, 80 * kLlamaBlock, 2 * 32000 * 8192.0, 4194304, 4096},
};

// H100 SXM: 989 TFLOP/s of dense bf16, of which 40 % are reached, as published runs report; 3.35 TB/s, 80 GB;
// NVLink 900 GB/s both directions together. Latencies of a ring's step: NCCL's own model
// (src/graph/tuning.cc), 3.4 us by NVLink and 9.6 us by network. Between nodes: NVLink again; one 400 Gb/s
// InfiniBand port for a GPU; one 100 Gb/s Ethernet port for a node, 25 us (TCP, assumed).
Cluster cluster(const char* name, double network_bytes_s, double network_latency_s) {
  return {name, 0.4 * 989e12, 3.35e12, 80e9, 8, 450e9, 3.4e-6, network_bytes_s, network_latency_s};
}
const Cluster kClusters[] = {
    cluster("NVLink", 450e9, 3.4e-6),
    cluster("InfiniBand", 50e9, 9.6e-6),
    cluster("Ethernet", 12.5e9 / 8, 25e-6),
};

void print(double bucket_bytes) {
  const struct {
    Stage stage;
    const char* name;
  } stages[] = {
      {Stage::kDataParallel, "data parallel"}, {Stage::kZero1, "ZeRO-1"}, {Stage::kZero3, "ZeRO-3"}};
  std::printf("| model | GPUs |");
  for (const auto& stage : stages) {
    for (const Cluster& c : kClusters) std::printf(" %s %s |", stage.name, c.name.c_str());
  }
  std::printf("\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const ModelShape& published : kShapes) {
    for (const double gpus : {8, 32, 128, 512, 1024, 4096}) {
      ModelShape shape = published;
      const bool grown = shape.batch_tokens < gpus * shape.length;
      if (grown) shape.batch_tokens = gpus * shape.length;
      std::printf("| %s | %.0f%s |", shape.name.c_str(), gpus, grown ? "*" : "");
      for (const auto& stage : stages) {
        for (const Cluster& c : kClusters) {
          const Prediction p = predict(shape, c, stage.stage, gpus, bucket_bytes);
          if (p.bytes > c.bytes) {
            std::printf(" %.0f GB |", p.bytes / 1e9);
          } else {
            std::printf(" %.3g (%.0f) |", p.step_s, 100 * p.compute_s / p.step_s);
          }
        }
      }
      std::printf("\n");
    }
  }
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) { roux::print(argc > 1 ? std::atof(argv[1]) : 4 << 20); }
