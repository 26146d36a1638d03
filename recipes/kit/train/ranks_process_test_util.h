// The test recipe (branch_recipe.cc) on several ranks, and what it wrote.
#ifndef ROUX_RECIPES_KIT_TRAIN_RANKS_PROCESS_TEST_UTIL_H_
#define ROUX_RECIPES_KIT_TRAIN_RANKS_PROCESS_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tensor/comm/ranks_test_util.h"

namespace roux::kit {

inline constexpr char kProgram[] =
    "recipes/kit/train"  // of the tree
    "/branch_recipe";

// `environment`: "NAME=value ..." before the program.
RanksResult run(int ranks, const std::string& flags, const std::string& environment = "");

// Every number of metrics.jsonl, by part, step and name.
std::map<std::string, double> metrics(const std::string& out);
void expect_near(const std::string& out, const std::string& other, double tolerance);

class RanksOfARecipe : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_mpirun()) GTEST_SKIP() << "no mpirun: run bazel/setup";
  }
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_RANKS_PROCESS_TEST_UTIL_H_
