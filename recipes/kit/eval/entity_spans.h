// Named entities from tags and their scores, as the package seqeval (and conlleval) counts them: an entity is
// right if its span and type are. Pure.
#ifndef ROUX_RECIPES_KIT_EVAL_ENTITY_SPANS_H_
#define ROUX_RECIPES_KIT_EVAL_ENTITY_SPANS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/eval/classification.h"

namespace roux::kit {

struct EntitySpan {
  int64_t begin = 0, end = 0;  // tokens begin .. end - 1
  std::string type;
  bool operator==(const EntitySpan&) const = default;
};

// Spans of tags "B-type", "I-type" and "O". An I that does not continue a span of its type starts one. Other
// tags are misuse (Error).
std::vector<EntitySpan> entity_spans(absl::Span<const std::string> tags);

// Precision, recall and F1 over the spans of all texts together (micro). Spans that are given twice count
// once. 0 where a denominator is. Lists of different length are misuse (Error).
PrecisionRecall entity_scores(absl::Span<const std::vector<EntitySpan>> truth,
                              absl::Span<const std::vector<EntitySpan>> predicted);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_ENTITY_SPANS_H_
