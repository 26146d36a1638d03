#include "recipes/same_numbers.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

namespace roux::kit {
namespace {

using Json = nlohmann::ordered_json;

class Comparison {
 public:
  explicit Comparison(double tolerance) : tolerance_(tolerance) {}

  void lines(const std::string& a, const std::string& b) {
    const std::vector<std::string> of_a = absl::StrSplit(a, '\n', absl::SkipEmpty());
    const std::vector<std::string> of_b = absl::StrSplit(b, '\n', absl::SkipEmpty());
    if (of_a.size() != of_b.size())
      differ(absl::StrCat("metrics.jsonl has ", of_a.size(), " and ", of_b.size(), " lines"));
    for (size_t i = 0; i < std::min(of_a.size(), of_b.size()); ++i) {
      const Json line = parse(of_a[i]);
      std::string where = absl::StrCat("metrics.jsonl line ", i + 1);
      if (line.contains("part") && line.contains("step"))
        absl::StrAppend(&where, " (", line["part"].get<std::string>(), ", step ", line["step"].dump(), ")");
      values(where + ":", line, parse(of_b[i]));
    }
  }

  void claims(const std::string& a, const std::string& b) { values("claims.json:", parse(a), parse(b)); }

  NumberComparison result() && { return std::move(result_); }

 private:
  static Json parse(const std::string& text) {
    return Json::parse(text, nullptr, /*allow_exceptions=*/false);
  }

  void differ(const std::string& what) { result_.differences.push_back(what); }

  void values(const std::string& where, const Json& a, const Json& b) {
    if (a.is_number() && b.is_number()) return numbers(where, a, b);
    const bool nested = (a.is_object() && b.is_object()) || (a.is_array() && b.is_array());
    if (!nested || a.size() != b.size()) {
      if (a != b) differ(absl::StrCat(where, " is ", a.dump(), " and ", b.dump()));
      return;
    }
    if (a.is_array()) {
      for (size_t i = 0; i < a.size(); ++i) values(absl::StrCat(where, " [", i, "]"), a[i], b[i]);
      return;
    }
    for (const auto& [key, value] : a.items()) {
      if (key == "verdict") continue;
      const std::string name = absl::StrCat(where, " ", key);
      if (b.contains(key)) {
        values(name, value, b[key]);
      } else {
        differ(name + " is missing in the second");
      }
    }
  }

  void numbers(const std::string& where, const Json& a, const Json& b) {
    const double x = a.get<double>(), y = b.get<double>();
    const double apart = std::abs(x - y) / std::max({1.0, std::abs(x), std::abs(y)});
    ++result_.numbers;
    result_.largest = std::max(result_.largest, apart);
    if (!(apart <= tolerance_)) differ(absl::StrCat(where, " is ", a.dump(), " and ", b.dump()));
  }

  const double tolerance_;
  NumberComparison result_;
};

}  // namespace

NumberComparison compare_numbers(const RunFolder& a, const RunFolder& b, double tolerance) {
  Comparison comparison(tolerance);
  comparison.lines(a.metrics, b.metrics);
  comparison.claims(a.claims, b.claims);
  return std::move(comparison).result();
}

}  // namespace roux::kit
