#include "recipes/kit/data/windows.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr int64_t kMaxLength = 1 << 30;
// First fit looks no further back: linear time, and little is gained beyond.
constexpr int64_t kOpenRows = 64;

absl::Status check_length(int64_t length, const std::string& source) {
  if (length >= 1 && length <= kMaxLength) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(source, ": window length is ", length, ", must be 1 to ", kMaxLength));
}

uint64_t mix(uint64_t hash, uint64_t value) {  // the finaliser of splitmix64 over a running sum
  uint64_t z = hash * 0x9E3779B97F4A7C15u + value + 0x632BE59BD9B4E019u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

void TokenBatch::append(const TokenBatch& other) {
  ROUX_CHECK(other.length == length) << "token_batch: rows of " << other.length
                                     << " tokens appended to rows of " << length;
  rows += other.rows;
  target_count += other.target_count;
  input.insert(input.end(), other.input.begin(), other.input.end());
  target.insert(target.end(), other.target.begin(), other.target.end());
  document.insert(document.end(), other.document.begin(), other.document.end());
  position.insert(position.end(), other.position.begin(), other.position.end());
  row_index.insert(row_index.end(), other.row_index.begin(), other.row_index.end());
}

absl::StatusOr<WindowSet> WindowSet::stream(std::vector<int32_t> tokens, int64_t length,
                                            const std::string& source) {
  ROUX_RETURN_IF_ERROR(check_length(length, source));
  const int64_t count = static_cast<int64_t>(tokens.size());
  if (count == 0) return absl::InvalidArgumentError(absl::StrCat(source, ": holds no tokens"));
  if (count - 1 < length) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": holds ", count, " tokens, one window of ",
                                                   length, " needs ", length + 1,
                                                   "; take a shorter window or more text"));
  }
  WindowSet set;
  set.source_ = source;
  set.length_ = length;
  set.tokens_ = std::move(tokens);
  const int64_t rows = (count - 1) / length;
  set.pieces_.reserve(rows);
  for (int64_t i = 0; i < rows; ++i) set.pieces_.push_back({i * length, length, length});
  set.row_begin_.resize(rows + 1);
  for (int64_t i = 0; i <= rows; ++i) set.row_begin_[i] = i;
  set.target_count_ = rows * length;
  return set;
}

absl::StatusOr<WindowSet> WindowSet::start(int64_t length, const std::string& source, int32_t pad_token) {
  ROUX_RETURN_IF_ERROR(check_length(length, source));
  WindowSet set;
  set.source_ = source;
  set.length_ = length;
  set.pad_token_ = pad_token;
  return set;
}

void WindowSet::add_pieces(int64_t begin) {
  const int64_t targets = static_cast<int64_t>(tokens_.size()) - begin - 1;
  for (int64_t at = 0; at < targets; at += length_) {
    Piece piece{begin + at, std::min(length_, targets - at), 0};
    piece.counted = piece.targets;
    if (!loss_mask_.empty()) {
      const auto first = loss_mask_.begin() + piece.begin + 1;
      piece.counted = piece.targets - std::count(first, first + piece.targets, uint8_t{0});
    }
    if (piece.counted == 0) continue;
    pieces_.push_back(piece);
    target_count_ += piece.counted;
  }
}

absl::StatusOr<WindowSet> WindowSet::cut(const std::vector<std::vector<int32_t>>& documents, int64_t length,
                                         const std::string& source, int32_t pad_token) {
  ROUX_ASSIGN_OR_RETURN(WindowSet set, start(length, source, pad_token));
  for (const std::vector<int32_t>& document : documents) {
    if (document.size() < 2) continue;
    const int64_t begin = static_cast<int64_t>(set.tokens_.size());
    set.tokens_.insert(set.tokens_.end(), document.begin(), document.end());
    set.add_pieces(begin);
  }
  if (set.pieces_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": none of ", documents.size(), " documents has two tokens or more"));
  }
  return set;
}

absl::StatusOr<WindowSet> WindowSet::cut(const std::vector<MaskedDocument>& documents, int64_t length,
                                         const std::string& source, int32_t pad_token) {
  ROUX_ASSIGN_OR_RETURN(WindowSet set, start(length, source, pad_token));
  for (size_t i = 0; i < documents.size(); ++i) {
    const MaskedDocument& document = documents[i];
    if (document.loss_mask.size() != document.tokens.size()) {
      return absl::InvalidArgumentError(absl::StrCat(source, ": document ", i, " has ",
                                                     document.tokens.size(), " tokens and a mask of ",
                                                     document.loss_mask.size()));
    }
    if (document.tokens.size() < 2) continue;
    const int64_t begin = static_cast<int64_t>(set.tokens_.size());
    set.tokens_.insert(set.tokens_.end(), document.tokens.begin(), document.tokens.end());
    set.loss_mask_.insert(set.loss_mask_.end(), document.loss_mask.begin(), document.loss_mask.end());
    set.add_pieces(begin);
  }
  if (set.pieces_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": none of ", documents.size(), " documents has a target that the loss counts"));
  }
  return set;
}

void WindowSet::one_piece_a_row() {
  row_begin_.resize(pieces_.size() + 1);
  for (size_t i = 0; i < row_begin_.size(); ++i) row_begin_[i] = static_cast<int64_t>(i);
}

