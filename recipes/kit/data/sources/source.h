// What every named source (this folder) takes and gives: options, and a value with where it came from.
//
//   ROUX_ASSIGN_OR_RETURN(const auto glosses, wordnet_glosses(run.source_options()));
//   ROUX_RETURN_IF_ERROR(run.uses(glosses.from));       // printed, kept in config.json, checked on a resume
//   use(glosses.value);
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_SOURCE_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_SOURCE_H_

#include <functional>
#include <string>

namespace roux::kit {

struct SourceOptions {
  // Only the excerpt in the source tree: the same on every machine, for smoke presets and tests.
  bool excerpt = false;
  // Nothing is downloaded. Also under $ROUX_OFFLINE and in every test of Bazel.
  bool offline = false;
  // Asked while a download runs; true ends it.
  std::function<bool()> interrupted = nullptr;
  // Where installed packages are looked for; another folder in tests.
  std::string system_root = "/";
};

struct Provenance {
  enum Kind { kFile, kPackage, kCache, kExcerpt };
  Kind kind = kFile;
  std::string name;     // of the resource (recipes/data/resources.tsv), or the path of a user's file
  std::string version;  // of its packages
  std::string licence;
  std::string sha256;   // of the lines that sha256sum prints for the files that were read, sorted by path
  std::string command;  // what brings all of it
};

template <class T>
struct Sourced {
  T value;
  Provenance from;
};

const char* kind_name(Provenance::Kind kind);  // "file", "installed package", "cache", "excerpt"

// One line for the terminal: "wordnet 1:3.0-37 (cache, licence WordNet, sha256 0123456789ab)".
std::string to_text(const Provenance& from);

// For Claim::not_testable: why a claim about all of the data cannot be judged, with the command that brings
// it; empty unless only the excerpt was there.
std::string needs_full(const Provenance& from);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_SOURCE_H_
