// Op-suite entries of the arrange family.
#include "tensor/ops/arrange.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// out[index] = x[source(index)]
Ref moved(const Ref& x, const Shape& shape, const std::function<Dims(const Dims&)>& source) {
  Ref out(shape);
  for_each_index(shape, [&](const Dims& index) { out.at(index) = x.at(source(index)); });
  return out;
}
const auto samples = [](Suite& suite) {
  suite.devices(kFloating | kI32 | kU8).dtypes(kFloating | kI32 | kU8).inputs({uniform_in(0, 4)});
  suite.sample({{3, 5, 2}}).sample({{1, 37, 1}}).sample({{4, 0, 3}}).sample({{2, 24, 40}});
};

OP_SUITE(flip)
    .with(samples)
    .call([](const Tensors& in) {
      return Tensors{flip(in[0], {1}), flip(in[0], {-1, 0}), flip(in[0], {})};
    })
    .reference([](const Refs& in) {
      const Shape& s = in[0].shape;
      return Refs{moved(in[0], s,
                        [&](const Dims& i) {
                          return Dims{i[0], s[1] - 1 - i[1], i[2]};
                        }),
                  moved(in[0], s,
                        [&](const Dims& i) {
                          return Dims{s[0] - 1 - i[0], i[1], s[2] - 1 - i[2]};
                        }),
                  in[0]};
    })
    .error("flip: axis -1 is named twice: x is f32[2,3]", [](Device d) {
      flip(zeros({2, 3}, kF32, d), {1, -1});
    });

OP_SUITE(roll)
    .with(samples)
    .call([](const Tensors& in) {
      return Tensors{roll(in[0], 2, 1), roll(in[0], -7, 0), roll(in[0], 2 * in[0].size(2), -1)};
    })
    .reference([](const Refs& in) {
      const Shape& s = in[0].shape;
      return Refs{moved(in[0], s,
                        [&](const Dims& i) {
                          return Dims{i[0], (i[1] + 2 * s[1] - 2) % s[1], i[2]};
                        }),
                  moved(in[0], s,
                        [&](const Dims& i) {
                          return Dims{(i[0] + 7) % s[0], i[1], i[2]};
                        }),
                  in[0]};
    })
    .error("roll: axis 2 is out of range for rank 2: x is f32[2,3]", [](Device d) {
      roll(zeros({2, 3}, kF32, d), 1, 2);
    });

OP_SUITE(repeat)
    .with(samples)
    .call([](const Tensors& in) {
      return Tensors{repeat(in[0], {1, 3, 2}), repeat(in[0], {2, 1, 1, 1}), repeat(in[0], {1, 0, 1}),
                     repeat(in[0], {1, 1, 1})};
    })
    .reference([](const Refs& in) {
      const Shape& s = in[0].shape;
      return Refs{moved(in[0], {s[0], 3 * s[1], 2 * s[2]},
                        [&](const Dims& i) {
                          return Dims{i[0], i[1] % s[1], i[2] % s[2]};
                        }),
                  moved(in[0], {2, s[0], s[1], s[2]},
                        [](const Dims& i) {
                          return Dims{i[1], i[2], i[3]};
                        }),
                  Ref({s[0], 0, s[2]}), in[0]};
    })
    .error("fewer counts than axes: counts are [2], x is f32[2,3]",
           [](Device d) {
             repeat(zeros({2, 3}, kF32, d), {2});
           })
    .error("negative count: counts are [1,-1]",
           [](Device d) {
             repeat(zeros({2, 3}, kF32, d), {1, -1});
           })
    .error("the result has 8 axes, needed fewer than 8", [](Device d) {
      repeat(zeros({2}, kF32, d), {1, 1, 1, 1, 1, 1, 1, 2});
    });

OP_SUITE(repeat_interleave)
    .with(samples)
    .call([](const Tensors& in) {
      return Tensors{repeat_interleave(in[0], 3, 1), repeat_interleave(in[0], 1, 0),
                     repeat_interleave(in[0], 0, 2)};
    })
    .reference([](const Refs& in) {
      const Shape& s = in[0].shape;
      return Refs{moved(in[0], {s[0], 3 * s[1], s[2]},
                        [](const Dims& i) {
                          return Dims{i[0], i[1] / 3, i[2]};
                        }),
                  in[0], Ref({s[0], s[1], 0})};
    })
    .error("negative count -1", [](Device d) { repeat_interleave(zeros({2}, kF32, d), -1, 0); })
    .error("axis 1 is out of range", [](Device d) { repeat_interleave(zeros({2}, kF32, d), 2, 1); });

OP_SUITE_VARIANT(repeat_interleave, counts)
    .with(samples)
    .call([](const Tensors& in) {
      std::vector<int64_t> counts;
      for (int64_t i = 0; i < in[0].size(1); ++i) counts.push_back((i + 2) % 3);
      const Tensor each = tensor(counts, {in[0].size(1)}, in[0].device());
      return Tensors{repeat_interleave(in[0], each, 1), repeat_interleave(in[0], each.to(kI32), -2)};
    })
    .reference([](const Refs& in) {
      const Shape& s = in[0].shape;
      std::vector<int64_t> from;
      for (int64_t i = 0; i < s[1]; ++i) from.insert(from.end(), static_cast<size_t>((i + 2) % 3), i);
      const Ref y = moved(in[0], {s[0], static_cast<int64_t>(from.size()), s[2]}, [&](const Dims& i) {
        return Dims{i[0], from[static_cast<size_t>(i[1])], i[2]};
      });
      return Refs{y, y};
    })
    .skip("meta", "the shape depends on the values of counts")
    .error("counts do not match: counts is i64[3], x is f32[2], needed i32 or i64 [2]",
           [](Device d) { repeat_interleave(zeros({2}, kF32, d), zeros({3}, kI64, d), 0); })
    .value_error("negative count -1 at 1", [](Device d) {
      repeat_interleave(zeros({2}, kF32, d), tensor(std::vector<int64_t>{1, -1}, {2}, d), 0);
    });

OP_SUITE(stack)
    .devices(kFloating | kI32 | kU8)
    .dtypes(kFloating | kI32 | kU8)
    .inputs({uniform_in(0, 4), uniform_in(0, 4)})
    .call([](const Tensors& in) {
      return Tensors{stack({in[0], in[1]}), stack({in[1], in[0], in[1]}, -1)};
    })
    .reference([](const Refs& in) {
      Shape first = in[0].shape, last = in[0].shape;
      first.insert(0, 2);
      last.push_back(3);
      Refs out{Ref(first), Ref(last)};
      for_each_index(in[0].shape, [&](const Dims& i) {
        for (int64_t k = 0; k < 3; ++k) {
          Dims in_first = i, in_last = i;
          in_first.insert(0, k);
          in_last.push_back(k);
          if (k < 2) out[0].at(in_first) = in[static_cast<size_t>(k)].at(i);
          out[1].at(in_last) = in[k == 1 ? 0 : 1].at(i);
        }
      });
      return out;
    })
    .sample({{3, 5}, {3, 5}})
    .sample({{1, 37}, {1, 37}})
    .sample({{4, 0}, {4, 0}})
    .error("stack: shapes differ: f32[2] and f32[3]",
           [](Device d) {
             stack({zeros({2}, kF32, d), zeros({3}, kF32, d)});
           })
    .error("stack: axis 2 is out of range for rank 2", [](Device d) { stack({zeros({2}, kF32, d)}, 2); })
    .error("stack: needs at least one tensor", [](Device) { stack(absl::Span<const Tensor>()); });

}  // namespace
}  // namespace roux::testing
