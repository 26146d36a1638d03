// CUDA kernels of the reduce family over any axes: a team of threads per result, its partial results combined
// in a fixed order. Reads are coalesced only where the last axis is reduced.
#include <limits>

#include "cuda/rows.h"
#include "tensor/ops/reduce_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

// What a team's lanes hand to each other.
template <class Op>
struct Reduced {
  typename Op::Acc value;
  __device__ __forceinline__ Reduced shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, value, lanes)};
  }
  __device__ __forceinline__ friend Reduced merge(Reduced a, Reduced b) {
    return {Op::combine(a.value, b.value)};
  }
};

template <class T>
struct Total {
  using Acc = accumulate_t<T>;
  using Out = std::conditional_t<is_floating(dtype_of<T>), T, int64_t>;
  Acc scale;
  __device__ __forceinline__ static Acc identity() { return Acc(0); }
  __device__ __forceinline__ static Acc combine(Acc a, Acc b) { return a + b; }
  __device__ __forceinline__ Acc finish(Acc total) const { return scale * total; }
};

template <class T>
struct Product {
  using Acc = accumulate_t<T>;
  using Out = std::conditional_t<is_floating(dtype_of<T>), T, int64_t>;
  __device__ __forceinline__ static Acc identity() { return Acc(1); }
  __device__ __forceinline__ static Acc combine(Acc a, Acc b) {
    if constexpr (std::is_integral_v<Acc>) {  // wraps
      return static_cast<Acc>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    } else {
      return a * b;
    }
  }
  __device__ __forceinline__ Acc finish(Acc total) const { return total; }
};

// Whether a comes before b: the larger (or smaller) one, NaN before all.
template <bool kLargest, class C>
__device__ __forceinline__ bool comes_before(C a, C b) {
  return (kLargest ? a > b : a < b) || a != a;
}

template <class T, bool kLargest>
struct Extremum {
  using Acc = std::conditional_t<is_floating(dtype_of<T>), accumulate_t<T>, int64_t>;
  using Out = T;
  __device__ __forceinline__ static Acc identity() {
    if constexpr (std::is_integral_v<Acc>) {
      return kLargest ? INT64_MIN : INT64_MAX;
    } else {
      return kLargest ? -Acc(__builtin_inf()) : Acc(__builtin_inf());
    }
  }
  __device__ __forceinline__ static Acc combine(Acc a, Acc b) { return comes_before<kLargest>(a, b) ? a : b; }
  __device__ __forceinline__ Acc finish(Acc first) const { return first; }
};

// The elements of one result: `count`, at offsets that `reduced` gives.
template <class T>
struct Elements {
  const T* x;
  Layout<1> reduced;
  int64_t count;

  template <class Team, class Use>
  __device__ __forceinline__ void visit(Use use) const {
    int64_t at[1];
    for (int64_t i = Team::rank(); i < count; i += Team::kSize) {
      reduced.offsets(i, at);
      use(i, x[at[0]]);
    }
  }
};
template <class T>
struct Results {
  Elements<T> elements;
  Layout<1> kept;
  int64_t results;

  __device__ __forceinline__ Elements<T> of(int64_t result) const {
    int64_t first[1];
    kept.offsets(result, first);
    return {elements.x + first[0], elements.reduced, elements.count};
  }
};

template <class T, class Op, class Team>
__global__ void __launch_bounds__(kRowBlock) reduce_kernel(Results<T> in, Op op, typename Op::Out* y) {
  const int64_t result = Team::row();
  if (result >= in.results) return;
  using Acc = typename Op::Acc;
  Reduced<Op> sum{Op::identity()};
  in.of(result).template visit<Team>(
      [&](int64_t, T x) { sum.value = Op::combine(sum.value, static_cast<Acc>(x)); });
  const Acc total = Team::reduce(sum).value;
  if (Team::rank() == 0) y[result] = static_cast<typename Op::Out>(op.finish(total));
}

// log(sum(exp(x - m))) + m with m the largest element; 0 instead of one that is not finite.
template <class T, class Team>
__global__ void __launch_bounds__(kRowBlock) logsumexp_kernel(Results<T> in, T* y) {
  const int64_t result = Team::row();
  if (result >= in.results) return;
  using Acc = accumulate_t<T>;
  using Largest = Extremum<T, true>;
  const Elements<T> elements = in.of(result);
  Reduced<Largest> largest{Largest::identity()};
  elements.template visit<Team>(
      [&](int64_t, T x) { largest.value = Largest::combine(largest.value, static_cast<Acc>(x)); });
  Acc m = Team::reduce(largest).value;
  if (!(m - m == Acc(0))) m = Acc(0);
  Sum<Acc> sum{Acc(0)};
  elements.template visit<Team>([&](int64_t, T x) { sum.value += vmath::exp(static_cast<Acc>(x) - m); });
  const Acc total = Team::reduce(sum).value;
  if (Team::rank() == 0) y[result] = static_cast<T>(vmath::log(total) + m);
}

