// The sample of tests/golden/eval.json for the tests of this folder. Fails the test where it can't be read.
#ifndef ROUX_RECIPES_KIT_EVAL_EVAL_GOLDEN_H_
#define ROUX_RECIPES_KIT_EVAL_EVAL_GOLDEN_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"

namespace roux::kit {

using Json = nlohmann::json;
using Strings = std::vector<std::string>;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;

inline const Json& golden(const char* part) {
  static const Json& json = *new Json(Json::parse(*read_text(*find_runfile("tests/golden/eval.json"))));
  return json.at(part);
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_EVAL_GOLDEN_H_
