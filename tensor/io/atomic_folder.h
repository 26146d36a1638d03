// Folders of several files that belong together (weights, configuration, tokenizer): whole or as they were.
//
//   ROUX_RETURN_IF_ERROR(write_folder_atomically(folder, [&](const std::string& partial) {
//     return save_safetensors(partial + "/model.safetensors", tensors);
//   }));
#ifndef ROUX_TENSOR_IO_ATOMIC_FOLDER_H_
#define ROUX_TENSOR_IO_ATOMIC_FOLDER_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace roux {

// `write` fills `<folder>.partial`, which then takes the place of `folder` in one step: after a kill -9, a
// full disk or an error of `write`, `folder` is what it was before (absent, if there was none). Parents are
// made. Files of `folder` that `write` does not write again stay: `partial` begins as hard links to them, so
// `write` must replace files (AtomicFile, save_safetensors), not change them in place. What an earlier crash
// left in
// `<folder>.partial` is removed. One writer at a time. Errors of `write` as they are; of the file system with
// path and reason, among them FailedPrecondition where `folder` is no folder or is the working directory.
absl::Status write_folder_atomically(const std::string& folder,
                                     absl::FunctionRef<absl::Status(const std::string& partial)> write);

}  // namespace roux

#endif  // ROUX_TENSOR_IO_ATOMIC_FOLDER_H_
