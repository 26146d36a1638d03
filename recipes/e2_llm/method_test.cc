#include "recipes/e2_llm/method.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "gtest/gtest.h"
#include "nn/kv_cache.h"
#include "nn/models/transformer.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/view.h"
#include "tests/golden/recipe_values.h"

namespace roux::e2_llm {
namespace {

const golden::Values& reference() {
  static const auto* const values = new golden::Values(golden::Values::of_recipe("e2_llm"));
  return *values;
}

Draw draw_of(const golden::Values& c) { return {c["g"].number(), c["t"].integer()}; }

Tensor as_tensor(const std::vector<double>& p) { return tensor(p, {static_cast<int64_t>(p.size())}); }

// Scores [T, T] of q and k [T, d] whose rows stand at positions p, f64.
std::vector<double> scores(const Tensor& q, const Tensor& k, const std::vector<double>& p,
                           double theta = 500) {
  const Rotary tables = rotary({.theta = theta}, q.size(1), as_tensor(p), kF64);
  return matmul(rotary_embedding(q, tables), transpose(rotary_embedding(k, tables), 0, 1))
      .to_vector<double>();
}

Tensor random_rows(int64_t rows, int64_t d, uint64_t stream) {
  stats::RandomStream random(5, stream);
  std::vector<double> values(static_cast<size_t>(rows * d));
  for (double& v : values) v = random.normal();
  return tensor(values, {rows, d});
}

// Frequencies of a rope, as the angles at the smallest position that keeps them below half a turn, and what
// multiplies cos and sin.
std::vector<double> frequencies(const Rope& rope, int64_t d, double length = 1, double* factor = nullptr) {
  const Rotary tables = rotary(rope, d, tensor(std::vector<double>{1, length - 1}, {2}), kF64);
  const std::vector<double> cos = tables.cos.to_vector<double>(), sin = tables.sin.to_vector<double>();
  std::vector<double> out;
  for (int64_t j = 0; j < d / 2; ++j) {
    const auto i = static_cast<size_t>(j);
    out.push_back(std::atan2(sin[i], cos[i]));
    if (factor != nullptr) *factor = std::hypot(sin[i], cos[i]);
  }
  return out;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance) << i;
}

TEST(Golden, PositionsAndOffsets) {
  for (const golden::Values& c : reference()["tables"].items()) {
    expect_near(positions(draw_of(c), c["length"].integer(), c["sinks"].integer()), c["positions"].numbers(),
                1e-12);
    EXPECT_EQ(largest_offset(c["g"].number(), c["R"].integer()), c["largest_offset"].integer());
  }
}

TEST(Golden, StretchedFrequencies) {
  for (const golden::Values& c : reference()["frequencies"].items()) {
    const std::string kind = c["kind"].text();
    const RopeType type = kind == "linear" ? RopeType::kLinear
                          : kind == "ntk"  ? RopeType::kNtk
                          : kind == "yarn" ? RopeType::kYarn
                                           : RopeType::kDefault;
    const Rope rope = stretched({.theta = c["theta"].number()}, type, c["s"].number(), c["L"].integer());
    double factor = 0;
    expect_near(frequencies(rope, c["d"].integer(), 2, &factor), c["frequencies"].numbers(), 1e-12);
    EXPECT_NEAR(factor, c["attention_factor"].number(), 1e-12) << kind;
  }
  for (const golden::Values& c : reference()["dynamic"].items()) {
    // The factor is ignored: the length says it.
    const Rope rope = stretched({.theta = 500}, RopeType::kDynamicNtk, 7, c["L"].integer());
    const double length = c["length"].number();
    if (length < 2) continue;  // position 1 is the second token
    expect_near(frequencies(rope, 16, length), c["frequencies"].numbers(), 1e-12);
  }
}

TEST(Golden, ScoresAtDrawnPositions) {
  for (const golden::Values& c : reference()["attention"].items()) {
    const int64_t length = c["length"].integer(), d = c["d"].integer();
    const Tensor q = tensor(c["q"].numbers(), {length, d}), k = tensor(c["k"].numbers(), {length, d});
    expect_near(scores(q, k, positions(draw_of(c), length, c["sinks"].integer()), c["theta"].number()),
                c["scores"].numbers(), 1e-9);
  }
}

TEST(Golden, AngleCoverage) {
  for (const golden::Values& c : reference()["coverage"].items()) {
    const Augmentation a{.scales = c["scales"].numbers(),
                         .offsets = c["offsets"].integer() == 1,
                         .sinks = c["sinks"].integer()};
    const auto covered = [&](bool sinks) {
      return angle_coverage(a, c["R"].integer(), c["window"].integer(), c["g"].number(), sinks);
    };
    EXPECT_NEAR(covered(false), c["without_sinks"].number(), 1e-12);
    EXPECT_NEAR(covered(true), c["with_sinks"].number(), 1e-12);
  }
}

TEST(Golden, ScalesOfWindows) {
  for (const golden::Values& c : reference()["scale"].items()) {
    EXPECT_EQ(smallest_scale(c["length"].integer(), c["R"].integer()), c["smallest"].number());
    EXPECT_EQ(window_scale(c["length"].integer(), c["R"].integer()), c["window"].number());
  }
}

TEST(Positions, StayInsideTheTrainedWindowAndCoverTheTarget) {
  for (const int64_t R : {1, 5, 64, 4096}) {
    for (int64_t g = 1; g <= 20; ++g) {
      const auto scale = static_cast<double>(g);
      const int64_t T = largest_offset(scale, R);
      EXPECT_EQ(T, (g - 1) * R);
      const std::vector<double> p = positions({scale, T}, R, 0);
      EXPECT_LT(p.back(), static_cast<double>(R)) << g;
      EXPECT_NEAR(p.back(), static_cast<double>(g * R - 1) / scale,
                  1e-9);  // the last index of the window g R
    }
  }
  EXPECT_NEAR(positions({5, 256}, 64, kSinks).back(), 63.8, 1e-12);
}

TEST(Positions, RefuseWhatIsNone) {
  EXPECT_NE(error_of([] { largest_offset(0.5, 8); }).find("g is 0.5"), std::string::npos);
  EXPECT_NE(error_of([] { positions({2, -1}, 4, 4); }).find("t is -1"), std::string::npos);
  EXPECT_NE(error_of([] { e2_augmentation(0); }).find("g_max is 0"), std::string::npos);
  stats::RandomStream random(1);
  EXPECT_NE(error_of([&] { draw_row({.scales = {}}, 8, random); }).find("no scale"), std::string::npos);
}

TEST(Draws, AreUniform) {
  stats::RandomStream random(3);
  const int64_t draws = 40000, g_max = 20, R = 64;
  const Augmentation e2 = e2_augmentation(g_max);
  double sum = 0;
  std::vector<int64_t> of_scale(g_max + 1), tenth(10);
  for (int64_t i = 0; i < draws; ++i) {
    const Draw draw = draw_row(e2, R, random);
    sum += draw.g;
    of_scale[static_cast<size_t>(draw.g)]++;
    const int64_t T = largest_offset(draw.g, R);
    ASSERT_TRUE(draw.t >= 0 && draw.t <= T);
    if (draw.g > 1) tenth[static_cast<size_t>(10 * draw.t / (T + 1))]++;
  }
  // Standard errors: 5.77 / sqrt(n) of the mean, sqrt(n p (1 - p)) of a count; bounds are 5 of them.
  EXPECT_NEAR(sum / draws, (g_max + 1) / 2.0, 5 * 5.77 / std::sqrt(draws));
  for (int64_t g = 1; g <= g_max; ++g) EXPECT_NEAR(of_scale[static_cast<size_t>(g)], draws / 20, 220) << g;
  for (const int64_t count : tenth) EXPECT_NEAR(count, draws * 0.095, 350);
}

TEST(Draws, AreSharedByAugmentationsThatAgree) {
  stats::RandomStream a(8), b(8), c(8);
  for (int i = 0; i < 50; ++i) {
    const Draw both = draw_row(e2_augmentation(8), 64, a);
    EXPECT_EQ(draw_row({.scales = e2_augmentation(8).scales}, 64, b).g, both.g);
    EXPECT_EQ(draw_row({}, 64, c).t, 0);
  }
}

TEST(Scores, DependOnDifferencesOfPositionsOverGAlone) {
  const Tensor q = random_rows(9, 8, 0), k = random_rows(9, 8, 1);
  const std::vector<double> base = scores(q, k, positions({3, 0}, 9, kSinks));
  // An offset of all tokens changes nothing; with the rule only pairs across the first tokens' border do.
  expect_near(scores(q, k, positions({3, 17}, 9, 0)), base, 1e-9);
  const std::vector<double> moved = scores(q, k, positions({3, 17}, 9, kSinks));
  for (size_t m = 0; m < 9; ++m) {
    for (size_t n = 0; n < 9; ++n) {
      const bool across = (m < kSinks) != (n < kSinks);
      EXPECT_EQ(std::abs(moved[9 * m + n] - base[9 * m + n]) > 1e-9, across) << m << " " << n;
    }
  }
}

TEST(Scores, AreThoseOfTwiceTheScaleAtTwiceTheIndices) {
  const Tensor q = random_rows(9, 8, 0), k = random_rows(9, 8, 1);
  const std::vector<double> p = positions({3, 17}, 9, kSinks);
  // Rows 2 m of a row at twice the scale and offset stand where rows m of this one do.
  const std::vector<double> twice = positions({6, 34}, 17, 2 * kSinks);
  std::vector<double> every_second;
  for (size_t m = 0; m < 9; ++m) every_second.push_back(twice[2 * m]);
  expect_near(scores(q, k, every_second), scores(q, k, p), 1e-9);
  EXPECT_GT(std::abs(scores(q, k, positions({6, 17}, 9, kSinks))[8] - scores(q, k, p)[8]), 1e-6);
}

TEST(Scores, RotationsKeepNormsAndAddAngles) {
  const Tensor x = random_rows(6, 8, 2);
  const std::vector<double> p = positions({2.5, 9}, 6, kSinks);
  const auto turned = [&](const Tensor& y, const std::vector<double>& at) {
    return rotary_embedding(y, rotary({.theta = 500}, 8, as_tensor(at), kF64));
  };
  const std::vector<double> before = x.to_vector<double>(), after = turned(x, p).to_vector<double>();
  for (size_t row = 0; row < 6; ++row) {
    double a = 0, b = 0;
    for (size_t i = 8 * row; i < 8 * row + 8; ++i) a += before[i] * before[i], b += after[i] * after[i];
    EXPECT_NEAR(a, b, 1e-9);
  }
  std::vector<double> twice = p;
  for (double& v : twice) v += 1.75;
  expect_near(turned(turned(x, p), std::vector<double>(6, 1.75)).to_vector<double>(),
              turned(x, twice).to_vector<double>(), 1e-9);
}

TEST(Stretched, KeepsAndInterpolatesTheEnds) {
  const Rope rope{.theta = 500};
  const std::vector<double> plain = frequencies(rope, 16);
  for (const double s : {1.0, 2.0, 8.0, 20.0}) {
    const std::vector<double> ntk = frequencies(stretched(rope, RopeType::kNtk, s, 64), 16);
    EXPECT_DOUBLE_EQ(ntk.front(), plain.front());
    EXPECT_NEAR(ntk.back(), plain.back() / s, 1e-12);
    const std::vector<double> yarn = frequencies(stretched(rope, RopeType::kYarn, s, 64), 16);
    double before = -1;
    for (size_t j = 0; s > 1 && j < yarn.size(); ++j) {
      const double ramp = (1 - yarn[j] / plain[j]) / (1 - 1 / s);  // 0: kept, 1: divided by s
      EXPECT_GE(ramp, before - 1e-9);
      EXPECT_TRUE(ramp > -1e-9 && ramp < 1 + 1e-9);
      before = ramp;
    }
    if (s == 1) expect_near(yarn, plain, 1e-12);
    // Dynamic NTK at the length s L is NTK with s.
    expect_near(frequencies(stretched(rope, RopeType::kDynamicNtk, 1, 64), 16, 64 * s), ntk, 1e-12);
  }
}

class Model : public testing::Test {
 protected:
  static constexpr int64_t kTokens = 24;
  Model() : generator_(7), model_(shape({}), {&generator_, 0.3}) { model_.eval(); }

