// Real documents with planted noise of known kind, and what the pipeline's stages leave of them.
#ifndef ROUX_RECIPES_LLM_DATASETS_SURVEY_CORPUS_H_
#define ROUX_RECIPES_LLM_DATASETS_SURVEY_CORPUS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/funnel.h"
#include "recipes/kit/stats/logistic.h"
#include "recipes/kit/stats/random.h"
#include "recipes/llm_datasets_survey/method.h"

namespace roux::llm_datasets_survey {

// Paragraphs (apart by empty lines), neighbours put together until a document has `bytes`; the lines of a
// paragraph of more than twice as many (lists, glosses) are treated as paragraphs.
std::vector<std::string> documents_of(const std::string& text, size_t bytes);

enum class Kind { kClean, kCopy, kGibberish, kBoilerplate, kCanary };
struct Document {
  std::string text;
  Kind kind = Kind::kClean;
  int64_t origin = -1;  // of a copy or canary: the document that it repeats
  double edits = 0;     // share of a copy's words that are replaced
};

inline constexpr double kEdits[] = {0, 0.02, 0.05, 0.1, 0.2, 0.3};
// The pipeline's near duplicates: candidates of 32 bands of 4, confirmed. A copy of 70 words of which 5 % are
// replaced has a similarity of 0.63, give or take 0.15: confirmed at 0.5, a sixth of them would be lost, at
// 0.25 almost none.
inline constexpr NearOptions kPipelineBands = {.bands = 32, .rows = 4, .min_jaccard = 0.25};

struct NoiseOptions {
  double copied = 0.35;  // share of the documents that have 1 .. max_copies copies, each with one of kEdits
  int64_t max_copies = 6;
  double gibberish = 0.35, boilerplate = 0.25;  // documents, per clean one
  std::vector<int64_t> canary_copies = {1, 16, 64};
  int64_t canaries = 4;  // of each number of copies
  uint64_t seed = 1;
};
struct Canary {
  std::string before, secret;  // six digits
  int64_t copies = 0;
};
struct PlantedCorpus {
  std::vector<Document> documents;  // in random order
  std::vector<Canary> canaries;
  std::vector<std::string> texts() const;
};
PlantedCorpus plant(const std::vector<std::string>& clean, const NoiseOptions& options);
// A document as noise: letters exchanged at random within the whole of it, or lines of a page's menu.
std::string gibberish_of(const std::string& document, stats::RandomStream& random);
std::string boilerplate_of(stats::RandomStream& random);

// What an arm trains on. The counts are by stage: documents and bytes in and out, and the reasons.
struct Stages {
  bool filter = false, dedup = false;
};
std::vector<std::string> process(const std::vector<std::string>& documents, const Stages& stages,
                                 const LetterPairs& pairs, kit::Funnel& funnel);
// Documents in random order until they have as many bytes.
std::vector<std::string> random_share(std::vector<std::string> documents, size_t bytes, uint64_t seed);

// Of the documents that a clustering removes beyond the exact duplicates: 1 where the document that stands
// for it is its origin, another copy of that, or its own copy, else 0. Natural duplicates count as errors.
std::vector<double> removals(const PlantedCorpus& corpus, const Clusters& near, const Clusters& exact);

// `copies` copies of every document with this share of their words replaced, one entry a copy.
struct Copies {
  std::vector<double> found;     // 1: proposed with its origin by a band, and similar enough
  std::vector<double> expected;  // P of that by the curve at the copy's own similarity
  std::vector<double> jaccard;
  std::vector<int64_t> origin;
};
Copies find_copies(const std::vector<std::string>& documents, double edits, int64_t copies,
                   const NearOptions& options);

// Whether contaminated() finds each item of evaluation with a run of `n` words in the corpus, after it was
// put into the middle of a document with `replaced` of its words replaced. Items of fewer words are left out.
std::vector<bool> find_leaks(const std::vector<std::string>& documents, const std::vector<std::string>& items,
                             int64_t replaced, int64_t n);

// P(reference) of a logistic model on shares of trigrams: "reference or raw", as GPT-3's filter has it.
class QualityClassifier {
 public:
  QualityClassifier(const std::vector<std::string>& reference, const std::vector<std::string>& raw);
  std::vector<double> operator()(const std::vector<std::string>& documents) const;

 private:
  stats::LogisticFit fit_;
};

// --table: documents from JSON lines with a string "text" (and "id", if there is one), a text file or a
// folder of them. Errors name file, line and field.
struct UserDocuments {
  std::vector<std::string> ids, texts;
};
absl::StatusOr<UserDocuments> read_documents(const std::string& path);
// {"statistics": {...}, "duplicates": {"exact": [[id, ...]], "near": ...}, "dropped": {reason: count},
// "documents": [{"id", "words", "drop", "quality"}]}; `reference`: good text of the corpus's language.
std::string table_json(const UserDocuments& documents, const std::vector<std::string>& reference);

}  // namespace roux::llm_datasets_survey

#endif  // ROUX_RECIPES_LLM_DATASETS_SURVEY_CORPUS_H_
