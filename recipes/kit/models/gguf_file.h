// A GGUF file (versions 2 and 3, little endian) with its tensors: what llama.cpp and its tools keep models
// in. A model that was split over several files is one such file here.
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
  size_t part = 0;               // of the files of a model that was split: which one
};

// The paths of all parts of a model, when `path` is named as llama-gguf-split names one of them
// ("m-00002-of-00003.gguf"), in order; else `path` alone. Looks at no file.
std::vector<std::string> gguf_parts(const std::string& path);

class GgufFile {
 public:
  // With the other parts of the model, where its keys say that it was split: they stand beside it, and any of
  // them may be named. Keys are those of the first part, as is path(). InvalidArgument where the parts do not
  // fit each other; the parts' own errors.
  static absl::StatusOr<GgufFile> open(const std::string& path);
  // The same for the bytes of a file, which begin at a multiple of 8; `owner` keeps them alive, and they may
  // be written to. `path` is for messages.
  static absl::StatusOr<GgufFile> parse(std::string_view bytes, std::shared_ptr<void> owner,
                                        const std::string& path);

  const GgufMetadata& metadata() const { return metadata_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in the file's order
  const std::string& path() const { return metadata_.name(); }
  size_t parts() const { return parts_.size(); }
  const GgufTensor* find(std::string_view name) const;  // null: there is none

  // A view of one of tensors(), on the CPU, in the dtype of its type: blocks as they are, of which an element
  // of the tensor is one. Unimplemented where there is none.
  absl::StatusOr<Tensor> load(const GgufTensor& tensor) const;

 private:
  struct Part {
    const char* data;  // the file's first byte
    std::shared_ptr<void> owner;
  };
  GgufFile(GgufMetadata metadata, std::vector<GgufTensor> tensors,
           absl::flat_hash_map<std::string, size_t> index, Part part)
      : metadata_(std::move(metadata)),
        tensors_(std::move(tensors)),
        index_(std::move(index)),
        parts_{std::move(part)} {}
  absl::Status append(GgufFile part);

  GgufMetadata metadata_;
  std::vector<GgufTensor> tensors_;
  absl::flat_hash_map<std::string, size_t> index_;  // by name
  std::vector<Part> parts_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_GGUF_FILE_H_
