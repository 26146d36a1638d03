// The first batch as the model sees it: decoded text with its loss mask, so that a mask that trains on the
// prompt, a doubled BOS or a stop token that is never a target is seen before the training is paid for.
#ifndef ROUX_RECIPES_KIT_RUN_FIRST_BATCH_H_
#define ROUX_RECIPES_KIT_RUN_FIRST_BATCH_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

struct FirstBatch {
  int64_t columns = 0;             // tokens a row
  std::vector<int64_t> tokens;     // [rows * columns]
  std::vector<uint8_t> loss_mask;  // [rows * columns]: 1 where the token is a target that the loss counts
  std::function<std::string(int64_t token)> decode;  // bytes of one token
  std::optional<int64_t> bos;                        // begins a sequence: two in a row are an error
  std::optional<int64_t> stop;  // ends an answer: in the batch but never a target is an error
  int64_t rows_shown = 2;
  int64_t tokens_shown = 160;  // of each row
};

// Text for the terminal. Targets are plain, the rest is dimmed (`colour`) or put in [brackets].
// InvalidArgument for sizes that do not fit, an empty mask, a doubled BOS or an untrained stop token, with
// row and column.
absl::StatusOr<std::string> render_first_batch(const FirstBatch& batch, bool colour);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_FIRST_BATCH_H_
