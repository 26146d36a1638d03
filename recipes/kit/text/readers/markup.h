// HTML and XML as a stream of tags and text.
//
//   ROUX_ASSIGN_OR_RETURN(MarkupReader xml, MarkupReader::open("Locations.xml", MarkupReader::kXml));
//   MarkupEvent event;
//   do {
//     ROUX_RETURN_IF_ERROR(xml.next(&event));
//     if (event.kind == MarkupEvent::kStart && event.name == "city") ...
//   } while (event.kind != MarkupEvent::kEndOfInput);
//
// kHtml takes what browsers take: names in lower case, tags in any order, lone '<' and '&' as text,
// references without semicolon, the content of script, style, title and their like as raw text. kXml is
// strict: tags must match, entities must be known (the five of XML, HTML's names, and numbers), nothing after
// the root, the declared encoding UTF-8, ISO-8859-1
// or ASCII. Documents that declare entities of their own are refused:
// expanding them is how a kilobyte becomes a gigabyte. Comments, processing instructions and document types
// are skipped (with the defaults of attributes that a document type may declare). Line ends become \n. Text
// is taken as UTF-8 and passed on as it is. An input that ends inside a tag, comment, raw text or (XML)
// element is an error.
//
// Memory is bounded by the limits. One thread at a time.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_MARKUP_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_MARKUP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/text/readers/byte_source.h"

namespace roux::kit {

struct MarkupEvent {
  enum Kind { kStart, kEnd, kText, kEndOfInput };
  Kind kind = kEndOfInput;
  std::string name;  // of the element
  std::vector<std::pair<std::string, std::string>> attributes;
  bool self_closing = false;  // <br/>; in XML an end event follows all the same
  std::string text;           // decoded; long text comes in several events
  int64_t offset = 0;         // of the event's first byte

  // Value of an attribute, or null.
  const std::string* attribute(const std::string& wanted) const;
};

class MarkupReader {
 public:
  enum Syntax { kHtml, kXml };
  struct Limits {
    int64_t max_tag_bytes = 1 << 20;  // of one tag with its attributes
    int64_t max_depth = 1000;         // of open elements (XML)
  };

  static absl::StatusOr<MarkupReader> open(const std::string& path, Syntax syntax);  // .gz is decompressed
  static MarkupReader create(std::unique_ptr<ByteSource> source, Syntax syntax);
  static MarkupReader create(std::unique_ptr<ByteSource> source, Syntax syntax, const Limits& limits);

  // The next event; kEndOfInput again and again at the end. Nothing may be read after an error.
  absl::Status next(MarkupEvent* event);

  const std::string& name() const { return bytes_->name(); }

 private:
  MarkupReader(std::unique_ptr<ByteSource> source, Syntax syntax, const Limits& limits);
  absl::Status read_text(MarkupEvent* event);
  absl::Status read_raw_text(MarkupEvent* event);
  absl::Status read_markup(MarkupEvent* event, bool* produced);
  absl::Status read_tag(MarkupEvent* event, bool* produced);
  absl::Status read_attributes(MarkupEvent* event);
  absl::Status read_attribute_value(std::string* value);
  absl::Status check_attributes(MarkupEvent* event) const;
  absl::Status read_declaration(MarkupEvent* event, bool* produced);
  absl::Status read_instruction();
  absl::Status skip_comment();
  absl::Status skip_doctype(int64_t start);
  absl::Status skip_until(const char* end, int64_t start, const char* what, std::string* content);
  absl::Status read_entity(std::string* out, bool in_attribute);
  absl::Status read_number(std::string* out);
  absl::Status read_name(std::string* name, bool attribute);
  absl::Status close_element(const std::string& name, int64_t offset);
  absl::Status finish(MarkupEvent* event);
  absl::Status cut_off(int64_t start, const char* what) const;
  absl::Status check_tag_size() const;
  void skip_space();
  void put(int byte, std::string* out) const;
  int get_text();  // the next byte; a line end of any kind is one \n

  std::unique_ptr<ByteReader> bytes_;
  Syntax syntax_;
  Limits limits_;
  std::vector<std::string> open_;  // XML: elements not yet closed
  std::string raw_element_;        // HTML: script or its like, whose content comes next
  std::string pending_text_;       // characters that were read in search of markup and turned out to be text
  std::string pending_end_;        // XML: element whose self-closing tag was returned
  int64_t tag_start_ = 0;
  bool root_seen_ = false;
  bool utf16_ = false;
  bool latin1_ = false;  // XML: declared; texts and values are converted
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_MARKUP_H_
