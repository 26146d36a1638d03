#include "nn/rnn.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tensor/ops/arrange.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/sequence.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

int64_t gates(RnnKind kind) { return kind == RnnKind::kGru ? 3 : (kind == RnnKind::kLstm ? 4 : 1); }

Tensor init_uniform(const Shape& shape, double bound, const Init& init) {
  if (init.device.type == DeviceType::kMeta || init.generator == nullptr) {
    return zeros(shape, init.dtype, init.device);
  }
  return uniform(shape, -bound, bound, *init.generator, init.dtype).to(init.device);
}

// The next state of [B, H], from what token and state give to the gates: [B, G H] each.
RnnState step(RnnKind kind, const Tensor& from_x, const Tensor& from_h, const RnnState& state) {
  const int64_t n = state.h.size(1);
  switch (kind) {
    case RnnKind::kTanh:
      return {tanh(from_x + from_h), {}};
    case RnnKind::kRelu:
      return {relu(from_x + from_h), {}};
    case RnnKind::kGru: {
      const std::vector<Tensor> x = split(from_x, {2 * n, n}, 1), h = split(from_h, {2 * n, n}, 1);
      const std::vector<Tensor> rz = split(sigmoid(x[0] + h[0]), {n, n}, 1);
      const Tensor candidate = tanh(x[1] + rz[0] * h[1]);
      return {candidate + rz[1] * (state.h - candidate), {}};
    }
    default: {
      const std::vector<Tensor> ifgo = split(from_x + from_h, {2 * n, n, n}, 1);
      const std::vector<Tensor> input_forget = split(sigmoid(ifgo[0]), {n, n}, 1);
      const Tensor c = input_forget[1] * state.c + input_forget[0] * tanh(ifgo[1]);
      return {sigmoid(ifgo[2]) * tanh(c), c};
    }
  }
}

}  // namespace

Rnn::Rnn(const RnnConfig& config, const Init& init) : config_(config) {
  ROUX_CHECK(config.input_size > 0 && config.hidden_size > 0 && config.num_layers > 0)
      << "rnn: input_size " << config.input_size << ", hidden_size " << config.hidden_size << ", num_layers "
      << config.num_layers << ": needed at least 1 each";
  const int64_t rows = gates(config.kind) * config.hidden_size;
  const double bound = 1 / std::sqrt(static_cast<double>(config.hidden_size));
  weights_.resize(static_cast<size_t>(config.num_layers * directions()));  // slots stay where they are
  for (size_t i = 0; i < weights_.size(); ++i) {
    Direction& w = weights_[i];
    const int64_t layer = static_cast<int64_t>(i) / directions();
    const std::string suffix =
        absl::StrCat("_l", layer, static_cast<int64_t>(i) % directions() == 1 ? "_reverse" : "");
    const int64_t inputs = layer == 0 ? config.input_size : directions() * config.hidden_size;
    const auto make = [&](const char* name, Tensor* slot, const Shape& shape) {
      register_parameter(absl::StrCat(name, suffix), slot, init_uniform(shape, bound, init));
    };
    make("weight_ih", &w.weight_ih, {rows, inputs});
    make("weight_hh", &w.weight_hh, {rows, config.hidden_size});
    if (!config.bias) continue;
    make("bias_ih", &w.bias_ih, {rows});
    make("bias_hh", &w.bias_hh, {rows});
  }
}

RnnState Rnn::checked_state(const Tensor& x, const RnnState& initial) const {
  const TensorSpec needed{x.dtype(), {static_cast<int64_t>(weights_.size()), x.size(0), config_.hidden_size}};
  const bool lstm = config_.kind == RnnKind::kLstm;
  ROUX_CHECK(lstm || !initial.c.defined()) << "rnn: an initial c is given, which only an LSTM has";
  RnnState state = initial;
  const auto check = [&](const char* name, Tensor& part) {
    if (!part.defined()) part = zeros(needed.shape, needed.dtype, x.device());
    ROUX_CHECK(part.spec() == needed)
        << "rnn: the initial " << name << " is " << part.spec() << ", needed " << needed;
  };
  check("h", state.h);
  if (lstm) check("c", state.c);
  return state;
}

