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
  const auto units = [&] {
    switch (activation_) {
      case Activation::kGelu:
        return gelu(up_proj(x));
      case Activation::kGeluTanh:
        return gelu(up_proj(x), GeluKind::kTanh);
      case Activation::kRelu:
        return relu(up_proj(x));
      case Activation::kSilu:
        return silu(up_proj(x));
      case Activation::kGeglu:
        return gelu((*gate_proj)(x), GeluKind::kTanh) * up_proj(x);
      default:
        return swiglu((*gate_proj)(x), up_proj(x));
    }
  };
  const Tensor dropped = dropout_in_training(units(), dropout_, training(), pass.generator);
  return down_proj(pass.taps(Site::kUnits, layer_, dropped));
}

std::string Mlp::pretty_print() const {
  static constexpr const char* kNames[] = {"GELU", "GELU (tanh)", "ReLU", "SiLU", "SwiGLU", "GeGLU"};
  return absl::StrCat("Mlp, ", kNames[static_cast<int>(activation_)]);
}

}  // namespace roux
