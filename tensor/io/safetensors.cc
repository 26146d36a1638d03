#include "tensor/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tensor/error.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/mapped_file.h"
#include "tensor/io/safetensors_header.h"
#include "tensor/io/safetensors_index.h"

namespace roux {
namespace {

constexpr int64_t kDataAlignment = 64;  // of the first data byte, in files that we write

// C++ allows only 0 and 1 in a bool; a file can hold anything.
absl::Status check_bools(absl::string_view bytes, const SafetensorsEntry& entry, const std::string& path) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto value = static_cast<unsigned char>(bytes[i]);
    if (value <= 1) continue;
    return absl::DataLossError(absl::StrCat(path, ": byte ", entry.begin + static_cast<int64_t>(i),
                                            ": tensor \"", entry.name, "\" is BOOL and holds ", value));
  }
  return absl::OkStatus();
}

Tensor view_or_copy(absl::string_view bytes, const TensorSpec& spec, const std::shared_ptr<void>& owner) {
  if (bytes.empty()) return from_memory(nullptr, spec, nullptr);
  char* data = const_cast<char*>(bytes.data());  // the owner's memory is writable by contract
  if (reinterpret_cast<uintptr_t>(data) % size_of(spec.dtype) == 0) return from_memory(data, spec, owner);
  auto copy = std::make_shared<std::vector<double>>((bytes.size() + 7) / 8);
  std::memcpy(copy->data(), bytes.data(), bytes.size());
  return from_memory(copy->data(), spec, copy);
}

// The elements of x in row-major order: its own memory if it lies so on the CPU, otherwise collected in
// `buffer`.
absl::string_view row_major_bytes(const Tensor& x, std::string* buffer) {
  if (x.numel() == 0) return {};
  const Storage& storage = *x.impl()->storage;
  const char* base = static_cast<const char*>(storage.data());
  std::string host;
  if (x.device().type != DeviceType::kCpu) {
    host.resize(storage.bytes());
    runtime(x.device().type).copy_to_host(&host[0], base, host.size(), x.device().index);
    base = host.data();
  }
  const size_t size = size_of(x.dtype());
  base += x.impl()->offset * static_cast<int64_t>(size);
  if (x.is_contiguous() && host.empty()) return {base, x.bytes()};
  buffer->resize(x.bytes());
  Dims index = Dims::filled(x.dim(), 0);
  for (int64_t i = 0; i < x.numel(); ++i) {
    int64_t at = 0;
    for (int axis = 0; axis < x.dim(); ++axis) at += index[axis] * x.strides()[axis];
    std::memcpy(&(*buffer)[static_cast<size_t>(i) * size], base + at * static_cast<int64_t>(size), size);
    for (int axis = x.dim() - 1; axis >= 0 && ++index[axis] == x.shape()[axis]; --axis) index[axis] = 0;
  }
  return *buffer;
}

absl::Status check_writable(const std::string& path, const NamedTensors& tensors) {
  absl::flat_hash_set<absl::string_view> names{kSafetensorsMetadataKey};
  for (const auto& [name, x] : tensors) {
    const char* problem = nullptr;
    if (!names.insert(name).second) problem = "this name repeats or is reserved";
    if (!x.defined())
      problem = "it is undefined";
    else if (x.device().type == DeviceType::kMeta)
      problem = "it is on meta and has no values";
    else if (is_block(x.dtype()))
      problem = "safetensors has no dtype for blocks; dequantize() it";
    if (problem != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": tensor \"", name, "\": ", problem));
    }
  }
  return absl::OkStatus();
}

// The library throws when text is not UTF-8.
absl::StatusOr<std::string> quote(const std::string& text, const std::string& path) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": a name or metadata text is not UTF-8"));
  }
}

// The header with its length in front, for tensors whose data stand in the order of `order`.
absl::StatusOr<std::string> header_of(const std::string& path, const NamedTensors& tensors,
                                      const std::vector<size_t>& order, const SafetensorsMetadata& metadata) {
  std::vector<int64_t> begin(tensors.size());
  int64_t end = 0;
  for (size_t i : order) {
    begin[i] = end;
    end += static_cast<int64_t>(tensors[i].second.bytes());
  }
  std::vector<std::string> fields, texts;
  for (const auto& [key, text] : metadata) {
    ROUX_ASSIGN_OR_RETURN(const std::string quoted_key, quote(key, path));
    ROUX_ASSIGN_OR_RETURN(const std::string quoted_text, quote(text, path));
    texts.push_back(absl::StrCat(quoted_key, ":", quoted_text));
  }
  if (!texts.empty()) {
    fields.push_back(absl::StrCat("\"", kSafetensorsMetadataKey, "\":{", absl::StrJoin(texts, ","), "}"));
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& x = tensors[i].second;
    ROUX_ASSIGN_OR_RETURN(const std::string name, quote(tensors[i].first, path));
    fields.push_back(absl::StrCat(name, ":{\"dtype\":\"", safetensors_dtype_name(x.dtype()),
                                  "\",\"shape\":", to_string(x.shape()), ",\"data_offsets\":[", begin[i], ",",
                                  begin[i] + static_cast<int64_t>(x.bytes()), "]}"));
  }
  std::string json = absl::StrCat("{", absl::StrJoin(fields, ","), "}");
  while ((json.size() + 8) % kDataAlignment != 0) json += ' ';
  if (static_cast<int64_t>(json.size()) > kMaxSafetensorsHeader) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": a header of ", json.size(), " bytes, at most ",
                                                   kMaxSafetensorsHeader, " are allowed"));
  }
  const uint64_t length = json.size();
  std::string header(sizeof length, '\0');
  std::memcpy(&header[0], &length, sizeof length);
  return header + json;
}

