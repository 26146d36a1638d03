#include "recipes/continual_pretraining/phases.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "tensor/io/json_value.h"
#include "tests/golden/recipe_values.h"

namespace roux::continual {
namespace {

JsonValue rates_of(const std::string& text) {
  const auto phases = parse_phases(text, "file");
  EXPECT_TRUE(phases.ok()) << phases.status();
  return *parse_json_value(rates_json(*phases), "rates");
}

TEST(Phases, RatesAreThoseOfTheReference) {
  const golden::Values values = golden::Values::of_recipe("continual_pretraining");
  for (const golden::Values& c : values["phases"].items()) {
    std::string list;
    for (const golden::Values& p : c["phases"].items()) {
      absl::StrAppend(&list, list.empty() ? "" : ",", "{\"shape\":\"", p["shape"].text(),
                      "\",\"steps\":", p["steps"].integer());
      // 17 digits: the same number again.
      for (const char* key : {"from", "to", "alpha"})
        absl::StrAppendFormat(&list, ",\"%s\":%.17g", key, p[key].number());
      list += "}";
    }
    const JsonValue got = rates_of(absl::StrCat("{\"phases\":[", list, "]}"));
    const std::vector<double> expected = c["rates"].numbers();
    EXPECT_EQ(got.find("steps")->integer(), static_cast<int64_t>(expected.size()));
    ASSERT_EQ(got.find("rate")->items().size(), expected.size());
    for (size_t t = 0; t < expected.size(); ++t)
      EXPECT_NEAR(got.find("rate")->items()[t].number(), expected[t], 1e-12) << t;
    EXPECT_NEAR(got.find("end")->number(), c["end"].number(), 1e-12);
  }
}

TEST(Phases, StepsMayHaveAnExponent) {
  for (const char* steps : {"10", "1e1", "10.0"}) {
    const JsonValue got = rates_of(absl::StrCat(R"([{"shape": "linear", "to": 1, "steps": )", steps, "}]"));
    EXPECT_EQ(got.find("steps")->integer(), 10) << steps;
  }
}

TEST(Phases, APhaseBeginsWhereTheOneBeforeItEnded) {
  const JsonValue got = rates_of(R"([{"name": "warm-up", "shape": "linear", "steps": 2, "to": 1},
                                     {"shape": "constant", "steps": 2}, {"shape": "exponential", "steps": 2, "to": 0.25}])");
  std::vector<double> rates;
  for (const JsonValue& rate : got.find("rate")->items()) rates.push_back(rate.number());
  EXPECT_EQ(rates, (std::vector<double>{0, 0.5, 1, 1, 1, 0.5}));
  EXPECT_EQ(got.find("end")->number(), 0.25);
  const JsonValue& anneal = got.find("phases")->items()[2];
  EXPECT_EQ(anneal.find("name")->string(), "exponential");
  EXPECT_EQ(anneal.find("begin")->integer(), 4);
  EXPECT_EQ(anneal.find("end")->integer(), 6);
  EXPECT_EQ(got.find("phases")->items()[0].find("name")->string(), "warm-up");
}

TEST(Phases, WhatIsWrongIsNamed) {
  const auto error = [](const std::string& text) {
    return std::string(parse_phases(text, "f").status().message());
  };
  EXPECT_NE(error("{").find("f: byte"), std::string::npos);
  for (const char* none : {"{}", "[]", "3", R"({"phases": 3})", R"({"phases": []})"}) {
    EXPECT_EQ(error(none).substr(0, 23), "f: needs {\"phases\": [..") << none;
  }
  EXPECT_EQ(error("[3]"), "f: phase 1: must be an object");
  EXPECT_EQ(error(R"([{"steps": 3}])"),
            "f: phase 1: 'shape' must be linear, cosine, inverse_sqrt, exponential or constant");
  EXPECT_EQ(
      error(R"([{"shape": "cosin", "steps": 3, "to": 1}])"),
      "f: phase 1: 'shape' must be linear, cosine, inverse_sqrt, exponential or constant, it is 'cosin'");
  EXPECT_EQ(error(R"([{"shape": 3, "steps": 3, "to": 1}])"), "f: phase 1: 'shape' must be a text");
  for (const char* steps :
       {"", R"("steps": -1,)", R"("steps": 1.5,)", R"("steps": "2",)", R"("steps": 1.5e0,)"}) {
    EXPECT_EQ(error(absl::StrCat("[{", steps, R"("shape": "linear", "to": 1}])")),
              "f: phase 1: 'steps' must be a whole number of at least 0")
        << steps;
  }
  EXPECT_EQ(error(R"([{"shape": "linear", "steps": 3}])"), "f: phase 1: 'to' is missing");
  EXPECT_EQ(error(R"({"phases": [{"shape": "linear", "steps": 3, "to": 1}], "phase": []})"),
            "f: 'phase' is unknown; did you mean phases?");
  EXPECT_EQ(error(R"([{"shape": "linear", "steps": 1e300, "to": 1}])"),
            "f: phase 1: more than 10000000 steps in all");
  EXPECT_EQ(error(R"([{"shape": "linear", "steps": 0, "to": 1}])"), "f: no phase has a step");
  EXPECT_EQ(error(R"([{"shape": "linear", "steps": 3, "to": 1}, {"shape": "cosine", "steps": 3, "to": -1}])"),
            "f: phase 2: 'to' must be a number of at least 0");
  EXPECT_EQ(error(R"([{"shape": "linear", "steps": 3, "To": 1}])"),
            "f: phase 1: 'To' is unknown; did you mean to?");
  EXPECT_EQ(error(R"([{"shape": "constant", "steps": 3, "from": 1, "to": 2}])"),
            "f: phase 1: is constant, but goes from 1 to 2");
  EXPECT_EQ(error(R"([{"shape": "exponential", "steps": 3, "to": 2}])"),
            "f: phase 1: is exponential, but goes from 0 to 2; both must be above 0");
  EXPECT_EQ(error(R"([{"shape": "inverse_sqrt", "steps": 3, "to": 2, "alpha": 0}])"),
            "f: phase 1: 'alpha' must be above 0");
  EXPECT_EQ(
      error(R"([{"shape": "linear", "steps": 9000000, "to": 1}, {"shape": "constant", "steps": 9000000}])"),
      "f: phase 2: more than 10000000 steps in all");
}

}  // namespace
}  // namespace roux::continual
