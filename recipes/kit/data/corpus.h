// A text as training and validation windows: what a language-model recipe starts from.
//
//   ROUX_ASSIGN_OR_RETURN(Corpus corpus,
//                         load_corpus({.path = data_flag, .excerpts = {"austen_emma"}, .length = 64}));
#ifndef ROUX_RECIPES_KIT_DATA_CORPUS_H_
#define ROUX_RECIPES_KIT_DATA_CORPUS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "recipes/kit/data/byte_tokenizer.h"
#include "recipes/kit/data/windows.h"

namespace roux::kit {

struct CorpusOptions {
  std::string path;                   // a text file of the user's; empty: the excerpts
  std::vector<std::string> excerpts;  // names in recipes/data/excerpts without ".txt", each split on its own
  int64_t length = 64;                // T
  double validation_share = 0.03;     // the last part of each text
  int64_t validation_windows = 1;  // that the recipe evaluates on: asked for here, before anything is trained
};

struct Corpus {
  std::string description;  // path or names and sizes, for the run's log
  ByteTokenizer tokenizer;
  WindowSet train;
  WindowSet validation;
};

// The training windows of several corpora, in their order, which the corpora must outlive: domains of a
// mixture.
std::vector<const WindowSet*> training_sets(absl::Span<const Corpus> corpora);

// A text with the name that errors and descriptions call it by.
struct NamedText {
  std::string name;
  std::string text = {};
};

// Windows of texts that are there already, each split on its own; of the options all but path and excerpts.
// Errors name the text that is too short.
absl::StatusOr<Corpus> corpus_of(const std::vector<NamedText>& texts, const CorpusOptions& options);

// `rows` windows of zeros for training and validation, in the place of a text: what a plan trains on. Error
// unless both sizes are at least 1.
absl::StatusOr<Corpus> stand_in_corpus(int64_t rows, int64_t length);

// Errors name the file: missing, empty, or too short for one window of training and `validation_windows`.
absl::StatusOr<Corpus> load_corpus(const CorpusOptions& options);

// The text of one embedded excerpt, e.g. "goethe_werther". NotFound says which names exist.
absl::StatusOr<std::string> read_excerpt(const std::string& name);

// Names of the embedded excerpts, sorted.
const std::vector<std::string>& excerpt_names();

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_CORPUS_H_
