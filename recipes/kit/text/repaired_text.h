// A text with its invalid bytes replaced, and where everything was before: offsets of tokens and literal
// ranges count in the text that the caller gave.
#ifndef ROUX_RECIPES_KIT_TEXT_REPAIRED_TEXT_H_
#define ROUX_RECIPES_KIT_TEXT_REPAIRED_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "recipes/kit/text/regex.h"

namespace roux::kit {

class RepairedText {
 public:
  // Every maximal invalid subpart becomes U+FFFD. The original must be below 4 GiB.
  explicit RepairedText(std::string_view original);
  const std::string& text() const { return text_; }

  // A range of text() as one of the original; a range that touches a replacement covers its bytes.
  Span to_original(Span span) const;
  // The reverse; a range that touches invalid bytes covers their replacement.
  Span from_original(Span span) const;

 private:
  struct Gap {
    uint32_t original, length;  // the invalid bytes
    uint32_t repaired;          // where U+FFFD stands for them
  };
  std::string text_;
  std::vector<Gap> gaps_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_REPAIRED_TEXT_H_