  static TransformerConfig shape(const RopeScaling& scaling) {
    TransformerConfig shape{.vocab_size = 32,
                            .hidden_size = 16,
                            .intermediate_size = 32,
                            .num_hidden_layers = 2,
                            .num_attention_heads = 2};
    shape.rope = {.theta = 500, .scaling = scaling};
    return shape;
  }
  Tensor ids() const {
    std::vector<int32_t> values;
    for (int32_t i = 0; i < 2 * kTokens; ++i) values.push_back((11 * i + i * i) % 32);
    return tensor(values, {2, kTokens});
  }
  std::vector<double> logits(const std::vector<Draw>& draws, int64_t sinks) const {
    const Tensor p = position_table(draws, kTokens, sinks, kCpu);
    return model_.logits({.ids = ids(), .positions = p}).to_vector<double>();
  }

  Generator generator_;
  Transformer model_;
};

TEST_F(Model, ScaleOneWithoutOffsetIsPlainBitForBit) {
  EXPECT_EQ(logits({{}, {}}, kSinks), model_.logits(ids()).to_vector<double>());
}

TEST_F(Model, AFixedScaleWithoutOffsetIsPositionInterpolation) {
  for (const double g : {4.0, 3.0}) {
    const Transformer pi(model_, Weights::kShared, shape({.type = RopeType::kLinear, .factor = g}));
    expect_near(logits({{g, 0}, {g, 0}}, kSinks), pi.logits(ids()).to_vector<double>(), 1e-5);
  }
}

TEST_F(Model, WithoutTheRuleAnOffsetDoesNothing) {
  const std::vector<double> none = logits({{3, 0}, {2, 0}}, kSinks);
  expect_near(logits({{3, 17}, {2, 17}}, 0), none, 1e-5);
  const std::vector<double> moved = logits({{3, 17}, {2, 17}}, kSinks);
  for (size_t row = 0; row < 2; ++row) {
    for (size_t m = 0; m < kTokens; ++m) {
      double most = 0;
      for (size_t v = 0; v < 32; ++v) {
        const size_t i = (row * kTokens + m) * 32 + v;
        most = std::max(most, std::abs(moved[i] - none[i]));
      }
      if (m < kSinks) {
        EXPECT_EQ(most, 0) << m;
      } else {
        EXPECT_GT(most, 1e-4) << m;
      }
    }
  }
}

TEST_F(Model, RowsHavePositionsOfTheirOwn) {
  const std::vector<double> both = logits({{3, 17}, {1, 0}}, kSinks);
  const std::vector<double> first = logits({{3, 17}, {3, 17}}, kSinks), second = logits({{}, {}}, kSinks);
  for (size_t i = 0; i < both.size(); ++i)
    EXPECT_NEAR(both[i], (i < both.size() / 2 ? first : second)[i], 1e-6);
}

TEST_F(Model, DecodingWithACacheEqualsOneForwardForAnyScale) {
  const NoGradGuard no_grad;
  for (const double g : {1.0, 2.5, 8.0}) {
    const Tensor p = position_table({{g, 0}, {g, 0}}, kTokens, 0, kCpu);
    const std::vector<double> whole = model_.logits({.ids = ids(), .positions = p}).to_vector<double>();
    KVCache cache = model_.make_cache(2, kTokens);
    for (int64_t begin = 0; begin < kTokens; begin += begin == 0 ? 10 : 1) {
      const int64_t end = begin == 0 ? 10 : begin + 1;
      const Tensor some = model_.logits({.ids = ids().slice(1, begin, end).contiguous(),
                                         .positions = p.slice(1, begin, end).contiguous(),
                                         .cache = &cache});
      const std::vector<double> values = some.to_vector<double>();
      const auto n = static_cast<size_t>(end - begin);
      for (size_t row = 0; row < 2; ++row) {
        for (size_t i = 0; i < n * 32; ++i) {
          EXPECT_NEAR(values[row * n * 32 + i], whole[(row * kTokens + static_cast<size_t>(begin)) * 32 + i],
                      1e-4);
        }
      }
    }
  }
}

}  // namespace
}  // namespace roux::e2_llm
