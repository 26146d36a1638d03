#include "recipes/kit/text/readers/markup.h"

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/entities.h"
#include "recipes/kit/text/readers/gzip.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr size_t kTextBytes = 1 << 16;  // a text event is passed on when it has grown to this
constexpr size_t kEntityBytes = 32;     // the longest name or number that can mean something

bool is_space(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool is_letter(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80 || c == '_' || c == ':';
}
bool is_name(int c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }
char lower(int c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

void append_code_point(uint32_t c, std::string* out) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) || c == 0) c = 0xFFFD;
  const auto put = [&](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

// "#64", "#x40" or a name; false when it means nothing.
bool decode_entity(const std::string& body, std::string* out) {
  if (body.size() > 1 && body[0] == '#') {
    const bool hex = body[1] == 'x' || body[1] == 'X';
    uint32_t value = 0;
    const std::string digits = body.substr(hex ? 2 : 1);
    if (digits.empty() || digits.size() > 10 || !std::all_of(digits.begin(), digits.end(), [&](char c) {
          return (c >= '0' && c <= '9') || (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
        })) {
      return false;
    }
    const bool fits = hex ? absl::SimpleHexAtoi(digits, &value) : absl::SimpleAtoi(digits, &value);
    append_code_point(fits ? value : 0xFFFD, out);
    return true;
  }
  const char32_t code_point = entity_code_point(body);
  if (code_point != 0) append_code_point(code_point, out);
  return code_point != 0;
}

}  // namespace

const std::string* MarkupEvent::attribute(const std::string& wanted) const {
  for (const auto& [name, value] : attributes) {
    if (name == wanted) return &value;
  }
  return nullptr;
}

absl::StatusOr<MarkupReader> MarkupReader::open(const std::string& path, Syntax syntax) {
  ROUX_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, open_source(path));
  return create(std::move(source), syntax);
}

MarkupReader MarkupReader::create(std::unique_ptr<ByteSource> source, Syntax syntax) {
  return create(std::move(source), syntax, Limits());
}

MarkupReader MarkupReader::create(std::unique_ptr<ByteSource> source, Syntax syntax, const Limits& limits) {
  return MarkupReader(std::move(source), syntax, limits);
}

MarkupReader::MarkupReader(std::unique_ptr<ByteSource> source, Syntax syntax, const Limits& limits)
    : bytes_(std::make_unique<ByteReader>(std::move(source))), syntax_(syntax), limits_(limits) {
  for (const int byte : {0xEF, 0xBB, 0xBF}) {
    if (bytes_->peek() != byte) break;
    bytes_->get();
  }
}

absl::Status MarkupReader::cut_off(int64_t start, const char* what) const {
  ROUX_RETURN_IF_ERROR(bytes_->status());
  return damaged(name(), start, absl::StrCat("the input ends inside the ", what, " that starts here"));
}

absl::Status MarkupReader::check_tag_size() const {
  if (bytes_->offset() - tag_start_ <= limits_.max_tag_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(name(), ": byte ", tag_start_, ": tag is longer than ", limits_.max_tag_bytes, " bytes"));
}

void MarkupReader::skip_space() {
  while (is_space(bytes_->peek())) bytes_->get();
}

absl::Status MarkupReader::next(MarkupEvent* event) {
  event->attributes.clear();
  event->text.clear();
  event->name.clear();
  event->self_closing = false;
  event->offset = bytes_->offset();
  if (!pending_end_.empty()) {
    event->kind = MarkupEvent::kEnd;
    event->name = std::move(pending_end_);
    pending_end_.clear();
    return absl::OkStatus();
  }
  for (;;) {
    if (!raw_element_.empty()) {
      return read_raw_text(event);
    }
    if (bytes_->peek() == ByteReader::kEnd && pending_text_.empty()) return finish(event);
    if (bytes_->peek() == '<' && pending_text_.empty()) {
      event->offset = bytes_->offset();
      bool produced = false;
      ROUX_RETURN_IF_ERROR(read_markup(event, &produced));
      if (produced) return absl::OkStatus();
      continue;
    }
    ROUX_RETURN_IF_ERROR(read_text(event));
    if (syntax_ == kXml && open_.empty()) {
      // Outside the root only white space may stand.
      if (std::all_of(event->text.begin(), event->text.end(), is_space)) {
        event->text.clear();
        event->offset = bytes_->offset();
        continue;
      }
      return damaged(name(), event->offset, "text outside the root element");
    }
    return absl::OkStatus();
  }
}

