// CPU kernels of cast and copies.
#include <cstring>
#include <type_traits>

#include "tensor/cpu/elementwise_loops.h"
#include "tensor/cpu/transposed_copy.h"
#include "tensor/elementwise_math.h"
#include "tensor/ops/elementwise_tables.h"

namespace roux::cpu {
namespace {

struct Identity {
  template <class T>
  T operator()(T x) const {
    return x;
  }
};

void copy_blocks(const Tensor& x, Tensor& y) {
  const size_t size = size_of(x.dtype());
  const char* from = static_cast<const char*>(x.raw_data());
  char* to = static_cast<char*>(y.raw_data());
  StridedLoop<2>(y.shape(), {strides_over(x, y), y.strides()})
      .run(
          [=](const std::array<int64_t, 2>& at, const std::array<int64_t, 2>& step, int64_t n) {
            const auto place = [size](auto* base, int64_t element) {
              return base + element * static_cast<int64_t>(size);
            };
            if (step[0] == 1 && step[1] == 1) {
              std::memcpy(place(to, at[1]), place(from, at[0]), static_cast<size_t>(n) * size);
              return;
            }
            for (int64_t i = 0; i < n; ++i) {
              std::memcpy(place(to, at[1] + i * step[1]), place(from, at[0] + i * step[0]), size);
            }
          },
          items_per_task(values_per_element(x.dtype())));
}

void cast_cpu(const Tensor& x, Tensor& y) {
  if (is_block(x.dtype())) return copy_blocks(x, y);  // the op has seen to equal dtypes
  if (x.dtype() == y.dtype()) {
    if (copy_transposed(x, y)) return;
    dispatch_bits(size_of(x.dtype()),
                  [&](auto tag) { unary_loop<decltype(tag), decltype(tag)>(x, y, Identity{}); });
    return;
  }
  dispatch_bool_as_u8(x.dtype(), [&](auto from) {
    using From = decltype(from);
    dispatch_all(y.dtype(), [&](auto to) {
      using To = decltype(to);
      if constexpr (!std::is_same_v<To, From>) {
        unary_loop<From, To>(x, y, elementwise::Cast<To>{});
      } else {
        unary_loop<From, To>(x, y, Identity{});  // bool to u8
      }
    });
  });
}

const RegisterKernel kCast(cast_kernels, DeviceType::kCpu, kAllDTypes | kBlockDTypes, cast_cpu);

}  // namespace
}  // namespace roux::cpu
