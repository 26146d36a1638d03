// HTML and XML events, and the text of a page.
#include <string>

#include "recipes/kit/text/readers/html.h"
#include "recipes/kit/text/readers/markup.h"
#include "tensor/error.h"

namespace {

void read_events(const std::string& input, roux::kit::MarkupReader::Syntax syntax) {
  auto reader = roux::kit::MarkupReader::create(roux::kit::memory_source(input, "input"), syntax,
                                                {.max_tag_bytes = 256, .max_depth = 16});
  roux::kit::MarkupEvent event;
  // Every event takes at least one byte, but for the second half of <a/>.
  for (size_t events = 0; reader.next(&event).ok() && event.kind != roux::kit::MarkupEvent::kEndOfInput;
       ++events) {
    ROUX_INVARIANT(events <= input.size() + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  read_events(input, roux::kit::MarkupReader::kHtml);
  read_events(input, roux::kit::MarkupReader::kXml);
  auto page = roux::kit::HtmlTextReader::create(roux::kit::memory_source(input, "input"));
  std::string paragraph;
  for (auto more = page.next(&paragraph); more.ok() && *more; more = page.next(&paragraph)) {
    ROUX_INVARIANT(!paragraph.empty());
  }
  return 0;
}
