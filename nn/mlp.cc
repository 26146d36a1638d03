#include "nn/mlp.h"

#include "absl/strings/str_cat.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/elementwise.h"

namespace roux {

namespace {
bool gated(Activation activation) {
  return activation == Activation::kSwiglu || activation == Activation::kGeglu;
}
}  // namespace

// The gate is made before up_proj: weights are drawn in this order.
Mlp::Mlp(const TransformerConfig& config, int64_t layer, int64_t width, const Init& init)
    : gate_proj(gated(config.activation)
                    ? std::make_unique<Linear>(config.hidden_size, width, config.mlp_bias, init)
                    : nullptr),
      up_proj(config.hidden_size, width, config.mlp_bias, init),
      down_proj(width, config.hidden_size, config.mlp_bias, residual_init(config, init)),
      activation_(config.activation),
      layer_(layer),
      dropout_(config.dropout.units) {
  if (gate_proj) register_module("gate_proj", *gate_proj);
  register_module("up_proj", up_proj);
  register_module("down_proj", down_proj);
}

Tensor Mlp::forward(const Tensor& x, const Pass& pass) const {
  const Tensor gate = gate_proj ? (*gate_proj)(x, pass.generator) : Tensor();
  const Tensor up = up_proj(x, pass.generator);
  const auto units = [&] {
    switch (activation_) {
      case Activation::kGelu:
        return gelu(up);
      case Activation::kGeluTanh:
        return gelu(up, GeluKind::kTanh);
      case Activation::kRelu:
        return relu(up);
      case Activation::kSilu:
        return silu(up);
      case Activation::kGeglu:
        return gelu(gate, GeluKind::kTanh) * up;
      default:
        return swiglu(gate, up);
    }
  };
  const Tensor dropped = dropout_in_training(units(), dropout_, training(), pass);
  return down_proj(pass.taps(Site::kUnits, layer_, dropped), pass.generator);
}

std::string Mlp::pretty_print() const {
  static constexpr const char* kNames[] = {"GELU", "GELU (tanh)", "ReLU", "SiLU", "SwiGLU", "GeGLU"};
  return absl::StrCat("Mlp, ", kNames[static_cast<int>(activation_)]);
}

}  // namespace roux
