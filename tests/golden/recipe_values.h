// The reference values of a recipe, tests/golden/recipes/<slug>.json: what the script beside it computed from
// the paper's formulas, independently of the recipe.
//
//   const golden::Values values = golden::Values::of_recipe("z_loss");
//   for (const golden::Values& c : values["squared_log_z"].items())
//     EXPECT_NEAR(loss(c["logits"].numbers()), c["loss"].number(), 1e-12);
//
// A value that is missing or of another kind throws Error with its place in the file.
#ifndef ROUX_TESTS_GOLDEN_RECIPE_VALUES_H_
#define ROUX_TESTS_GOLDEN_RECIPE_VALUES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tensor/io/json_value.h"

namespace roux::golden {

class Values {
 public:
  static Values of_recipe(const std::string& slug);

  Values operator[](const std::string& key) const;  // of an object
  bool has(const std::string& key) const { return value_->find(key) != nullptr; }
  std::vector<Values> items() const;  // of a list
  double number() const;              // also "inf", "-inf" and "nan"
  int64_t integer() const;
  const std::string& text() const;
  std::vector<double> numbers() const;  // a list of numbers
  std::vector<int64_t> integers() const;

 private:
  Values(std::shared_ptr<const JsonValue> file, const JsonValue& value, std::string where)
      : file_(std::move(file)), value_(&value), where_(std::move(where)) {}

  std::shared_ptr<const JsonValue> file_;  // keeps value_ alive
  const JsonValue* value_;
  std::string where_;  // "z_loss.squared_log_z[2]"
};

}  // namespace roux::golden

#endif  // ROUX_TESTS_GOLDEN_RECIPE_VALUES_H_
