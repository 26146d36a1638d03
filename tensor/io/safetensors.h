// safetensors: the file format of Hugging Face checkpoints.
//
//   ROUX_ASSIGN_OR_RETURN(NamedTensors weights, load_safetensors("model/"));
//   ROUX_RETURN_IF_ERROR(model.load_state_dict(weights));
//   ROUX_RETURN_IF_ERROR(save_safetensors("out/model.safetensors", model.state_dict(), {{"format", "pt"}}));
//
// Files are mapped and tensors are views of the mapping, which lives as long as one of them: loading costs no
// copy, and writing to a tensor does not change the file. Every dtype of Roux is read and written (F32 F64
// BF16 F16 I32 I64 U8 BOOL). A damaged file is a DataLoss with path and byte; the format has no checksum, so
// a changed value is not noticed. Hosts are little endian. Thread-safe.
#ifndef ROUX_TENSOR_IO_SAFETENSORS_H_
#define ROUX_TENSOR_IO_SAFETENSORS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tensor/tensor.h"

namespace roux {

using SafetensorsMetadata = std::vector<std::pair<std::string, std::string>>;

// `path` is a .safetensors file, the index of a sharded checkpoint (*.safetensors.index.json) or a folder
// with model.safetensors.index.json or model.safetensors. Tensors on the CPU, in the header's (index's)
// order. `metadata`, if given, receives the file's (first shard's) "__metadata__".
absl::StatusOr<NamedTensors> load_safetensors(const std::string& path,
                                              SafetensorsMetadata* metadata = nullptr);

// The same for the bytes of one file; `owner` keeps them alive, and they may be written to. Data that are not
// aligned to their dtype are copied. `path` is for messages.
absl::StatusOr<NamedTensors> parse_safetensors(absl::string_view bytes, std::shared_ptr<void> owner,
                                               const std::string& path,
                                               SafetensorsMetadata* metadata = nullptr);

// Writes one file, whole or not at all (see atomic_file.h). Tensors of any device and any strides; tensors
// that share memory are written twice. InvalidArgument for a name that repeats or is not UTF-8 and for a
// tensor on meta or of a block format.
absl::Status save_safetensors(const std::string& path, const NamedTensors& tensors,
                              const SafetensorsMetadata& metadata = {});

// Writes model-00001-of-0000N.safetensors, ... of at most max_shard_bytes of data each (a larger tensor gets
// a shard of its own), then model.safetensors.index.json, into an existing folder. AlreadyExists if that has
// an index: replacing shards one by one could leave a mixture.
absl::Status save_safetensors_sharded(const std::string& folder, const NamedTensors& tensors,
                                      int64_t max_shard_bytes, const SafetensorsMetadata& metadata = {});

}  // namespace roux

#endif  // ROUX_TENSOR_IO_SAFETENSORS_H_
