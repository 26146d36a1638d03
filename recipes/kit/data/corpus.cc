#include "recipes/kit/data/corpus.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "tensor/error.h"

namespace roux::kit {

const std::vector<std::string>& excerpt_names() {
  static const std::vector<std::string>* const names =
      new std::vector<std::string>{"austen_emma", "goethe_werther", "web_luke_john"};
  return *names;
}

absl::StatusOr<std::string> read_excerpt(const std::string& name) {
  const std::vector<std::string>& names = excerpt_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return absl::NotFoundError(
        absl::StrCat("excerpt '", name, "' does not exist; there are ", absl::StrJoin(names, ", ")));
  }
  ROUX_ASSIGN_OR_RETURN(const std::string path,
                        find_runfile(absl::StrCat("recipes/data/excerpts/", name, ".txt")));
  return read_text(path);
}

std::vector<const WindowSet*> training_sets(absl::Span<const Corpus> corpora) {
  std::vector<const WindowSet*> sets;
  for (const Corpus& corpus : corpora) sets.push_back(&corpus.train);
  return sets;
}

absl::StatusOr<Corpus> corpus_of(const std::vector<NamedText>& texts, const CorpusOptions& options) {
  std::string train, validation;
  std::vector<std::string> names, descriptions;
  for (const auto& [name, text] : texts) {
    ROUX_ASSIGN_OR_RETURN(const TextSplit split, split_text(text, options.validation_share, name));
    train += split.train;
    validation += split.validation;
    names.push_back(name);
    descriptions.push_back(absl::StrCat(name, " (", text.size(), " bytes)"));
  }
  ByteTokenizer tokenizer;
  const std::string name = absl::StrJoin(names, " + ");
  ROUX_ASSIGN_OR_RETURN(WindowSet train_windows, WindowSet::stream(tokenizer.encode(train), options.length,
                                                                   name + " (training part)"));
  ROUX_ASSIGN_OR_RETURN(
      WindowSet validation_windows,
      WindowSet::stream(tokenizer.encode(validation), options.length, name + " (validation part)"));
  ROUX_RETURN_IF_ERROR(validation_windows.fixed_rows(options.validation_windows).status());
  return Corpus{absl::StrJoin(descriptions, " + "), tokenizer, std::move(train_windows),
                std::move(validation_windows)};
}

absl::StatusOr<Corpus> stand_in_corpus(int64_t rows, int64_t length) {
  if (rows < 1 || length < 1) {
    return absl::InvalidArgumentError(absl::StrCat("stand-in for a text: ", rows, " rows of ", length,
                                                   " tokens are asked for, at least 1 each is needed"));
  }
  const std::vector<int32_t> tokens(static_cast<size_t>(rows * length + 1));
  ROUX_ASSIGN_OR_RETURN(const WindowSet windows, WindowSet::stream(tokens, length, "stand-in for a text"));
  return Corpus{"no text", ByteTokenizer(), windows, windows};
}

absl::StatusOr<Corpus> load_corpus(const CorpusOptions& options) {
  if (options.path.empty() && options.excerpts.empty()) {
    return absl::InvalidArgumentError("corpus: neither a path nor an excerpt is given");
  }
  std::vector<std::string> sources = options.excerpts;
  if (!options.path.empty()) sources = {options.path};
  std::vector<NamedText> texts;
  for (const std::string& source : sources) {
    ROUX_ASSIGN_OR_RETURN(std::string text, options.path.empty() ? read_excerpt(source) : read_text(source));
    texts.push_back({source, std::move(text)});
  }
  return corpus_of(texts, options);
}

}  // namespace roux::kit
