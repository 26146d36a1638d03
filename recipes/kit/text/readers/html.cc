#include "recipes/kit/text/readers/html.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

bool ends_paragraph(const std::string& element) {
  static const auto* const blocks = new absl::flat_hash_set<std::string>{
      "address", "article", "aside", "blockquote", "body",   "caption",  "center", "dd",
      "details", "dialog",  "div",   "dl",         "dt",     "fieldset", "figure", "footer",
      "form",    "h1",      "h2",    "h3",         "h4",     "h5",       "h6",     "head",
      "header",  "hr",      "html",  "li",         "main",   "menu",     "nav",    "ol",
      "option",  "p",       "pre",   "section",    "select", "summary",  "table",  "tbody",
      "td",      "tfoot",   "th",    "thead",      "title",  "tr",       "ul",     "figcaption"};
  return blocks->contains(element);
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

void strip_end(std::string* text) {
  while (!text->empty() && is_space(text->back())) text->pop_back();
}

}  // namespace

absl::StatusOr<HtmlTextReader> HtmlTextReader::open(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(MarkupReader markup, MarkupReader::open(path, MarkupReader::kHtml));
  return HtmlTextReader(std::move(markup));
}

HtmlTextReader HtmlTextReader::create(std::unique_ptr<ByteSource> source) {
  return HtmlTextReader(MarkupReader::create(std::move(source), MarkupReader::kHtml));
}

void HtmlTextReader::add_text(const std::string& text) {
  for (const char c : text) {
    if (pre_ > 0) {
      if (c != '\r' && (c != '\n' || !current_.empty())) current_.push_back(c);
    } else if (is_space(c)) {
      space_ = true;
    } else {
      if (space_ && !current_.empty() && !is_space(current_.back())) current_.push_back(' ');
      space_ = false;
      current_.push_back(c);
    }
  }
}

void HtmlTextReader::line_break() {
  if (pre_ == 0) strip_end(&current_);
  if (!current_.empty()) current_.push_back('\n');
  space_ = false;
}

// Ends the paragraph; true when it holds anything.
bool HtmlTextReader::take(std::string* paragraph) {
  strip_end(&current_);
  if (in_title_) title_ = current_;
  *paragraph = std::move(current_);
  current_.clear();
  space_ = false;
  return !paragraph->empty();
}

// True when a paragraph is complete.
bool HtmlTextReader::handle_tag(const MarkupEvent& event, std::string* paragraph) {
  const bool start = event.kind == MarkupEvent::kStart;
  const int64_t step = start ? 1 : -1;
  if (event.name == "script" || event.name == "style" || event.name == "iframe" || event.name == "noembed" ||
      event.name == "noframes") {
    in_raw_ = start && !event.self_closing;
    return false;
  }
  if (event.name == "template") {
    template_ = std::max<int64_t>(0, template_ + step);
    return false;
  }
  if (template_ > 0) return false;
  if (event.name == "br") {
    line_break();
    return false;
  }
  if (!ends_paragraph(event.name)) return false;
  const bool complete = take(paragraph);
  if (event.name == "pre") pre_ = std::max<int64_t>(0, pre_ + step);
  if (event.name == "title") in_title_ = start;
  return complete;
}

absl::StatusOr<bool> HtmlTextReader::next(std::string* paragraph) {
  MarkupEvent event;
  for (;;) {
    if (current_.size() >= kMaxParagraphBytes) {
      const size_t blank = current_.find_last_of(" \n");
      std::string rest;
      if (blank != std::string::npos && blank > current_.size() / 2) {
        rest = current_.substr(blank + 1);
        current_.resize(blank);
      }
      const bool complete = take(paragraph);
      current_ = std::move(rest);
      if (complete) return true;
    }
    ROUX_RETURN_IF_ERROR(markup_.next(&event));
    if (event.kind == MarkupEvent::kEndOfInput) return take(paragraph);
    if (event.kind == MarkupEvent::kText) {
      if (!in_raw_ && template_ == 0) add_text(event.text);
    } else if (handle_tag(event, paragraph)) {
      return true;
    }
  }
}

}  // namespace roux::kit
