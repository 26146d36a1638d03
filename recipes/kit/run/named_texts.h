// The text domains that a run trains on.
//
//   ROUX_ASSIGN_OR_RETURN(const auto texts, named_texts(run, config.texts, config.excerpts));
//   ROUX_ASSIGN_OR_RETURN(const Corpus corpus, corpus_of(texts, {.length = 64}));
#ifndef ROUX_RECIPES_KIT_RUN_NAMED_TEXTS_H_
#define ROUX_RECIPES_KIT_RUN_NAMED_TEXTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/run/run.h"

namespace roux::kit {

// The domains of these names (data/text_domain.h), in their order; where each came from is printed and kept
// (Run::uses). `excerpts`: the excerpt of each, the same on every machine, and the whole of one that has
// none. Errors: those of text_domain and Run::uses. Outside parts.
absl::StatusOr<std::vector<NamedText>> named_texts(Run& run, const std::vector<std::string>& names,
                                                   bool excerpts);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_NAMED_TEXTS_H_
