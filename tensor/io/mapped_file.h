// A whole file in memory, read by the kernel when it is touched. Writing to the mapping changes this
// process's copy of a page and never the file, so tensors over it may be updated. A file replaced by rename
// (as write_file_atomically does) leaves the mapping as it was; one cut while mapped ends the process with
// SIGBUS when the lost part is touched. Thread-safe.
#ifndef ROUX_TENSOR_IO_MAPPED_FILE_H_
#define ROUX_TENSOR_IO_MAPPED_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roux {

class MappedFile {
 public:
  // Errors name the path: it is missing, unreadable or no regular file. An empty file is fine.
  static absl::StatusOr<std::shared_ptr<MappedFile>> open(const std::string& path);
  MappedFile(void* data, size_t size) : data_(data), size_(size) {}
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  absl::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_;
  size_t size_;
};

}  // namespace roux

#endif  // ROUX_TENSOR_IO_MAPPED_FILE_H_
