// Files that are whole or absent. What Roux leaves behind is written under a temporary name
// (`<path>.partial`), synced to the disk and renamed, so that a reader, a kill -9 or a full disk never meets
// half a file: `path` holds either what it held before or all of the new bytes.
//
//   ROUX_RETURN_IF_ERROR(write_file_atomically(out + "/claims.json", text));
//
// All errors name the path and the system's reason: `cannot write /a/claims.json.partial: No space left on
// device`. An AtomicFile belongs to one thread; two writers of the same path are the caller's mistake.
#ifndef ROUX_TENSOR_IO_ATOMIC_FILE_H_
#define ROUX_TENSOR_IO_ATOMIC_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roux {

class AtomicFile {
 public:
  // Opens `<path>.partial`, overwriting what an earlier crash left there.
  static absl::StatusOr<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();  // without commit(): closes and removes the temporary file

  absl::Status append(absl::string_view bytes);
  // Syncs the file, renames it to `path` and syncs the directory. After an error the old `path` is untouched.
  absl::Status commit();

 private:
  AtomicFile(std::string path, int fd);

  std::string path_;
  std::string partial_;
  int fd_ = -1;
};

absl::Status write_file_atomically(const std::string& path, absl::string_view contents);

// The whole file. NotFound when it does not exist.
absl::StatusOr<std::string> read_file(const std::string& path);

// Writes all bytes to an open descriptor, going on after partial writes and signals. `path` is for the
// message.
absl::Status write_fully(int fd, absl::string_view bytes, const std::string& path);

// Makes a rename or a new file in `directory` survive a power cut.
absl::Status sync_directory(const std::string& directory);

// "<action> <path>: <reason of errno>".
absl::Status errno_status(const char* action, const std::string& path, int error_number);

}  // namespace roux

#endif  // ROUX_TENSOR_IO_ATOMIC_FILE_H_
