#include "recipes/kit/train/ranks_process_test_util.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/atomic_file.h"

namespace roux::kit {

RanksResult run(int ranks, const std::string& flags, const std::string& environment) {
  return run_ranks(ranks, absl::StrCat("env ", environment, " ", kProgram, " ", flags));
}

std::map<std::string, double> metrics(const std::string& out) {
  std::map<std::string, double> values;
  for (const absl::string_view line :
       absl::StrSplit(*read_file(out + "/metrics.jsonl"), '\n', absl::SkipEmpty())) {
    const nlohmann::json json = nlohmann::json::parse(line);
    for (const auto& [name, value] : json.items()) {
      if (!value.is_number() || name == "step") continue;
      values[absl::StrCat(json["part"].get<std::string>(), " ", json["step"].get<int64_t>(), " ", name)] =
          value;
    }
  }
  return values;
}

void expect_near(const std::string& out, const std::string& other, double tolerance) {
  const std::map<std::string, double> a = metrics(out), b = metrics(other);
  EXPECT_GT(a.size(), 50u);
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, value] : a) {
    ASSERT_TRUE(b.count(name) > 0) << name;
    EXPECT_NEAR(value, b.at(name), tolerance * std::max(1.0, std::abs(value))) << name;
  }
}

}  // namespace roux::kit
