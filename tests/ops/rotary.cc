// Op-suite entries of the rotary family.
#include "tensor/ops/rotary.h"

#include <algorithm>

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// Element of a table at a multi-index of x whose last entry is the number of a pair.
double angle_part(const Ref& table, Dims at, int64_t pair) {
  at[at.rank() - 1] = pair;
  return broadcast_at(table, at);
}

Refs rotated(const Refs& in, bool interleaved) {
  const Ref& x = in[0];
  const int last = x.shape.rank() - 1;
  const int64_t pairs = in[1].shape.back();
  Ref y = x;
  for_each_index(x.shape, [&](const Dims& at) {
    const int64_t i = at[last];
    if (i >= 2 * pairs) return;
    const int64_t pair = interleaved ? i / 2 : i % pairs;
    const bool second = interleaved ? i % 2 == 1 : i >= pairs;
    Dims other = at;
    other[last] += (second ? -1 : 1) * (interleaved ? 1 : pairs);
    y.at(at) = x.at(at) * angle_part(in[1], at, pair) +
               (second ? 1 : -1) * x.at(other) * angle_part(in[2], at, pair);
  });
  return {y};
}

const auto rotation = [](bool interleaved) {
  return [interleaved](Suite& suite) {
    suite.inputs({Domain(), constant_in(-1, 1), constant_in(-1, 1)})
        .call([interleaved](const Tensors& in) {
          return Tensors{rotary_embedding(in[0], {in[1], in[2], interleaved})};
        })
        .reference([interleaved](const Refs& in) { return rotated(in, interleaved); })
        .rounds_once(1e-6)
        .skip("shape_fuzz", "the last axis is twice that of the tables")
        .cost([](const std::vector<Shape>& s) { return 8.0 * static_cast<double>(numel(s[0])); },
              [](const std::vector<Shape>& s) { return 3.0 * static_cast<double>(numel(s[0])); });
  };
};

OP_SUITE(rotary_embedding)
    .devices(kFloating)
    .with(rotation(false))
    .sample({{2, 3, 5, 8}, {5, 4}, {5, 4}})
    .sample({{3, 0, 2}, {0, 1}, {0, 1}})
    .sample({{1, 2}, {1, 1}, {1, 1}})
    .sample({{129, 66}, {129, 33}, {129, 33}})
    .sample({{2, 3, 700, 32}, {700, 16}, {700, 16}})  // several tasks
    .error("x must be floating [..., T, d]: x is f32[4]",
           [](Device d) {
             rotary_embedding(zeros({4}, kF32, d), {zeros({1}, kF32, d), zeros({1}, kF32, d)});
           })
    .error(
        "cos and sin must be f32[..., 4, r/2] with leading axes that broadcast to those of x and 0 < r <= 3: "
        "x is f32[4,3], cos is f32[4,2], sin is f32[4,2]",
        [](Device d) {
          rotary_embedding(zeros({4, 3}, kF32, d), {zeros({4, 2}, kF32, d), zeros({4, 2}, kF32, d)});
        })
    .error("cos is f32[3,1], sin is f32[4,1]",
           [](Device d) {
             rotary_embedding(zeros({4, 2}, kF32, d), {zeros({3, 1}, kF32, d), zeros({4, 1}, kF32, d)});
           })
    .error(
        "cos is f32[3,4,1], sin is f32[3,4,1]",
        [](Device d) {
          rotary_embedding(zeros({2, 4, 2}, kF32, d), {zeros({3, 4, 1}, kF32, d), zeros({3, 4, 1}, kF32, d)});
        })
    .error("cos is f64[4,1], sin is f64[4,1]", [](Device d) {
      rotary_embedding(zeros({4, 2}, kF32, d), {zeros({4, 1}, kF64, d), zeros({4, 1}, kF64, d)});
    });

// Of a part of the head, with positions per row.
OP_SUITE_VARIANT(rotary_embedding, partial)
    .devices(kFloating)
    .with(rotation(false))
    .sample({{2, 3, 5, 9}, {2, 1, 5, 3}, {2, 1, 5, 3}})
    .sample({{3, 2, 7}, {3, 2, 1}, {3, 2, 1}})
    .sample({{0, 2, 1, 3}, {2, 1, 1}, {2, 1, 1}})
    .skip("errors", "those of rotary_embedding");

