#include "tensor/ops/block_linear.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tensor/ops/block_linear_tables.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/view.h"
#include "tensor/tunable.h"

namespace roux {

constinit KernelTable<BlockLinearKernel> block_linear_kernels("block_linear");
constinit KernelTable<BlockLinearTransposedKernel> block_linear_transposed_kernels("block_linear_transposed");
constinit KernelTable<BlockLinearInt8Kernel> block_linear_int8_kernels("block_linear");
constinit GradSlot<BlockLinearSaved> block_linear_grad("block_linear", "//autograd/rules");
constinit GradSlot<BlockLinearSaved> block_linear_transposed_grad("block_linear_transposed",
                                                                  "//autograd/rules");

namespace {

// [out, in] of the weight's values.
absl::StatusOr<Shape> weight_shape(const TensorSpec& x, const TensorSpec& weight) {
  if (!is_floating(x.dtype) || !is_block(weight.dtype)) {
    return absl::InvalidArgumentError(absl::StrCat("dtype is not supported: x is ", to_string(x),
                                                   ", weight is ", to_string(weight),
                                                   ", needed a floating dtype and a block format"));
  }
  if (x.shape.rank() == 0 || weight.shape.rank() != 2) {
    return absl::InvalidArgumentError(absl::StrCat("wrong rank: x is ", to_string(x), ", weight is ",
                                                   to_string(weight),
                                                   ", needed x [..., in] and weight [out, blocks]"));
  }
  return Shape{weight.shape[0], weight.shape[1] * values_per_element(weight.dtype)};
}

absl::StatusOr<TensorSpec> product_spec(const TensorSpec& x, const TensorSpec& weight, const Tensor& bias,
                                        bool transposed) {
  ROUX_ASSIGN_OR_RETURN(const Shape shape, weight_shape(x, weight));
  if (x.shape.back() != shape[transposed ? 0 : 1]) {
    return absl::InvalidArgumentError(absl::StrCat("inner dimensions differ: x is ", to_string(x),
                                                   ", weight is ", to_string(weight), ", which stands for ",
                                                   to_string(TensorSpec{kF32, shape})));
  }
  if (bias.defined() && (bias.dim() != 1 || bias.size(0) != shape[0] || !is_floating(bias.dtype()))) {
    return absl::InvalidArgumentError(absl::StrCat("bias has the wrong shape or dtype: bias is ",
                                                   to_string(bias.spec()), ", weight is ", to_string(weight),
                                                   ", needed one floating value per output"));
  }
  TensorSpec y = x;
  y.shape[y.shape.rank() - 1] = shape[transposed ? 1 : 0];
  return y;
}

Tensor rows_of_f32(const Tensor& x, int64_t rows) {
  return reshape(cast(x, kF32), {rows, x.size(-1)}).contiguous();
}

// Rows of W that are held in f32: 2 M values stay in the last cache beside x and y.
int64_t panel_rows(int64_t n, int64_t k) {
  static constinit const Tunable kPanel("block_linear.panel", 2 * 1024 * 1024, 300);
  return std::min(n, std::max<int64_t>(16, kPanel / k / 16 * 16));
}

// f32 y [M, N], or [M, K] if transposed.
void multiply(const Tensor& x, const Tensor& weight, const Tensor& bias, bool transposed, bool int8,
              Tensor& y) {
  const int64_t k = weight.size(1) * values_per_element(weight.dtype());
  if (transposed) {
    Tensor panel = empty({kF32, {panel_rows(weight.size(0), k), k}}, x.device());
    block_linear_transposed_kernels.run(weight, x, weight, panel, y);
  } else if (int8) {
    Tensor codes = empty({kU8, {x.size(0), block_linear_code_bytes(k)}}, x.device());
    block_linear_int8_kernels.run(weight, x, weight, bias, codes, y);
  } else {
    block_linear_kernels.run(weight, x, weight, bias, y);
  }
}

Tensor product(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias, bool transposed,
               bool may_be_int8) {
  const Device device = common_device(op, {x, weight}, {bias});
  const TensorSpec spec = or_throw(product_spec(x.spec(), weight.spec(), bias, transposed), op);
  const bool int8 = may_be_int8 && weight.dtype() != kNF4 && weight.dtype() != kNF4_DQ;
  NoGradGuard no_grad;
  if (x.dtype() == kF64) {
    const Tensor w = dequantize(weight, kF64);
    return transposed ? matmul(x, w) : linear(x, w, bias, WeightDType::kAny);
  }
  Tensor y = empty(spec, device);
  const int64_t rows = numel(Shape(absl::MakeConstSpan(x.shape().begin(), x.dim() - 1)));
  Tensor sums = y.dtype() == kF32 ? y : empty({kF32, spec.shape}, device);
  Tensor flat = alias(sums, {rows, spec.shape.back()}, {spec.shape.back(), 1}, 0);
  if (y.numel() > 0 && x.numel() > 0) {
    multiply(rows_of_f32(x, rows), weight.contiguous(),
             bias.defined() ? cast(cast(bias, x.dtype()), kF32).contiguous() : bias, transposed, int8, flat);
  } else if (y.numel() > 0) {
    bias.defined() ? copy_(sums, bias) : fill_(sums, 0);
  }
  if (y.dtype() != kF32) copy_(y, sums);
  return y;
}

thread_local Activations thread_activations = Activations::kExact;

}  // namespace

Tensor block_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activations activations) {
  const bool may_be_int8 = activations == Activations::kInt8 && !block_linear_grad.wants({x, bias});
  const Tensor y = product("block_linear", x, weight, bias, false, may_be_int8);
  return block_linear_grad.record({x, bias}, y, [&] {
    return BlockLinearSaved{weight, bias.defined() ? bias.dtype() : x.dtype()};
  });
}

Tensor block_linear_transposed(const Tensor& x, const Tensor& weight) {
  const Tensor y = product("block_linear_transposed", x, weight, Tensor(), true, false);
  return block_linear_transposed_grad.record({x}, y, [&] { return BlockLinearSaved{weight, x.dtype()}; });
}

Activations ActivationsGuard::current() { return thread_activations; }
ActivationsGuard::ActivationsGuard(Activations activations)
    : before_(std::exchange(thread_activations, activations)) {}
ActivationsGuard::~ActivationsGuard() { thread_activations = before_; }

}  // namespace roux
