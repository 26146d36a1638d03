#include "recipes/kit/data/sources/source_files.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/sha256.h"
#include "recipes/kit/data/sources/download.h"
#include "recipes/kit/data/sources/resource_table.h"
#include "recipes/kit/data/text_file.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;

constexpr char kTable[] = "recipes/data/resources.tsv";
constexpr char kFetch[] = "recipes/data/fetch";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// The installed version of a package by dpkg's own record, or nothing.
std::optional<std::string> installed_version(const std::string& status, const std::string& package) {
  for (const absl::string_view record : absl::StrSplit(status, "\n\n")) {
    if (!absl::StartsWith(record, absl::StrCat("Package: ", package, "\n"))) continue;
    if (!absl::StrContains(record, "\nStatus: install ok installed\n")) continue;
    for (absl::string_view line : absl::StrSplit(record, '\n')) {
      if (absl::ConsumePrefix(&line, "Version: ")) return std::string(line);
    }
  }
  return std::nullopt;
}

std::optional<std::string> installed_version(const Resource& resource, const std::string& root) {
  if (!resource.is_debian()) return std::nullopt;
  const absl::StatusOr<std::string> status = read_text(root + "/var/lib/dpkg/status");
  if (!status.ok()) return std::nullopt;
  std::optional<std::string> first;
  for (const ResourceArchive& archive : resource.archives) {
    const std::optional<std::string> version = installed_version(*status, archive.package);
    if (!version) return std::nullopt;
    if (!first) first = version;
  }
  return first;
}

// What dpkg says that the packages of a resource brought.
std::set<std::string> installed_files(const Resource& resource, const std::string& root) {
  std::set<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(root + "/var/lib/dpkg/info", error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();  // PACKAGE.list or PACKAGE:ARCHITECTURE.list
    for (const ResourceArchive& archive : resource.archives) {
      if (!absl::EndsWith(name, ".list") || !absl::StartsWith(name, archive.package)) continue;
      if (name[archive.package.size()] != '.' && name[archive.package.size()] != ':') continue;
      const absl::StatusOr<std::string> list = read_text(at->path().string());
      if (!list.ok()) continue;
      for (const absl::string_view line : absl::StrSplit(*list, '\n'))
        files.emplace(absl::StripPrefix(line, "/"));
    }
  }
  return files;
}

bool is_cached(const Resource& resource, const std::string& folder) {
  const absl::StatusOr<std::string> stamp = read_text(folder + "/.archives");
  return stamp.ok() && absl::StripSuffix(*stamp, "\n") == resource.stamp();
}

bool may_download(const SourceOptions& options) {
  return !options.offline && environment("ROUX_OFFLINE").empty() && environment("TEST_TMPDIR").empty();
}

// The folder of a resource's excerpt; empty without one.
std::string excerpt_folder(const std::string& resource) {
  const std::string list = absl::StrCat("recipes/data/excerpts/", resource, "/SHA256SUMS");
  const absl::StatusOr<std::string> found = find_runfile(list);
  return found.ok() ? fs::path(*found).parent_path().string() : "";
}

// "<sha256>  ./path" lines, as sha256sum writes them.
std::map<std::string, std::string> parse_sums(const std::string& text) {
  std::map<std::string, std::string> sums;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.size() > 66) sums.emplace(absl::StripPrefix(line.substr(66), "./"), line.substr(0, 64));
  }
  return sums;
}

}  // namespace

std::string cache_folder() {
  if (const std::string cache = environment("ROUX_CACHE"); !cache.empty()) return cache;
  const std::string home = environment("HOME");
  return home.empty() ? "" : home + "/.cache/roux/data";
}

