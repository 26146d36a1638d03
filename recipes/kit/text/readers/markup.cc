#include "recipes/kit/text/readers/markup.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/gzip.h"
#include "recipes/kit/text/readers/markup_characters.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {

using namespace markup;  // NOLINT(google-build-using-namespace): the classes of characters
namespace {

constexpr size_t kTextBytes = 1 << 16;  // a text event is passed on when it has grown to this

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

}  // namespace roux::kit
