// CUDA kernel of sum and mean over any axes: a team of threads per result, its partial sums added in a fixed
// order. Reads are coalesced only where the last axis is reduced.
#include "cuda/rows.h"
#include "tensor/ops/reduce_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

// kept: over the results, reduced: over the `count` elements of each; both give offsets into x.
template <class T, class Out, class Team, class A = accumulate_t<T>>
__global__ void __launch_bounds__(kRowBlock) sum_kernel(const T* x, Layout<1> kept, Layout<1> reduced,
                                                        int64_t results, int64_t count, A scale, Out* y) {
  const int64_t result = Team::row();
  if (result >= results) return;
  int64_t first[1], at[1];
  kept.offsets(result, first);
  Sum<A> sum{A(0)};
  for (int64_t i = Team::rank(); i < count; i += Team::kSize) {
    reduced.offsets(i, at);
    sum.value += static_cast<A>(x[first[0] + at[0]]);
  }
  const A total = Team::reduce(sum).value;
  if (Team::rank() == 0) y[result] = static_cast<Out>(scale * total);
}

void sum(const Tensor& x, double scale, Tensor& y, Tensor&) {
  if (y.numel() == 0) return;
  Shape kept = x.shape(), reduced = x.shape();
  for (int axis = 0; axis < x.dim(); ++axis) (y.shape()[axis] == x.shape()[axis] ? reduced : kept)[axis] = 1;
  const Layout<1> over_kept = merged_layout<1>(kept, {x.strides()});
  const Layout<1> over_reduced = merged_layout<1>(reduced, {x.strides()});
  const int64_t results = y.numel(), count = numel(reduced);
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = accumulate_t<T>;
    using Out = std::conditional_t<is_floating(dtype_of<T>), T, int64_t>;
    with_team(count, [&](auto team) {
      using Team = decltype(team);
      launch(sum_kernel<T, Out, Team>, {.grid = Team::blocks(results), .block = kRowBlock}, x.data<const T>(),
             over_kept, over_reduced, results, count, static_cast<A>(scale), y.data<Out>());
    });
  });
}

const RegisterKernel kSum(sum_kernels, ROUX_CUDA_DEVICE_TYPE, kAllDTypes, sum);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