void WindowSet::pack_rows() {
  std::vector<std::vector<Piece>> rows;
  std::vector<int64_t> room;
  for (const Piece& piece : pieces_) {
    const int64_t end = static_cast<int64_t>(rows.size());
    int64_t row = std::max<int64_t>(0, end - kOpenRows);
    while (row < end && room[row] < piece.targets) ++row;
    if (row == end) {
      rows.emplace_back();
      room.push_back(length_);
    }
    rows[row].push_back(piece);
    room[row] -= piece.targets;
  }
  pieces_.clear();
  row_begin_.push_back(0);
  for (const std::vector<Piece>& row : rows) {
    pieces_.insert(pieces_.end(), row.begin(), row.end());
    row_begin_.push_back(static_cast<int64_t>(pieces_.size()));
  }
}

template <typename Document>
absl::StatusOr<WindowSet> WindowSet::cut_into_rows(const std::vector<Document>& documents, int64_t length,
                                                   const std::string& source, int32_t pad_token,
                                                   void (WindowSet::*rows)()) {
  ROUX_ASSIGN_OR_RETURN(WindowSet set, cut(documents, length, source, pad_token));
  (set.*rows)();
  return set;
}

absl::StatusOr<WindowSet> WindowSet::padded(const std::vector<std::vector<int32_t>>& documents,
                                            int64_t length, const std::string& source, int32_t pad_token) {
  return cut_into_rows(documents, length, source, pad_token, &WindowSet::one_piece_a_row);
}
absl::StatusOr<WindowSet> WindowSet::padded(const std::vector<MaskedDocument>& documents, int64_t length,
                                            const std::string& source, int32_t pad_token) {
  return cut_into_rows(documents, length, source, pad_token, &WindowSet::one_piece_a_row);
}
absl::StatusOr<WindowSet> WindowSet::packed(const std::vector<std::vector<int32_t>>& documents,
                                            int64_t length, const std::string& source, int32_t pad_token) {
  return cut_into_rows(documents, length, source, pad_token, &WindowSet::pack_rows);
}
absl::StatusOr<WindowSet> WindowSet::packed(const std::vector<MaskedDocument>& documents, int64_t length,
                                            const std::string& source, int32_t pad_token) {
  return cut_into_rows(documents, length, source, pad_token, &WindowSet::pack_rows);
}

absl::Span<const WindowSet::Piece> WindowSet::pieces_of(int64_t row) const {
  ROUX_CHECK(row >= 0 && row < size())
      << "window_set: row out of range: row is " << row << ", " << source_ << " has " << size() << " rows";
  return absl::MakeConstSpan(pieces_).subspan(row_begin_[row], row_begin_[row + 1] - row_begin_[row]);
}

void WindowSet::write_row(int64_t row, int64_t slot, TokenBatch& batch) const {
  int64_t at = slot * length_;
  int32_t document = 0;
  for (const Piece& piece : pieces_of(row)) {
    for (int64_t i = 0; i < piece.targets; ++i, ++at) {
      batch.input[at] = tokens_[piece.begin + i];
      const int64_t target = piece.begin + i + 1;
      if (loss_mask_.empty() || loss_mask_[target] != 0) batch.target[at] = tokens_[target];
      batch.document[at] = document;
      batch.position[at] = static_cast<int32_t>(i);
    }
    batch.target_count += piece.counted;
    ++document;
  }
}

TokenBatch WindowSet::batch(absl::Span<const int64_t> rows) const {
  TokenBatch batch;
  batch.rows = static_cast<int64_t>(rows.size());
  batch.length = length_;
  const size_t cells = rows.size() * static_cast<size_t>(length_);
  batch.input.assign(cells, pad_token_);
  batch.target.assign(cells, kIgnoreTarget);
  batch.document.assign(cells, kPaddingDocument);
  batch.position.assign(cells, 0);
  batch.row_index.assign(rows.begin(), rows.end());
  for (size_t slot = 0; slot < rows.size(); ++slot) write_row(rows[slot], static_cast<int64_t>(slot), batch);
  return batch;
}

std::vector<int32_t> WindowSet::window(int64_t row) const {
  const absl::Span<const Piece> pieces = pieces_of(row);
  ROUX_CHECK(pieces.size() == 1) << "window_set: row " << row << " of " << source_ << " packs "
                                 << pieces.size() << " pieces, a window needs a stream or padded rows";
  const auto begin = tokens_.begin() + pieces[0].begin;
  return std::vector<int32_t>(begin, begin + pieces[0].targets + 1);
}

absl::StatusOr<std::vector<int64_t>> WindowSet::fixed_rows(int64_t count) const {
  if (count < 1 || count > size()) {
    return absl::InvalidArgumentError(absl::StrCat(source_, ": ", count, " fixed windows of ", length_,
                                                   " tokens are asked for, the text holds ", size()));
  }
  std::vector<int64_t> rows(count);
  for (int64_t i = 0; i < count; ++i) {
    rows[i] = static_cast<int64_t>(static_cast<__int128>(i) * size() / count);
  }
  return rows;
}

uint64_t WindowSet::fingerprint() const {
  uint64_t hash = mix(mix(0, static_cast<uint64_t>(length_)), static_cast<uint32_t>(pad_token_));
  for (int32_t token : tokens_) hash = mix(hash, static_cast<uint32_t>(token));
  for (uint8_t counted : loss_mask_) hash = mix(hash, counted != 0 ? 1 : 0);
  for (int64_t begin : row_begin_) hash = mix(hash, static_cast<uint64_t>(begin));
  for (const Piece& piece : pieces_) {
    hash = mix(mix(hash, static_cast<uint64_t>(piece.begin)), static_cast<uint64_t>(piece.targets));
  }
  return hash;
}

}  // namespace roux::kit
