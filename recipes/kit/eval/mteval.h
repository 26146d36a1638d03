// The splitting rules that the machine translation metrics share, from NIST's mteval and from Tercom. Pure.
#ifndef ROUX_RECIPES_KIT_EVAL_MTEVAL_H_
#define ROUX_RECIPES_KIT_EVAL_MTEVAL_H_

#include <string>
#include <string_view>

namespace roux::kit {

void replace_all(std::string_view from, std::string_view to, std::string* text);

// &quot; &amp; &lt; &gt;, in this order.
std::string unescape_entities(std::string text);

// Spaces around ASCII symbols other than ' , - and the period.
std::string space_symbols(std::string_view text);
// Spaces around a period or comma that does not stand between digits, and after a digit's dash.
std::string space_periods_and_dashes(std::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_MTEVAL_H_
