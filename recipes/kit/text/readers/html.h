// The text of an HTML page, paragraph by paragraph, streaming.
//
//   ROUX_ASSIGN_OR_RETURN(HtmlTextReader page, HtmlTextReader::open("debmake-doc/ch01.en.html"));
//   std::string paragraph;
//   for (;;) {
//     ROUX_ASSIGN_OR_RETURN(const bool more, page.next(&paragraph));
//     if (!more) break;
//     use(paragraph);
//   }
//
// Block elements (p, div, li, headings, table cells ...) end a paragraph, br a line; white space becomes one
// blank, but inside pre it is kept; script, style, iframe and template are left out. Reads broken HTML as
// MarkupReader does.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_HTML_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_HTML_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "recipes/kit/text/readers/byte_source.h"
#include "recipes/kit/text/readers/markup.h"

namespace roux::kit {

class HtmlTextReader {
 public:
  static constexpr size_t kMaxParagraphBytes = 1 << 20;  // a longer one is cut at a blank where there is one

  static absl::StatusOr<HtmlTextReader> open(const std::string& path);  // .gz is decompressed
  static HtmlTextReader create(std::unique_ptr<ByteSource> source);

  // The next paragraph, without blanks at its ends and never empty; false at the end. Errors as of
  // MarkupReader.
  absl::StatusOr<bool> next(std::string* paragraph);

  // Text of the page's <title> once it has been passed, else empty. It is a paragraph, too.
  const std::string& title() const { return title_; }

 private:
  explicit HtmlTextReader(MarkupReader markup) : markup_(std::move(markup)) {}
  void add_text(const std::string& text);
  void line_break();
  bool take(std::string* paragraph);
  bool handle_tag(const MarkupEvent& event, std::string* paragraph);

  MarkupReader markup_;
  std::string current_;
  std::string title_;
  int64_t pre_ = 0;       // open pre elements
  int64_t template_ = 0;  // open template elements
  bool in_title_ = false;
  bool in_raw_ = false;  // script, style or another element that browsers do not show
  bool space_ = false;   // white space was seen since the last character
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_HTML_H_
