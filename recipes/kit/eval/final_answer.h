// The final answer out of a generated solution. All functions are pure; texts are UTF-8.
//
//   "... 3 * 4 = 12. #### 1,012.50"  last_number 1012.5, marked_answer("####") "1,012.50"
//   "so it is \boxed{\frac{1}{2}}."  boxed_answer "\frac{1}{2}"
#ifndef ROUX_RECIPES_KIT_EVAL_FINAL_ANSWER_H_
#define ROUX_RECIPES_KIT_EVAL_FINAL_ANSWER_H_

#include <optional>
#include <string>
#include <string_view>

namespace roux::kit {

// The last number: decimal digits of any script with at most one decimal point between them (".", fullwidth
// or Arabic), after separators are taken out: a comma between digits, and before groups of three digits a
// fullwidth or Arabic comma, an apostrophe, a no-break or thin space, and LaTeX's "{,}", "\,", ",\!" and
// "\!". nullopt without a digit. The sign is ignored, as in the scoring scripts of grade-school maths, unless
// `with_sign`: then a minus counts that stands directly before the number, or before its currency sign
// ("-$5"), and not after a digit, a closing bracket or a letter, except of scripts that write no spaces
// between words. A minus is "-", U+2212 or another dash of its width (U+2010 to U+2013, small and fullwidth
// hyphen-minus).
std::optional<double> last_number(std::string_view text, bool with_sign = false);

// |a - b| <= tolerance.
bool same_number(std::optional<double> a, std::optional<double> b, double tolerance = 1e-3);

// What the last \boxed or \fbox holds, without white space around it and without one \text, \textbf, \mathrm,
// \mathbf or \mbox around all of it. Braces may have spaces in front of them; one that does not close is
// passed over. Without braces: up to the end of the formula that it stands in, as MATH's scoring script
// [Hendrycks et al. 2021] reads it, and outside of formulas up to white space, less ".", "," or ";" at the
// end.
std::optional<std::string> boxed_answer(std::string_view text);

// What follows the last `marker` up to the end of its line, without white space around it; nullopt without
// the marker. The marker must not be empty (Error).
std::optional<std::string> marked_answer(std::string_view text, std::string_view marker);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_FINAL_ANSWER_H_