absl::StatusOr<NamedTensors> load_file(const std::string& path, SafetensorsMetadata* metadata) {
  ROUX_ASSIGN_OR_RETURN(const std::shared_ptr<MappedFile> file, MappedFile::open(path));
  return parse_safetensors(file->bytes(), file, path, metadata);
}

}  // namespace

absl::StatusOr<NamedTensors> parse_safetensors(absl::string_view bytes, std::shared_ptr<void> owner,
                                               const std::string& path, SafetensorsMetadata* metadata) {
  ROUX_ASSIGN_OR_RETURN(SafetensorsHeader header, read_safetensors_header(bytes, path));
  NamedTensors tensors;
  tensors.reserve(header.entries.size());
  for (const SafetensorsEntry& entry : header.entries) {
    const absl::string_view data =
        bytes.substr(static_cast<size_t>(entry.begin), static_cast<size_t>(entry.end - entry.begin));
    if (entry.spec.dtype == kBool) ROUX_RETURN_IF_ERROR(check_bools(data, entry, path));
    tensors.emplace_back(entry.name, view_or_copy(data, entry.spec, owner));
  }
  if (metadata != nullptr) *metadata = std::move(header.metadata);
  return tensors;
}

absl::StatusOr<NamedTensors> load_safetensors(const std::string& path, SafetensorsMetadata* metadata) {
  ROUX_ASSIGN_OR_RETURN(const std::string found, find_safetensors(path));
  if (!is_safetensors_index(found)) return load_file(found, metadata);
  ROUX_ASSIGN_OR_RETURN(const SafetensorsIndex index, read_safetensors_index(found));
  std::vector<NamedTensors> shards;
  for (const std::string& shard : index.shards) {
    absl::StatusOr<NamedTensors> loaded = load_file(shard, shards.empty() ? metadata : nullptr);
    if (!loaded.ok()) {
      return absl::Status(loaded.status().code(),
                          absl::StrCat(loaded.status().message(), " (a shard of ", found, ")"));
    }
    shards.push_back(*std::move(loaded));
  }
  return join_shards(index, std::move(shards), found);
}

absl::Status save_safetensors(const std::string& path, const NamedTensors& tensors,
                              const SafetensorsMetadata& metadata) {
  ROUX_RETURN_IF_ERROR(check_writable(path, tensors));
  // Widest elements first: then all data are aligned, since the format allows no padding between tensors.
  std::vector<size_t> order(tensors.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return size_of(tensors[a].second.dtype()) > size_of(tensors[b].second.dtype());
  });
  ROUX_ASSIGN_OR_RETURN(const std::string header, header_of(path, tensors, order, metadata));
  ROUX_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  ROUX_RETURN_IF_ERROR(file.append(header));
  for (size_t i : order) {
    std::string buffer;
    ROUX_RETURN_IF_ERROR(file.append(row_major_bytes(tensors[i].second, &buffer)));
  }
  return file.commit();
}

absl::Status save_safetensors_sharded(const std::string& folder, const NamedTensors& tensors,
                                      int64_t max_shard_bytes, const SafetensorsMetadata& metadata) {
  ROUX_CHECK(max_shard_bytes > 0) << "save_safetensors_sharded: max_shard_bytes is " << max_shard_bytes;
  ROUX_RETURN_IF_ERROR(check_writable(folder, tensors));
  std::vector<NamedTensors> shards(1);
  int64_t in_shard = 0;
  for (const auto& tensor : tensors) {
    const auto bytes = static_cast<int64_t>(tensor.second.bytes());
    if (!shards.back().empty() && in_shard + bytes > max_shard_bytes) {
      shards.emplace_back();
      in_shard = 0;
    }
    shards.back().push_back(tensor);
    in_shard += bytes;
  }
  ROUX_RETURN_IF_ERROR(check_no_index(folder));
  std::vector<std::pair<std::string, std::string>> weight_map;  // quoted name, file
  int64_t total = 0;
  for (size_t s = 0; s < shards.size(); ++s) {
    const std::string file = shard_name(s, shards.size());
    ROUX_RETURN_IF_ERROR(save_safetensors(absl::StrCat(folder, "/", file), shards[s], metadata));
    for (const auto& [name, x] : shards[s]) {
      ROUX_ASSIGN_OR_RETURN(std::string quoted, quote(name, folder));
      weight_map.emplace_back(std::move(quoted), file);
      total += static_cast<int64_t>(x.bytes());
    }
  }
  return write_safetensors_index(folder, weight_map, total);
}

}  // namespace roux
