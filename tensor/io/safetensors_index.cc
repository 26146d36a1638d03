#include "tensor/io/safetensors_index.h"

#include <sys/stat.h>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tensor/error.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/json_value.h"
#include "tensor/io/mapped_file.h"

namespace roux {
namespace {

constexpr char kIndexName[] = "model.safetensors.index.json";
constexpr char kSingleName[] = "model.safetensors";
constexpr size_t kMaxIndexBytes = 100'000'000;

bool exists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

}  // namespace

absl::StatusOr<std::string> find_safetensors(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return path;
  for (const char* name : {kIndexName, kSingleName}) {
    std::string file = absl::StrCat(path, "/", name);
    if (exists(file)) return file;
  }
  return absl::NotFoundError(
      absl::StrCat("cannot read ", path, ": it holds neither ", kIndexName, " nor ", kSingleName));
}

bool is_safetensors_index(const std::string& path) { return absl::EndsWith(path, ".index.json"); }

absl::StatusOr<SafetensorsIndex> read_safetensors_index(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::shared_ptr<MappedFile> file, MappedFile::open(path));
  const absl::string_view text = file->bytes();
  if (text.size() > kMaxIndexBytes) {
    return absl::DataLossError(absl::StrCat(path, ": byte ", kMaxIndexBytes, ": too large for an index"));
  }
  absl::StatusOr<JsonValue> json =
      parse_json_value({text.data(), text.size()}, path, {.max_depth = 16, .unique_keys = true});
  if (!json.ok()) return absl::DataLossError(json.status().message());
  const auto damaged = [&path](const JsonValue& at, const std::string& what) {
    return absl::DataLossError(absl::StrCat(path, ": byte ", at.offset(), ": ", what));
  };
  const JsonValue* const map = json->find("weight_map");
  if (map == nullptr || !map->is_object()) return damaged(*json, "there is no object weight_map");
  const std::string folder = path.substr(0, path.rfind('/') + 1);  // "" without a slash
  SafetensorsIndex index;
  absl::flat_hash_map<std::string, size_t> shard_of;
  for (const auto& [name, value] : map->members()) {
    if (!value.is_string()) return damaged(value, absl::StrCat("the file of \"", name, "\" is no string"));
    const std::string& shard = value.string();
    // A shard lies beside its index: no path may lead elsewhere.
    if (shard.empty() || shard[0] == '.' || shard.find('/') != std::string::npos ||
        shard.find('\0') != std::string::npos) {
      return damaged(value, absl::StrCat("the file of \"", name, "\" is no file name: \"", shard, "\""));
    }
    const auto [at, added] = shard_of.try_emplace(shard, index.shards.size());
    if (added) index.shards.push_back(folder + shard);
    index.weight_map.emplace_back(name, at->second);
  }
  return index;
}

absl::StatusOr<NamedTensors> join_shards(const SafetensorsIndex& index, std::vector<NamedTensors> shards,
                                         const std::string& path) {
  std::vector<absl::flat_hash_map<std::string, Tensor>> by_name(shards.size());
  for (size_t s = 0; s < shards.size(); ++s) {
    for (auto& [name, x] : shards[s]) by_name[s].emplace(name, std::move(x));
  }
  NamedTensors joined;
  for (const auto& [name, shard] : index.weight_map) {
    const auto found = by_name[shard].find(name);
    if (found == by_name[shard].end()) {
      return absl::DataLossError(
          absl::StrCat(path, ": tensor \"", name, "\" is not in its shard ", index.shards[shard]));
    }
    joined.emplace_back(name, found->second);
    by_name[shard].erase(found);
  }
  for (size_t s = 0; s < shards.size(); ++s) {
    if (by_name[s].empty()) continue;
    return absl::DataLossError(absl::StrCat(index.shards[s], ": tensor \"", by_name[s].begin()->first,
                                            "\" is not placed here by ", path));
  }
  return joined;
}

std::string shard_name(size_t shard, size_t count) {
  return absl::StrFormat("model-%05d-of-%05d.safetensors", shard + 1, count);
}

absl::Status check_no_index(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kIndexName);
  if (!exists(path)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(path, " exists: write a sharded checkpoint to a new folder, or remove it first"));
}

absl::Status write_safetensors_index(const std::string& folder,
                                     const std::vector<std::pair<std::string, std::string>>& weight_map,
                                     int64_t total_bytes) {
  std::vector<std::string> lines;
  lines.reserve(weight_map.size());
  for (const auto& [name, file] : weight_map) lines.push_back(absl::StrCat("    ", name, ": \"", file, "\""));
  return write_file_atomically(
      absl::StrCat(folder, "/", kIndexName),
      absl::StrCat("{\n  \"metadata\": {\"total_size\": ", total_bytes, "},\n  \"weight_map\": {\n",
                   absl::StrJoin(lines, ",\n"), "\n  }\n}\n"));
}

}  // namespace roux
