// How much, how evenly and how often a text mixes languages, from the language of each of its tokens. Pure.
//
// A tag is the number of a token's language, from 0 on, or kNeutral: names, numbers and punctuation that
// belong to none. Values below kNeutral are misuse (Error). n: tokens; u: neutral ones; n_l: tokens of
// language l; p_l = n_l / (n - u).
#ifndef ROUX_RECIPES_KIT_EVAL_CODE_MIXING_H_
#define ROUX_RECIPES_KIT_EVAL_CODE_MIXING_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

inline constexpr int64_t kNeutral = -1;

// Code-mixing index [Das & Gambäck 2014, eq. 1]: 100 * (1 - max_l n_l / (n - u)); 0 where n = u. 0: one
// language; below 100. Of an utterance: of a corpus, report the mean.
double code_mixing_index(absl::Span<const int64_t> tags);

// Multilingual index [Barnett et al. 2000]: (1 - sum_l p_l^2) / ((k - 1) sum_l p_l^2) for k languages. 0: one
// language, 1: all in equal parts. 0 where n = u. Tags are below `languages`, which is 2 or more.
double m_index(absl::Span<const int64_t> tags, int64_t languages);

// Integration index [Guzmán et al. 2016]: the share of the n - u - 1 pairs of neighbours, neutral tokens left
// out, that differ in language. 0 where there is no pair.
double i_index(absl::Span<const int64_t> tags);

// The same over the n - 1 pairs of neighbours with the neutral tokens in place, which are no switch.
double switch_point_fraction(absl::Span<const int64_t> tags);

// Lengths of the runs of one language, neutral tokens left out, in their order.
std::vector<int64_t> language_spans(absl::Span<const int64_t> tags);

// Burstiness of switching [Goh & Barabási 2008; Guzmán et al. 2017]: (s - m) / (s + m) with mean m and
// standard deviation s (of a population) of the lengths of those runs. -1: all of one length, towards 1:
// bursts. 0 where there is no run.
double burstiness(absl::Span<const int64_t> tags);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_CODE_MIXING_H_
