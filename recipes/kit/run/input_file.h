// What --data, --model and --table name, examined before a run touches anything: that it is there, of the
// right kind, not empty and, where text is meant, UTF-8. Each mistake is one line that says what the file is
// instead.
#ifndef ROUX_RECIPES_KIT_RUN_INPUT_FILE_H_
#define ROUX_RECIPES_KIT_RUN_INPUT_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roux::kit {

enum class InputKind {
  kText,   // a regular file of UTF-8 text, plain or packed with gzip
  kFile,   // a regular file with any bytes
  kAny,    // a file or a folder; a name that is no path is the recipe's to resolve
  kPaths,  // files or folders, all there; several stand apart by commas
};

struct InputFile {
  std::string sha256;  // of a regular file, as sha256sum prints it; empty for folders and names
  int64_t bytes = 0;
};

// Reads the whole file. `path` is one path for kPaths too. `flag` (e.g. "--data") stands before the path in
// errors: NotFound, PermissionDenied, InvalidArgument for the wrong kind (folder, pipe, device), an empty
// file, or text that is not UTF-8.
absl::StatusOr<InputFile> inspect_input(absl::string_view flag, const std::string& path, InputKind kind);

// InvalidArgument that says where `text` stops being UTF-8 text and what it seems to be instead: UTF-16,
// Latin-1 (with the command that converts it), or binary.
absl::Status check_utf8_text(absl::string_view text, const std::string& path);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_INPUT_FILE_H_
