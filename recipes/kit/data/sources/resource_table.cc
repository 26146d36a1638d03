#include "recipes/kit/data/sources/resource_table.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace roux::kit {

int64_t Resource::bytes() const {
  int64_t sum = 0;
  for (const ResourceArchive& archive : archives) sum += archive.bytes;
  return sum;
}

std::string Resource::version() const { return archives.empty() ? "" : archives[0].version; }

std::string Resource::stamp() const {
  return absl::StrJoin(archives, "\n", [](std::string* out, const ResourceArchive& archive) {
    absl::StrAppend(out, archive.archive, "\t", archive.sha256, "\t", archive.members);
  });
}

bool Resource::is_debian() const {
  return std::all_of(archives.begin(), archives.end(), [](const auto& a) { return a.via == "apt"; });
}

absl::StatusOr<std::vector<Resource>> parse_resources(const std::string& text, const std::string& path) {
  std::vector<Resource> resources;
  int64_t line_number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    if (line.empty() || line[0] == '#') continue;
    const auto error = [&](const std::string& what) {
      return absl::DataLossError(absl::StrCat(path, ": line ", line_number, ": ", what));
    };
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    if (fields.size() != 10) return error(absl::StrCat(fields.size(), " fields instead of 10"));
    ResourceArchive archive{fields[1], fields[2], fields[3], fields[4], 0, fields[6], fields[7]};
    if (!absl::SimpleAtoi(fields[5], &archive.bytes)) return error("'" + fields[5] + "' is no size");
    if (archive.via != "apt" && archive.via != "pip") return error("unknown way '" + archive.via + "'");
    if (resources.empty() || resources.back().name != fields[0]) {
      for (const Resource& earlier : resources) {
        if (earlier.name == fields[0]) return error("the lines of '" + fields[0] + "' are not together");
      }
      resources.push_back({fields[0], fields[8], fields[9], {}});
    }
    resources.back().archives.push_back(std::move(archive));
  }
  return resources;
}

absl::StatusOr<Resource> find_resource(const std::vector<Resource>& resources, const std::string& name) {
  std::vector<std::string> names;
  for (const Resource& resource : resources) {
    if (resource.name == name) return resource;
    names.push_back(resource.name);
  }
  return absl::NotFoundError(
      absl::StrCat("no resource is called '", name, "'; there are ", absl::StrJoin(names, ", ")));
}

}  // namespace roux::kit
