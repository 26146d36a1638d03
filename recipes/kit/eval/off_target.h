// How often a model answers in another language than the one it was asked for. Pure but for `identify`.
#ifndef ROUX_RECIPES_KIT_EVAL_OFF_TARGET_H_
#define ROUX_RECIPES_KIT_EVAL_OFF_TARGET_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

// The language of a text; empty: none that is known. With text/language_id.h:
//   [&](std::string_view text) { return identifier.identify(text).language; }
using IdentifyLanguage = std::function<std::string(std::string_view)>;

struct OffTarget {
  int64_t judged = 0;   // texts with enough letters
  int64_t skipped = 0;  // the others
  int64_t off_target = 0;
  std::vector<bool> wrong;  // by text: off target; false where it was skipped
  // (asked for, found) to how often, of the texts judged; found is empty where no language was.
  std::map<std::pair<std::string, std::string>, int64_t> confusion;
  // off_target / judged; Error where no text was judged.
  double rate() const;
};

// texts[i] should be in language targets[i], named as `identify` names it. A text of fewer letters than
// `least_letters` (at least 1; Unicode's category L) says too little and is skipped [as the off-target rates
// of translation do: Zhang et al. 2020]; one of no known language is off target. Lists of different length
// and an empty target are misuse (Error).
OffTarget off_target(absl::Span<const std::string> texts, absl::Span<const std::string> targets,
                     const IdentifyLanguage& identify, int64_t least_letters = 10);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_OFF_TARGET_H_
