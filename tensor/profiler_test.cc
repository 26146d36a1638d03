#include "tensor/profiler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <thread>

#include "autograd/autograd.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/optimizer.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

template <class F>
Trace traced(F f, const TraceOptions& options = {}) {
  start_trace(options);
  f();
  return take_trace();
}

// The one kind of call of this name.
TraceCall call_of(const Trace& trace, const std::string& name, ScopeKind kind = ScopeKind::kKernel) {
  TraceCall found;
  int kinds = 0;
  for (const TraceCall& call : trace.calls) {
    if (call.name == name && call.kind == kind) found = call, ++kinds;
  }
  EXPECT_EQ(kinds, 1) << name;
  return found;
}

OpCost cost_of(const std::string& name, const std::function<void()>& f) {
  const NoGradGuard no_grad;
  return call_of(traced(f), name).cost;
}
void expect_cost(const OpCost& got, const OpCost& wanted) {
  EXPECT_EQ(got.read, wanted.read);
  EXPECT_EQ(got.written, wanted.written);
  EXPECT_EQ(got.flops, wanted.flops);
}

TEST(OpCost, CountsEachArgumentOnceAndTheFlopsOfProducts) {
  const Tensor a = ones({64, 32}), b = ones({32, 16});
  expect_cost(cost_of("matmul", [&] { matmul(a, b); }),
              {4 * (64 * 32 + 32 * 16), 4 * 64 * 16, 2 * 64 * 32 * 16});
  const Tensor many = ones({5, 64, 32});
  expect_cost(cost_of("matmul",
                      [&] {
                        matmul(many, ones({5, 32, 16}));
                      }),
              {4 * 5 * (64 * 32 + 32 * 16), 4 * 5 * 64 * 16, 5 * 2 * 64 * 32 * 16});
  expect_cost(cost_of("linear",
                      [&] {
                        linear(ones({2, 32}), ones({16, 32}), ones({16}));
                      }),
              {4 * (2 * 32 + 16 * 32 + 16), 4 * 2 * 16, 2 * 2 * 32 * 16});
  expect_cost(cost_of("exp", [&] { exp(a); }), {4 * 64 * 32, 4 * 64 * 32});
  expect_cost(cost_of("exp", [&] { exp(ones({8}, kF64)); }), {64, 64});
}

TEST(OpCost, WhatIsBroadcastIsReadOnce) {
  expect_cost(cost_of("add", [] { add(ones({64, 32}), ones({32})); }), {4 * (64 * 32 + 32), 4 * 64 * 32});
  const Tensor spread = expand(ones({1, 32}), {64, 32});
  expect_cost(cost_of("exp", [&] { exp(spread); }), {4 * 32, 4 * 64 * 32});
  expect_cost(cost_of("exp", [&] { exp(zeros({0, 3})); }), {0, 0});
}

TEST(OpCost, InPlaceReadsWhatItWrites) {
  Tensor x = ones({100});
  const Tensor y = ones({100});
  expect_cost(cost_of("add_", [&] { add_(x, y); }), {800, 400});
}

TEST(OpCost, IndicesMoveWhatTheyName) {
  const Tensor weight = ones({1000, 8}), ids = zeros({3}, kI32);
  expect_cost(cost_of("embedding", [&] { embedding(weight, ids); }), {3 * 4 + 3 * 32, 3 * 32});
}

// Keys that a query sees: t + 1 of T, within the window.
TEST(OpCost, AttentionCountsThePairsThatAreSeen) {
  constexpr int64_t B = 2, H = 3, T = 40, D = 8;
  const Tensor x = ones({B, H, T, D});
  const auto flops = [&](const AttentionOptions& options) {
    return cost_of("scaled_dot_product_attention", [&] { scaled_dot_product_attention(x, x, x, options); })
        .flops;
  };
  EXPECT_EQ(flops({}), B * H * T * T * 4 * D);
  EXPECT_EQ(flops({.rules = {.causal = true}}), B * H * T * (T + 1) / 2 * 4 * D);
  int64_t seen = 0;
  for (int64_t t = 0; t < T; ++t) seen += std::min<int64_t>(t + 1, 5);
  EXPECT_EQ(flops({.rules = {.causal = true, .window = 5}}), B * H * seen * 4 * D);

  const Tensor q = x.detach().set_requires_grad(true);
  const Trace trace =
      traced([&] { backward(sum(scaled_dot_product_attention(q, x, x, {.rules = {.causal = true}}))); });
  EXPECT_EQ(call_of(trace, "scaled_dot_product_attention_backward").cost.flops,
            B * H * T * (T + 1) / 2 * 10 * D);
}

TEST(OpCost, OptimizersReadAndWriteTheirState) {
  std::vector<Tensor> params = {ones({10}), ones({6})}, grads, first, second, steps;
  for (const Tensor& p : params) {
    grads.push_back(ones(p.shape()));
    first.push_back(zeros(p.shape())), second.push_back(zeros(p.shape())), steps.push_back(zeros({1}, kF64));
  }
  const Tensor scalars = zeros({kStepScalarCount}, kF64);
  const OpCost cost = cost_of("adamw_", [&] { adamw_(params, grads, first, second, steps, scalars, {}); });
  expect_cost(cost, {4 * 16 * 4 + 2 * 8 + kStepScalarCount * 8, 4 * 16 * 3 + 2 * 8});
}

