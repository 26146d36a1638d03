// The index of a sharded checkpoint: {"metadata": {...}, "weight_map": {"tensor name": "file name"}}.
#ifndef ROUX_TENSOR_IO_SAFETENSORS_INDEX_H_
#define ROUX_TENSOR_IO_SAFETENSORS_INDEX_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tensor/tensor.h"

namespace roux {

struct SafetensorsIndex {
  std::vector<std::string> shards;                         // paths, in order of first appearance
  std::vector<std::pair<std::string, size_t>> weight_map;  // tensor name, its shard
};

// The file that a path names: itself, or for a folder its index or single file. NotFound names both.
absl::StatusOr<std::string> find_safetensors(const std::string& path);
bool is_safetensors_index(const std::string& path);  // ends in .index.json

// DataLoss, with path and byte, for anything but an index whose files lie beside it.
absl::StatusOr<SafetensorsIndex> read_safetensors_index(const std::string& path);

// One list in the index's order. DataLoss when a tensor is missing from its shard or a shard holds one that
// the index does not place there.
absl::StatusOr<NamedTensors> join_shards(const SafetensorsIndex& index, std::vector<NamedTensors> shards,
                                         const std::string& path);

// For writing.
std::string shard_name(size_t shard, size_t count);      // "model-00001-of-00002.safetensors" for shard 0
absl::Status check_no_index(const std::string& folder);  // AlreadyExists
absl::Status write_safetensors_index(const std::string& folder,  // names are quoted already
                                     const std::vector<std::pair<std::string, std::string>>& weight_map,
                                     int64_t total_bytes);

}  // namespace roux

#endif  // ROUX_TENSOR_IO_SAFETENSORS_INDEX_H_
