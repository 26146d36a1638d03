// Linear algebra in f64, by LAPACK, on the last two axes: [..., m, n] is a batch of matrices, and every
// result has the same leading axes. Errors name a matrix by its number in row-major order of these. All are
// computed on the calling threads, one matrix each: bits do not depend on their number. Differentiable to any
// order (where a decomposition is: not at equal eigenvalues or singular values, not where rows or columns are
// dependent). All throw Error for another dtype (cast first: f32 has too few digits for what these are used
// for), for shapes that do not fit, for values that are not finite, and above 16,000 rows or columns of the
// fewer.
#ifndef ROUX_TENSOR_OPS_LINALG_H_
#define ROUX_TENSOR_OPS_LINALG_H_

#include "tensor/tensor.h"

namespace roux {

// The lower triangular L with a = L L^T. a: [..., n, n] symmetric, of which the lower triangle is read; the
// gradient is symmetric. Throws Error when a matrix is not positive definite.
Tensor cholesky(const Tensor& a);

// x with a x = b, by LU with partial pivoting. a: [..., n, n], b: [..., n, k]; leading axes broadcast. Throws
// Error when a matrix is singular (a pivot is 0; see lstsq for what is nearly so).
Tensor solve(const Tensor& a, const Tensor& b);

// The same for a triangular a: `upper` or lower; the other triangle is not read. Throws Error for a 0 on the
// diagonal.
Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper);

// x with the least |a x - b|, and of several the one with the least |x|: a+ b. a: [..., m, n], b: [..., m,
// k]; leading axes broadcast. Returns [..., n, k]. The rank is that of the largest leading triangle of a
// pivoted QR whose condition number is below 1 / rcond; rcond < 0: max(m, n) * 2^-52. The gradient takes the
// rank for constant.
Tensor lstsq(const Tensor& a, const Tensor& b, double rcond = -1);

// a+ [..., n, m], the Moore-Penrose inverse, and a^-1: lstsq and solve with the identity on the right.
Tensor pinv(const Tensor& a, double rcond = -1);
Tensor inv(const Tensor& a);

// ln(det a): [...]. NaN where the determinant is negative, -inf where it is 0. a: [..., n, n].
Tensor logdet(const Tensor& a);

// a = q r with orthonormal columns q [..., m, k] and upper triangular r [..., k, n], k = min(m, n). Signs are
// LAPACK's (r may have negative diagonal elements).
struct Qr {
  Tensor q, r;
};
Qr qr(const Tensor& a);

// a = u diag(s) vh: u [..., m, k] and vh [..., k, n] with orthonormal columns and rows, s [..., k] >= 0 in
// descending order, k = min(m, n). Throws Error when the iteration does not converge.
struct Svd {
  Tensor u, s, vh;
};
Svd svd(const Tensor& a);

// a = vectors diag(values) vectors^T: values [..., n] in ascending order, vectors [..., n, n] with
// orthonormal columns. a: [..., n, n] symmetric, of which the lower triangle is read; the gradient is
// symmetric. Throws Error when the iteration does not converge.
struct Eigh {
  Tensor values, vectors;
};
Eigh eigh(const Tensor& a);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_LINALG_H_
