// The rephrasing pipeline of arXiv 2410.20796: documents are split into passages, a prompt asks a rephraser
// to rewrite each in a style, what it answers is cleaned and filtered, and what is left is merged again. All
// functions are pure. Texts are UTF-8; a word is a run of letters, marks, digits and inner apostrophes.
#ifndef ROUX_RECIPES_REPHRASING_METHOD_H_
#define ROUX_RECIPES_REPHRASING_METHOD_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/funnel.h"
#include "recipes/kit/text/language_id.h"

namespace roux::rephrasing {

// 1. Passages. The document is `before` and `text` of each in turn, then `tail`.
struct Passage {
  std::string before;  // white space that parts it from the one before
  std::string text;
};
struct Split {
  std::vector<Passage> passages;
  std::string tail;
};
using TokenCount = std::function<int64_t(std::string_view)>;

// Consecutive sentences (line ends end them too) are packed while together they have at most `max_tokens`; a
// longer one is cut at white space, a longer word between characters. A character alone may exceed the
// limit. The paper's limit is 350 of the rephraser's tokens. Error unless max_tokens >= 1; InvalidArgument
// for damaged UTF-8. `count` must not fall when a text grows.
absl::StatusOr<Split> split_passages(const std::string& document, const std::string& language,
                                     int64_t max_tokens, const TokenCount& count);

// What becomes of a document of which some passages were dropped.
enum class Policy { kDropPassage, kKeepOriginal, kDropDocument };
// 5. Joins the passages in their order with the white space that stood before them; none stands before the
// first that is left. `rewritten`: one a passage, nullopt for a dropped one. Error for another number.
std::string merge_passages(const Split& split, const std::vector<std::optional<std::string>>& rewritten,
                           Policy policy);

// 2. Prompts: the paper's four styles and its two families of templates. Our wording: the paper's is not
// published with its abstract.
enum class Style { kEasy, kMedium, kHard, kQa };
inline constexpr Style kStyles[] = {Style::kEasy, Style::kMedium, Style::kHard, Style::kQa};
const char* style_name(Style style);  // "easy" "medium" "hard" "qa"
// kReplication: a plain request, as in WRAP (arXiv 2401.16380). kOptimised: asks for the answer between
// marks, in the passage's language, which cleaning needs only cut out.
enum class Template { kReplication, kOptimised };
struct Prompt {
  std::string system, user;
};
// `language`: ISO 639-1. The optimised instruction is written in Spanish for "es", else in English with the
// language named.
Prompt build_prompt(Style style, Template form, const std::string& language, const std::string& passage);
// What a prompt asks for: the inverse of build_prompt. InvalidArgument for other texts.
struct Request {
  Style style = Style::kMedium;
  Template form = Template::kOptimised;
  std::string language;  // empty in replication templates, which name none
  std::string passage;
};
absl::StatusOr<Request> read_prompt(const Prompt& prompt);
inline constexpr char kOpen[] = "<rephrased>", kClose[] = "</rephrased>";

// 4. Cleaning. `ended`: the rephraser stopped by itself, not at the limit of new tokens.
struct Answer {
  std::string text;
  bool ended = true;
};
struct Cleaned {
  std::string text;
  bool truncated = false;  // an opened mark was never closed, or there is none and the answer did not end
};
// The text between the marks: behind the last opening one before the first closing one; without an opening
// one from the start. Then strip_wrapping. Idempotent.
Cleaned clean(const Answer& answer);
// Without lines around the text that are the assistant's ("Here is ...:", "Note: ..."), list marks that all
// lines have, and quotes around the whole, until nothing changes.
std::string strip_wrapping(std::string_view text);

std::vector<std::string> words_of(std::string_view text);  // lower case
// Share of the output's n-grams of words that the source has; 0 without n-grams.
double ngram_overlap(std::string_view source, std::string_view output, size_t n);
// Share of the source's different words of four letters and more that the output has; 1 without any.
double content_overlap(std::string_view source, std::string_view output);
double type_token_ratio(std::string_view text);  // different words / words; 0 without words
// Share of the facts of the source that stand in the output: numbers, and capitalised words that do not begin
// a sentence, a line or a quotation. 1 without facts.
double fact_fidelity(std::string_view source, std::string_view output);

// Limits of a filter, ours where the spec says "about".
struct Limits {
  double near_copy = 0.9;  // n-gram overlap above which nothing was rephrased
  int64_t n = 3;
  double off_topic = 0.15;  // content overlap below which it is about something else
};
struct Candidate {
  std::string source;
  Cleaned output;
  int64_t passage = 0;
};
// Fewer than a third, or more than twice, of the source's words.
bool too_short(std::string_view source, std::string_view output);
bool too_long(std::string_view source, std::string_view output);
// The filters in the order in which they count: empty, truncated, wrong language, too short, too long, near
// copy, off topic. `identifier` must outlive the rules.
std::vector<kit::Rule<Candidate>> filters(const std::string& language,
                                          const kit::LanguageIdentifier& identifier, const Limits& limits);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_METHOD_H_
