// Op-suite entries of the creation family. The input gives shape, dtype and device.
#include "tensor/ops/creation.h"

#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

std::function<void(Suite&)> creates(Tensor (*op)(const Tensor& like), double value) {
  return [=](Suite& suite) {
    suite.dtypes(kAllDTypes)
        .inputs({constant_in(0, 2)})
        .call([=](const Tensors& in) { return Tensors{op(in[0])}; })
        .reference([=](const Refs& in) { return Refs{Ref(in[0].shape, value)}; })
        .sample({{3, 5}})
        .sample({{0, 4}})
        .sample({{}})
        .sample({{1, 70000}});
  };
}
OP_SUITE(full)
    .devices(kAllDTypes)
    .with(creates([](const Tensor& x) { return full(x.shape(), 1, x.dtype(), x.device()); }, 1))
    .skip("errors", "a bad shape is reported by empty()");
OP_SUITE(zeros)
    .devices(kAllDTypes)
    .with(creates([](const Tensor& x) { return zeros(x.shape(), x.dtype(), x.device()); }, 0))
    .skip("errors", "a bad shape is reported by empty()");
OP_SUITE(ones)
    .devices(kAllDTypes)
    .with(creates([](const Tensor& x) { return ones(x.shape(), x.dtype(), x.device()); }, 1))
    .skip("errors", "a bad shape is reported by empty()");
OP_SUITE(zeros_like)
    .devices(kAllDTypes)
    .with(creates(zeros_like, 0))
    .skip("errors", "takes any defined tensor");
OP_SUITE(ones_like)
    .devices(kAllDTypes)
    .with(creates(ones_like, 1))
    .skip("errors", "takes any defined tensor");

OP_SUITE(arange)
    .devices(kNumeric)
    .dtypes(kNumeric)
    .inputs({constant_in(0, 2)})
    .call([](const Tensors& in) {
      const double n = static_cast<double>(in[0].size(0));
      return Tensors{arange(1, 1 + 2 * n, 2, in[0].dtype(), in[0].device()),
                     arange(n, 0, -1, in[0].dtype(), in[0].device())};
    })
    .reference([](const Refs& in) {
      Refs out{Ref(in[0].shape), Ref(in[0].shape)};
      for (int64_t i = 0; i < in[0].size(); ++i) {
        out[0][i] = 1 + 2 * static_cast<double>(i);
        out[1][i] = static_cast<double>(in[0].size() - i);
      }
      return out;
    })
    .sample({{7}})
    .sample({{1}})
    .sample({{0}})
    .error("from 0 to 1 in steps of -1 never ends", [](Device d) { arange(0, 1, -1, kF32, d); });

OP_SUITE(to_device)
    .devices(kAllDTypes)
    .dtypes(kAllDTypes)
    .inputs({uniform_in(0, 3)})
    .call([](const Tensors& in) {
      return Tensors{to_device(in[0], in[0].device().type == DeviceType::kMeta ? kMeta : kCpu)};
    })
    .reference([](const Refs& in) { return in; })
    .sample({{3, 5}})
    .sample({{0, 4}})
    .sample({{1}})
    .error("needs a tensor", [](Device d) { to_device(Tensor(), d); });

}  // namespace
}  // namespace roux::testing