OP_SUITE_VARIANT(rotary_embedding, interleaved)
    .devices(kFloating)
    .with(rotation(true))
    .sample({{2, 3, 5, 8}, {5, 4}, {5, 4}})
    .sample({{3, 0, 2}, {0, 1}, {0, 1}})
    .sample({{129, 66}, {129, 33}, {129, 33}})
    .sample({{2, 3, 5, 9}, {2, 1, 5, 3}, {2, 1, 5, 3}})
    .sample({{1, 2}, {1, 1}, {1, 1}})
    .skip("errors", "those of rotary_embedding");

// The input's values are the positions, and its dtype that of the tables. frequency(i, n) of pair i, with n
// the largest position + 1.
struct Tables {
  Rope rope;
  int64_t head_dim, pairs;
  std::function<double(double i, double n)> frequency;
  double factor = 1;  // of cos and sin
};

const auto tables = [](const Tables& t) {
  return [t](Suite& suite) {
    suite.inputs({constant_in(-50, 3000)})
        .call([t](const Tensors& in) {
          const Rotary r = rotary(t.rope, t.head_dim, in[0], in[0].dtype());
          return Tensors{r.cos, r.sin};
        })
        .reference([t](const Refs& in) {
          const Ref& at = in[0];
          Shape shape = at.shape;
          if (shape.rank() == 2) shape.insert(1, 1);
          shape.push_back(t.pairs);
          Refs out{Ref(shape), Ref(shape)};
          const double n = at.size() == 0 ? 0 : *std::max_element(at.v.begin(), at.v.end()) + 1;
          for (int64_t i = 0; i < out[0].size(); ++i) {
            const double angle = at[i / t.pairs] * t.frequency(static_cast<double>(i % t.pairs), n);
            out[0][i] = t.factor * std::cos(angle);
            out[1][i] = t.factor * std::sin(angle);
          }
          return out;
        })
        .sample({{5}})
        .sample({{3, 2}})
        .sample({{0}})
        .sample({{1, 3001}})
        .devices(kFloating);
  };
};
const auto refuses = [](const Rope& rope, int64_t head_dim) {
  return [rope, head_dim](Device d) { rotary(rope, head_dim, zeros({2}, kF32, d)); };
};

OP_SUITE(rotary)
    .with(tables({{.theta = 500}, 8, 4, [](double i, double) { return std::exp(-i / 4 * std::log(500.0)); }}))
    .error("head_dim is 3, fraction 1: the rotated width must be even, above 0 and at most head_dim, it is 3",
           refuses({}, 3))
    .error(
        "head_dim is 8, fraction 0.1: the rotated width must be even, above 0 and at most head_dim, it is 0",
        refuses({.fraction = 0.1}, 8))
    .error("head_dim is 8, fraction 1.5: the rotated width", refuses({.fraction = 1.5}, 8))
    .error("theta is 1, needed above 1", refuses({.theta = 1}, 8))
    .error("scaling.factor is 0.5, needed at least 1", refuses({.scaling = {.factor = 0.5}}, 8))
    .error("scaling.original_max_position_embeddings is 0, needed above 0",
           refuses({.scaling = {.type = RopeType::kDynamicNtk, .factor = 2}}, 8))
    .error("scaling.beta_fast is 1, beta_slow is 2, needed beta_fast >= beta_slow > 0",
           refuses({.scaling = {.type = RopeType::kYarn,
                                .factor = 2,
                                .original_max_position_embeddings = 8,
                                .beta_fast = 1,
                                .beta_slow = 2}},
                   8))
    .error("scaling.low_freq_factor is 1, high_freq_factor is 1, needed high_freq_factor > low_freq_factor",
           refuses({.scaling = {.type = RopeType::kLlama3,
                                .factor = 2,
                                .original_max_position_embeddings = 8,
                                .high_freq_factor = 1}},
                   8))
    .error("scaling has 2 short and 3 long factors, needed 3 above 0 each",
           refuses({.scaling = {.type = RopeType::kLongRope,
                                .factor = 2,
                                .original_max_position_embeddings = 8,
                                .short_factor = {1, 2},
                                .long_factor = {1, 2, 3}}},
                   6))
    .error("positions must be [S] or [B, S], i32, i64 or floating: positions is bool[2]",
           [](Device d) { rotary({}, 8, zeros({2}, kBool, d)); })
    .error("positions is f32[2,1,3]",
           [](Device d) {
             rotary({}, 8, zeros({2, 1, 3}, kF32, d));
           })
    .error("dtype must be floating, got i64", [](Device d) { rotary({}, 8, zeros({2}, kF32, d), kI64); });

OP_SUITE_VARIANT(rotary, linear)
    .with(tables({{.fraction = 0.5, .scaling = {.type = RopeType::kLinear, .factor = 4}},
                  13,
                  3,
                  [](double i, double) { return std::exp(-i / 3 * std::log(1e4)) / 4; }}))
    .skip("errors", "those of rotary");

