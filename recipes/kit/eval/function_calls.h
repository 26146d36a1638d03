// Calls of tools in generated text, "[book(city='Oslo', nights=2), weather(city=Oslo)]" or one call alone, as
// data to compare with the gold calls. Pure.
#ifndef ROUX_RECIPES_KIT_EVAL_FUNCTION_CALLS_H_
#define ROUX_RECIPES_KIT_EVAL_FUNCTION_CALLS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

// Equal calls have equal names, keys and values; the order of arguments does not matter, quotes around a
// value neither.
struct FunctionCall {
  std::string name;
  std::map<std::string, std::string> arguments;
  bool operator==(const FunctionCall&) const = default;
};

// Calls separated by commas, within [ ] or not, with white space anywhere between. A name or key is letters,
// digits, _ and . of ASCII, not starting with a digit or period. A value is quoted by ' or " (the quotes are
// taken off, \ before a quote or \ too), or whatever stands before the next comma or closing parenthesis
// outside of brackets and quotes, without white space at the ends. InvalidArgument with the byte where any
// text is not of this form: an argument without a key, a key given twice, an open bracket or quote. "" and
// "[]" have no call.
absl::StatusOr<std::vector<FunctionCall>> parse_function_calls(std::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_FUNCTION_CALLS_H_
