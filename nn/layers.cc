#include "nn/layers.h"

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/normalization.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {
std::string format(const Tensor& weight) {
  return is_block(weight.dtype()) ? absl::StrCat(", ", name(weight.dtype())) : "";
}
}  // namespace

Linear::Linear(int64_t in, int64_t out, bool bias, const Init& init) {
  register_parameter("weight", &weight_, init_normal({out, in}, init));
  if (bias) register_parameter("bias", &bias_, zeros({out}, init.dtype, init.device));
}
Tensor Linear::forward(const Tensor& x, Generator* adapter_dropout) const {
  return adapted_linear(x, bias_, adapter_dropout);
}
std::string Linear::pretty_print() const {
  return absl::StrCat("Linear ", value_shape(weight_.spec())[1], " -> ", weight_.size(0),
                      bias_.defined() ? "" : ", no bias", format(weight_));
}

Embedding::Embedding(int64_t vocabulary, int64_t dimension, const Init& init) {
  register_parameter("weight", &weight_, init_normal({vocabulary, dimension}, init));
}
Tensor Embedding::forward(const Tensor& ids) const {
  return with_adapters(ids, embedding(weight_, ids), nullptr);
}
std::string Embedding::pretty_print() const {
  return absl::StrCat("Embedding ", weight_.size(0), " x ", value_shape(weight_.spec())[1], format(weight_));
}

Norm::Norm(NormKind kind, int64_t dimension, double eps, const Init& init) : kind_(kind), eps_(eps) {
  const double start = kind == NormKind::kRmsPlusOne ? 0 : 1;
  register_parameter("weight", &weight_, full({dimension}, start, init.dtype, init.device));
  if (kind == NormKind::kLayer) {
    register_parameter("bias", &bias_, zeros({dimension}, init.dtype, init.device));
  }
}
Tensor Norm::forward(const Tensor& x) const {
  switch (kind_) {
    case NormKind::kLayer:
      return layer_norm(x, cast(weight_, x.dtype()), cast(bias_, x.dtype()), eps_);
    case NormKind::kRms:
      return rms_norm(x, cast(weight_, x.dtype()), eps_);
    default:
      return rms_norm(x, cast(weight_ + 1.0, x.dtype()), eps_);
  }
}
std::string Norm::pretty_print() const {
  static constexpr const char* kNames[] = {"LayerNorm", "RMSNorm", "RMSNorm (1 + weight)"};
  return absl::StrCat(kNames[static_cast<int>(kind_)], " ", weight_.size(0), ", eps ", eps_);
}

}  // namespace roux