// The lowest frequency is that of kLinear, the highest that of kDefault.
OP_SUITE_VARIANT(rotary, ntk)
    .with(tables({{.scaling = {.type = RopeType::kNtk, .factor = 4}},
                  10,
                  5,
                  [](double i, double) { return std::exp(-i / 5 * std::log(1e4) - i / 4 * std::log(4.0)); }}))
    .skip("errors", "those of rotary");

OP_SUITE_VARIANT(rotary, dynamic_ntk)
    .with(tables(
        {{.scaling = {.type = RopeType::kDynamicNtk, .factor = 2, .original_max_position_embeddings = 1000}},
         10,
         5,
         [](double i, double n) {
           const double stretch = std::log(n > 1000 ? 2 * n / 1000 - 1 : 1);
           return std::exp(-i / 5 * std::log(1e4) - i / 4 * stretch);
         }}))
    .skip("errors", "those of rotary");

// 32 pairs of theta 1e4 in 2048 positions: pair 32 ln(2048 / (2 pi n)) / ln(1e4) makes n turns, so the ramp
// is from floor(8.05) to ceil(20.1).
OP_SUITE_VARIANT(rotary, yarn)
    .with(
        tables({{.scaling = {.type = RopeType::kYarn, .factor = 8, .original_max_position_embeddings = 2048}},
                64,
                32,
                [](double i, double) {
                  const double ramp = i <= 8 ? 0 : i >= 21 ? 1 : (i - 8) / 13;
                  return std::exp(-i / 32 * std::log(1e4)) * (ramp / 8 + 1 - ramp);
                },
                0.1 * std::log(8.0) + 1}))
    .skip("errors", "those of rotary");

// Temperatures that are given, and ends of the ramp between two pairs.
OP_SUITE_VARIANT(rotary, yarn_mscale)
    .with(tables({{.scaling = {.type = RopeType::kYarn,
                               .factor = 8,
                               .original_max_position_embeddings = 2048,
                               .beta_fast = 16,
                               .beta_slow = 2,
                               .truncate = false,
                               .mscale = 2,
                               .mscale_all_dim = 0.5}},
                  64,
                  32,
                  [](double i, double) {
                    const double low = 32 * std::log(2048 / (2 * M_PI * 16)) / std::log(1e4);
                    const double high = 32 * std::log(2048 / (2 * M_PI * 2)) / std::log(1e4);
                    const double ramp = std::min(1.0, std::max(0.0, (i - low) / (high - low)));
                    return std::exp(-i / 32 * std::log(1e4)) * (ramp / 8 + 1 - ramp);
                  },
                  (0.2 * std::log(8.0) + 1) / (0.05 * std::log(8.0) + 1)}))
    .skip("errors", "those of rotary");

// Factors of each pair, others from position 1000 on.
OP_SUITE_VARIANT(rotary, longrope)
    .with(tables({{.fraction = 0.5,
                   .scaling = {.type = RopeType::kLongRope,
                               .factor = 4,
                               .original_max_position_embeddings = 1000,
                               .short_factor = {1, 1.25, 2},
                               .long_factor = {1.5, 3, 8}}},
                  13,
                  3,
                  [](double i, double n) {
                    const double brief = i == 0 ? 1 : i == 1 ? 1.25 : 2, far = i == 0 ? 1.5 : i == 1 ? 3 : 8;
                    return std::exp(-i / 3 * std::log(1e4)) / (n > 1000 ? far : brief);
                  },
                  std::sqrt(1 + std::log(4.0) / std::log(1000.0))}))
    .skip("errors", "those of rotary");

OP_SUITE_VARIANT(rotary, llama3)
    .with(tables({{.theta = 5e5,
                   .scaling = {.type = RopeType::kLlama3,
                               .factor = 8,
                               .original_max_position_embeddings = 8192,
                               .low_freq_factor = 2,
                               .high_freq_factor = 5}},
                  64,
                  32,
                  [](double i, double) {
                    const double kept = std::exp(-i / 32 * std::log(5e5)), length = 2 * M_PI / kept;
                    if (length < 8192 / 5.0) return kept;
                    if (length > 8192 / 2.0) return kept / 8;
                    const double smooth = (8192 / length - 2) / 3;
                    return (1 - smooth) * kept / 8 + smooth * kept;
                  }}))
    .skip("errors", "those of rotary");

}  // namespace
}  // namespace roux::testing
