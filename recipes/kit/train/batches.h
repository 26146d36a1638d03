// Batches of tokens on a device, from loaders and from documents.
//
//   const std::vector<LmBatch> micro = micro_batches(loader, part.device(), 8);   // the next global batch, 8
//   rows each return update(optimizer, {.lr = lr}, micro, [&](const LmBatch& b) { return
//   model.loss_sum(b.input, b.target); });
#ifndef ROUX_RECIPES_KIT_TRAIN_BATCHES_H_
#define ROUX_RECIPES_KIT_TRAIN_BATCHES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/data/windows.h"
#include "tensor/tensor.h"

namespace roux::kit {

struct LmBatch {
  Tensor input, target;  // i32 [rows, length]; targets that do not count are kIgnoreTarget
  // i32 [rows, length], only where a row packs several documents: where each token's begins, as
  // LmInput::document_begin has it. Padding is a document of one token.
  Tensor document_begin = {};
  Tensor lengths = {};               // i32 [rows], only where rows are padded: tokens before the padding
  int64_t target_count = 0;          // what the summed loss is divided by
  std::vector<int64_t> rows = {};    // index of each row in its set
  std::vector<int32_t> domain = {};  // of each row, from a MixtureLoader

  int64_t tokens() const { return input.numel(); }
  int64_t row_count() const { return input.size(0); }
  LmBatch rows_between(int64_t begin, int64_t end) const;  // views; 0 <= begin <= end <= row_count()
};

LmBatch to_batch(const TokenBatch& batch, Device device);
// Documents padded on the right with `pad_token` to the longest. Throws Error when one has fewer than two
// tokens, or a mask of another length.
LmBatch to_batch(absl::Span<const MaskedDocument> documents, Device device, int32_t pad_token = 0);

// The loader's next batch.
LmBatch next_batch(BatchLoader& loader, Device device);
LmBatch next_batch(MixtureLoader& loader, Device device);
// The same in pieces of `rows` rows (the last may be shorter); 0: all rows at once.
std::vector<LmBatch> micro_batches(BatchLoader& loader, Device device, int64_t rows = 0);
std::vector<LmBatch> micro_batches(MixtureLoader& loader, Device device, int64_t rows = 0);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_BATCHES_H_
