// Sums of products by named axes.
//
//   Tensor scores = einsum("bhtd,bhsd->bhts", {q, k});
#ifndef ROUX_TENSOR_OPS_EINSUM_H_
#define ROUX_TENSOR_OPS_EINSUM_H_

#include "absl/strings/string_view.h"
#include "tensor/tensor.h"

namespace roux {

// One term of letters for each operand, a letter for each axis; the result has the axes after "->", and what
// it does not name is summed over:
//   y[output] = sum over the letters that are not in the output of the product of operands[k][term k].
// Without "->" the output is "..." and then, in ASCII order, the letters that stand in the terms once. A
// letter twice in a term is the diagonal of those axes; "..." stands for any number of axes, aligned at the
// right; sizes of one letter are equal or 1, which stretches. Spaces do not matter. [NumPy's and PyTorch's
// einsum]
//
// operands: the same floating dtype, which each step rounds to. They are contracted from left to right: each
// pair is one matmul over the letters that neither the output nor a later term needs (without any, one
// product that has the result's size), so no outer product is ever in memory. Throws Error for an equation
// that is malformed or does not fit the operands, and when a step has more than kMaxRank axes. Differentiable
// to any order.
Tensor einsum(absl::string_view equation, absl::Span<const Tensor> operands);
inline Tensor einsum(absl::string_view equation, std::initializer_list<Tensor> operands) {
  return einsum(equation, absl::MakeConstSpan(operands.begin(), operands.size()));
}

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_EINSUM_H_
