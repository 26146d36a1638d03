// Gradient rules of the view family.
#include "autograd/rule.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view_tables.h"

namespace roux {
namespace {

void view_backward(const ShapeSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, reshape(grad_output, s.shape));
}
void expand_backward(const ShapeSaved&, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output);  // the engine sums it back
}
void permute_backward(const PermuteSaved& s, const Tensor& grad_output, GradInputs& grad) {
  Dims inverse = s.axes;
  for (int i = 0; i < s.axes.rank(); ++i) inverse[static_cast<int>(s.axes[i])] = i;
  grad.set(0, permute(grad_output, absl::MakeConstSpan(inverse.begin(), inverse.end())));
}
void slice_rule(const SliceSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, slice_backward(grad_output, s));
}
void slice_backward_rule(const SliceSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const int64_t count = s.shape[s.axis];
  const int64_t end = count == 0 ? s.begin : s.begin + (count - 1) * s.step + 1;
  grad.set(0, slice(grad_output, s.axis, s.begin, end, s.step));
}
void split_backward(const SplitSaved& s, absl::Span<const Tensor> grad_outputs, GradInputs& grad) {
  std::vector<Tensor> pieces(grad_outputs.begin(), grad_outputs.end());
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].defined()) pieces[i] = zeros(s.pieces[i].shape, s.pieces[i].dtype, s.device);
  }
  grad.set(0, cat(pieces, s.axis));
}
void contiguous_backward(const ContiguousSaved&, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, grad_output);
}

void diagonal_rule(const DiagonalSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, diagonal_backward(grad_output, s));
}
void diagonal_backward_rule(const DiagonalSaved& s, const Tensor& grad_output, GradInputs& grad) {
  grad.set(0, diagonal(grad_output, s.offset, s.axis0, s.axis1));
}

const RegisterGrad kView(view_grad, view_backward);
const RegisterGrad kExpand(expand_grad, expand_backward);
const RegisterGrad kPermute(permute_grad, permute_backward);
const RegisterGrad kSlice(slice_grad, slice_rule);
const RegisterGrad kSliceBackward(slice_backward_grad, slice_backward_rule);
const RegisterGrad kSplit(split_grad, split_backward);
const RegisterGrad kDiagonal(diagonal_grad, diagonal_rule);
const RegisterGrad kDiagonalBackward(diagonal_backward_grad, diagonal_backward_rule);
const RegisterGrad kContiguous(contiguous_grad, contiguous_backward);
const RegisterGrad kStraightThrough(straight_through_grad, contiguous_backward);

}  // namespace
}  // namespace roux