absl::Status MarkupReader::finish(MarkupEvent* event) {
  ROUX_RETURN_IF_ERROR(bytes_->status());
  event->kind = MarkupEvent::kEndOfInput;
  if (syntax_ == kXml && !open_.empty()) {
    return bytes_->damaged_here(absl::StrCat("the input ends before </", open_.back().substr(0, 100), ">"));
  }
  if (syntax_ == kXml && !root_seen_) return bytes_->damaged_here("there is no root element");
  return absl::OkStatus();
}

absl::Status MarkupReader::read_text(MarkupEvent* event) {
  event->kind = MarkupEvent::kText;
  event->text = std::move(pending_text_);
  pending_text_.clear();
  for (int c = bytes_->peek(); c != ByteReader::kEnd && c != '<'; c = bytes_->peek()) {
    if (event->text.size() >= kTextBytes && (c & 0xC0) != 0x80) break;  // never inside a character
    if (event->text.size() >= 2 * kTextBytes) break;                    // unless there are none
    bytes_->get();
    if (c == '&') {
      ROUX_RETURN_IF_ERROR(read_entity(&event->text));
    } else {
      event->text.push_back(static_cast<char>(c));
    }
  }
  return bytes_->status();
}

// After '&'.
absl::Status MarkupReader::read_entity(std::string* out) {
  const int64_t start = bytes_->offset() - 1;
  std::string body;
  while (body.size() < kEntityBytes &&
         (bytes_->peek() == '#' ? body.empty() : is_name(bytes_->peek()) && bytes_->peek() < 0x80)) {
    body.push_back(static_cast<char>(bytes_->get()));
  }
  const bool ended = bytes_->peek() == ';';
  if (ended && decode_entity(body, out)) {
    bytes_->get();
    return absl::OkStatus();
  }
  if (syntax_ == kXml)
    return damaged(name(), start, absl::StrCat("unknown entity '&", body, ended ? ";'" : "'"));
  out->push_back('&');
  out->append(body);
  return absl::OkStatus();
}

// The content of script and style, up to "</name".
absl::Status MarkupReader::read_raw_text(MarkupEvent* event) {
  event->kind = MarkupEvent::kText;
  const std::string end = "</" + raw_element_;
  std::string tail;  // what could be the start of the end tag
  event->text = std::move(pending_text_);
  pending_text_.clear();
  while (bytes_->peek() != ByteReader::kEnd) {
    if (event->text.size() >= kTextBytes && tail.empty()) return absl::OkStatus();
    const int c = bytes_->peek();
    if (lower(c) == end[tail.size()]) {
      tail.push_back(static_cast<char>(c));
      bytes_->get();
      if (tail.size() < end.size()) continue;
      // Found: the tag's rest is read as a tag without further content.
      tag_start_ = bytes_->offset() - static_cast<int64_t>(tail.size());
      while (bytes_->peek() != '>' && bytes_->peek() != ByteReader::kEnd) bytes_->get();
      if (bytes_->get() == ByteReader::kEnd) return cut_off(tag_start_, "tag");
      pending_end_ = std::move(raw_element_);
      raw_element_.clear();
      if (event->text.empty()) {
        event->kind = MarkupEvent::kEnd;
        event->name = std::move(pending_end_);
        pending_end_.clear();
      }
      return absl::OkStatus();
    }
    event->text += tail;
    if (tail.empty()) event->text.push_back(static_cast<char>(bytes_->get()));
    tail.clear();
  }
  ROUX_RETURN_IF_ERROR(bytes_->status());
  return bytes_->damaged_here(absl::StrCat("the input ends before </", raw_element_, ">"));
}

