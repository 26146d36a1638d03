#include "nn/rnn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "autograd/autograd.h"
#include "autograd/gradcheck.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// Of tests/golden/rnn.py.
constexpr int64_t kRows = 3, kTokens = 4, kInputs = 3, kHidden = 2;
struct Case {
  const char* name;
  RnnConfig config;
  bool lengths;
};
const Case kCases[] = {
    {"tanh", {RnnKind::kTanh, kInputs, kHidden}, false},
    {"relu", {RnnKind::kRelu, kInputs, kHidden, 2, true, true}, true},
    {"gru", {RnnKind::kGru, kInputs, kHidden}, false},
    {"gru_deep", {RnnKind::kGru, kInputs, kHidden, 2, true, true}, true},
    {"lstm", {RnnKind::kLstm, kInputs, kHidden, 1, false}, true},
    {"lstm_deep", {RnnKind::kLstm, kInputs, kHidden, 2, true, true}, true},
    {"lstm_full", {RnnKind::kLstm, kInputs, kHidden, 2, true, true}, false},
};

Init f64_init(Generator& generator) { return {.generator = &generator, .dtype = kF64}; }

// max |a - b|, infinite for other shapes.
double difference(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) return INFINITY;
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, std::isfinite(x[i]) ? std::abs(x[i] - y[i]) : INFINITY);
  }
  return largest;
}

double max_abs(const Tensor& x) { return difference(x, zeros_like(x)); }

std::map<std::string, Tensor> golden() {
  const auto file = load_safetensors("tests/golden/rnn.safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? std::map<std::string, Tensor>(file->begin(), file->end())
                   : std::map<std::string, Tensor>();
}

TEST(Rnn, EqualsPyTorch) {
  const std::map<std::string, Tensor> file = golden();
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto entry = [&](const std::string& key) {
      const auto found = file.find(std::string(c.name) + "." + key);
      return found == file.end() ? Tensor() : found->second;
    };
    Generator generator(1);
    Rnn rnn(c.config, f64_init(generator));
    NamedTensors state;
    const std::string prefix = std::string(c.name) + ".state_dict.";
    for (const auto& [key, x] : file) {
      if (key.rfind(prefix, 0) == 0) state.emplace_back(key.substr(prefix.size()), x);
    }
    const absl::Status loaded = rnn.load_state_dict(state);  // names and shapes
    ASSERT_TRUE(loaded.ok()) << loaded;

    Tensor x = entry("x").detach().set_requires_grad(true);
    RnnState initial{entry("h0"), entry("c0")};
    for (Tensor* part : {&initial.h, &initial.c}) {
      if (part->defined()) part->set_requires_grad(true);
    }
    const RnnOutput out = rnn(x, initial, c.lengths ? file.at("lengths") : Tensor());
    Tensor loss = zeros({}, kF64);
    const std::pair<const char*, Tensor> results[] = {{"y", out.y}, {"h", out.state.h}, {"c", out.state.c}};
    for (const auto& [key, value] : results) {
      ASSERT_EQ(value.defined(), entry(key).defined()) << key;
      if (!value.defined()) continue;
      EXPECT_LT(difference(value, entry(key)), 1e-14) << key;
      loss = loss + sum(value * entry(std::string("weight_of.") + key));
    }
    backward(loss);
    EXPECT_LT(difference(x.grad(), entry("grad.x")), 1e-13);
    for (const auto& [key, part] : {std::pair("grad.h0", initial.h), std::pair("grad.c0", initial.c)}) {
      ASSERT_EQ(part.defined(), entry(key).defined()) << key;
      if (!part.defined()) continue;
      EXPECT_LT(difference(part.grad(), entry(key)), 1e-13) << key;
    }
    for (const auto& [name, parameter] : rnn.named_parameters()) {
      EXPECT_LT(difference(parameter.grad(), entry("grad." + name)), 1e-13) << name;
    }
  }
}

