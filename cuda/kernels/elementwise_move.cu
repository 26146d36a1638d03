// CUDA kernels of the elementwise ops that move, convert or limit values: cast and copy, where, fill, clamp.
#include "cuda/elementwise.h"
#include "tensor/elementwise_math.h"
#include "tensor/error.h"
#include "tensor/ops/elementwise_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

using namespace elementwise;  // the op functors

struct Where {
  template <class T>
  __device__ T operator()(bool condition, T a, T b) const {
    return condition ? a : b;
  }
};
void where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) {
  dispatch_bits(size_of(a.dtype()), [&](auto bits) {
    using T = decltype(bits);
    launch_elementwise<T, bool, T, T>(Where{}, y, condition, a, b);
  });
}

template <class T>
struct Constant {
  T value;
  __device__ T operator()() const { return value; }
};
void fill(Tensor& x, const Scalar& value) {
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    dispatch_bits(size_of(x.dtype()), [&](auto bits) {
      using Bits = decltype(bits);
      if constexpr (sizeof(Bits) == sizeof(T)) {
        const Constant<Bits> constant{__builtin_bit_cast(Bits, value.to<T>())};
        launch_elementwise<Bits>(constant, x);
      }
    });
  });
}

void clamp(const Tensor& x, const Scalar& low, const Scalar& high, Tensor& y) {
  dispatch_numeric(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch_elementwise<T, T>(Clamp<compute_t<T>>(low, high), y, x);
  });
}

// One element of a dtype known at run time. Integers go through int64_t, so that none is rounded on the way.
__device__ double load_floating(const void* x, DType dtype, int64_t at) {
  switch (dtype) {
    case kF64:
      return static_cast<const double*>(x)[at];
    case kBF16:
      return float(static_cast<const bfloat16*>(x)[at]);
    case kF16:
      return float(static_cast<const float16*>(x)[at]);
    default:
      return static_cast<const float*>(x)[at];
  }
}
__device__ int64_t load_integer(const void* x, DType dtype, int64_t at) {
  switch (dtype) {
    case kI32:
      return static_cast<const int32_t*>(x)[at];
    case kI64:
      return static_cast<const int64_t*>(x)[at];
    case kU8:
      return static_cast<const uint8_t*>(x)[at];
    default:
      return static_cast<const bool*>(x)[at];
  }
}
template <class V>
__device__ void store(void* y, DType dtype, int64_t at, V value) {
  switch (dtype) {
    case kF32:
      static_cast<float*>(y)[at] = static_cast<float>(value);
      break;
    case kF64:
      static_cast<double*>(y)[at] = static_cast<double>(value);
      break;
    case kBF16:
      static_cast<bfloat16*>(y)[at] = convert<bfloat16>(value);
      break;
    case kF16:
      static_cast<float16*>(y)[at] = convert<float16>(value);
      break;
    case kI32:
      static_cast<int32_t*>(y)[at] = convert<int32_t>(value);
      break;
    case kI64:
      static_cast<int64_t*>(y)[at] = convert<int64_t>(value);
      break;
    case kU8:
      static_cast<uint8_t*>(y)[at] = convert<uint8_t>(value);
      break;
    default:
      static_cast<bool*>(y)[at] = value != V(0);
      break;
  }
}

__global__ void cast_kernel(int64_t n, Layout<2> layout, DType from, DType to, void* y, const void* x) {
  const int64_t i = blockIdx.x * int64_t{kElementwiseBlock} + threadIdx.x;
  if (i >= n) return;
  int64_t at[2];
  layout.offsets(i, at);
  if (is_floating(from)) {
    store(y, to, at[0], load_floating(x, from, at[1]));
  } else {
    store(y, to, at[0], load_integer(x, from, at[1]));
  }
}

// Elements of `pieces` pieces each: blocks, which are copied as they are.
template <class Bits>
__global__ void copy_pieces_kernel(int64_t n, int64_t pieces, Layout<2> layout, Bits* y, const Bits* x) {
  const int64_t i = blockIdx.x * int64_t{kElementwiseBlock} + threadIdx.x;
  if (i >= n * pieces) return;
  int64_t at[2];
  layout.offsets(i / pieces, at);
  y[at[0] * pieces + i % pieces] = x[at[1] * pieces + i % pieces];
}
void copy_blocks(const Tensor& x, Tensor& y) {
  if (y.numel() == 0) return;
  const size_t size = size_of(x.dtype());
  dispatch_bits(size % 4 == 0 ? 4 : 2, [&](auto tag) {
    using Bits = decltype(tag);
    const auto pieces = static_cast<int64_t>(size / sizeof(Bits));
    launch(copy_pieces_kernel<Bits>,
           {.grid = blocks_for(y.numel() * pieces, kElementwiseBlock), .block = kElementwiseBlock}, y.numel(),
           pieces, layout_of(y, x), static_cast<Bits*>(y.raw_data()), static_cast<const Bits*>(x.raw_data()));
  });
}
// nf4_dq, whose scales stand behind the blocks.
void copy_whole(const Tensor& x, Tensor& y) {
  if (y.numel() == 0) return;
  const bool whole = x.is_contiguous() && y.is_contiguous() && x.shape() == y.shape() &&
                     x.bytes() == x.impl()->storage->bytes() && y.bytes() == y.impl()->storage->bytes();
  ROUX_CHECK(whole) << "copy: blocks of " << x.spec() << " into " << y.spec()
                    << ": nf4_dq is copied as a whole; dequantize() gives the values of a part";
  const auto bytes = static_cast<int64_t>(y.bytes());
  launch(copy_pieces_kernel<uint8_t>,
         {.grid = blocks_for(bytes, kElementwiseBlock), .block = kElementwiseBlock}, int64_t{1}, bytes,
         Layout<2>(), static_cast<uint8_t*>(y.raw_data()), static_cast<const uint8_t*>(x.raw_data()));
}

// Between floating types with packets; where an integer takes part, and that is rare, through cast_kernel.
void cast(const Tensor& x, Tensor& y) {
  if (is_block(x.dtype())) return copy_blocks(x, y);  // the op has seen to equal dtypes
  if (x.dtype() == y.dtype()) {
    dispatch_bits(size_of(x.dtype()), [&](auto bits) {
      launch_elementwise<decltype(bits), decltype(bits)>(Cast<decltype(bits)>{}, y, x);
    });
  } else if (is_floating(x.dtype()) && is_floating(y.dtype())) {
    dispatch_floating(x.dtype(), [&](auto from) {
      dispatch_floating(y.dtype(), [&](auto to) {
        using From = decltype(from);
        using To = decltype(to);
        if constexpr (!std::is_same_v<From, To>) launch_elementwise<To, From>(Cast<To>{}, y, x);
      });
    });
  } else if (y.numel() > 0) {
    launch(cast_kernel, {.grid = blocks_for(y.numel(), kElementwiseBlock), .block = kElementwiseBlock},
           y.numel(), layout_of(y, x), x.dtype(), y.dtype(), y.raw_data(), x.raw_data());
  }
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kWhere(where_kernels, kDevice, kAllDTypes, where);
const RegisterKernel kClamp(clamp_kernels, kDevice, kNumeric, clamp);
const RegisterKernel kCast(cast_kernels, kDevice, kAllDTypes | kBlockDTypes, cast);
const RegisterKernel kCopyWhole(cast_kernels, kDevice, kNF4_DQ, copy_whole);
const RegisterKernel kFill(fill_kernels, kDevice, kAllDTypes, fill);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
