// Ops at sizes of real models, one at a time, forward and with their gradients. tests/peers/ops.py runs it
// beside PyTorch on the same shapes: a row's name says what it is, op/dtype/shape/forward or
// op/dtype/shape/gradient.
//
//   bazel run //tests/benchmarks:op_benchmark -- [--device=cpu|cuda|emulated] [--once]
//   [--benchmark_filter=softmax]
//
// --once runs each row a single time after one warm-up, for a kernel profiler. Google Benchmark's flags
// apply. A row's GB/s counts each tensor that must be read or written once; its FLOP/s counts products alone.
// The row `copy` is the machine's limit for the rows that only move memory.
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "autograd/autograd.h"
#include "benchmark/benchmark.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/convolution.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/normalization.h"
#include "tensor/ops/optimizer.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

Device device = kCpu;
bool once = false;

Tensor random(const Shape& shape, DType dtype) {
  Generator generator(1, device);
  return normal(shape, 0, 1, generator, dtype);
}
// i64 numbers that jump about in [0, below).
Tensor indices(int64_t n, int64_t below) {
  std::vector<int64_t> values(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) values[static_cast<size_t>(i)] = i * 7919 % below;
  return tensor(values, {n}, device);
}

// What one row does: inputs are made once, `run` is what is timed.
struct Work {
  std::vector<Tensor> inputs;  // those that get gradients
  std::function<Tensor(const std::vector<Tensor>&)> run;
};

struct Row {
  const char* op;
  std::vector<int64_t> cpu, cuda;                                // sizes by kind of device; none: no row
  Work (*make)(const std::vector<int64_t>& sizes, DType dtype);  // [0], [1], ... of the sizes
  double (*elements)(const std::vector<int64_t>& sizes);         // that the forward pass moves
  double (*flops)(const std::vector<int64_t>& sizes) = nullptr;  // of the forward pass
  bool gradient = true;
};

double numel2(const std::vector<int64_t>& s) { return static_cast<double>(s[0]) * static_cast<double>(s[1]); }
template <int kFactor>
double moves(const std::vector<int64_t>& s) {
  return kFactor * numel2(s);
}

template <Tensor (*kOp)(const Tensor&)>
Work unary(const std::vector<int64_t>& s, DType dtype) {
  return {{random({s[0], s[1]}, dtype)}, [](const std::vector<Tensor>& x) { return kOp(x[0]); }};
}

Tensor copy_of(const Tensor& x) { return mul(x, 1.0); }
Tensor gelu_tanh(const Tensor& x) { return gelu(x, GeluKind::kTanh); }
Tensor gelu_erf(const Tensor& x) { return gelu(x, GeluKind::kErf); }
Tensor softmax_rows(const Tensor& x) { return softmax(x, -1); }
Tensor sum_rows(const Tensor& x) { return sum(x, -1); }
Tensor sum_columns(const Tensor& x) { return sum(x, 0); }
Tensor transposed(const Tensor& x) { return contiguous(x.transpose(0, 1)); }

