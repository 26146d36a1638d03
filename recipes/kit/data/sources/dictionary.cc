#include "recipes/kit/data/sources/dictionary.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/data/sources/source_files.h"
#include "recipes/kit/text/readers/dictd.h"
#include "tensor/error.h"

namespace roux::kit {

absl::StatusOr<Sourced<std::vector<DictionaryEntry>>> dictionary(const std::string& dictionary,
                                                                 const SourceOptions& options) {
  const std::string stem = absl::StrCat("usr/share/dictd/", absl::StrReplaceAll(dictionary, {{"_", "-"}}));
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open(dictionary, stem + ".index", options));
  ROUX_ASSIGN_OR_RETURN(const std::string index, files.locate(stem + ".index"));
  ROUX_RETURN_IF_ERROR(files.locate(stem + ".dict.dz").status());  // the reader finds it by its name
  ROUX_ASSIGN_OR_RETURN(DictdReader reader, DictdReader::open(index));
  std::vector<DictionaryEntry> entries;
  DictdEntry entry;
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, reader.next(&entry));
    if (!more) break;
    if (!entry.about_database) entries.push_back({entry.headword, entry.definition});
  }
  return Sourced<std::vector<DictionaryEntry>>{std::move(entries), files.provenance()};
}

}  // namespace roux::kit
