#include "recipes/hmm_complexity/arms.h"

#include <gtest/gtest.h>

#include <fstream>

#include "recipes/hmm_complexity/records.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/json_value.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::hmm_complexity {
namespace {

TEST(SizesAround, AreTheSpecifications) {
  EXPECT_EQ(sizes_around(60, 200),
            (std::vector<int64_t>{0, 5, 10, 20, 30, 40, 50, 54, 58, 60, 62, 66, 70, 80, 100, 120, 150, 200}));
  EXPECT_EQ(sizes_around(60, 30), (std::vector<int64_t>{0, 5, 10, 20, 30}));
}

// Isotropic features with a known head: the curve is the closed form's, its parts add up to it.
TEST(RiskCurve, IsTheClosedForm) {
  constexpr int64_t kN = 12, kD = 30, kSets = 200, kTest = 500;
  Generator generator(5);
  const Tensor base = normal({kSets * kN + kTest, kD}, 0, 1, generator, kF64);
  const Tensor target = sum(base, 1, true) * (1 / std::sqrt(static_cast<double>(kD)));
  const HeadTask task{.base = base,
                      .labels = target + normal(target.shape(), 0, 0.5, generator, kF64),
                      .target = target,
                      .n = kN,
                      .sets = kSets,
                      .shrunk = 1};
  const Curve curve = risk_curve(task, {0, 3, 12, 30}, [](int64_t p, int64_t) -> FeatureView {
    return {[p](const Tensor& x) { return slice(x, 1, 0, p); },
            random_subset_risk(kN, kD, p, 1, 0.25).total()};
  });
  for (const size_t i : {0, 1, 3}) {
    const Risk parts = random_subset_risk(kN, kD, curve.p[i], 1, 0.25);
    EXPECT_NEAR(curve.mean[i], parts.total(), 0.15 * parts.total()) << i;
    EXPECT_NEAR(curve.bias2[i], parts.bias2, 0.15 * parts.bias2) << i;
    EXPECT_NEAR(curve.variance[i], parts.variance, 0.15 * parts.variance + 1e-12) << i;
    EXPECT_EQ(curve.theory[i], parts.total());
  }
  EXPECT_EQ(curve.peak(), 12);
  EXPECT_LT(curve.ridge[2], 0.2 * curve.median[2]);
  EXPECT_EQ(curve.least_below(), curve.median[1]);
}

TEST(Predictor, OfTheLinearKindIsLinear) {
  Generator generator(2);
  const Predictor net(3, 5, true, Init{&generator});
  const Tensor x = normal({2, 4, 3}, 0, 1, generator), y = normal({2, 4, 3}, 0, 1, generator);
  const Tensor off = net.states(x + y) - net.states(x) - net.states(y) + net.states(zeros({2, 4, 3}));
  EXPECT_LT(amax(abs(off)).item(), 1e-5);
  // A state sees no later word.
  EXPECT_EQ(amax(abs(slice(net.states(slice(x, 1, 0, 2)) - slice(net.states(x), 1, 0, 2), 1, 0, 2))).item(),
            0);
}

std::string file(const std::string& text) {
  static const std::string folder = fresh_directory();
  std::ofstream(folder + "/given.json") << text;
  return folder + "/given.json";
}

TEST(Records, AreComputed) {
  const auto made =
      table_json(file("{\"n\": 20, \"D\": 60, \"p\": 0, \"signal\": 1, \"noise\": 0.25}\n"
                      "{\"initial\": [0.5, 0.5], \"transition\": [[1, 0], [0, 1]], \"emission\": [[1, 0], "
                      "[0.5, 0.5]], \"sequence\": [0, 0]}\n"
                      "{\"A\": [[0]], \"Q\": [[1]], \"W\": [[1]], \"tau\": 1, \"x\": [[2], [4]]}\n"));
  ASSERT_TRUE(made.ok()) << made.status();
  const JsonValue table = *parse_json_value(*made, "table");
  const JsonValue::Items& rows = table.find("rows")->items();
  EXPECT_EQ(rows[0].find("risk")->number(), 1.25);
  EXPECT_NEAR(rows[1].find("filtered")->items()[1].items()[0].number(), 0.8, 1e-12);
  EXPECT_NEAR(rows[2].find("means")->items()[1].items()[0].number(), 2, 1e-12);  // half of 4
}

TEST(Records, AreRefused) {
  const auto says = [](const std::string& text, const std::string& words) {
    const auto made = table_json(file(text));
    EXPECT_NE(std::string(made.status().message()).find(words), std::string::npos)
        << text << ": " << made.status();
  };
  says("{\"n\": 20, \"D\": 60, \"p\": 61, \"signal\": 1, \"noise\": 0}", "line 1: 'p' is above 'D'");
  says("\n{\"n\": 2.5, \"D\": 60, \"p\": 6, \"signal\": 1, \"noise\": 0}",
       "line 2: 'n': must be a whole number");
  says("{\"q\": 1}", "must have one of 'p'");
  says("[1]", "line 1: must be an object");
  says("{\"initial\": [1], \"transition\": [[0.9]], \"emission\": [[1]], \"sequence\": [0]}",
       "must be a distribution");
  says("{\"initial\": [1], \"transition\": [[1]], \"emission\": [[1]], \"sequence\": [1]}",
       "line 1: forward_algorithm: word 1");
  says("{\"initial\": [1], \"transition\": [[1]], \"emission\": [[1]], \"sequence\": [0.5]}",
       "whole numbers");
  says("{\"A\": [[0, 1]], \"Q\": [[1]], \"W\": [[1]], \"tau\": 1, \"x\": [[2]]}", "'A' must be square");
  says("{\"A\": [[0]], \"Q\": [[1]], \"W\": [[1], [2, 3]], \"tau\": 1, \"x\": [[2]]}",
       "'W', row 2: has 2 numbers, needed 1");
  says("{\"A\": [[0]], \"Q\": [[-5]], \"W\": [[1]], \"tau\": 1, \"x\": [[2]]}", "'Q' must be a covariance");
  EXPECT_NE(read_hmm(file("{\"initial\": [1], \"transition\": [[1]]}"))
                .status()
                .message()
                .find("'emission': is missing"),
            std::string::npos);
}

}  // namespace
}  // namespace roux::hmm_complexity
