#include "tensor/ops/quantize.h"

#include "absl/strings/str_cat.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/quantize_tables.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<DequantizeKernel> dequantize_kernels("dequantize");
constinit KernelTable<QuantizeKernel> quantize_kernels("quantize");
constinit KernelTable<QuantizeScalesKernel> quantize_nf4_scales_kernels("quantize");

namespace {

absl::StatusOr<TensorSpec> dequantize_spec(const TensorSpec& x, DType dtype) {
  if (!is_block(x.dtype) || !is_floating(dtype) || x.shape.rank() == 0) {
    return absl::InvalidArgumentError(absl::StrCat("x is ", to_string(x), ", the result is ", name(dtype),
                                                   ", needed blocks [..., N] and a floating dtype"));
  }
  TensorSpec y{dtype, x.shape};
  y.shape[y.shape.rank() - 1] *= values_per_element(x.dtype);
  return y;
}

constexpr DTypeSet kQuantizable = kQ4_0 | kQ4_1 | kQ5_0 | kQ5_1 | kQ8_0 | kNF4 | kNF4_DQ;

absl::StatusOr<TensorSpec> quantize_spec(const TensorSpec& x, DType dtype, Nf4Scales scales) {
  if (!kQuantizable.contains(dtype)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no quantiser for ", name(dtype), ", there are those for q4_0 q4_1 q5_0 q5_1 q8_0 nf4 nf4_dq"));
  }
  const int64_t values = values_per_element(dtype);
  if (!is_floating(x.dtype) || x.shape.rank() == 0 || x.shape.back() % values != 0) {
    return absl::InvalidArgumentError(absl::StrCat("x is ", to_string(x), ", ", name(dtype),
                                                   " needed rows of ", "a multiple of ", values,
                                                   " floating values"));
  }
  if (scales == Nf4Scales::kQuantized && dtype != kNF4 && dtype != kNF4_DQ) {
    return absl::InvalidArgumentError(
        absl::StrCat("scales of ", name(dtype), " are not quantised again, those of nf4 are"));
  }
  TensorSpec y{dtype, x.shape};
  y.shape[y.shape.rank() - 1] /= values;
  return y;
}

}  // namespace

Tensor dequantize(const Tensor& x, DType dtype) {
  const Device device = common_device("dequantize", {x});
  Tensor y = empty(or_throw(dequantize_spec(x.spec(), dtype), "dequantize"), device);
  dequantize_kernels.run(x, x.contiguous(), y);
  return y;
}

Tensor quantize(const Tensor& x, DType block_dtype, Nf4Scales scales) {
  const Device device = common_device("quantize", {x});
  TensorSpec spec = or_throw(quantize_spec(x.spec(), block_dtype, scales), "quantize");
  const bool twice = scales == Nf4Scales::kQuantized || block_dtype == kNF4_DQ;
  if (twice) spec.dtype = kNF4;
  const Tensor y = empty(spec, device);
  Tensor blocks = y;
  quantize_kernels.run(y, cast(x.detach(), kF32).contiguous(), blocks);
  if (!twice) return y;
  spec.dtype = kNF4_DQ;
  Tensor z = empty(spec, device);
  quantize_nf4_scales_kernels.run(z, y, z);
  return z;
}

}  // namespace roux
