#include "recipes/kit/eval/off_target.h"

#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

int64_t letters_of(std::string_view text) {
  int64_t letters = 0;
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    letters += c.valid && is_letter(c.code_point) ? 1 : 0;
    at += static_cast<size_t>(c.length);
  }
  return letters;
}

}  // namespace

double OffTarget::rate() const {
  ROUX_CHECK(judged > 0) << "off_target: none of the " << skipped << " texts has letters enough";
  return static_cast<double>(off_target) / static_cast<double>(judged);
}

OffTarget off_target(absl::Span<const std::string> texts, absl::Span<const std::string> targets,
                     const IdentifyLanguage& identify, int64_t least_letters) {
  ROUX_CHECK(texts.size() == targets.size())
      << "off_target: there are " << texts.size() << " texts and " << targets.size() << " targets";
  ROUX_CHECK(least_letters >= 1) << "off_target: least_letters is " << least_letters << ", needed 1 or more";
  OffTarget result;
  for (size_t i = 0; i < texts.size(); ++i) {
    ROUX_CHECK(!targets[i].empty()) << "off_target: target " << i << " is empty";
    result.wrong.push_back(false);
    if (letters_of(texts[i]) < least_letters) {
      ++result.skipped;
      continue;
    }
    const std::string found = identify(texts[i]);
    ++result.judged;
    ++result.confusion[{targets[i], found}];
    if (found == targets[i]) continue;
    result.wrong.back() = true;
    ++result.off_target;
  }
  return result;
}

}  // namespace roux::kit