// x: [T, B, inputs]; is_token: of each step a bool [B, 1], or empty where there is no padding. Outputs at
// padding repeat the state.
Rnn::Run Rnn::run(const Direction& direction, bool back, const Tensor& x, RnnState state,
                  const std::vector<Tensor>& is_token) const {
  const auto as_x = [&](const Tensor& w) { return w.defined() ? cast(w, x.dtype()) : w; };
  const Tensor weight_hh = as_x(direction.weight_hh), bias_hh = as_x(direction.bias_hh);
  const Tensor all_from_x = linear(x, as_x(direction.weight_ih), as_x(direction.bias_ih));
  const std::vector<Tensor> from_x = unbind(all_from_x, 0);
  std::vector<Tensor> outputs(from_x.size());
  for (size_t i = 0; i < from_x.size(); ++i) {
    const size_t t = back ? from_x.size() - 1 - i : i;
    RnnState next = step(config_.kind, from_x[t], linear(state.h, weight_hh, bias_hh), state);
    if (!is_token.empty()) {
      next.h = where(is_token[t], next.h, state.h);
      if (next.c.defined()) next.c = where(is_token[t], next.c, state.c);
    }
    state = std::move(next);
    outputs[t] = state.h;
  }
  // Of no token: empty, but in the graph of the weights.
  const Tensor y = from_x.empty() ? slice(all_from_x, 2, 0, config_.hidden_size) : stack(outputs);
  return {y, state};
}

RnnOutput Rnn::forward(const Tensor& x, const RnnState& initial, const Tensor& lengths) const {
  ROUX_CHECK(x.dim() == 3 && x.size(2) == config_.input_size && is_floating(x.dtype()))
      << "rnn: x is " << x.spec() << ", needed floating [B, T, " << config_.input_size << "]";
  const RnnState start = checked_state(x, initial);
  Tensor token_mask;  // [T, B, 1]
  std::vector<Tensor> is_token;
  if (lengths.defined()) {
    ROUX_CHECK(lengths.shape() == Shape{x.size(0)} && is_integer(lengths.dtype()))
        << "rnn: lengths is " << lengths.spec() << ", needed i32 or i64 [" << x.size(0) << "]";
    token_mask = unsqueeze(transpose(sequence_mask(lengths, x.size(1)), 0, 1), -1);
    is_token = unbind(token_mask, 0);
  }

  // y at tokens, 0 at padding, whatever stands there.
  const auto without_padding = [&](const Tensor& y) {
    return token_mask.defined() ? where(token_mask, y, zeros({1}, y.dtype(), y.device())) : y;
  };

  Tensor y = without_padding(contiguous(transpose(x, 0, 1)));  // [T, B, inputs], as all below
  std::vector<Tensor> h, c;
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    std::vector<Tensor> outputs;
    for (int64_t direction = 0; direction < directions(); ++direction) {
      const int64_t i = layer * directions() + direction;
      RnnState state{select(start.h, 0, i), start.c.defined() ? select(start.c, 0, i) : Tensor()};
      Run run = this->run(weights_[static_cast<size_t>(i)], direction == 1, y, std::move(state), is_token);
      outputs.push_back(run.y);
      h.push_back(run.state.h);
      if (run.state.c.defined()) c.push_back(run.state.c);
    }
    y = without_padding(outputs.size() == 1 ? outputs[0] : cat(outputs, 2));
  }
  return {contiguous(transpose(y, 0, 1)), {stack(h), c.empty() ? Tensor() : stack(c)}};
}

std::string Rnn::pretty_print() const {
  static constexpr const char* kNames[] = {"RNN (tanh)", "RNN (relu)", "GRU", "LSTM"};
  return absl::StrCat(kNames[static_cast<int>(config_.kind)], " ", config_.input_size, " -> ",
                      config_.hidden_size, ", layers: ", config_.num_layers,
                      config_.bidirectional ? ", both directions" : "", config_.bias ? "" : ", no bias");
}

}  // namespace roux