absl::Status MarkupReader::read_markup(MarkupEvent* event, bool* produced) {
  tag_start_ = bytes_->offset();
  bytes_->get();
  const int c = bytes_->peek();
  if (c == '!') {
    bytes_->get();
    return read_declaration(event, produced);
  }
  if (c == '?') {
    bytes_->get();
    return skip_until(syntax_ == kXml ? "?>" : ">", tag_start_, "processing instruction", nullptr);
  }
  if (c == '/' || is_letter(c)) return read_tag(event, produced);
  if (syntax_ == kXml)
    return damaged(name(), tag_start_, "'<' starts no tag; as text it must be written &lt;");
  pending_text_.assign(1, '<');
  return absl::OkStatus();
}

absl::Status MarkupReader::read_name(std::string* out) {
  if (!is_letter(bytes_->peek())) {
    if (bytes_->peek() == ByteReader::kEnd) return cut_off(tag_start_, "tag");
    return bytes_->damaged_here("a name was expected");
  }
  while (is_name(bytes_->peek())) {
    const int c = bytes_->get();
    out->push_back(syntax_ == kHtml ? lower(c) : static_cast<char>(c));
    ROUX_RETURN_IF_ERROR(check_tag_size());
  }
  return absl::OkStatus();
}

// After '<', at a letter or '/'.
absl::Status MarkupReader::read_tag(MarkupEvent* event, bool* produced) {
  const bool closing = bytes_->peek() == '/';
  if (closing) bytes_->get();
  if (closing && syntax_ == kHtml && !is_letter(bytes_->peek())) {
    // </> and </ 3>: browsers drop it.
    return skip_until(">", tag_start_, "tag", nullptr);
  }
  ROUX_RETURN_IF_ERROR(read_name(&event->name));
  event->kind = closing ? MarkupEvent::kEnd : MarkupEvent::kStart;
  ROUX_RETURN_IF_ERROR(read_attributes(event));
  *produced = true;
  if (closing) {
    event->attributes.clear();
    event->self_closing = false;
    return syntax_ == kXml ? close_element(event->name, tag_start_) : absl::OkStatus();
  }
  if (syntax_ == kHtml) {
    if (!event->self_closing && (event->name == "script" || event->name == "style"))
      raw_element_ = event->name;
    return absl::OkStatus();
  }
  if (open_.empty() && root_seen_) return damaged(name(), tag_start_, "a second root element");
  root_seen_ = true;
  if (event->self_closing) {
    pending_end_ = event->name;
  } else if (static_cast<int64_t>(open_.size()) >= limits_.max_depth) {
    return absl::ResourceExhaustedError(
        absl::StrCat(name(), ": byte ", tag_start_, ": elements are nested deeper than ", limits_.max_depth));
  } else {
    open_.push_back(event->name);
  }
  return absl::OkStatus();
}

absl::Status MarkupReader::close_element(const std::string& element, int64_t offset) {
  if (open_.empty())
    return damaged(name(), offset, absl::StrCat("</", element.substr(0, 100), "> closes nothing"));
  if (open_.back() != element) {
    return damaged(name(), offset,
                   absl::StrCat("</", element.substr(0, 100), "> where </", open_.back().substr(0, 100),
                                "> was expected"));
  }
  open_.pop_back();
  return absl::OkStatus();
}

absl::Status MarkupReader::read_attributes(MarkupEvent* event) {
  for (;;) {
    skip_space();
    ROUX_RETURN_IF_ERROR(check_tag_size());
    const int c = bytes_->peek();
    if (c == ByteReader::kEnd) return cut_off(tag_start_, "tag");
    if (c == '>') {
      bytes_->get();
      return absl::OkStatus();
    }
    if (c == '/') {
      bytes_->get();
      event->self_closing = bytes_->peek() == '>';
      if (syntax_ == kXml && !event->self_closing) return bytes_->damaged_here("'>' was expected after '/'");
      continue;
    }
    if (!is_letter(c)) {
      if (syntax_ == kXml) return bytes_->damaged_here("the name of an attribute was expected");
      bytes_->get();
      continue;
    }
    event->attributes.emplace_back();
    auto& attribute = event->attributes.back();
    ROUX_RETURN_IF_ERROR(read_name(&attribute.first));
    skip_space();
    if (bytes_->peek() == '=') {
      bytes_->get();
      skip_space();
      ROUX_RETURN_IF_ERROR(read_attribute_value(&attribute.second));
    } else if (syntax_ == kXml) {
      return bytes_->damaged_here("'=' was expected after the name of an attribute");
    }
  }
}

