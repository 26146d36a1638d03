#include "recipes/kit/train/in_context.h"

#include <gtest/gtest.h>

#include "recipes/kit/stats/random.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"

namespace roux::kit {
namespace {

InContextConfig small(const std::string& format, bool positions) {
  return {.layers = 2,
          .hidden = 16,
          .heads = 2,
          .length = 6,
          .init_std = 0.25,
          .positions = positions,
          .format = format};
}

// One prompt of random pairs, of which pair `changed` (if any) has another y and all later ones are others.
RegressionPrompts prompt(int64_t length, int64_t changed) {
  std::vector<double> x, y;
  for (int64_t t = 0; t < length; ++t) {
    stats::RandomStream random(changed >= 0 && t > changed ? 2 : 1, static_cast<uint64_t>(t));
    x.push_back(random.normal()), x.push_back(random.normal());
    y.push_back(random.normal() + (t == changed ? 3 : 0));
  }
  RegressionPrompts prompts(length, 2);
  prompts.add(x, y);
  return prompts;
}

std::vector<float> predict(const InContextRegressor& model, const RegressionPrompts& p) {
  NoGradGuard no_grad;
  return model(model.tokens(p)).to_vector<float>();
}

TEST(InContextRegressor, DoesNotSeeTheLabelNorWhatFollows) {
  for (const char* format : {"paired", "alternating"}) {
    for (const bool positions : {true, false}) {
      const InContextConfig config = small(format, positions);
      Generator generator(3);
      const InContextRegressor model(config, 2, 2, config.init(generator, kCpu));
      const std::vector<float> whole = predict(model, prompt(6, -1));
      ASSERT_EQ(whole.size(), 12);
      for (int64_t t = 0; t < 5; ++t) {
        const std::vector<float> other = predict(model, prompt(6, t));
        for (int64_t i = 0; i < 2 * (t + 1); ++i) EXPECT_EQ(whole[i], other[i]) << format << t << " " << i;
        EXPECT_NE(whole[2 * (t + 1)], other[2 * (t + 1)]) << format << t;
      }
    }
  }
}

TEST(InContextRegressor, ATableOfPositionsEnds) {
  for (const bool positions : {true, false}) {
    const InContextConfig config = small("paired", positions);
    Generator generator(3);
    const InContextRegressor model(config, 2, 1, config.init(generator, kCpu));
    const std::string error = error_of([&] { predict(model, prompt(7, -1)); });
    EXPECT_EQ(error == "no error", !positions) << error;
    for (const auto& [name, value] : model.named_parameters())
      EXPECT_EQ(name.find("embed_tokens"), std::string::npos) << name;
  }
}

TEST(InContextConfig, HeadsDivideTheWidth) {
  EXPECT_FALSE((InContextConfig{.hidden = 10, .heads = 3}).check().ok());
  EXPECT_TRUE((InContextConfig{}).check().ok());
}

}  // namespace
}  // namespace roux::kit
