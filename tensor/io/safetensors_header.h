// The header of a safetensors file, read and checked as a whole before any tensor is made.
// Layout: u64 N (little endian), N bytes of JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]},
// "__metadata__": {string: string}}, then the data, which the tensors cover without overlap or gap.
#ifndef ROUX_TENSOR_IO_SAFETENSORS_HEADER_H_
#define ROUX_TENSOR_IO_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tensor/shape.h"

namespace roux {

constexpr int64_t kMaxSafetensorsHeader = 100'000'000;  // bytes, the limit of the reference implementation
constexpr char kSafetensorsMetadataKey[] = "__metadata__";

struct SafetensorsEntry {
  std::string name;
  TensorSpec spec;
  int64_t begin = 0, end = 0;  // bytes from the start of the file
  int64_t offset = 0;          // of its description in the header, for messages
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the header's order
  std::vector<std::pair<std::string, std::string>> metadata;
};

// Checks that `file`, the bytes of a whole file, is sound: every entry lies inside, has the size that its
// dtype and shape need, and each data byte belongs to exactly one. Otherwise DataLoss "<path>: byte N: ..."
// (Unimplemented for a dtype or rank that Roux lacks).
absl::StatusOr<SafetensorsHeader> read_safetensors_header(absl::string_view file, const std::string& path);

// "F32", "BF16", ...
const char* safetensors_dtype_name(DType dtype);

}  // namespace roux

#endif  // ROUX_TENSOR_IO_SAFETENSORS_HEADER_H_
