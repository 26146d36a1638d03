// Recurrent networks: Elman's RNN, GRU and LSTM, with PyTorch's names, layouts and order of gates, so that
// state dicts of torch.nn.RNN, GRU and LSTM load without a map.
//
//   Rnn lstm({.kind = RnnKind::kLstm, .input_size = 64, .hidden_size = 128, .num_layers = 2}, init);
//   const RnnOutput out = lstm(x);                       // x: [B, T, 64]
//   const RnnOutput next = lstm(x, out.state, lengths);  // goes on; rows padded on the right
#ifndef ROUX_NN_RNN_H_
#define ROUX_NN_RNN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "nn/module.h"

namespace roux {

// h' of a step from x and h; every W x and U h has its bias, * is elementwise:
enum class RnnKind : uint8_t {
  kTanh,  // tanh(W x + U h)                                                              [Elman 1990]
  kRelu,  // relu(W x + U h)
  // r, z = sigmoid(W x + U h), n = tanh(W_n x + r * (U_n h)), (1 - z) * n + z * h        [Cho et al. 2014]
  // (r multiplies behind U_n and its bias, as in cuDNN and PyTorch, not before)
  kGru,
  // i, f, o = sigmoid(W x + U h), g = tanh(W_g x + U_g h), c' = f * c + i * g, o * tanh(c')
  // [Hochreiter & Schmidhuber 1997; Gers et al. 2000]
  kLstm,
};

struct RnnConfig {
  RnnKind kind = RnnKind::kLstm;
  int64_t input_size = 0, hidden_size = 0, num_layers = 1;
  bool bias = true;
  bool bidirectional = false;  // each layer runs forth and back; the next reads both, joined
};

// Layers from below, each forth, then back: [num_layers * directions, B, hidden_size].
struct RnnState {
  Tensor h = {};
  Tensor c = {};  // of an LSTM alone
};

struct RnnOutput {
  Tensor y;        // [B, T, directions * hidden_size]: h of the last layer at each token
  RnnState state;  // behind the last token (going back: behind the first)
};

// Layer k (directions: a suffix _reverse for going back): weight_ih_l<k> [G H, inputs], weight_hh_l<k> [G H,
// H], bias_ih_l<k> and bias_hh_l<k> [G H], for G = 1, 3 (r, z, n) or 4 (i, f, g, o) gates. All start uniform
// in +-1 / sqrt(hidden_size), as in PyTorch: of Init, std is not used.
class Rnn final : public ModuleOf<Rnn> {
 public:
  Rnn(const RnnConfig& config, const Init& init);
  // x: [B, T, input_size] floating, in whose dtype all is computed. initial: where the states
  // start; 0 where not given. lengths: i32 or i64 [B], the tokens of each row, the rest is padding: y is 0
  // there, the state is that behind the row's last token, and going back begins with it (PyTorch's packed
  // sequences; a length of 0 leaves the initial state). Values above T count as T. Throws Error on other
  // shapes and dtypes. Differentiable to any order.
  RnnOutput forward(const Tensor& x, const RnnState& initial = {}, const Tensor& lengths = {}) const;
  std::string pretty_print() const override;

 private:
  struct Direction {  // of a layer
    Tensor weight_ih, weight_hh, bias_ih, bias_hh;
  };
  struct Run {       // of one direction of a layer
    Tensor y;        // h at each token, [T, B, hidden_size]
    RnnState state;  // behind the last one
  };
  int64_t directions() const { return config_.bidirectional ? 2 : 1; }
  RnnState checked_state(const Tensor& x, const RnnState& initial) const;
  Run run(const Direction& direction, bool back, const Tensor& x, RnnState state,
          const std::vector<Tensor>& is_token) const;

  RnnConfig config_;
  std::vector<Direction> weights_;  // as the states: layers, in each forth and back
};

}  // namespace roux

#endif  // ROUX_NN_RNN_H_
