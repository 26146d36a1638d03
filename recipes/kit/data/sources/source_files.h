// The files of a resource, from wherever they are: the installed Debian packages, the cache of
// recipes/data/fetch, a download into that cache, or the excerpt in the source tree.
//
//   ROUX_ASSIGN_OR_RETURN(SourceFiles files,
//                         SourceFiles::open("wordnet", "usr/share/wordnet/data.noun", options));
//   ROUX_ASSIGN_OR_RETURN(const std::string nouns, files.read("usr/share/wordnet/data.noun"));
//   return Sourced<...>{parse(nouns), files.provenance()};
//
// Paths are those inside the packages. An excerpt is a folder recipes/data/excerpts/<resource> with files at
// the same paths, so a source reads it as it reads all of the data. One thread at a time.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_SOURCE_FILES_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_SOURCE_FILES_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

class SourceFiles {
 public:
  // `probe` is a file that is there exactly if the data are: packages may be installed without their
  // documentation or translations. Where nothing is found the resource is downloaded, with its size and the
  // progress on stderr, unless options.offline; failing that the excerpt is taken, whose files need no probe.
  // Errors: NotFound without a resource of that name; NotFound (offline), Unavailable (the download failed)
  // or Cancelled, each with the command that brings the data.
  static absl::StatusOr<SourceFiles> open(const std::string& resource, const std::string& probe,
                                          const SourceOptions& options);

  // The content of a file, unpacked if it is gzip. NotFound; DataLoss if a cached file is not what was
  // unpacked.
  absl::StatusOr<std::string> read(const std::string& path);
  // Where a file lies, for readers that stream; checked and counted as by read().
  absl::StatusOr<std::string> locate(const std::string& path);
  bool has(const std::string& path) const;
  // Paths of the files below a folder whose names end so, sorted; empty if there is no such folder. Of
  // installed packages their own files, whoever else has some there.
  std::vector<std::string> list(const std::string& folder, const std::string& ending = "") const;

  bool is_excerpt() const { return from_.kind == Provenance::kExcerpt; }
  // With the hash of all that was read until now.
  Provenance provenance() const;

 private:
  SourceFiles(std::string root, Provenance from) : root_(std::move(root)), from_(std::move(from)) {}

  std::string root_;
  std::set<std::string> owned_;  // files of the installed packages
  Provenance from_;
  std::map<std::string, std::string> unpacked_;  // sha256 by path, as fetch noted them (cache only)
  std::map<std::string, std::string> read_;      // sha256 by path
};

// $ROUX_CACHE, or ~/.cache/roux/data; empty if neither variable is set.
std::string cache_folder();

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_SOURCE_FILES_H_
