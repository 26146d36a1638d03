// What tensor/cpu, cuda and autograd fill for the matmul family.
#ifndef ROUX_TENSOR_OPS_MATMUL_TABLES_H_
#define ROUX_TENSOR_OPS_MATMUL_TABLES_H_

#include "tensor/ops/matmul.h"
#include "tensor/tables.h"

namespace roux {

// a [..., M, K] and b [..., K, N] broadcast to y's batch axes by strides; their last two axes satisfy
// gemm_layout. y [..., M, N] is contiguous. bias [N] is contiguous or undefined and is added to every row.
// workspace is undefined, or [S, M, N] for S partial sums over k (then y has no batch axes).
using MatmulKernel = void(const Tensor& a, const Tensor& b, const Tensor& bias, Tensor& workspace, Tensor& y);
extern constinit KernelTable<MatmulKernel> matmul_kernels;
// y = a b, or y += a b: a [M, K] and b [K, N] of one dtype, 16-bit or f32, as gemm_layout reads them; y [M,
// N] f32, contiguous, not empty; workspace as above.
using MatmulF32Kernel = void(const Tensor& a, const Tensor& b, bool accumulate, Tensor& workspace, Tensor& y);
extern constinit KernelTable<MatmulF32Kernel> matmul_f32_kernels;
// y = x weight^T + bias for few rows (at most 8, any number in batch-invariant mode): x [M, K] and weight [N,
// K] with axes of stride 1 along K; bias [N] of x's dtype, contiguous, or undefined; y [M, N] contiguous, not
// empty. weight has x's dtype, or f32 beside a 16-bit x and counts as rounded to it. A row's bits do not
// depend on the other rows.
using LinearRowsKernel = void(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y);
extern constinit KernelTable<LinearRowsKernel> linear_rows_kernels;
// sum = a b, or sum += a b, not recorded: for products over parts of k. a [M, K] and b [K, N] of one floating
// dtype; sum [M, N] of that dtype, or of f32 for 16-bit ones, contiguous. Where the kernel above does not
// take them each product is rounded to the dtype of a before it is added.
void matmul_into(const Tensor& a, const Tensor& b, bool accumulate, Tensor& sum);

// How a BLAS reads a rows x cols matrix with these strides: as stored (row major, ld = row stride) or as the
// transpose of a row-major matrix (ld = column stride). Not ok when it has to be copied first.
struct GemmLayout {
  bool ok = false;
  bool transposed = false;
  int64_t ld = 1;
};
GemmLayout gemm_layout(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride);
// The same for the last two axes of x.
GemmLayout gemm_layout(const Tensor& x);

// The number of parts into which the sum over k of an unbatched product is cut: above 1 for a small result
// with a long sum (weight gradients), which would otherwise leave cores idle.
int64_t matmul_split_k(int64_t m, int64_t n, int64_t k);

struct MatmulSaved {
  SavedTensor a, b;  // a only where b needs a gradient, b only where a does
  int b_rank;
};
struct LinearSaved {
  SavedTensor x, weight;  // likewise; weight in x's dtype
  DType weight_dtype, bias_dtype;
};
extern constinit GradSlot<MatmulSaved> matmul_grad;
extern constinit GradSlot<LinearSaved> linear_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_MATMUL_TABLES_H_
