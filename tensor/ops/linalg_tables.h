#ifndef ROUX_TENSOR_OPS_LINALG_TABLES_H_
#define ROUX_TENSOR_OPS_LINALG_TABLES_H_

#include "tensor/ops/linalg.h"
#include "tensor/tables.h"

namespace roux {

// Kernels overwrite matrices that lie one behind the other, all with at least one element. A "by columns"
// tensor is the transpose of what its matrices are: LAPACK counts down the columns.

// a: in, the lower triangle; out, the factor, 0 above.
using CholeskyKernel = void(Tensor& a);
// a by rows is destroyed; b by columns becomes x.
using SolveKernel = void(Tensor& a, Tensor& b);
// a by rows; b by columns becomes x.
using SolveTriangularKernel = void(const Tensor& a, bool upper, Tensor& b);
// a [..., n, m] by columns is destroyed; b [..., k, max(m, n)] by columns: in, its first m rows; out, the
// first n are x.
using LstsqKernel = void(Tensor& a, double rcond, Tensor& b);
// a is destroyed.
using LogdetKernel = void(Tensor& a, Tensor& y);
// a [..., n, m] by columns: the first k become those of q. r by rows.
using QrKernel = void(Tensor& a, Tensor& r);
// a by rows is destroyed.
using SvdKernel = void(Tensor& a, Tensor& u, Tensor& s, Tensor& vh);
// a: in, the lower triangle; out, the vectors as rows.
using EighKernel = void(Tensor& a, Tensor& values);

extern constinit KernelTable<CholeskyKernel> cholesky_kernels;
extern constinit KernelTable<SolveKernel> solve_kernels;
extern constinit KernelTable<SolveTriangularKernel> solve_triangular_kernels;
extern constinit KernelTable<LstsqKernel> lstsq_kernels;
extern constinit KernelTable<LogdetKernel> logdet_kernels;
extern constinit KernelTable<QrKernel> qr_kernels;
extern constinit KernelTable<SvdKernel> svd_kernels;
extern constinit KernelTable<EighKernel> eigh_kernels;

struct CholeskySaved {
  SavedTensor factor;
};
struct SolveSaved {
  SavedTensor a, x;
};
struct SolveTriangularSaved {
  SavedTensor a, x;
  bool upper;
};
struct LstsqSaved {
  SavedTensor a, b, x;
  double rcond;
};
struct LogdetSaved {
  SavedTensor a;
};
struct QrSaved {
  SavedTensor a, q, r;
};
struct SvdSaved {
  SavedTensor u, s, vh;
};
struct EighSaved {
  SavedTensor values, vectors;
};
extern constinit GradSlot<CholeskySaved> cholesky_grad;
extern constinit GradSlot<SolveSaved> solve_grad;
extern constinit GradSlot<SolveTriangularSaved> solve_triangular_grad;
extern constinit GradSlot<LstsqSaved> lstsq_grad;
extern constinit GradSlot<LogdetSaved> logdet_grad;
extern constinit GradSlot<QrSaved> qr_grad;
extern constinit GradSlot<SvdSaved> svd_grad;
extern constinit GradSlot<EighSaved> eigh_grad;

// f64[n, n]
Tensor identity_matrix(int64_t n, Device device);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_LINALG_TABLES_H_
