// The final answer out of a generated solution. All functions are pure; digits are ASCII digits.
//
//   "... 3 * 4 = 12. #### 1,012.50"  last_number 1012.5, marked_answer("####") "1,012.50"
//   "so it is \boxed{\frac{1}{2}}."  boxed_answer "\frac{1}{2}"
#ifndef ROUX_RECIPES_KIT_EVAL_FINAL_ANSWER_H_
#define ROUX_RECIPES_KIT_EVAL_FINAL_ANSWER_H_

#include <optional>
#include <string>
#include <string_view>

namespace roux::kit {

// The last number, digits with at most one decimal point between them, after commas between digits are taken
// out. nullopt without a digit. The sign is ignored, as in the scoring scripts of grade-school maths, unless
// `with_sign`: then a "-" that stands directly before the number and not after a digit or letter counts.
std::optional<double> last_number(std::string_view text, bool with_sign = false);

// |a - b| <= tolerance.
bool same_number(std::optional<double> a, std::optional<double> b, double tolerance = 1e-3);

// What stands in the braces of the last \boxed{...} whose braces close, without white space around it.
std::optional<std::string> boxed_answer(std::string_view text);

// What follows the last `marker` up to the end of its line, without white space around it; nullopt without
// the marker. The marker must not be empty (Error).
std::optional<std::string> marked_answer(std::string_view text, std::string_view marker);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_FINAL_ANSWER_H_
