// Whole text files and the split into training and validation part.
#ifndef ROUX_RECIPES_KIT_DATA_TEXT_FILE_H_
#define ROUX_RECIPES_KIT_DATA_TEXT_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace roux::kit {

inline constexpr int64_t kMaxTextBytes = int64_t{1} << 32;

// All bytes of a regular file; one that begins like gzip is unpacked. Errors name the path: NotFound or
// PermissionDenied with the system's reason, InvalidArgument for a folder or an empty file, ResourceExhausted
// above `max_bytes` (packed or unpacked), DataLoss with the offset when a read ends early or gzip is damaged.
absl::StatusOr<std::string> read_text(const std::string& path, int64_t max_bytes = kMaxTextBytes);

struct TextSplit {
  std::string train;
  std::string validation;  // the last part of the text
};

// Cuts off the last `validation_share` (0 <= share < 1) of the bytes, moved back to the start of a UTF-8
// character. `source` (a path) is named by the errors: empty text, share out of range, a part that would be
// empty.
absl::StatusOr<TextSplit> split_text(const std::string& text, double validation_share,
                                     const std::string& source);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_TEXT_FILE_H_
