#include "tensor/ops/rotary.h"

#include <cmath>

#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/rotary_tables.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<RotaryKernel> rotary_embedding_kernels("rotary_embedding");
constinit GradSlot<RotarySaved> rotary_embedding_grad("rotary_embedding", "//autograd/rules");

Tensor rotary_embedding(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  common_device("rotary_embedding", {x, cos, sin});
  ROUX_CHECK(is_floating(x.dtype()) && x.dim() >= 2 && x.shape().back() % 2 == 0)
      << "rotary_embedding: x must be floating [..., T, d] with d even: x is " << x.spec();
  const TensorSpec table{x.dtype(), {x.shape()[x.dim() - 2], x.shape().back() / 2}};
  ROUX_CHECK(cos.spec() == table && sin.spec() == table)
      << "rotary_embedding: cos and sin must be " << table << " for x " << x.spec() << ": cos is "
      << cos.spec() << ", sin is " << sin.spec();
  Tensor y = empty(x.spec(), x.device());
  const Tensor source = x.numel() > 0 && x.strides().back() != 1 ? x.contiguous() : x;
  rotary_embedding_kernels.run(x, source, cos.contiguous(), sin.contiguous(), y);
  return rotary_embedding_grad.record({x}, y, [&] { return RotarySaved{cos, sin}; });
}

std::pair<Tensor, Tensor> rotary_tables(int64_t first, int64_t count, int64_t head_dim, double theta,
                                        DType dtype, Device device) {
  ROUX_CHECK(head_dim % 2 == 0 && head_dim > 0 && count >= 0)
      << "rotary_tables: head_dim is " << head_dim << " (needed even), count is " << count;
  const int64_t pairs = head_dim / 2;
  const Tensor cos = empty({kF64, {count, pairs}}), sin = empty({kF64, {count, pairs}});
  for (int64_t i = 0; i < count * pairs; ++i) {
    const double exponent = -2.0 * static_cast<double>(i % pairs) / static_cast<double>(head_dim);
    const double angle =
        (static_cast<double>(first) + static_cast<double>(i / pairs)) * std::pow(theta, exponent);
    cos.data<double>()[i] = std::cos(angle);
    sin.data<double>()[i] = std::sin(angle);
  }
  return {cast(cos, dtype).to(device), cast(sin, dtype).to(device)};
}

}  // namespace roux
