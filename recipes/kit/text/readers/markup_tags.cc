// Tags and their attributes of markup.h.
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/markup.h"
#include "recipes/kit/text/readers/markup_characters.h"
#include "tensor/error.h"

namespace roux::kit {

using namespace markup;  // NOLINT(google-build-using-namespace): the classes of characters
namespace {

// What encloses raw text in HTML: no tags inside; with references in the first two.
bool is_raw_element(const std::string& name) {
  for (const char* raw : {"title", "textarea", "script", "style", "xmp", "iframe", "noembed", "noframes"}) {
    if (name == raw) return true;
  }
  return false;
}

}  // namespace

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

}  // namespace roux::kit
