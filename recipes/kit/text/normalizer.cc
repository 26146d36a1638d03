#include "recipes/kit/text/normalizer.h"

#include <algorithm>

#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {

Span AlignedText::original(Span span) const {
  if (origins_.empty()) return {span.begin + shift_, span.end + shift_};
  if (span.begin == span.end) {
    if (span.begin < origins_.size()) return {origins_[span.begin].begin, origins_[span.begin].begin};
    return {origins_.back().end, origins_.back().end};
  }
  Span result = origins_[span.begin];
  // Reordered marks may come from before the first byte, so look at both ends.
  result.begin = std::min(result.begin, origins_[span.end - 1].begin);
  result.end = std::max(result.end, origins_[span.end - 1].end);
  return result;
}

AlignedText AlignedText::slice(size_t begin, size_t end) const {
  AlignedText part(std::string_view(text_).substr(begin, end - begin));
  if (origins_.empty()) {
    part.shift_ = shift_ + static_cast<uint32_t>(begin);
  } else {
    part.origins_.assign(origins_.begin() + static_cast<int64_t>(begin),
                         origins_.begin() + static_cast<int64_t>(end));
  }
  return part;
}

void AlignedText::Rewriter::copy(size_t begin, size_t end) {
  check_size(end - begin);
  text_.append(target_->text_, begin, end - begin);
  for (size_t i = begin; i < end; ++i) {
    const auto at = static_cast<uint32_t>(i) + target_->shift_;
    origins_.push_back(target_->origins_.empty() ? Span{at, at + 1} : target_->origins_[i]);
  }
}

