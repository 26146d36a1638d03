#include "recipes/kit/data/sources/word_list.h"

#include "absl/strings/str_split.h"
#include "recipes/kit/data/sources/source_files.h"
#include "tensor/error.h"

namespace roux::kit {

absl::StatusOr<Sourced<std::vector<std::string>>> english_words(const SourceOptions& options) {
  constexpr char kPath[] = "usr/share/dict/american-english";
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open("words", kPath, options));
  ROUX_ASSIGN_OR_RETURN(const std::string text, files.read(kPath));
  std::vector<std::string> words = absl::StrSplit(text, '\n', absl::SkipEmpty());
  return Sourced<std::vector<std::string>>{std::move(words), files.provenance()};
}

}  // namespace roux::kit