Work add_work(const std::vector<int64_t>& s, DType dtype) {
  return {{random({s[0], s[1]}, dtype), random({s[0], s[1]}, dtype)},
          [](const std::vector<Tensor>& x) { return add(x[0], x[1]); }};
}
Work rms_norm_work(const std::vector<int64_t>& s, DType dtype) {
  return {{random({s[0], s[1]}, dtype), random({s[1]}, dtype)},
          [](const std::vector<Tensor>& x) { return rms_norm(x[0], x[1]); }};
}
Work layer_norm_work(const std::vector<int64_t>& s, DType dtype) {
  return {{random({s[0], s[1]}, dtype), random({s[1]}, dtype), random({s[1]}, dtype)},
          [](const std::vector<Tensor>& x) { return layer_norm(x[0], x[1], x[2]); }};
}
Work cross_entropy_work(const std::vector<int64_t>& s, DType dtype) {
  return {{random({s[0], s[1]}, dtype)}, [targets = indices(s[0], s[1])](const std::vector<Tensor>& x) {
            return cross_entropy(x[0], targets);
          }};
}
// sizes: rows of the vocabulary, width, number of ids.
Work embedding_work(const std::vector<int64_t>& s, DType dtype) {
  return {{random({s[0], s[1]}, dtype)},
          [ids = indices(s[2], s[0])](const std::vector<Tensor>& x) { return embedding(x[0], ids); }};
}
Work dropout_work(const std::vector<int64_t>& s, DType dtype) {
  return {{random({s[0], s[1]}, dtype)},
          [generator = Generator(3, device)](const std::vector<Tensor>& x) mutable {
            return dropout(x[0], 0.1, generator);
          }};
}
Work normal_work(const std::vector<int64_t>& s, DType dtype) {
  return {{}, [s, dtype, generator = Generator(3, device)](const std::vector<Tensor>&) mutable {
            return normal({s[0], s[1]}, 0, 1, generator, dtype);
          }};
}
// sizes: m, n, k of x [m, k] times weight [n, k] transposed.
Work linear_work(const std::vector<int64_t>& s, DType dtype) {
  return {{random({s[0], s[2]}, dtype), random({s[1], s[2]}, dtype)},
          [](const std::vector<Tensor>& x) { return linear(x[0], x[1]); }};
}
// sizes: batch, heads, length, width. Half of the scores are masked and not counted.
double attention_elements(const std::vector<int64_t>& s) {
  return 4.0 * static_cast<double>(s[0] * s[1] * s[2] * s[3]);
}
double attention_flops(const std::vector<int64_t>& s) {
  return 2.0 * static_cast<double>(s[0] * s[1] * s[2] * s[3]) * static_cast<double>(s[2]);
}
Work attention_work(const std::vector<int64_t>& s, DType dtype) {
  const Shape shape = {s[0], s[1], s[2], s[3]};
  return {{random(shape, dtype), random(shape, dtype), random(shape, dtype)},
          [](const std::vector<Tensor>& x) {
            return scaled_dot_product_attention(x[0], x[1], x[2], {.rules = {.causal = true}});
          }};
}
// sizes: batch, channels, length, channels of the result, taps, groups.
Work conv1d_work(const std::vector<int64_t>& s, DType dtype) {
  return {{random({s[0], s[1], s[2]}, dtype), random({s[3], s[1] / s[5], s[4]}, dtype)},
          [groups = s[5]](const std::vector<Tensor>& x) {
            return conv1d(x[0], x[1], Tensor(), {.groups = groups});
          }};
}
double conv1d_elements(const std::vector<int64_t>& s) {
  return static_cast<double>(s[0] * s[2] * (s[1] + s[3]));
}
double conv1d_flops(const std::vector<int64_t>& s) {
  return 2.0 * static_cast<double>(s[0] * (s[2] - s[4] + 1) * s[3] * s[4] * s[1] / s[5]);
}
Work adamw_work(const std::vector<int64_t>& s, DType dtype) {
  const Shape shape = {s[0], s[1]};
  const std::vector<double> scalars = {1e-3, 1, 1, 1};
  return {{},
          [p = random(shape, dtype), g = random(shape, dtype), m = random(shape, dtype),
           v = full(shape, 1, dtype, device), step = zeros({1}, kF64, device),
           at = tensor(scalars, {kStepScalarCount}, device)](const std::vector<Tensor>&) {
            adamw_({p}, {g}, {m}, {v}, {step}, at, {});
            return p;
          }};
}

const std::vector<Row>& rows() {
  static const std::vector<Row> rows = {
      {"copy", {2048, 4096}, {16384, 8192}, unary<copy_of>, moves<2>, nullptr, false},
      {"add", {2048, 4096}, {16384, 8192}, add_work, moves<3>},
      {"exp", {2048, 4096}, {16384, 8192}, unary<exp>, moves<2>},
      {"gelu", {2048, 4096}, {16384, 8192}, unary<gelu_tanh>, moves<2>},
      {"gelu_erf", {2048, 4096}, {16384, 8192}, unary<gelu_erf>, moves<2>},
      {"silu", {2048, 4096}, {16384, 8192}, unary<silu>, moves<2>},
      {"transpose", {2048, 4096}, {16384, 8192}, unary<transposed>, moves<2>},
      {"sum_rows", {2048, 4096}, {16384, 8192}, unary<sum_rows>, moves<1>},
      {"sum_columns", {2048, 4096}, {16384, 8192}, unary<sum_columns>, moves<1>},
      {"softmax", {2048, 1024}, {32768, 4096}, unary<softmax_rows>, moves<2>},
      {"rms_norm", {4096, 768}, {32768, 4096}, rms_norm_work, moves<2>},
      {"layer_norm", {4096, 768}, {32768, 4096}, layer_norm_work, moves<2>},
      {"cross_entropy", {512, 8192}, {8192, 50304}, cross_entropy_work, moves<1>},
      {"embedding",
       {8192, 256, 16384},
       {50304, 4096, 16384},
       embedding_work,
       [](const std::vector<int64_t>& s) { return 2.0 * static_cast<double>(s[2] * s[1]); }},
      {"dropout", {2048, 4096}, {16384, 8192}, dropout_work, moves<2>},
      {"normal", {2048, 1024}, {16384, 8192}, normal_work, moves<1>, nullptr, false},
      {"linear",
       {1024, 1024, 1024},
       {8192, 8192, 8192},
       linear_work,
       [](const std::vector<int64_t>& s) {
         return static_cast<double>(s[0] * s[2] + s[1] * s[2] + s[0] * s[1]);
       },
       [](const std::vector<int64_t>& s) { return 2.0 * static_cast<double>(s[0] * s[1] * s[2]); }},
      {"attention", {4, 8, 512, 64}, {4, 16, 4096, 128}, attention_work, attention_elements, attention_flops},
      {"attention",
       {1, 4, 2048, 64},
       {1, 16, 16384, 128},
       attention_work,
       attention_elements,
       attention_flops},
      {"attention", {16, 2, 64, 16}, {64, 16, 512, 64}, attention_work, attention_elements, attention_flops},
      {"conv1d", {16, 64, 512, 64, 5, 1}, {}, conv1d_work, conv1d_elements, conv1d_flops},
      {"conv1d", {1, 512, 800, 512, 3, 1}, {}, conv1d_work, conv1d_elements, conv1d_flops},
      {"conv1d", {8, 256, 1024, 256, 4, 256}, {}, conv1d_work, conv1d_elements, conv1d_flops},
      {"adamw", {1024, 4096}, {16384, 8192}, adamw_work, moves<7>, nullptr, false},
  };
  return rows;
}

