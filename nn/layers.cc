#include "nn/layers.h"

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/normalization.h"
#include "tensor/ops/view.h"

namespace roux {

Linear::Linear(int64_t in, int64_t out, bool bias, const Init& init) {
  weight_ = register_parameter("weight", init_normal({out, in}, init));
  if (bias) bias_ = register_parameter("bias", zeros({out}, init.dtype, init.device));
}
Tensor Linear::forward(const Tensor& x) const {
  const Tensor bias = bias_.defined() ? cast(bias_, x.dtype()) : Tensor();
  return linear(x, cast(weight_, x.dtype()), bias);
}
std::string Linear::pretty_print() const {
  return absl::StrCat("Linear ", weight_.size(1), " -> ", weight_.size(0),
                      bias_.defined() ? "" : ", no bias");
}

Conv1D::Conv1D(int64_t in, int64_t out, const Init& init) {
  weight_ = register_parameter("weight", init_normal({in, out}, init));
  bias_ = register_parameter("bias", zeros({out}, init.dtype, init.device));
}
Tensor Conv1D::forward(const Tensor& x) const {
  return linear(x, transpose(cast(weight_, x.dtype()), 0, 1), cast(bias_, x.dtype()));
}
std::string Conv1D::pretty_print() const {
  return absl::StrCat("Conv1D ", weight_.size(0), " -> ", weight_.size(1));
}

Embedding::Embedding(int64_t vocabulary, int64_t dimension, const Init& init) {
  weight_ = register_parameter("weight", init_normal({vocabulary, dimension}, init));
}
Tensor Embedding::forward(const Tensor& ids) const { return embedding(weight_, ids); }
std::string Embedding::pretty_print() const {
  return absl::StrCat("Embedding ", weight_.size(0), " x ", weight_.size(1));
}

LayerNorm::LayerNorm(int64_t dimension, double eps, const Init& init) : eps_(eps) {
  weight_ = register_parameter("weight", ones({dimension}, init.dtype, init.device));
  bias_ = register_parameter("bias", zeros({dimension}, init.dtype, init.device));
}
Tensor LayerNorm::forward(const Tensor& x) const {
  return layer_norm(x, cast(weight_, x.dtype()), cast(bias_, x.dtype()), eps_);
}
std::string LayerNorm::pretty_print() const {
  return absl::StrCat("LayerNorm ", weight_.size(0), ", eps ", eps_);
}

RMSNorm::RMSNorm(int64_t dimension, double eps, const Init& init) : eps_(eps) {
  weight_ = register_parameter("weight", ones({dimension}, init.dtype, init.device));
}
Tensor RMSNorm::forward(const Tensor& x) const { return rms_norm(x, cast(weight_, x.dtype()), eps_); }
std::string RMSNorm::pretty_print() const {
  return absl::StrCat("RMSNorm ", weight_.size(0), ", eps ", eps_);
}

}  // namespace roux