// An element and where it stands. Of equal ones the first, of several NaNs too.
template <class C, bool kLargest>
struct Place {
  C value;
  int64_t at;  // -1: none
  __device__ __forceinline__ Place shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, value, lanes), __shfl_xor_sync(kAllLanes, at, lanes)};
  }
  __device__ __forceinline__ friend Place merge(Place a, Place b) {
    if (a.at < 0 || b.at < 0) return a.at < 0 ? b : a;
    const bool a_first = comes_before<kLargest>(a.value, b.value);
    const bool b_first = comes_before<kLargest>(b.value, a.value);
    if (a_first != b_first) return a_first ? a : b;
    return a.at < b.at ? a : b;
  }
};

template <class T, bool kLargest, class Team>
__global__ void __launch_bounds__(kRowBlock) arg_kernel(Results<T> in, int64_t* y) {
  const int64_t result = Team::row();
  if (result >= in.results) return;
  using C = std::conditional_t<is_floating(dtype_of<T>), accumulate_t<T>, int64_t>;
  Place<C, kLargest> best{C(0), -1};
  in.of(result).template visit<Team>([&](int64_t i, T x) {
    best = merge(best, Place<C, kLargest>{static_cast<C>(x), i});
  });
  best = Team::reduce(best);
  if (Team::rank() == 0) y[result] = best.at;
}

template <class T>
Results<T> results_of(const Tensor& x, const Tensor& y) {
  Shape kept = x.shape(), reduced = x.shape();
  for (int axis = 0; axis < x.dim(); ++axis) (y.shape()[axis] == x.shape()[axis] ? reduced : kept)[axis] = 1;
  return {{static_cast<const T*>(x.raw_data()), merged_layout<1>(reduced, {x.strides()}), numel(reduced)},
          merged_layout<1>(kept, {x.strides()}),
          y.numel()};
}

// Calls run(Team{}, config) for the results of y.
template <class Run>
void with_results(int64_t results, int64_t count, Run run) {
  if (results == 0) return;
  with_team(count, [&](auto team) {
    using Team = decltype(team);
    run(team, LaunchConfig{.grid = Team::blocks(results), .block = kRowBlock});
  });
}

template <class T, class Op>
void reduce(const Tensor& x, const Op& op, Tensor& y) {
  const Results<T> in = results_of<T>(x, y);
  with_results(in.results, in.elements.count, [&](auto team, const LaunchConfig& config) {
    launch(reduce_kernel<T, Op, decltype(team)>, config, in, op,
           static_cast<typename Op::Out*>(y.raw_data()));
  });
}

void sum(const Tensor& x, double scale, Tensor& y, Tensor&) {
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    reduce<T>(x, Total<T>{static_cast<accumulate_t<T>>(scale)}, y);
  });
}
void prod(const Tensor& x, Tensor& y, Tensor&) {
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    reduce<T>(x, Product<T>{}, y);
  });
}
template <bool kLargest>
void extremum(const Tensor& x, Tensor& y, Tensor&) {
  dispatch_numeric(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    reduce<T>(x, Extremum<T, kLargest>{}, y);
  });
}
void logsumexp(const Tensor& x, Tensor& y, Tensor&) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const Results<T> in = results_of<T>(x, y);
    with_results(in.results, in.elements.count, [&](auto team, const LaunchConfig& config) {
      launch(logsumexp_kernel<T, decltype(team)>, config, in, y.data<T>());
    });
  });
}
template <bool kLargest>
void arg_extremum(const Tensor& x, int axis, Tensor& y) {
  dispatch_numeric(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    Results<T> in = results_of<T>(x, y);
    in.elements.count = x.shape()[axis];  // the axis may have one element
    with_results(in.results, in.elements.count, [&](auto team, const LaunchConfig& config) {
      launch(arg_kernel<T, kLargest, decltype(team)>, config, in, y.data<int64_t>());
    });
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kSum(sum_kernels, kDevice, kAllDTypes, sum);
const RegisterKernel kProd(prod_kernels, kDevice, kAllDTypes, prod);
const RegisterKernel kAmax(amax_kernels, kDevice, kNumeric, extremum<true>);
const RegisterKernel kAmin(amin_kernels, kDevice, kNumeric, extremum<false>);
const RegisterKernel kLogSumExp(logsumexp_kernels, kDevice, kFloating, logsumexp);
const RegisterKernel kArgmax(argmax_kernels, kDevice, kNumeric, arg_extremum<true>);
const RegisterKernel kArgmin(argmin_kernels, kDevice, kNumeric, arg_extremum<false>);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