TEST(Rnn, SecondDerivatives) {
  for (const RnnKind kind : {RnnKind::kTanh, RnnKind::kGru, RnnKind::kLstm}) {
    Generator generator(2);
    const Rnn rnn({kind, 2, 2, 1, true, true}, f64_init(generator));
    const Tensor lengths = tensor(std::vector<int32_t>{2, 3}, {2});
    std::vector<Tensor> inputs{uniform({2, 3, 2}, -1, 1, generator, kF64),
                               uniform({2, 2, 2}, -1, 1, generator, kF64)};
    if (kind == RnnKind::kLstm) inputs.push_back(uniform({2, 2, 2}, -1, 1, generator, kF64));
    for (Tensor& input : inputs) input.set_requires_grad(true);
    const auto f = [&](const std::vector<Tensor>& in) {
      const RnnOutput out = rnn(in[0], RnnState{in[1], in.size() > 2 ? in[2] : Tensor()}, lengths);
      std::vector<Tensor> results{out.y, out.state.h};
      if (out.state.c.defined()) results.push_back(out.state.c);
      return results;
    };
    EXPECT_TRUE(gradcheck(f, inputs).ok()) << gradcheck(f, inputs);
    EXPECT_TRUE(gradgradcheck(f, inputs).ok()) << gradgradcheck(f, inputs);
  }
}

TEST(Rnn, APaddedRowIsTheRowAlone) {
  for (const RnnKind kind : {RnnKind::kRelu, RnnKind::kGru, RnnKind::kLstm}) {
    Generator generator(3);
    Rnn rnn({kind, 3, 4, 2, true, true}, f64_init(generator));
    Tensor x = uniform({3, 5, 3}, -1, 1, generator, kF64);
    const std::vector<int64_t> lengths{2, 5, 0};
    {
      NoGradGuard no_grad;
      fill_(x.slice(0, 0, 1).slice(1, 2, 5), NAN);  // padding is not read
    }
    const RnnState initial{uniform({4, 3, 4}, -1, 1, generator, kF64), {}};
    const RnnOutput all = rnn(x, initial, tensor(lengths, {3}));
    for (int64_t row = 0; row < 2; ++row) {
      const int64_t n = lengths[static_cast<size_t>(row)];
      const RnnOutput alone =
          rnn(x.slice(0, row, row + 1).slice(1, 0, n), RnnState{initial.h.slice(1, row, row + 1)});
      EXPECT_LT(difference(all.y.slice(0, row, row + 1).slice(1, 0, n), alone.y), 1e-14);
      EXPECT_LT(difference(all.state.h.slice(1, row, row + 1), alone.state.h), 1e-14);
    }
    EXPECT_EQ(max_abs(all.y.slice(0, 0, 1).slice(1, 2, 5)), 0);
    EXPECT_EQ(max_abs(all.y.slice(0, 2, 3)), 0);
    EXPECT_EQ(difference(all.state.h.slice(1, 2, 3), initial.h.slice(1, 2, 3)), 0);
    backward(sum(all.y));
    for (const auto& [name, parameter] : rnn.named_parameters()) {
      EXPECT_TRUE(std::isfinite(max_abs(parameter.grad()))) << name;
    }
  }
}

TEST(Rnn, StateGoesOn) {
  for (const RnnKind kind : {RnnKind::kTanh, RnnKind::kGru, RnnKind::kLstm}) {
    Generator generator(4);
    const Rnn rnn({kind, 3, 4, 2}, f64_init(generator));
    const Tensor x = uniform({2, 5, 3}, -1, 1, generator, kF64);
    const RnnOutput whole = rnn(x), first = rnn(x.slice(1, 0, 2)),
                    second = rnn(x.slice(1, 2, 5), first.state);
    EXPECT_LT(difference(whole.y.slice(1, 2, 5), second.y), 1e-14);
    EXPECT_LT(difference(whole.state.h, second.state.h), 1e-14);
    EXPECT_EQ(whole.state.c.defined(), kind == RnnKind::kLstm);
  }
}

