#include "recipes/loss_reweighting/loss_table.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/json_value.h"

namespace roux::loss_reweighting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string file(const std::string& text) {
  std::string path = fresh_directory() + "/losses.csv";
  std::ofstream(path) << text;
  return path;
}

TEST(ReadLosses, StepsAreBatchesInTheirOrder) {
  const auto batches = read_losses(file("domain,loss,step,sequence\nx,2.5,10,a\ny,1e0,9,a\nx,4,10,b\n"));
  ASSERT_TRUE(batches.ok()) << batches.status();
  ASSERT_EQ(batches->size(), 2u);
  EXPECT_EQ((*batches)[0].step, "10");
  EXPECT_THAT((*batches)[0].sequences, ElementsAre("a", "b"));
  EXPECT_THAT((*batches)[0].losses, ElementsAre(2.5, 4));
  EXPECT_THAT((*batches)[1].losses, ElementsAre(1));
}

TEST(ReadLosses, WhatIsWrongIsNamed) {
  const auto error = [](const std::string& text) {
    return std::string(read_losses(file(text)).status().message());
  };
  EXPECT_THAT(error("step,loss\n0,1\n"), HasSubstr("sequence"));
  EXPECT_THAT(error("step,sequence,loss\n"), HasSubstr("losses.csv: holds no losses"));
  EXPECT_THAT(error("step,sequence,loss\n0,a,high\n"),
              HasSubstr("line 2: loss is 'high', needed a finite number"));
  EXPECT_THAT(error("step,sequence,loss\n0,a,1\n0,b,nan\n"), HasSubstr("line 3: loss is 'nan'"));
  EXPECT_THAT(error("step,sequence,loss\n0,a,\n"), HasSubstr("loss is ''"));
  EXPECT_THAT(error("step,sequence,loss\n,a,1\n"), HasSubstr("must have a name"));
  EXPECT_THAT(error("step,sequence,loss\n0,a,1\n0,a,2\n"), HasSubstr("line 3: step 0 has sequence a twice"));
  EXPECT_THAT(error("step,sequence,loss\n0,a\n"), HasSubstr("losses.csv"));
  EXPECT_EQ(read_losses("/nowhere/losses.csv").status().code(), absl::StatusCode::kNotFound);
}

TEST(WeightsJson, HasEveryStrategy) {
  const std::string text = weights_json({{"7", {"a", "b", "c", "d", "e"}, {1, 1.5, 2, 2.5, 3}}}, {.r = 0.4});
  const auto value = parse_json_value(text, "table.json");
  ASSERT_TRUE(value.ok()) << value.status();
  const JsonValue& batch = value->find("batches")->items()[0];
  EXPECT_EQ(batch.find("step")->string(), "7");
  for (const Strategy strategy : kStrategies) {
    const JsonValue* weights = batch.find("weights")->find(strategy_name(strategy));
    ASSERT_NE(weights, nullptr);
    EXPECT_EQ(weights->items().size(), 5u);
  }
  EXPECT_NEAR(batch.find("weights")->find("lin_upper")->items()[0].number(), 0.02437, 5e-6);
  EXPECT_NEAR(batch.find("effective_sample_size")->find("uniform")->number(), 5, 1e-12);
  EXPECT_NEAR(batch.find("h")->items()[4].number(), 1, 1e-12);
}

}  // namespace
}  // namespace roux::loss_reweighting
