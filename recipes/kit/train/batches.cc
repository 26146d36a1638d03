#include "recipes/kit/train/batches.h"

#include <algorithm>
#include <utility>

#include "tensor/error.h"
#include "tensor/ops/creation.h"

namespace roux::kit {
namespace {

template <class T>
std::vector<T> cut(const std::vector<T>& values, int64_t begin, int64_t end) {
  return std::vector<T>(values.begin() + begin, values.begin() + end);
}

TokenBatch rows_of(const TokenBatch& batch, int64_t begin, int64_t end) {
  const int64_t from = begin * batch.length, to = end * batch.length;
  TokenBatch out;
  out.rows = end - begin;
  out.length = batch.length;
  out.input = cut(batch.input, from, to);
  out.target = cut(batch.target, from, to);
  out.document = cut(batch.document, from, to);
  out.position = cut(batch.position, from, to);
  out.row_index = cut(batch.row_index, begin, end);
  out.target_count =
      std::count_if(out.target.begin(), out.target.end(), [](int32_t t) { return t != kIgnoreTarget; });
  return out;
}

std::vector<LmBatch> pieces(const TokenBatch& batch, const std::vector<int32_t>& domain, Device device,
                            int64_t rows) {
  ROUX_CHECK(rows >= 0) << "micro_batches: rows are " << rows << ", needed >= 0";
  if (rows == 0) rows = std::max<int64_t>(batch.rows, 1);
  std::vector<LmBatch> out;
  for (int64_t begin = 0; begin < batch.rows; begin += rows) {
    const int64_t end = std::min(batch.rows, begin + rows);
    out.push_back(to_batch(rows_of(batch, begin, end), device));
    if (!domain.empty()) out.back().domain = cut(domain, begin, end);
  }
  return out;
}

}  // namespace

LmBatch LmBatch::rows_between(int64_t begin, int64_t end) const {
  LmBatch out{input.slice(0, begin, end), target.slice(0, begin, end)};
  if (document_begin.defined()) out.document_begin = document_begin.slice(0, begin, end);
  if (lengths.defined()) out.lengths = lengths.slice(0, begin, end);
  if (target.device().type == DeviceType::kMeta) {  // a plan: as if targets were spread evenly
    out.target_count = target_count * (end - begin) / std::max<int64_t>(1, row_count());
  } else {
    const std::vector<int32_t> targets = out.target.to_vector<int32_t>();
    out.target_count =
        std::count_if(targets.begin(), targets.end(), [](int32_t t) { return t != kIgnoreTarget; });
  }
  if (!rows.empty()) out.rows = cut(rows, begin, end);
  if (!domain.empty()) out.domain = cut(domain, begin, end);
  return out;
}

LmBatch to_batch(const TokenBatch& batch, Device device) {
  const Shape shape{batch.rows, batch.length};
  LmBatch out{tensor(batch.input, shape, device), tensor(batch.target, shape, device)};
  out.target_count = batch.target_count;
  out.rows = batch.row_index;
  const auto packed =
      std::any_of(batch.document.begin(), batch.document.end(), [](int32_t d) { return d > 0; });
  const auto padded =
      std::find(batch.document.begin(), batch.document.end(), kPaddingDocument) != batch.document.end();
  if (packed) {
    std::vector<int32_t> begins = batch.position;
    for (size_t at = 0; at < begins.size(); ++at)
      begins[at] = static_cast<int32_t>(static_cast<int64_t>(at) % batch.length) - begins[at];
    out.document_begin = tensor(begins, shape, device);
  } else if (padded) {
    std::vector<int32_t> lengths;
    for (int64_t row = 0; row < batch.rows; ++row) {
      const auto begin = batch.document.begin() + row * batch.length;
      lengths.push_back(
          static_cast<int32_t>(std::find(begin, begin + batch.length, kPaddingDocument) - begin));
    }
    out.lengths = tensor(lengths, {batch.rows}, device);
  }
  return out;
}

LmBatch to_batch(absl::Span<const MaskedDocument> documents, Device device, int32_t pad_token) {
  TokenBatch batch;
  batch.rows = static_cast<int64_t>(documents.size());
  for (size_t row = 0; row < documents.size(); ++row) {
    const MaskedDocument& document = documents[row];
    ROUX_CHECK(document.tokens.size() >= 2 && document.loss_mask.size() == document.tokens.size())
        << "to_batch: document " << row << " has " << document.tokens.size() << " tokens and a mask of "
        << document.loss_mask.size() << ", needed at least 2 and as many";
    batch.length = std::max<int64_t>(batch.length, static_cast<int64_t>(document.tokens.size()) - 1);
    batch.row_index.push_back(static_cast<int64_t>(row));
  }
  const auto cells = static_cast<size_t>(batch.rows * batch.length);
  batch.input.assign(cells, pad_token);
  batch.target.assign(cells, kIgnoreTarget);
  batch.document.assign(cells, kPaddingDocument);
  batch.position.assign(cells, 0);
  for (size_t row = 0; row < documents.size(); ++row) {
    const MaskedDocument& document = documents[row];
    for (size_t i = 0; i + 1 < document.tokens.size(); ++i) {
      const size_t at = row * static_cast<size_t>(batch.length) + i;
      batch.input[at] = document.tokens[i];
      batch.document[at] = 0;
      batch.position[at] = static_cast<int32_t>(i);
      if (document.loss_mask[i + 1] == 0) continue;
      batch.target[at] = document.tokens[i + 1];
      ++batch.target_count;
    }
  }
  return to_batch(batch, device);
}

LmBatch next_batch(BatchLoader& loader, Device device) { return to_batch(loader.next(), device); }

LmBatch next_batch(MixtureLoader& loader, Device device) {
  MixtureBatch batch = loader.next();
  LmBatch out = to_batch(batch.tokens, device);
  out.domain = std::move(batch.domain);
  return out;
}

std::vector<LmBatch> micro_batches(BatchLoader& loader, Device device, int64_t rows) {
  return pieces(loader.next(), {}, device, rows);
}

std::vector<LmBatch> micro_batches(MixtureLoader& loader, Device device, int64_t rows) {
  const MixtureBatch batch = loader.next();
  return pieces(batch.tokens, batch.domain, device, rows);
}

}  // namespace roux::kit