TEST(Rnn, StartsUniformAndComputesInTheDtypeOfX) {
  Generator generator(5);
  const Rnn gru({RnnKind::kGru, 8, 16, 1, true, true}, Init{&generator});
  for (const auto& [name, parameter] : gru.named_parameters()) {
    EXPECT_LE(max_abs(parameter), 0.25) << name;
    EXPECT_GT(max_abs(parameter), 0.2) << name;
  }
  EXPECT_EQ(gru.num_parameters(), 2 * 3 * 16 * (8 + 16 + 2));
  EXPECT_EQ(gru.pretty_print(), "GRU 8 -> 16, layers: 1, both directions");
  const RnnOutput out = gru(ones({2, 3, 8}, kBF16));
  EXPECT_EQ(out.y.spec(), (TensorSpec{kBF16, {2, 3, 32}}));
  EXPECT_LT(difference(out.y.to(kF64), gru(ones({2, 3, 8}, kF64)).y), 0.01);
  const Rnn meta({RnnKind::kLstm, 8, 16}, Init{.generator = nullptr, .device = kMeta});
  EXPECT_EQ(meta(zeros({2, 3, 8}, kF32, kMeta)).y.shape(), (Shape{2, 3, 16}));
}

// Of no token y is empty and the state the initial one; of no row all is empty.
TEST(Rnn, MayBeEmpty) {
  Generator generator(6);
  for (const RnnKind kind : {RnnKind::kGru, RnnKind::kLstm}) {
    const Rnn rnn({kind, 3, 4, 2, true, true}, Init{&generator});
    const RnnState start{ones({4, 2, 4}), kind == RnnKind::kLstm ? ones({4, 2, 4}) : Tensor()};
    for (const Tensor& lengths : {Tensor(), zeros({2}, kI64)}) {
      const RnnOutput none = rnn(ones({2, 0, 3}), start, lengths);
      EXPECT_EQ(none.y.shape(), (Shape{2, 0, 8}));
      EXPECT_EQ(none.state.h.to_vector<float>(), start.h.to_vector<float>());
      backward(sum(none.y));
      EXPECT_EQ(rnn.parameters().front().grad().to_vector<float>(),
                std::vector<float>(std::size_t{12} * (kind == RnnKind::kLstm ? 4 : 3)));
      EXPECT_EQ(rnn(ones({0, 5, 3}), RnnState{}, lengths.defined() ? zeros({0}, kI64) : Tensor()).y.shape(),
                (Shape{0, 5, 8}));
    }
  }
}

TEST(Rnn, Errors) {
  Generator generator(6);
  const Rnn gru({RnnKind::kGru, 3, 4}, Init{&generator});
  const auto error = [&](const Tensor& x, const RnnState& state = {}, const Tensor& lengths = {}) {
    const std::string text = error_of([&] { gru(x, state, lengths); });
    return text.substr(0, text.find('\n'));
  };
  EXPECT_EQ(error(ones({2, 5, 4})), "rnn: x is f32[2,5,4], needed floating [B, T, 3]");
  EXPECT_NE(error(ones({2, 3})), "no error");
  EXPECT_NE(error(ones({2, 5, 3}, kI32)), "no error");
  EXPECT_EQ(error(ones({2, 5, 3}), {ones({2, 2, 4}), {}}),
            "rnn: the initial h is f32[2,2,4], needed f32[1,2,4]");
  EXPECT_NE(error(ones({2, 5, 3}), {ones({1, 2, 4}, kF64), {}}), "no error");
  EXPECT_EQ(error(ones({2, 5, 3}), {{}, ones({1, 2, 4})}),
            "rnn: an initial c is given, which only an LSTM has");
  EXPECT_EQ(error(ones({2, 5, 3}), {}, ones({2})), "rnn: lengths is f32[2], needed i32 or i64 [2]");
  EXPECT_EQ(error(ones({2, 5, 3}), {}, ones({3}, kI32)), "rnn: lengths is i32[3], needed i32 or i64 [2]");
  EXPECT_EQ(error_of([&] {
              Rnn({RnnKind::kGru, 3, 0}, Init{&generator});
            }),
            "rnn: input_size 3, hidden_size 0, num_layers 1: needed at least 1 each");
}

}  // namespace
}  // namespace roux
