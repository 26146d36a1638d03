// The most probable texts that a beam finds, with the scores of transformers.
#ifndef ROUX_RECIPES_KIT_DECODE_BEAM_SEARCH_H_
#define ROUX_RECIPES_KIT_DECODE_BEAM_SEARCH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/decode/sampling.h"
#include "recipes/kit/decode/session.h"

namespace roux::kit {

// What the sum of a text's log-probabilities is divided by; n tokens, the stop token included.
enum class LengthPenalty : uint8_t {
  kPower,  // n^a: transformers
  kGnmt,   // ((5 + n) / 6)^a                                                   [Wu et al. 2016, eq. 14]
};
// When a prompt's search ends before max_tokens; never before `beams` texts have ended.
enum class BeamStop : uint8_t {
  kNoBetterNow,   // the best running one, ended now, would not be among the best: transformers' default
  kFirstEnded,    // at once: early_stopping=True
  kNoBetterEver,  // the same for the best running one at max_tokens (a > 0): early_stopping="never"
};

struct BeamOptions {
  int64_t beams = 4, max_tokens = 64;
  double length_penalty = 1;  // a; 0: none
  LengthPenalty penalty = LengthPenalty::kPower;
  BeamStop stop = BeamStop::kNoBetterNow;
  Tokens stop_tokens = {};
  std::vector<TokenRule> rules = {};  // of log-probabilities here; what they leave is not normalised again
  int64_t best = 1;                   // texts for each prompt, at most `beams`
  int64_t rows = 64;                  // decoded at once, at least `beams`
};

struct Beam {
  Tokens tokens = {};   // the stop token is the last
  double log_prob = 0;  // their sum, with the rules
  double score = 0;     // divided by the length penalty
};

// [prompt][best], the best first; fewer where fewer were found. A step keeps, of all continuations of a
// prompt's running texts, the beams most probable ones that go on; those that end count if they are among the
// beams most probable of all. At max_tokens, or the end of the context, all of these count. Throws Error as
// generate() does.
std::vector<std::vector<Beam>> beam_search(const DecodeModel& model, absl::Span<const Tokens> prompts,
                                           const BeamOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DECODE_BEAM_SEARCH_H_
