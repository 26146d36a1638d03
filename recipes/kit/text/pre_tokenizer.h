// Splitting text into the pieces that a model encodes one by one, as the `pre_tokenizer` entry of a
// tokenizer.json describes it. A PreTokenizer is immutable and thread-safe.
#ifndef ROUX_RECIPES_KIT_TEXT_PRE_TOKENIZER_H_
#define ROUX_RECIPES_KIT_TEXT_PRE_TOKENIZER_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "recipes/kit/text/normalizer.h"
#include "recipes/kit/text/regex.h"

namespace roux::kit {

// The text and its pieces; pieces are in order and don't overlap.
struct SplitText {
  // At the very start of the input; after an added token; right behind bytes that are not UTF-8.
  enum class Place { kStart, kInside, kContinued };
  AlignedText* text;
  Place place;
  std::vector<Span> pieces;
};

class PreTokenizer {
 public:
  using Step = std::function<void(SplitText*)>;
  bool empty() const { return steps_.empty(); }
  void add(Step step) { steps_.push_back(std::move(step)); }
  // Splits the whole text, which must be valid UTF-8; steps may change it. No piece is empty.
  std::vector<Span> split(AlignedText* text, SplitText::Place place) const;

 private:
  std::vector<Step> steps_;
};

// What happens to the matches of a pattern, with Hugging Face's names.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// Cuts every piece at the matches of the pattern; `invert`: at the gaps instead.
PreTokenizer::Step split_step(Regex pattern, SplitBehavior behavior, bool invert);
// The same with single characters as matches.
PreTokenizer::Step split_chars_step(bool (*matches)(char32_t), SplitBehavior behavior);
// GPT-2's space in front of each piece that doesn't begin with one, and doesn't continue invalid bytes.
PreTokenizer::Step prefix_space_step();
// Spaces become `replacement` ("▁"); prepended to the first piece or to all; `split`: each begins a piece.
enum class PrependScheme { kNever, kFirst, kAlways };
PreTokenizer::Step metaspace_step(std::string replacement, PrependScheme prepend, bool split);

// Patterns by the names that GGUF files (`tokenizer.ggml.pre`) and papers use; empty if unknown. A tokenizer
// applies them in order, each on the pieces of the one before.
std::vector<std::string> pre_tokenizer_patterns(std::string_view name);
// Names that pre_tokenizer_patterns knows, for error messages.
std::string pre_tokenizer_names();

extern const char kGpt2Pattern[];

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_PRE_TOKENIZER_H_