absl::StatusOr<SourceFiles> SourceFiles::open(const std::string& name, const std::string& probe,
                                              const SourceOptions& options) {
  std::string table_path = environment("ROUX_RESOURCES");  // as recipes/data/fetch: for tests
  if (table_path.empty()) {
    ROUX_ASSIGN_OR_RETURN(table_path, find_runfile(kTable));
  }
  ROUX_ASSIGN_OR_RETURN(const std::string table, read_text(table_path));
  ROUX_ASSIGN_OR_RETURN(const std::vector<Resource> resources, parse_resources(table, table_path));
  ROUX_ASSIGN_OR_RETURN(const Resource resource, find_resource(resources, name));
  Provenance from{Provenance::kExcerpt, name, resource.version(),
                  resource.licence,     "",   absl::StrCat(kFetch, " ", name)};
  const std::string excerpt = excerpt_folder(name);
  if (options.excerpt) {
    if (!excerpt.empty()) return SourceFiles(excerpt, from);
    return absl::NotFoundError(absl::StrCat("'", name, "' has no excerpt; all of it: ", from.command));
  }

  if (is_file(absl::StrCat(options.system_root, "/", probe))) {
    if (const std::optional<std::string> version = installed_version(resource, options.system_root)) {
      from.kind = Provenance::kPackage;
      from.version = *version;
      SourceFiles files(options.system_root, from);
      files.owned_ = installed_files(resource, options.system_root);
      return files;
    }
  }
  const std::string cache = cache_folder();
  const std::string folder = absl::StrCat(cache, "/", name);
  absl::Status missing = absl::NotFoundError("");
  if (!cache.empty()) {
    if (!is_cached(resource, folder) && may_download(options)) {
      ROUX_ASSIGN_OR_RETURN(const std::string fetch, find_runfile(kFetch));
      missing = download(fetch, name, options.interrupted);
      if (absl::IsCancelled(missing)) return missing;
    }
    if (is_cached(resource, folder)) {
      ROUX_ASSIGN_OR_RETURN(const std::string sums, read_text(folder + "/.files"));
      from.kind = Provenance::kCache;
      SourceFiles files(folder, from);
      files.unpacked_ = parse_sums(sums);
      if (!files.has(probe)) return files.locate(probe).status();
      return files;
    }
  }
  if (!excerpt.empty()) return SourceFiles(excerpt, from);
  const std::string command = absl::StrCat(from.command, "   (", (resource.bytes() + 99999) / 100000 / 10.0,
                                           " MB, licence ", resource.licence, ")");
  if (absl::IsUnavailable(missing))
    return absl::UnavailableError(absl::StrCat(missing.message(), "; to try again: ", command));
  return absl::NotFoundError(absl::StrCat("'", name, "' is not here; to bring it: ", command));
}

bool SourceFiles::has(const std::string& path) const { return is_file(absl::StrCat(root_, "/", path)); }

absl::StatusOr<std::string> SourceFiles::locate(const std::string& path) {
  const std::string whole = absl::StrCat(root_, "/", path);
  if (read_.count(path) > 0) return whole;
  if (!is_file(whole)) {
    return absl::NotFoundError(absl::StrCat(whole, ": no such file in '", from_.name, "' ", from_.version,
                                            is_excerpt() ? "; all of it: " : "",
                                            is_excerpt() ? from_.command : ""));
  }
  ROUX_ASSIGN_OR_RETURN(const std::string sum, sha256_of_file(whole));
  const auto noted = unpacked_.find(path);
  if (noted != unpacked_.end() && noted->second != sum)
    return absl::DataLossError(
        absl::StrCat(whole, ": damaged since it was unpacked; ", from_.command, " brings it again"));
  read_.emplace(path, sum);
  return whole;
}

absl::StatusOr<std::string> SourceFiles::read(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::string whole, locate(path));
  return read_text(whole);
}

std::vector<std::string> SourceFiles::list(const std::string& folder, const std::string& ending) const {
  std::vector<std::string> paths;
  const fs::path root(root_);
  const std::string below = absl::EndsWith(folder, "/") ? folder : folder + "/";
  for (const std::string& path : owned_) {
    if (absl::StartsWith(path, below) && absl::EndsWith(path, ending) && has(path)) paths.push_back(path);
  }
  if (from_.kind == Provenance::kPackage) return paths;
  std::error_code error;
  for (fs::recursive_directory_iterator at(root / folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    const std::string path = at->path().lexically_relative(root).string();
    if (absl::EndsWith(path, ending) && at->is_regular_file(ignored)) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Provenance SourceFiles::provenance() const {
  Provenance from = from_;
  Sha256 hash;
  for (const auto& [path, sum] : read_) hash.update(absl::StrCat(sum, "  ", path, "\n"));
  from.sha256 = hash.hex();
  return from;
}

}  // namespace roux::kit
