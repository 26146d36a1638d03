// What one small op costs beside its arithmetic: shape rule, allocation, table look-up, graph node.
#include "autograd/autograd.h"
#include "benchmark/benchmark.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

void BM_add_16(benchmark::State& state) {
  const Tensor a = ones({16}), b = ones({16});
  NoGradGuard no_grad;
  for (auto _ : state) benchmark::DoNotOptimize(add(a, b));
}
BENCHMARK(BM_add_16);

void BM_add_16_recorded(benchmark::State& state) {
  const Tensor a = ones({16}).set_requires_grad(true), b = ones({16});
  for (auto _ : state) benchmark::DoNotOptimize(add(a, b));
}
BENCHMARK(BM_add_16_recorded);

void BM_add_16_backward(benchmark::State& state) {
  const Tensor a = ones({16}).set_requires_grad(true), b = ones({16}), g = ones({16});
  for (auto _ : state) {
    backward(add(a, b), {.grad_output = g});
    benchmark::DoNotOptimize(a.grad());
  }
}
BENCHMARK(BM_add_16_backward);

void BM_empty_16(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(empty({kF32, {16}}));
}
BENCHMARK(BM_empty_16);

}  // namespace
}  // namespace roux
