// What stands in <! > and <? > of markup.h: comments, CDATA, document types, instructions.
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/markup.h"
#include "recipes/kit/text/readers/markup_characters.h"
#include "tensor/error.h"

namespace roux::kit {

using namespace markup;  // NOLINT(google-build-using-namespace): the classes of characters

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
