// CPU kernels of cast and copies.
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

void cast_cpu(const Tensor& x, Tensor& y) {
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

const RegisterKernel kCast(cast_kernels, DeviceType::kCpu, kAllDTypes, cast_cpu);

}  // namespace
}  // namespace roux::cpu
