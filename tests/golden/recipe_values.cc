#include "tests/golden/recipe_values.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "tensor/error.h"

namespace roux::golden {

Values Values::of_recipe(const std::string& slug) {
  const absl::StatusOr<std::string> path =
      kit::find_runfile(absl::StrCat("tests/golden/recipes/", slug, ".json"));
  ROUX_CHECK(path.ok()) << path.status().message() << "; recipe(golden = True) brings it";
  const absl::StatusOr<std::string> text = kit::read_text(*path);
  ROUX_CHECK(text.ok()) << text.status().message();
  absl::StatusOr<JsonValue> json = parse_json_value(*text, *path);
  ROUX_CHECK(json.ok()) << json.status().message();
  auto file = std::make_shared<const JsonValue>(*std::move(json));
  const JsonValue& value = *file;
  return Values(std::move(file), value, slug);
}

Values Values::operator[](const std::string& key) const {
  const JsonValue* found = value_->find(key);
  ROUX_CHECK(found != nullptr) << where_ << " has no '" << key << "'";
  return Values(file_, *found, absl::StrCat(where_, ".", key));
}

std::vector<Values> Values::items() const {
  ROUX_CHECK(value_->is_array()) << where_ << " is no list but " << value_->type_name();
  std::vector<Values> out;
  for (const JsonValue& item : value_->items())
    out.push_back(Values(file_, item, absl::StrCat(where_, "[", out.size(), "]")));
  return out;
}

double Values::number() const {
  if (value_->is_string()) {
    if (value_->string() == "inf") return std::numeric_limits<double>::infinity();
    if (value_->string() == "-inf") return -std::numeric_limits<double>::infinity();
    if (value_->string() == "nan") return std::numeric_limits<double>::quiet_NaN();
  }
  ROUX_CHECK(value_->is_number()) << where_ << " is no number but " << value_->type_name();
  return value_->number();
}

int64_t Values::integer() const {
  ROUX_CHECK(value_->is_integer()) << where_ << " is no integer but " << value_->type_name();
  return value_->integer();
}

const std::string& Values::text() const {
  ROUX_CHECK(value_->is_string()) << where_ << " is no text but " << value_->type_name();
  return value_->string();
}

std::vector<double> Values::numbers() const {
  std::vector<double> out;
  for (const Values& item : items()) out.push_back(item.number());
  return out;
}

std::vector<int64_t> Values::integers() const {
  std::vector<int64_t> out;
  for (const Values& item : items()) out.push_back(item.integer());
  return out;
}

}  // namespace roux::golden