TEST(Trace, KeepsInputsAndCountsCallsThatAreAlike) {
  const Tensor a = ones({4, 3}), b = ones({4, 3}, kF64);
  const Trace trace = traced([&] { exp(a), exp(a), exp(b); });
  ASSERT_EQ(trace.calls.size(), 2u);
  EXPECT_EQ(trace.calls[0].calls, 2);
  EXPECT_EQ(to_string(trace.calls[0].inputs.at(0)), "f32[4,3]");
  EXPECT_EQ(trace.calls[1].calls, 1);
  EXPECT_EQ(to_string(trace.calls[1].outputs.at(0)), "f64[4,3]");
  EXPECT_EQ(trace.calls[0].width, num_threads());
  ASSERT_EQ(trace.events.size(), 3u);
  EXPECT_EQ(trace.events[2].call, 1);
  EXPECT_GE(trace.events[1].begin_ns, trace.events[0].begin_ns + trace.events[0].duration_ns);
  EXPECT_LE(trace.events[2].begin_ns + trace.events[2].duration_ns, trace.wall_ns);
}

TEST(Trace, NestedScopesAreNotCountedTwice) {
  const Tensor x = ones({32, 8}).set_requires_grad(true);
  const Trace trace = traced([&] {
    ROUX_TRACE_SCOPE("whole");
    backward(sum(logsumexp(exp(x), 1)));  // its CPU kernel calls that of amax
  });
  const TraceCall whole = call_of(trace, "whole", ScopeKind::kRegion);
  int64_t self = 0;
  for (const TraceCall& call : trace.calls) {
    self += call.self_ns;
    EXPECT_GE(call.self_ns, 0) << call.name;
  }
  EXPECT_EQ(self, whole.total_ns);
  EXPECT_EQ(call_of(trace, "exp", ScopeKind::kBackward).calls, 1);
  const Trace forward = traced([&] { logsumexp(ones({32, 8}), 1); });
  const TraceCall outer = call_of(forward, "logsumexp"), inner = call_of(forward, "amax");
  EXPECT_EQ(outer.self_ns + inner.total_ns, outer.total_ns);
  EXPECT_EQ(inner.self_ns, inner.total_ns);
}

TEST(Trace, AWindowKeepsItsStepsAndCountsAllCalls) {
  const Tensor x = ones({4});
  const auto run = [&] {
    exp(x);
    for (int64_t step = 1; step <= 5; ++step) {
      trace_step_begins("adam/seed1", step);
      if (step == 2) trace_step_begins("adam/seed1", step);  // begins anew
      exp(x);
    }
    trace_steps_end();
    exp(x);
  };
  const Trace window = traced(run, {.first_step = 2, .last_step = 3});
  ASSERT_EQ(window.steps.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const TraceStep& step = window.steps[i];
    EXPECT_EQ(step.part, "adam/seed1");
    EXPECT_EQ(step.step, static_cast<int64_t>(i) + 2);
    ASSERT_EQ(window.events.size(), 2u);
    EXPECT_GE(window.events[i].begin_ns, step.begin_ns);
    EXPECT_LE(window.events[i].begin_ns + window.events[i].duration_ns, step.begin_ns + step.duration_ns);
  }
  EXPECT_EQ(call_of(window, "exp").calls, 7);

  const Trace all = traced(run);
  EXPECT_EQ(all.events.size(), 7u);
  EXPECT_EQ(all.steps.size(), 5u);
  const Trace totals = traced(run, {.events = false});
  EXPECT_EQ(totals.events.size() + totals.steps.size(), 0u);
  EXPECT_EQ(call_of(totals, "exp").calls, 7);
  EXPECT_TRUE(traced([] {}).calls.empty());
}

TEST(Trace, GathersTheThreadsAndForgetsAnErrorsScope) {
  const Tensor x = ones({4});
  const auto work = [&] {
    set_num_threads(1);
    for (int i = 0; i < 10; ++i) exp(x);
  };
  const Trace trace = traced([&] {
    std::thread one(work), two(work);
    one.join(), two.join();
    try {
      ROUX_TRACE_SCOPE("fails");
      throw 1;
    } catch (int) {
    }
    ROUX_TRACE_SCOPE("after");
  });
  const TraceCall call = call_of(trace, "exp");
  EXPECT_EQ(call.calls, 20);
  EXPECT_EQ(call.width, 1);
  std::set<int> threads;
  for (const TraceEvent& event : trace.events) threads.insert(event.thread);
  EXPECT_EQ(threads.size(), 3u);
  const TraceCall after = call_of(trace, "after", ScopeKind::kRegion);
  EXPECT_EQ(after.self_ns, after.total_ns);
}

TEST(Trace, NothingIsRecordedUnlessItIsOn) {
  traced([] {});
  exp(ones({4}));
  EXPECT_TRUE(traced([] {}).calls.empty());
}

}  // namespace
}  // namespace roux
