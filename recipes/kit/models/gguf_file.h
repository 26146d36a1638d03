// A GGUF file (versions 2 and 3, little endian) with its tensors: what llama.cpp and its tools keep models
// in.
//
//   ROUX_ASSIGN_OR_RETURN(const GgufFile file, GgufFile::open("SmolLM2-135M-Instruct.Q4_1.gguf"));
//   for (const GgufTensor& tensor : file.tensors()) use(tensor.name, file.load(tensor));
//
// The file is mapped and tensors are views of the mapping, which lives as long as one of them: nothing is
// copied, and writing to a tensor does not change the file. Damage is a Status with path and byte; memory
// stays within a small multiple of the header. The format has no checksum. Hosts are little endian.
// Thread-safe.
#ifndef ROUX_RECIPES_KIT_MODELS_GGUF_FILE_H_
#define ROUX_RECIPES_KIT_MODELS_GGUF_FILE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "recipes/kit/text/gguf_metadata.h"
#include "tensor/tensor.h"

namespace roux::kit {

// An element type of the format: blocks of so many values of a row, in so many bytes.
struct GgufType {
  const char* name;  // "Q4_1"
  int64_t values, bytes;
  std::optional<DType> dtype;  // what load() makes of it; none: it cannot be read
};

struct GgufTensor {
  std::string name;
  Shape shape;  // of values, the axis of rows' values last (the file has it first)
  GgufType type;
  int64_t begin = 0, bytes = 0;  // from the start of the file
};

class GgufFile {
 public:
  static absl::StatusOr<GgufFile> open(const std::string& path);
  // The same for the bytes of a file, which begin at a multiple of 8; `owner` keeps them alive, and they may
  // be written to. `path` is for messages.
  static absl::StatusOr<GgufFile> parse(std::string_view bytes, std::shared_ptr<void> owner,
                                        const std::string& path);

  const GgufMetadata& metadata() const { return metadata_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in the file's order
  const std::string& path() const { return metadata_.name(); }
  const GgufTensor* find(std::string_view name) const;  // null: there is none

  // A view of one of tensors(), on the CPU, in the dtype of its type: blocks as they are, of which an element
  // of the tensor is one. Unimplemented where there is none.
  absl::StatusOr<Tensor> load(const GgufTensor& tensor) const;

 private:
  GgufFile(GgufMetadata metadata, std::vector<GgufTensor> tensors,
           absl::flat_hash_map<std::string, size_t> index, const char* data, std::shared_ptr<void> owner)
      : metadata_(std::move(metadata)),
        tensors_(std::move(tensors)),
        index_(std::move(index)),
        data_(data),
        owner_(std::move(owner)) {}

  GgufMetadata metadata_;
  std::vector<GgufTensor> tensors_;
  absl::flat_hash_map<std::string, size_t> index_;  // by name
  const char* data_;                                // the file's first byte
  std::shared_ptr<void> owner_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_GGUF_FILE_H_