void AlignedText::Rewriter::emit(std::string_view replacement, size_t begin, size_t end) {
  check_size(replacement.size());
  text_.append(replacement);
  const Span origin = target_->original({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
  origins_.insert(origins_.end(), replacement.size(), origin);
}

void AlignedText::Rewriter::check_size(size_t added) const {
  ROUX_CHECK(added <= target_->limit_ && text_.size() <= target_->limit_ - added)
      << "normalizer: the text grows beyond " << target_->limit_
      << " bytes, 64 for each byte that came in; the tokenizer file's steps multiply it";
}

void AlignedText::Rewriter::finish() {
  target_->text_ = std::move(text_);
  target_->origins_ = std::move(origins_);
}

namespace {

// Applies map(code point, out) to each character; a character is copied with its origin where `map` returns
// false.
template <class Map>
void map_chars(AlignedText* text, Map map) {
  const std::string current = text->text();
  AlignedText::Rewriter rewriter(text);
  std::string replacement;
  for (size_t i = 0; i < current.size();) {
    const DecodedChar c = decode_utf8(current, i);
    replacement.clear();
    if (map(c.code_point, &replacement)) {
      rewriter.emit(replacement, i, i + c.length);
    } else {
      rewriter.copy(i, i + c.length);
    }
    i += c.length;
  }
  rewriter.finish();
}

constexpr int kBertUnicode = 8;

bool is_bert_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

}  // namespace

Normalizer::Step unicode_form_step(UnicodeForm form) {
  return [form](AlignedText* text) {
    const std::string current = text->text();
    if (std::all_of(current.begin(), current.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
      return;
    }
    AlignedText::Rewriter rewriter(text);
    bool changed = false;
    normalize_pieces(current, form, [&](size_t begin, size_t end, std::string_view result) {
      if (result.data() == current.data() + begin) {
        rewriter.copy(begin, end);
      } else {
        rewriter.emit(result, begin, end);
        changed = true;
      }
    });
    if (changed) rewriter.finish();
  };
}

Normalizer::Step lowercase_step() {
  return [](AlignedText* text) {
    map_chars(text, [](char32_t c, std::string* out) {
      append_lowercase(c, out);
      return true;
    });
  };
}

Normalizer::Step strip_marks_step() {
  return [](AlignedText* text) { map_chars(text, [](char32_t c, std::string*) { return is_mark(c); }); };
}

// Three characters changed their category after Unicode 8: U+166D (So now), U+111C9 (Mn now), U+1734 (Mc
// now).
bool is_bert_punctuation(char32_t c) {
  if (c < 0x80)
    return c > 0x20 && c < 0x7F && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  return c == 0x166D || c == 0x111C9 || (is_punctuation(c) && unicode_age(c) <= kBertUnicode);
}

Normalizer::Step bert_strip_accents_step() {
  return [](AlignedText* text) {
    map_chars(text, [](char32_t c, std::string*) {
      return c == 0x1734 || (c != 0x111C9 && is_nonspacing_mark(c) && unicode_age(c) <= kBertUnicode);
    });
  };
}

Normalizer::Step strip_step(bool left, bool right) {
  return [left, right](AlignedText* text) {
    const std::string& current = text->text();
    size_t begin = 0;
    size_t end = 0;  // after the last character that stays
    bool started = !left;
    for (size_t i = 0; i < current.size();) {
      const DecodedChar c = decode_utf8(current, i);
      const bool space = is_white_space(c.code_point);
      if (!started && !space) begin = i, started = true;
      i += c.length;
      if (!space || !right) end = i;
    }
    if (!started) begin = end = 0;
    if (begin == 0 && end == current.size()) return;
    AlignedText::Rewriter rewriter(text);
    rewriter.copy(begin, end);
    rewriter.finish();
  };
}

Normalizer::Step replace_step(Regex pattern, std::string replacement) {
  return [pattern = std::move(pattern), replacement = std::move(replacement)](AlignedText* text) {
    const std::string current = text->text();
    std::vector<Span> matches;
    const absl::Status status =
        pattern.find_all(current, {0, static_cast<uint32_t>(current.size())}, &matches);
    ROUX_CHECK(status.ok()) << "normalizer: " << status.ToString();
    if (matches.empty()) return;
    AlignedText::Rewriter rewriter(text);
    size_t done = 0;
    for (const Span& match : matches) {
      rewriter.copy(done, match.begin);
      rewriter.emit(replacement, match.begin, match.end);
      done = match.end;
    }
    rewriter.copy(done, current.size());
    rewriter.finish();
  };
}

Normalizer::Step prepend_step(std::string prefix) {
  return [prefix = std::move(prefix)](AlignedText* text) {
    if (text->text().empty()) return;
    AlignedText::Rewriter rewriter(text);
    // The prefix counts as part of the first character, as in the reference.
    rewriter.emit(prefix, 0, decode_utf8(text->text(), 0).length);
    rewriter.copy(0, text->text().size());
    rewriter.finish();
  };
}

Normalizer::Step bert_clean_step() {
  return [](AlignedText* text) {
    map_chars(text, [](char32_t c, std::string* out) {
      const bool line_space = c == '\t' || c == '\n' || c == '\r';
      const bool control = !line_space && is_control_or_format(c) && unicode_age(c) <= kBertUnicode;
      if (c == 0 || c == 0xFFFD || control) return true;
      if (!line_space && !is_white_space(c)) return false;
      out->push_back(' ');
      return true;
    });
  };
}

Normalizer::Step bert_chinese_step() {
  return [](AlignedText* text) {
    map_chars(text, [](char32_t c, std::string* out) {
      if (!is_bert_chinese(c)) return false;
      out->push_back(' ');
      append_utf8(c, out);
      out->push_back(' ');
      return true;
    });
  };
}

void add_bert_steps(const BertNormalization& which, Normalizer* out) {
  if (which.clean) out->add(bert_clean_step());
  if (which.chinese) out->add(bert_chinese_step());
  if (which.strip_accents) {
    out->add(unicode_form_step(UnicodeForm::kNfd));
    out->add(bert_strip_accents_step());
  }
  if (which.lowercase) out->add(lowercase_step());
}

}  // namespace roux::kit
