#include "recipes/kit/text/sentences.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/utext.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"

namespace roux::kit {

absl::StatusOr<std::vector<Span>> split_sentences(std::string_view text, const std::string& language) {
  if (const size_t valid = valid_utf8_prefix(text); valid < text.size()) {
    return absl::InvalidArgumentError(absl::StrCat("sentences: byte ", valid, " is not valid UTF-8"));
  }
  UErrorCode status = U_ZERO_ERROR;
  // "ss=standard" brings ICU's list of abbreviations.
  const std::unique_ptr<icu::BreakIterator> breaks(
      icu::BreakIterator::createSentenceInstance(icu::Locale((language + "@ss=standard").c_str()), status));
  UText source = UTEXT_INITIALIZER;
  utext_openUTF8(&source, text.data(), static_cast<int64_t>(text.size()), &status);
  if (U_SUCCESS(status)) breaks->setText(&source, status);
  if (U_FAILURE(status)) {
    return absl::InternalError(absl::StrCat("sentences: ICU: ", u_errorName(status)));
  }
  std::vector<Span> sentences;
  int32_t begin = breaks->first();
  for (int32_t end = breaks->next(); end != icu::BreakIterator::DONE; begin = end, end = breaks->next()) {
    const std::string_view part = strip(text.substr(begin, end - begin));
    if (part.empty()) continue;
    const auto at = static_cast<uint32_t>(part.data() - text.data());
    sentences.push_back({at, at + static_cast<uint32_t>(part.size())});
  }
  utext_close(&source);
  return sentences;
}

}  // namespace roux::kit