absl::Status MarkupReader::read_attribute_value(std::string* value) {
  const int quote = bytes_->peek();
  const bool quoted = quote == '"' || quote == '\'';
  if (!quoted && syntax_ == kXml && quote != ByteReader::kEnd)
    return bytes_->damaged_here("a quote was expected");
  if (quoted) bytes_->get();
  for (;;) {
    ROUX_RETURN_IF_ERROR(check_tag_size());
    const int c = bytes_->peek();
    if (c == ByteReader::kEnd) return cut_off(tag_start_, "tag");
    if (quoted ? c == quote : is_space(c) || c == '>') break;
    bytes_->get();
    if (c == '&') {
      ROUX_RETURN_IF_ERROR(read_entity(value));
    } else {
      value->push_back(static_cast<char>(c));
    }
  }
  if (quoted) bytes_->get();
  return absl::OkStatus();
}

// After "<!".
absl::Status MarkupReader::read_declaration(MarkupEvent* event, bool* produced) {
  if (bytes_->peek() == '-') {
    bytes_->get();
    if (bytes_->peek() == '-') {
      bytes_->get();
      return skip_until("-->", tag_start_, "comment", nullptr);
    }
    return skip_until(">", tag_start_, "declaration", nullptr);
  }
  if (bytes_->peek() == '[' && syntax_ == kXml) {
    for (const char* c = "[CDATA["; *c != '\0'; ++c) {
      if (bytes_->get() != *c) return damaged(name(), tag_start_, "'<![' is not followed by 'CDATA['");
    }
    if (open_.empty()) return damaged(name(), tag_start_, "text outside the root element");
    event->kind = MarkupEvent::kText;
    ROUX_RETURN_IF_ERROR(skip_until("]]>", tag_start_, "CDATA section", &event->text));
    *produced = !event->text.empty();
    return absl::OkStatus();
  }
  return skip_doctype(tag_start_);
}

absl::Status MarkupReader::skip_doctype(int64_t start) {
  std::string word;  // the word that is being read: "ENTITY" is refused
  bool subset = false;
  int quote = 0;
  for (;;) {
    const int c = bytes_->get();
    if (c == ByteReader::kEnd) return cut_off(start, "declaration");
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    if (is_name(c)) {
      if (word.size() < 16) word.push_back(static_cast<char>(c));
      continue;
    }
    if (syntax_ == kXml && word == "ENTITY") {
      return absl::UnimplementedError(absl::StrCat(
          name(), ": byte ", start, ": the document declares entities of its own, which are not expanded"));
    }
    word.clear();
    if (syntax_ == kXml && (c == '"' || c == '\'')) quote = c;
    if (syntax_ == kXml && c == '[') subset = true;
    if (syntax_ == kXml && c == ']') subset = false;
    if (c == '>' && !subset) return absl::OkStatus();
  }
}

// Reads up to and with `end`; what stands before it goes to `content` (which is then held to the limit of a
// tag).
absl::Status MarkupReader::skip_until(const char* end, int64_t start, const char* what,
                                      std::string* content) {
  const size_t length = std::strlen(end);
  std::string tail;
  while (tail != end) {
    const int c = bytes_->get();
    if (c == ByteReader::kEnd) return cut_off(start, what);
    tail.push_back(static_cast<char>(c));
    if (tail.size() <= length) continue;
    if (content != nullptr) {
      content->push_back(tail[0]);
      ROUX_RETURN_IF_ERROR(check_tag_size());
    }
    tail.erase(0, 1);
  }
  return absl::OkStatus();
}

}  // namespace roux::kit
