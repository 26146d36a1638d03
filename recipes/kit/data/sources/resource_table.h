// recipes/data/resources.tsv: which archives make a resource, and what is taken out of them.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_RESOURCE_TABLE_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_RESOURCE_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

struct ResourceArchive {
  std::string via;  // "apt", "pip"
  std::string package;
  std::string version;
  std::string archive;  // file name
  int64_t bytes = 0;
  std::string sha256;
  std::string members;  // patterns, separated by commas
};

struct Resource {
  std::string name;
  std::string licence;
  std::string content;  // one line
  std::vector<ResourceArchive> archives;

  int64_t bytes() const;        // to download
  std::string version() const;  // of the first archive
  std::string stamp() const;    // what recipes/data/fetch writes beside the files of this very table
  bool is_debian() const;       // all archives are Debian packages, so that they may be installed instead
};

// DataLoss "<path>: line L: ..." for a line that has not ten fields, a size that is no number, a way that is
// neither apt nor pip, or a resource whose lines are apart.
absl::StatusOr<std::vector<Resource>> parse_resources(const std::string& text, const std::string& path);

// NotFound lists the names.
absl::StatusOr<Resource> find_resource(const std::vector<Resource>& resources, const std::string& name);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_RESOURCE_TABLE_H_