void run_row(benchmark::State& state, const Row& row, const std::vector<int64_t>& sizes, DType dtype,
             bool gradient) {
  constexpr int kBatch = 8;  // launches between two waits for the device
  try {
    Work work = row.make(sizes, dtype);
    for (Tensor& x : work.inputs) x.set_requires_grad(gradient);
    Tensor grad;
    auto step = [&] {
      const Tensor y = work.run(work.inputs);
      if (!gradient) return;
      if (!grad.defined()) grad = ones(y.shape(), y.dtype(), device);
      backward(y, {.grad_output = grad});
      for (Tensor& x : work.inputs) x.set_grad(Tensor());
    };
    step();
    synchronize(device);
    const int batch = once ? 1 : kBatch;
    while (state.KeepRunningBatch(batch)) {
      for (int i = 0; i < batch; ++i) step();
      synchronize(device);
    }
    const double runs = static_cast<double>(state.iterations());
    if (!gradient) {
      state.counters["bytes/s"] = benchmark::Counter(
          runs * row.elements(sizes) * static_cast<double>(size_of(dtype)), benchmark::Counter::kIsRate);
    }
    if (row.flops != nullptr) {  // each product has two gradients; attention computes its scores once more
      const double passes = !gradient ? 1 : std::strcmp(row.op, "attention") == 0 ? 3.5 : 3;
      state.counters["FLOP/s"] =
          benchmark::Counter(runs * passes * row.flops(sizes), benchmark::Counter::kIsRate);
    }
  } catch (const Error& error) {
    const std::string text = error.what();
    state.SkipWithError(text.find("no kernel") == std::string::npos ? text.c_str() : "no kernel");
  }
}

void register_rows() {
  const bool gpu = device.type == DeviceType::kCuda;
  for (const Row& row : rows()) {
    if ((gpu ? row.cuda : row.cpu).empty()) continue;
    for (DType dtype : gpu ? std::vector<DType>{kF32, kBF16} : std::vector<DType>{kF32}) {
      // A row must be small for the emulator: one launch of it takes seconds otherwise.
      std::vector<int64_t> sizes = gpu ? row.cuda : row.cpu;
      if (device.type == DeviceType::kEmulated) {
        for (int64_t& size : sizes) size = std::min<int64_t>(size, 32);
      }
      for (bool gradient : {false, true}) {
        if (gradient && !row.gradient) continue;
        const std::string label = absl::StrCat(row.op, "/", name(dtype), "/", absl::StrJoin(sizes, "x"),
                                               gradient ? "/gradient" : "/forward");
        auto* entry = benchmark::RegisterBenchmark(label.c_str(),
                                                   [&row, sizes, dtype, gradient](benchmark::State& state) {
                                                     run_row(state, row, sizes, dtype, gradient);
                                                   });
        entry->UseRealTime()->Unit(benchmark::kMillisecond);
        if (once) entry->Iterations(1);
      }
    }
  }
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--once") {
      roux::once = true;
      continue;
    }
    auto parsed = roux::parse_device(argument.rfind("--device=", 0) == 0 ? argument.substr(9) : "");
    if (!parsed.ok() || *parsed == roux::kMeta || roux::device_count(parsed->type) == 0) {
      std::fprintf(
          stderr,
          "op_benchmark: %s: expected --once or --device=cpu, emulated or cuda (where there is one)\n",
          argv[i]);
      return 2;
    }
    roux::device = *parsed;
  }
  roux::register_rows();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
