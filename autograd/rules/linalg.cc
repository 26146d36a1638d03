// Gradient rules of the linalg family, in public ops. Sources: Giles (2008), "Collected matrix derivative
// results for forward and reverse mode algorithmic differentiation" (solve, logdet, eigh, svd); Murray
// (2016), "Differentiation of the Cholesky decomposition"; Golub and Pereyra (1973) for the pseudoinverse
// behind lstsq; Seeger et al. (2018), "Auto-differentiating linear algebra" (qr).
#include "autograd/rule.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/linalg_tables.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

Tensor t(const Tensor& x) { return transpose(x, -2, -1); }
Tensor with_mirrored_lower(const Tensor& x) { return tril(x) + t(tril(x, -1)); }

// x a^-1 for a triangular a.
Tensor divided_by_triangle(const Tensor& x, const Tensor& a, bool upper) {
  return t(solve_triangular(t(a), t(x), !upper));
}

void cholesky_backward(const CholeskySaved& s, const Tensor& g, GradInputs& grad) {
  const Tensor l = s.factor.get();
  const Tensor middle = with_mirrored_lower(matmul(t(l), g)) * 0.5;
  grad.set(0, divided_by_triangle(solve_triangular(t(l), middle, true), l, false));
}

void solve_backward(const SolveSaved& s, const Tensor& g, GradInputs& grad) {
  const Tensor grad_b = solve(t(s.a.get()), g);
  if (grad.needs(0)) grad.set(0, -matmul(grad_b, t(s.x.get())));
  if (grad.needs(1)) grad.set(1, grad_b);
}

void solve_triangular_backward(const SolveTriangularSaved& s, const Tensor& g, GradInputs& grad) {
  const Tensor grad_b = solve_triangular(t(s.a.get()), g, !s.upper);
  if (grad.needs(0)) {
    const Tensor whole = -matmul(grad_b, t(s.x.get()));
    grad.set(0, s.upper ? triu(whole) : tril(whole));
  }
  if (grad.needs(1)) grad.set(1, grad_b);
}

// With x = a+ b: d(a+) = -a+ da a+ + a+ a+^T da^T (1 - a a+) + (1 - a+ a) da^T a+^T a+.
void lstsq_backward(const LstsqSaved& s, const Tensor& g, GradInputs& grad) {
  const Tensor a = s.a.get(), x = s.x.get();
  const Tensor grad_b = lstsq(t(a), g, s.rcond);  // a+^T g
  if (grad.needs(1)) grad.set(1, grad_b);
  if (!grad.needs(0)) return;
  const Tensor residual = s.b.get() - matmul(a, x);
  const Tensor outside = g - matmul(t(a), grad_b);  // (1 - a+ a) g
  grad.set(0, matmul(residual, t(lstsq(a, grad_b, s.rcond))) - matmul(grad_b, t(x)) +
                  matmul(lstsq(t(a), x, s.rcond), t(outside)));
}

void logdet_backward(const LogdetSaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, unsqueeze(unsqueeze(g, -1), -1) * t(inv(s.a.get())));
}

// Of a tall or square a, from the gradients of q and r.
Tensor tall_qr_backward(const Tensor& q, const Tensor& r, const Tensor& grad_q, const Tensor& grad_r) {
  const Tensor m = matmul(r, t(grad_r)) - matmul(t(grad_q), q);
  return divided_by_triangle(grad_q + matmul(q, with_mirrored_lower(m)), t(r), false);
}

void qr_backward(const QrSaved& s, absl::Span<const Tensor> grads, GradInputs& grad) {
  const Tensor a = s.a.get(), q = s.q.get(), r = s.r.get();
  const Tensor grad_q = grads[0].defined() ? grads[0] : zeros_like(q);
  const Tensor grad_r = grads[1].defined() ? grads[1] : zeros_like(r);
  const int64_t m = a.size(-2), n = a.size(-1);
  if (m >= n) return grad.set(0, tall_qr_backward(q, r, grad_q, grad_r));
  // q and the first m columns of r are those of a's first columns; the others are q^T a.
  const auto first = [&](const Tensor& x) { return slice(x, -1, 0, m); };
  const auto rest = [&](const Tensor& x) { return slice(x, -1, m, n); };
  const Tensor all_q = grad_q + matmul(rest(a), t(rest(grad_r)));
  grad.set(0, cat({tall_qr_backward(q, first(r), all_q, first(grad_r)), matmul(q, rest(grad_r))}, -1));
}

// 1 / (v_j - v_i) at [i, j], 0 on the diagonal.
Tensor inverse_differences(const Tensor& v) {
  const Tensor one = identity_matrix(v.size(-1), v.device());
  return (1.0 - one) / (unsqueeze(v, -2) - unsqueeze(v, -1) + one);
}

void eigh_backward(const EighSaved& s, absl::Span<const Tensor> grads, GradInputs& grad) {
  const Tensor v = s.vectors.get();
  Tensor middle = zeros_like(v);
  if (grads[0].defined()) middle = identity_matrix(v.size(-1), v.device()) * unsqueeze(grads[0], -2);
  if (grads[1].defined()) middle = middle + matmul(t(v), grads[1]) * inverse_differences(s.values.get());
  const Tensor result = matmul(matmul(v, middle), t(v));
  grad.set(0, (result + t(result)) * 0.5);
}

void svd_backward(const SvdSaved& saved, absl::Span<const Tensor> grads, GradInputs& grad) {
  const Tensor u = saved.u.get(), s = saved.s.get(), vh = saved.vh.get();
  const Tensor grad_u = grads[0].defined() ? grads[0] : zeros_like(u);
  const Tensor grad_s = grads[1].defined() ? grads[1] : zeros_like(s);
  const Tensor grad_v = grads[2].defined() ? t(grads[2]) : zeros_like(t(vh));
  const Tensor in_rows = unsqueeze(s, -1), in_cols = unsqueeze(s, -2);
  const Tensor differences = inverse_differences(s * s);
  const auto turned = [&](const Tensor& x) { return (x - t(x)) * differences; };
  const Tensor by_u = matmul(t(u), grad_u), by_v = matmul(vh, grad_v);
  const Tensor one = identity_matrix(s.size(-1), s.device());
  const Tensor middle = turned(by_u) * in_cols + in_rows * turned(by_v) + one * unsqueeze(grad_s, -2);
  Tensor result = matmul(matmul(u, middle), vh);
  if (u.size(-2) > s.size(-1)) result = result + matmul((grad_u - matmul(u, by_u)) / in_cols, vh);
  if (vh.size(-1) > s.size(-1)) result = result + matmul(u, t((grad_v - matmul(t(vh), by_v)) / in_cols));
  grad.set(0, result);
}

const RegisterGrad kCholesky(cholesky_grad, cholesky_backward);
const RegisterGrad kSolve(solve_grad, solve_backward);
const RegisterGrad kSolveTriangular(solve_triangular_grad, solve_triangular_backward);
const RegisterGrad kLstsq(lstsq_grad, lstsq_backward);
const RegisterGrad kLogdet(logdet_grad, logdet_backward);
const RegisterGrad kQr(qr_grad, qr_backward);
const RegisterGrad kSvd(svd_grad, svd_backward);
const RegisterGrad kEigh(eigh_grad, eigh_backward);

}  // namespace
}  // namespace roux
