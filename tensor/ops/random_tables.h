#ifndef ROUX_TENSOR_OPS_RANDOM_TABLES_H_
#define ROUX_TENSOR_OPS_RANDOM_TABLES_H_

#include "tensor/ops/random.h"
#include "tensor/tables.h"

namespace roux {

// state: i64[2] seed and base; the draw's offset is base + increment.
struct UniformRange {
  double low, width;
  double first, last;  // the smallest and the largest value of y's dtype in [low, low + width)
};
using UniformKernel = void(const Tensor& state, int64_t increment, const UniformRange& range, Tensor& y);
using NormalKernel = void(const Tensor& state, int64_t increment, double mean, double std, Tensor& y);
using RandintKernel = void(const Tensor& state, int64_t increment, int64_t low, uint64_t count, Tensor& y);
using RandpermKernel = void(const Tensor& state, int64_t increment, Tensor& y);
// concentration and y contiguous, of one floating dtype.
using GammaKernel = void(const Tensor& concentration, const Tensor& state, int64_t increment, bool log,
                         Tensor& y);
using CategoricalKernel = void(const Tensor& logits, const Tensor& state, int64_t increment, Tensor& y);
using DropoutKernel = void(const Tensor& x, const Tensor& state, int64_t increment, double p, Tensor& y);

extern constinit KernelTable<UniformKernel> uniform_kernels;
extern constinit KernelTable<NormalKernel> normal_kernels;
extern constinit KernelTable<RandintKernel> randint_kernels;
extern constinit KernelTable<RandpermKernel> randperm_kernels;
extern constinit KernelTable<GammaKernel> gamma_kernels;
extern constinit KernelTable<CategoricalKernel> categorical_kernels;
extern constinit KernelTable<DropoutKernel> dropout_kernels;

struct DropoutSaved {
  SavedTensor state;
  int64_t increment;
  double p;
};
extern constinit GradSlot<DropoutSaved> dropout_grad;
// dropout with a given draw: its own gradient.
Tensor dropout_with(const Tensor& x, double p, const Tensor& state, int64_t increment);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_RANDOM_TABLES_H_
