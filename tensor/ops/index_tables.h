#ifndef ROUX_TENSOR_OPS_INDEX_TABLES_H_
#define ROUX_TENSOR_OPS_INDEX_TABLES_H_

#include "tensor/ops/index.h"
#include "tensor/tables.h"

namespace roux {

// x and index contiguous, seen as [outer, n, inner] and [outer, m, inner]. Kernels check every index first.
using GatherKernel = void(const Tensor& x, int axis, const Tensor& index, Tensor& y);
// y starts as zeros; for bf16 and f16 sources it is f32 (the op rounds once).
using ScatterAddKernel = void(const Tensor& source, int axis, const Tensor& index, Tensor& y);
using EmbeddingKernel = void(const Tensor& weight, const Tensor& ids, Tensor& y);
// order: i64 scratch of 2 * ids + rows + 1 elements. Overwrites y.
using EmbeddingBackwardKernel = void(const Tensor& grad, const Tensor& ids, Tensor& order, Tensor& y);
// winner starts as -1 and gets at each place that index (seen as in GatherKernel) names the largest j that
// names it.
using LastWriterKernel = void(const Tensor& index, int axis, Tensor& winner);
using TriangleKernel = void(const Tensor& x, int64_t k, bool lower, Tensor& y);

extern constinit KernelTable<GatherKernel> gather_kernels;
extern constinit KernelTable<ScatterAddKernel> scatter_add_kernels;
extern constinit KernelTable<EmbeddingKernel> embedding_kernels;
extern constinit KernelTable<EmbeddingBackwardKernel> embedding_backward_kernels;
extern constinit KernelTable<LastWriterKernel> last_writer_kernels;
extern constinit KernelTable<TriangleKernel> tril_kernels;

struct CatSaved {
  int axis;
  std::vector<int64_t> sizes;
};
struct GatherSaved {
  SavedTensor index;
  Shape shape;  // of x
  int axis;
};
struct EmbeddingSaved {
  SavedTensor ids;
  int64_t rows;
};
struct TriangleSaved {
  int64_t k;
  bool lower;
};
extern constinit GradSlot<CatSaved> cat_grad;
extern constinit GradSlot<GatherSaved> gather_grad, scatter_add_grad;
extern constinit GradSlot<EmbeddingSaved> embedding_grad, embedding_backward_grad;
extern constinit GradSlot<TriangleSaved> tril_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_INDEX_TABLES_H_
