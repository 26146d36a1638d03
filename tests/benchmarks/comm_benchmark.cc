// Collectives beside OpenMPI's own, and what a training step pays for them.
//
//   mpirun -n 2 bazel-bin/tests/benchmarks/comm_benchmark          (built with --config=release)
//
// Each row is timed alternately, `kRounds` times, between barriers; a rank's time is the slowest rank's.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "nn/models/transformer.h"
#include "nn/parallel/gradient_reducer.h"
#include "optim/optimizer.h"
#include "tensor/comm/communicator.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

constexpr int kRounds = 15;

struct Times {
  double best = 0, median = 0;  // ms
};

// The slowest rank's milliseconds of each round of each function, all functions in each round.
std::vector<Times> measure(const std::vector<std::function<void()>>& functions) {
  std::vector<std::vector<double>> times(functions.size());
  for (int round = 0; round < kRounds + 2; ++round) {
    for (size_t i = 0; i < functions.size(); ++i) {
      world().barrier();
      const auto begin = std::chrono::steady_clock::now();
      functions[i]();
      const double ms =
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
      const Tensor slowest = tensor(std::vector<double>{ms}, {1});
      world().all_reduce_(slowest, ReduceOp::kMax).wait();
      if (round >= 2) times[i].push_back(slowest.item());
    }
  }
  std::vector<Times> out;
  for (std::vector<double>& t : times) {
    std::sort(t.begin(), t.end());
    out.push_back({t.front(), t[t.size() / 2]});
  }
  return out;
}

// OpenMPI's own loops, found as tensor/comm finds the library. Called between our collectives, so alone.
struct OpenMpi {
  using Allreduce = int (*)(const void*, void*, int, void*, void*, void*);
  using Bcast = int (*)(void*, int, void*, int, void*);
  using Allgather = int (*)(const void*, int, void*, void*, int, void*, void*);
  void* handle = dlopen("libmpi.so.40", RTLD_NOW | RTLD_NOLOAD);
  void* world = dlsym(handle, "ompi_mpi_comm_world");
  void* type = dlsym(handle, "ompi_mpi_float");
  void* sum = dlsym(handle, "ompi_mpi_op_sum");
  Allreduce allreduce = reinterpret_cast<Allreduce>(dlsym(handle, "MPI_Allreduce"));
  Bcast bcast = reinterpret_cast<Bcast>(dlsym(handle, "MPI_Bcast"));
  Allgather allgather = reinterpret_cast<Allgather>(dlsym(handle, "MPI_Allgather"));
};

void print(const char* what, int64_t bytes, const std::vector<Times>& t) {
  if (world().rank() != 0) return;
  std::printf("%-14s %10lld  %9.3f (%9.3f)  %9.3f (%9.3f)  %5.2f\n", what, static_cast<long long>(bytes),
              t[0].median, t[0].best, t[1].median, t[1].best, t[1].best / t[0].best);
}

void collectives() {
  if (world().rank() == 0) {
    std::printf("%-14s %10s  %21s  %21s  %s\n", "", "bytes", "Roux ms (best)", "OpenMPI ms (best)", "ratio");
  }
  const OpenMpi mpi;
  for (const int64_t n :
       {int64_t{2}, int64_t{256}, int64_t{4096}, int64_t{65536}, int64_t{1} << 20, int64_t{1} << 23}) {
    const int count = static_cast<int>(n);
    const Tensor x = ones({n}), y = empty_like(x), all = ones({n * world().size()});
    print("all_reduce", n * 4,
          measure({[&] { world().all_reduce_(x, ReduceOp::kMean).wait(); },
                   [&] { mpi.allreduce(x.raw_data(), y.raw_data(), count, mpi.type, mpi.sum, mpi.world); }}));
    print("all_gather", n * 4,
          measure({[&] { world().all_gather(all, x).wait(); },
                   [&] {
                     mpi.allgather(x.raw_data(), count, mpi.type, all.raw_data(), count, mpi.type, mpi.world);
                   }}));
    print("broadcast", n * 4,
          measure({[&] { world().broadcast_(x, 0).wait(); },
                   [&] { mpi.bcast(x.raw_data(), count, mpi.type, 0, mpi.world); }}));
  }
}

// A step of a GPT-2 with L4 d256 T128, B4 rows a rank: alone, with gradients summed afterwards, and while
// backward runs.
void steps() {
  Generator generator(1);
  TransformerConfig config = gpt2_style();
  config.vocab_size = 8192, config.max_position_embeddings = 128, config.hidden_size = 256;
  config.intermediate_size = 1024, config.num_hidden_layers = 4, config.num_attention_heads = 4;
  Transformer model(config, Init{&generator, 0.02, kF32, kCpu});
  AdamW optimizer({{model.named_parameters()}}, {});
  const Tensor ids = randint({4, 128}, 0, 8192, generator, kI32);
  const auto step = [&](bool sum, bool overlap) {
    GradientReducer reducer(world(), optimizer.parameters());
    const Tensor loss = model.loss_sum(ids, ids) / 512.0;
    if (overlap) reducer.start();
    backward(loss);
    if (sum) reducer.finish();
    optimizer.step({.lr = 1e-4});
    optimizer.zero_grad();
  };
  const std::vector<Times> t =
      measure({[&] { step(false, false); }, [&] { step(true, false); }, [&] { step(true, true); }});
  if (world().rank() != 0) return;
  std::printf("\nstep of %.1fM parameters on %d ranks of %d threads, ms (best)\n",
              static_cast<double>(model.num_parameters()) / 1e6, world().size(), num_threads());
  const char* names[] = {"without sums", "sums after backward", "sums while backward runs"};
  for (size_t i = 0; i < t.size(); ++i)
    std::printf("%-26s %8.1f (%8.1f)\n", names[i], t[i].median, t[i].best);
}

int run() {
  const absl::Status started = start_world();
  if (!started.ok() || world().size() == 1) {
    std::fprintf(stderr, "%s\n",
                 started.ok() ? "start this with mpirun -n 2 or more" : started.ToString().c_str());
    return 1;
  }
  collectives();
  steps();
  leave_world();
  return 0;
}

}  // namespace
}  // namespace roux

int main() {
  try {
    return roux::run();
  } catch (const std::exception& error) {
    roux::abort_world(error.what());
  }
}
