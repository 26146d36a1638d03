// Rephrasers behind one interface: a prompt in, an answer out, as from a language model. Two families stand
// in for the paper's models: word substitution learnt from pairs of sentences (IBM Model 1 and a bigram
// model), and a list of rules.
#ifndef ROUX_RECIPES_REPHRASING_REPHRASER_H_
#define ROUX_RECIPES_REPHRASING_REPHRASER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "recipes/kit/stats/ngram_lm.h"
#include "recipes/rephrasing/method.h"
#include "recipes/rephrasing/pieces.h"

namespace roux::rephrasing {

// What one source word may become: a word, or nothing.
struct Option {
  static constexpr int32_t kNothing = -1;
  int32_t word = kNothing;
  double score = 0;  // log probability
};
// The best choice of one option a source word by sum of scores + lm(word before, word) for each that is not
// nothing; `lm` gets kNothing as the word before the first. Of hypotheses that end in the same word the best
// is kept, `beam` of them a step; ties go to the earlier option. Exact where `beam` is at least the number of
// different words. Error for an empty list of options and beam < 1.
std::vector<size_t> best_monotone(const std::vector<std::vector<Option>>& options,
                                  const std::function<double(int32_t, int32_t)>& lm, int64_t beam);

class Rephraser {
 public:
  virtual ~Rephraser() = default;
  // `key` names the passage: what is drawn depends on it alone. An empty answer for a style or language that
  // the rephraser does not have, and for a prompt that it cannot read.
  virtual Answer answer(const Prompt& prompt, uint64_t key) const = 0;
};

struct SubstitutionOptions {
  int64_t iterations = 5, beam = 5;
  int64_t translations = 5;  // of a source word that are tried
  int64_t min_count = 3;     // rarer source words are copied
  double lm_weight = 0.3;    // of the bigram model's log probability
  double nothing_cost = 8;   // nats, beside the probability that a word has no counterpart
};

// t(new | old) and t(old | new) by IBM Model 1, each to the power 1/2, times the bigram model of the new
// side.
class Substitution : public Rephraser {
 public:
  // pairs: old text, new text. Error without pairs.
  Substitution(const std::vector<std::pair<std::string, std::string>>& pairs,
               const SubstitutionOptions& options);
  Answer answer(const Prompt& prompt, uint64_t key) const override;  // easy, medium and Q&A, English
  std::string rewrite(std::string_view text) const;
  const stats::NgramLm& language_model() const { return lm_; }
  // Words of the text as ids of language_model(); one id for all that it has not seen.
  std::vector<int32_t> ids_of(std::string_view text) const;

 private:
  std::vector<Option> options_of(const std::string& word) const;
  int32_t id_of(const std::string& word) const;
  std::string surface(int32_t id, const Piece& old, bool begins) const;

  SubstitutionOptions options_;
  absl::flat_hash_map<std::string, int32_t> ids_;  // of lower-case words of both sides, 1 ..; 0 is unseen
  std::vector<std::string> surfaces_;              // the most frequent spelling inside of sentences
  std::vector<int64_t> old_counts_, new_counts_;
  absl::flat_hash_map<std::string, std::vector<int32_t>>
      shortened_;                                      // old words by what they are without a letter
  std::map<int32_t, std::vector<Option>> options_of_;  // of old words: what they become, then nothing
  stats::NgramLm lm_;
};

// Old wordings by rule: English of 1611 (thee, hath, -eth) and the Spanish of 1909 (vosotros, á).
class Rules : public Rephraser {
 public:
  Answer answer(const Prompt& prompt, uint64_t key) const override;  // easy, medium and Q&A; en and es
  static std::string rewrite(std::string_view text, const std::string& language);
};

// Sentences at semicolons and colons too: the style for children.
std::string short_sentences(std::string_view text);
// "Question: What is said about <the longest word>?" and the sentence as the answer, for each sentence.
std::string questions(const std::string& text, const std::string& language);
// A rewritten passage in the style and between marks, if the template asks for them.
Answer styled(const std::string& rewritten, const Request& request);

// What real rephrasers do now and then: faults of a known kind in a share of the answers, so that the filters
// have work and can be checked against what was planted.
enum class Fault { kNone, kTruncated, kPreamble, kOtherLanguage, kEmpty };
inline constexpr Fault kFaults[] = {Fault::kTruncated, Fault::kPreamble, Fault::kOtherLanguage,
                                    Fault::kEmpty};
const char* fault_name(Fault fault);
class Faulty : public Rephraser {
 public:
  // `foreign`: texts in another language that may stand in the place of an answer; not empty.
  Faulty(const Rephraser& inner, double rate, uint64_t seed, const std::vector<std::string>& foreign)
      : inner_(inner), rate_(rate), seed_(seed), foreign_(foreign) {}
  Answer answer(const Prompt& prompt, uint64_t key) const override;
  Fault fault_of(uint64_t key) const;

 private:
  const Rephraser& inner_;
  double rate_;
  uint64_t seed_;
  const std::vector<std::string>& foreign_;
};

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_REPHRASER_H_
