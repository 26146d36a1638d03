// The output folder side of atomic files: what a run needs before it writes its first one. Files themselves
// are written by roux::AtomicFile and write_file_atomically of tensor/io/atomic_file.h.
#ifndef ROUX_RECIPES_KIT_RUN_ATOMIC_FILE_H_
#define ROUX_RECIPES_KIT_RUN_ATOMIC_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "tensor/io/atomic_file.h"  // IWYU pragma: export

namespace roux::kit {

using roux::AtomicFile;
using roux::read_file;
using roux::write_file_atomically;

// mkdir -p.
absl::Status make_directories(const std::string& path);

// Finds out before any work whether files can be created and filled in `directory` (read-only, full disk,
// quota).
absl::Status probe_writable(const std::string& directory);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_ATOMIC_FILE_H_
