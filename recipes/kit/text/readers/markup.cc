#include "recipes/kit/text/readers/markup.h"

#include <algorithm>
#include <cstring>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/entities.h"
#include "recipes/kit/text/readers/gzip.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr size_t kTextBytes = 1 << 16;  // a text event is passed on when it has grown to this
constexpr size_t kEntityBytes = 32;     // the longest name or number that can mean something

bool is_space(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool is_ascii_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_letter(int c) {  // what starts a name in XML
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80 || c == '_' || c == ':';
}
bool is_name(int c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }
char lower(int c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

// What browsers take the numbers 128 to 159 for: Windows-1252.
constexpr char32_t kWindows1252[] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                     0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                     0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                     0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

bool is_alphanumeric(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// What encloses raw text in HTML: no tags inside; with references in the first two.
bool is_raw_element(const std::string& name) {
  for (const char* raw : {"title", "textarea", "script", "style", "xmp", "iframe", "noembed", "noframes"}) {
    if (name == raw) return true;
  }
  return false;
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
  utf16_ = bytes_->offset() == 0 && (bytes_->peek() == 0xFE || bytes_->peek() == 0xFF || bytes_->peek() == 0);
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

int MarkupReader::get_text() {
  const int c = bytes_->get();
  if (c != '\r') return c;
  if (bytes_->peek() == '\n') bytes_->get();
  return '\n';
}

void MarkupReader::put(int byte, std::string* out) const {
  if (latin1_ && byte >= 0x80) {
    append_utf8(static_cast<char32_t>(byte), out);
  } else {
    out->push_back(static_cast<char>(byte));
  }
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
  if (utf16_)
    return absl::UnimplementedError(
        absl::StrCat(name(), ": byte 0: begins as UTF-16 does, only UTF-8 can be read"));
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
    const int byte = get_text();
    if (c == '&') {
      ROUX_RETURN_IF_ERROR(read_entity(&event->text, /*in_attribute=*/false));
    } else {
      put(byte, &event->text);
    }
  }
  return bytes_->status();
}

// After '&'.
absl::Status MarkupReader::read_entity(std::string* out, bool in_attribute) {
  if (bytes_->peek() == '#') return read_number(out);
  const int64_t start = bytes_->offset() - 1;
  std::string body;
  while (body.size() < kEntityBytes && is_alphanumeric(bytes_->peek()))
    body.push_back(static_cast<char>(bytes_->get()));
  const bool ended = bytes_->peek() == ';';
  if (const Entity* entity = ended ? find_entity(body) : nullptr) {
    bytes_->get();
    out->append(entity->text);
    return absl::OkStatus();
  }
  if (syntax_ == kXml)
    return damaged(name(), start, absl::StrCat("unknown entity '&", body, ended ? ";'" : "'"));
  // Browsers know some names without the semicolon, and take the longest.
  for (size_t length = body.size(); length > 0; --length) {
    const Entity* entity = find_entity(std::string_view(body).substr(0, length));
    if (entity == nullptr || !entity->legacy) continue;
    const int after = length < body.size() ? body[length] : bytes_->peek();
    if (in_attribute && (after == '=' || is_alphanumeric(after))) break;  // "?a=1&copy=2" is an address
    out->append(entity->text);
    out->append(body, length);
    return absl::OkStatus();
  }
  out->push_back('&');
  out->append(body);
  return absl::OkStatus();
}

// After '&', at '#'.
absl::Status MarkupReader::read_number(std::string* out) {
  const int64_t start = bytes_->offset() - 1;
  std::string seen = "&#";
  bytes_->get();
  const bool hex = bytes_->peek() == 'x' || (bytes_->peek() == 'X' && syntax_ == kHtml);
  if (hex) seen.push_back(static_cast<char>(bytes_->get()));
  uint32_t value = 0;
  bool any = false;
  for (;; any = true) {
    const int c = bytes_->peek();
    const int small = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    if (!(c >= '0' && c <= '9') && !(hex && small >= 'a' && small <= 'f')) break;
    bytes_->get();
    const auto digit = static_cast<uint32_t>(c <= '9' ? c - '0' : small - 'a' + 10);
    value = std::min<uint32_t>(value * (hex ? 16 : 10) + digit, 0x110000);
  }
  const bool ended = bytes_->peek() == ';';
  if (syntax_ == kXml) {
    const bool control = value < 0x20 && value != '\t' && value != '\n' && value != '\r';
    if (!any || !ended || control || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
      return damaged(name(), start, "this is no reference to a character");
    }
  } else if (!any) {
    out->append(seen);
    return absl::OkStatus();
  } else if (value >= 0x80 && value < 0xA0) {
    value = kWindows1252[value - 0x80];
  }
  if (ended) bytes_->get();
  append_utf8(value == 0 ? 0xFFFD : value, out);
  return absl::OkStatus();
}

// The content of a raw element, up to "</name" and what ends a name.
absl::Status MarkupReader::read_raw_text(MarkupEvent* event) {
  event->kind = MarkupEvent::kText;
  const std::string end = "</" + raw_element_;
  const bool references = raw_element_ == "title" || raw_element_ == "textarea";
  std::string tail;  // what could be the start of the end tag
  while (bytes_->peek() != ByteReader::kEnd) {
    if (event->text.size() >= kTextBytes && tail.empty() && (bytes_->peek() & 0xC0) != 0x80)
      return absl::OkStatus();
    if (event->text.size() >= 2 * kTextBytes && tail.empty()) return absl::OkStatus();
    const int c = bytes_->peek();
    if (tail.size() == end.size() && (is_space(c) || c == '/' || c == '>')) {
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
    if (tail.size() < end.size() && lower(c) == end[tail.size()]) {
      tail.push_back(static_cast<char>(bytes_->get()));
      continue;
    }
    event->text += tail;
    const bool at_start = tail.empty();
    tail.clear();
    if (!at_start) continue;  // the byte is looked at again: it may start the end tag
    const int byte = get_text();
    if (byte == '&' && references) {
      ROUX_RETURN_IF_ERROR(read_entity(&event->text, /*in_attribute=*/false));
    } else {
      event->text.push_back(static_cast<char>(byte));
    }
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
    return read_instruction();
  }
  if (c == '/' || (syntax_ == kXml ? is_letter(c) : is_ascii_letter(c))) return read_tag(event, produced);
  if (syntax_ == kXml)
    return damaged(name(), tag_start_, "'<' starts no tag; as text it must be written &lt;");
  pending_text_.assign(1, '<');
  return absl::OkStatus();
}

// After "<?".
absl::Status MarkupReader::read_instruction() {
  if (syntax_ == kHtml) return skip_until(">", tag_start_, "processing instruction", nullptr);
  std::string text;
  ROUX_RETURN_IF_ERROR(skip_until("?>", tag_start_, "processing instruction", &text));
  if (text.rfind("xml", 0) != 0 || text.size() < 4 || !is_space(text[3])) return absl::OkStatus();
  const size_t at = text.find("encoding");
  const size_t quote = at == std::string::npos ? at : text.find_first_of("'\"", at);
  if (quote == std::string::npos) return absl::OkStatus();
  const std::string encoding = text.substr(quote + 1, text.find(text[quote], quote + 1) - quote - 1);
  latin1_ = absl::EqualsIgnoreCase(encoding, "iso-8859-1");
  if (latin1_ || absl::EqualsIgnoreCase(encoding, "utf-8") || absl::EqualsIgnoreCase(encoding, "us-ascii")) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(absl::StrCat(name(), ": byte ", tag_start_, ": the document is in '",
                                               encoding.substr(0, 100),
                                               "', only UTF-8, ISO-8859-1 and ASCII can be read"));
}

// In HTML anything up to what ends a name; `attribute`: an "=" ends it, too, but not as its first character.
absl::Status MarkupReader::read_name(std::string* out, bool attribute) {
  const int first = bytes_->peek();
  if (syntax_ == kXml && !is_letter(first)) {
    if (first == ByteReader::kEnd) return cut_off(tag_start_, "tag");
    return bytes_->damaged_here("a name was expected");
  }
  for (int c = first; c != ByteReader::kEnd; c = bytes_->peek()) {
    if (syntax_ == kXml ? !is_name(c) : is_space(c) || c == '/' || c == '>') break;
    if (attribute && c == '=' && !out->empty()) break;
    out->push_back(syntax_ == kHtml ? lower(c) : static_cast<char>(c));
    bytes_->get();
    ROUX_RETURN_IF_ERROR(check_tag_size());
  }
  return absl::OkStatus();
}

// After '<', at a letter or '/'.
absl::Status MarkupReader::read_tag(MarkupEvent* event, bool* produced) {
  const bool closing = bytes_->peek() == '/';
  if (closing) bytes_->get();
  if (closing && syntax_ == kHtml && !is_ascii_letter(bytes_->peek())) {
    // </> and </ 3>: browsers drop it.
    return skip_until(">", tag_start_, "tag", nullptr);
  }
  ROUX_RETURN_IF_ERROR(read_name(&event->name, /*attribute=*/false));
  event->kind = closing ? MarkupEvent::kEnd : MarkupEvent::kStart;
  ROUX_RETURN_IF_ERROR(read_attributes(event));
  *produced = true;
  if (closing) {
    event->attributes.clear();
    event->self_closing = false;
    return syntax_ == kXml ? close_element(event->name, tag_start_) : absl::OkStatus();
  }
  if (syntax_ == kHtml) {
    // <script/> counts as empty, as XHTML means it; browsers would take the rest of the page for a script.
    if (!event->self_closing && is_raw_element(event->name)) raw_element_ = event->name;
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
      return check_attributes(event);
    }
    if (c == '/') {
      bytes_->get();
      event->self_closing = bytes_->peek() == '>';
      if (syntax_ == kXml && !event->self_closing) return bytes_->damaged_here("'>' was expected after '/'");
      continue;
    }
    if (syntax_ == kXml && !is_letter(c))
      return bytes_->damaged_here("the name of an attribute was expected");
    event->attributes.emplace_back();
    auto& attribute = event->attributes.back();
    ROUX_RETURN_IF_ERROR(read_name(&attribute.first, /*attribute=*/true));
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

// Of attributes with the same name HTML keeps the first; XML allows none.
absl::Status MarkupReader::check_attributes(MarkupEvent* event) const {
  if (event->attributes.size() < 2) return absl::OkStatus();
  absl::flat_hash_set<std::string> seen;
  auto kept = event->attributes.begin();
  for (auto at = kept; at != event->attributes.end(); ++at) {
    if (!seen.insert(at->first).second) {
      if (syntax_ == kXml)
        return damaged(name(), tag_start_,
                       absl::StrCat("the attribute '", at->first.substr(0, 100), "' repeats"));
      continue;
    }
    if (kept != at) *kept = std::move(*at);
    ++kept;
  }
  event->attributes.erase(kept, event->attributes.end());
  return absl::OkStatus();
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
    const int byte = get_text();
    if (c == '&') {
      ROUX_RETURN_IF_ERROR(read_entity(value, /*in_attribute=*/true));
    } else if (syntax_ == kXml && c == '<') {
      return damaged(name(), tag_start_, "'<' in the value of an attribute must be written &lt;");
    } else {
      // XML 1.0, section 3.3.3: white space in a value is blanks.
      put(syntax_ == kXml && is_space(byte) ? ' ' : byte, value);
    }
  }
  if (quoted) bytes_->get();
  if (syntax_ == kXml && !is_space(bytes_->peek()) && bytes_->peek() != '/' && bytes_->peek() != '>') {
    if (bytes_->peek() == ByteReader::kEnd) return cut_off(tag_start_, "tag");
    return bytes_->damaged_here("a blank was expected between attributes");
  }
  return absl::OkStatus();
}

// After "<!".
absl::Status MarkupReader::read_declaration(MarkupEvent* event, bool* produced) {
  if (bytes_->peek() == '-') {
    bytes_->get();
    if (bytes_->peek() == '-') {
      bytes_->get();
      return skip_comment();
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

// After "<!--".
absl::Status MarkupReader::skip_comment() {
  if (syntax_ == kXml) return skip_until("-->", tag_start_, "comment", nullptr);
  // Browsers end a comment at "-->", "--!>", and <!--> and <!---> at once.
  std::string tail = "--";
  for (bool first = true;; first = false) {
    const int c = bytes_->get();
    if (c == ByteReader::kEnd) return cut_off(tag_start_, "comment");
    if (c == '>' && (absl::EndsWith(tail, "--") || absl::EndsWith(tail, "--!")) && !(first && tail != "--"))
      return absl::OkStatus();
    if (first) tail.clear();  // the two of "<!--" count for <!--> alone, one of them for <!--->
    if (first && c == '-') tail = "-";
    tail.push_back(static_cast<char>(c));
    if (tail.size() > 3) tail.erase(0, 1);
  }
}

// After "<!" and a letter of a document type, up to its '>'. The subset in brackets is passed over: its
// comments, instructions and quoted texts may hold anything.
absl::Status MarkupReader::skip_doctype(int64_t start) {
  std::string word;  // the word that is being read: "ENTITY" is refused
  bool subset = false;
  for (;;) {
    const int c = bytes_->get();
    if (c == ByteReader::kEnd) return cut_off(start, "declaration");
    if (is_name(c) && !absl::EndsWith(word, "<!--")) {
      if (word.size() < 16) word.push_back(static_cast<char>(c));
      if (word == "<!--" && syntax_ == kXml) {
        ROUX_RETURN_IF_ERROR(skip_until("-->", start, "declaration", nullptr));
        word.clear();
      }
      continue;
    }
    if (syntax_ == kXml && word == "<!ENTITY") {
      return absl::UnimplementedError(absl::StrCat(
          name(), ": byte ", start, ": the document declares entities of its own, which are not expanded"));
    }
    const bool instruction = syntax_ == kXml && word == "<" && c == '?';
    const bool declaration = word == "<" && c == '!';
    word.clear();
    if (instruction) {
      ROUX_RETURN_IF_ERROR(skip_until("?>", start, "declaration", nullptr));
    } else if (declaration) {
      word = "<!";
    } else if (c == '<') {
      word = "<";
    } else if (syntax_ == kXml && (c == '"' || c == '\'')) {
      ROUX_RETURN_IF_ERROR(skip_until(c == '"' ? "\"" : "'", start, "declaration", nullptr));
    } else if (syntax_ == kXml && (c == '[' || c == ']')) {
      subset = c == '[';
    } else if (c == '>' && !subset) {
      return absl::OkStatus();
    }
  }
}

// Reads up to and with `end`; what stands before it goes to `content` (which is then held to the limit of a
// tag).
absl::Status MarkupReader::skip_until(const char* end, int64_t start, const char* what,
                                      std::string* content) {
  const size_t length = std::strlen(end);
  std::string tail;
  while (tail != end) {
    const int c = get_text();
    if (c == ByteReader::kEnd) return cut_off(start, what);
    tail.push_back(static_cast<char>(c));
    if (tail.size() <= length) continue;
    if (content != nullptr) {
      put(static_cast<unsigned char>(tail[0]), content);
      ROUX_RETURN_IF_ERROR(check_tag_size());
    }
    tail.erase(0, 1);
  }
  return absl::OkStatus();
}

}  // namespace roux::kit
