// Text normalisation before tokenizing, with byte alignment to the original, as the `normalizer` entry of a
// Hugging Face tokenizer.json describes it. A Normalizer is immutable and thread-safe.
#ifndef ROUX_RECIPES_KIT_TEXT_NORMALIZER_H_
#define ROUX_RECIPES_KIT_TEXT_NORMALIZER_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "recipes/kit/text/regex.h"
#include "recipes/kit/text/unicode.h"

namespace roux::kit {

// A text and, for each of its bytes, the range of the original text it came from. No ranges means: unchanged.
// Steps of a hostile file could multiply a text without end: above 64 bytes for each one of the original, and
// 64 KiB, a Rewriter throws Error.
class AlignedText {
 public:
  explicit AlignedText(std::string_view original) : text_(original), limit_(64 * original.size() + 65536) {}
  const std::string& text() const { return text_; }
  // Original range covered by text[span]; for an empty span the position where it stands.
  Span original(Span span) const;
  // A part of the text, with its origins.
  AlignedText slice(size_t begin, size_t end) const;

  // Replaces the text by pieces copied from it or made from it: copy(b, e) keeps bytes [b, e) with their
  // origins, emit(s, b, e) writes s as coming from bytes [b, e) of the current text. Positions must not
  // decrease.
  class Rewriter {
   public:
    explicit Rewriter(AlignedText* target) : target_(target) {}
    void copy(size_t begin, size_t end);
    void emit(std::string_view replacement, size_t begin, size_t end);
    void finish();

   private:
    void check_size(size_t added) const;

    AlignedText* target_;
    std::string text_;
    std::vector<Span> origins_;
  };

 private:
  std::string text_;
  uint32_t shift_ = 0;  // without origins_: where text_ stands in the original
  std::vector<Span> origins_;
  size_t limit_;  // bytes that text_ may have
};

class Normalizer {
 public:
  using Step = std::function<void(AlignedText*)>;
  void add(Step step) { steps_.push_back(std::move(step)); }
  // A step for the text at the very start of the input alone, before all others: SentencePiece's dummy
  // prefix.
  void add_at_start(Step step) { start_steps_.push_back(std::move(step)); }
  // `text` must hold valid UTF-8.
  void apply(AlignedText* text, bool at_start) const {
    if (at_start) {
      for (const Step& step : start_steps_) step(text);
    }
    for (const Step& step : steps_) step(text);
  }

 private:
  std::vector<Step> start_steps_, steps_;
};

// The steps. Unicode data are ICU's.
Normalizer::Step unicode_form_step(UnicodeForm form);
Normalizer::Step lowercase_step();    // per character, without context rules (Rust's char::to_lowercase)
Normalizer::Step strip_marks_step();  // removes marks (category M); decompose first
Normalizer::Step strip_step(bool left, bool right);  // White_Space at the ends
Normalizer::Step replace_step(Regex pattern, std::string replacement);
Normalizer::Step prepend_step(std::string prefix);  // nothing for an empty text
// BERT as the reference has it: its category tables are those of Unicode 8, so later characters are no
// punctuation, no marks and no controls.
bool is_bert_punctuation(char32_t c);
Normalizer::Step bert_strip_accents_step();  // after NFD: removes nonspacing marks
// BERT: control characters out and white space to U+0020; spaces around CJK ideographs.
Normalizer::Step bert_clean_step();
Normalizer::Step bert_chinese_step();
// All of BERT's steps in order.
struct BertNormalization {
  bool clean = true, chinese = true, strip_accents = true, lowercase = true;
};
void add_bert_steps(const BertNormalization& which, Normalizer* out);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_NORMALIZER_H_
