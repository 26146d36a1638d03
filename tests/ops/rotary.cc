// Op-suite entries of the rotary family.
#include "tensor/ops/rotary.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

OP_SUITE(rotary_embedding)
    .inputs({Domain(), constant_in(-1, 1), constant_in(-1, 1)})
    .call([](const Tensors& in) { return Tensors{rotary_embedding(in[0], in[1], in[2])}; })
    .reference([](const Refs& in) {
      const Ref& x = in[0];
      Ref y(x.shape);
      const int rank = x.shape.rank();
      for_each_index(x.shape, [&](const Dims& at) {
        const int64_t half = x.shape.back() / 2, i = at[rank - 1] % half;
        const bool second = at[rank - 1] >= half;
        Dims other = at;
        other[rank - 1] += second ? -half : half;
        const Dims entry{at[rank - 2], i};
        y.at(at) = x.at(at) * in[1].at(entry) + (second ? 1 : -1) * x.at(other) * in[2].at(entry);
      });
      return Refs{y};
    })
    .sample({{2, 3, 5, 8}, {5, 4}, {5, 4}})
    .sample({{3, 0, 2}, {0, 1}, {0, 1}})
    .sample({{1, 2}, {1, 1}, {1, 1}})
    .sample({{129, 66}, {129, 33}, {129, 33}})
    .rounds_once(1e-6)
    .skip("shape_fuzz", "the last axis is twice that of the tables")
    .cost([](const std::vector<Shape>& s) { return 8.0 * static_cast<double>(numel(s[0])); },
          [](const std::vector<Shape>& s) { return 3.0 * static_cast<double>(numel(s[0])); })
    .error("x must be floating [..., T, d] with d even: x is f32[4,3]",
           [](Device d) {
             rotary_embedding(zeros({4, 3}, kF32, d), zeros({4, 1}, kF32, d), zeros({4, 1}, kF32, d));
           })
    .error("cos and sin must be f32[4,1] for x f32[4,2]: cos is f32[3,1], sin is f32[4,1]", [](Device d) {
      rotary_embedding(zeros({4, 2}, kF32, d), zeros({3, 1}, kF32, d), zeros({4, 1}, kF32, d));
    });

// The input gives count and half the head size; the formula is Hugging Face's inv_freq = theta^(-2i/d).
OP_SUITE(rotary_tables)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({constant_in(0, 1)})
    .call([](const Tensors& in) {
      const auto [cos, sin] =
          rotary_tables(3, in[0].size(0), 2 * in[0].size(1), 500, in[0].dtype(), in[0].device());
      return Tensors{cos, sin};
    })
    .reference([](const Refs& in) {
      Refs out{Ref(in[0].shape), Ref(in[0].shape)};
      for_each_index(in[0].shape, [&](const Dims& at) {
        const double share = static_cast<double>(at[1]) / static_cast<double>(in[0].shape[1]);
        const double angle = static_cast<double>(at[0] + 3) / std::exp(share * std::log(500.0));
        out[0].at(at) = std::cos(angle);
        out[1].at(at) = std::sin(angle);
      });
      return out;
    })
    .sample({{5, 4}})
    .sample({{0, 1}})
    .error("head_dim is 3 (needed even), count is 2", [](Device d) { rotary_tables(0, 2, 3, 1e4, kF32, d); });

}  // namespace
}  // namespace roux::testing
