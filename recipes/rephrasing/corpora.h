// From documents to training text: the pipeline over a whole corpus, with what each stage dropped and what
// the text is like afterwards.
#ifndef ROUX_RECIPES_REPHRASING_CORPORA_H_
#define ROUX_RECIPES_REPHRASING_CORPORA_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/funnel.h"
#include "recipes/kit/data/windows.h"
#include "recipes/rephrasing/world.h"

namespace roux::rephrasing {

// What a rephrased corpus is like; means over the passages that were kept.
struct Quality {
  double length_ratio = 0;                    // words of the output / words of the source
  double overlap = 0;                         // n-grams of the output that the source has
  double content = 0;                         // content words of the source that the output has
  double fidelity = 0;                        // facts of the source that the output has
  double types_source = 0, types_output = 0;  // type/token ratio of a passage
  // Perplexity (words) under the bigram model of modern English; 0 for other languages.
  double perplexity_source = 0, perplexity_output = 0;
};
struct PlantedFault {
  int64_t planted = 0, dropped = 0, repaired = 0;  // repaired: the text is as without the fault
};
struct Rephrased {
  std::vector<Document> documents;  // those of which something is left, with the ids of their sources
  kit::Funnel funnel;               // passages: "in" is what was asked
  Quality quality;
  std::array<PlantedFault, std::size(kFaults)> faults;       // in the order of kFaults
  std::vector<std::pair<std::string, std::string>> samples;  // the first passages kept, with their sources
};

// Steps 1 to 5 on each document. The i-th is asked for in styles[i % styles.size()]. Passages below
// min_tokens are dropped unasked. Errors as split_passages.
absl::StatusOr<Rephrased> rephrase(const Config& config, const World& world,
                                   const std::vector<Document>& documents, const std::string& language,
                                   const Rephraser& rephraser, const std::vector<Style>& styles);

struct PipelineRun {
  std::string name;  // "a.clean"
  Rephrased result;  // without its documents
};
// The training texts by name, the same for all seeds: "original.<source>", "<rephraser>.<source>", and halves
// of the clean one.
struct Texts {
  std::map<std::string, kit::WindowSet> sets;
  std::vector<PipelineRun> pipelines;
};

// Draws documents of each source up to the arms' budget of tokens, the same ones for all tiers, makes them
// noisy and rephrases them. InvalidArgument for a text that has no window left.
absl::StatusOr<Texts> make_texts(const Config& config, const World& world);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_CORPORA_H_
