// Training rows cut from tokens: a plain stream, packed documents, or one padded document a row.
//
//   ROUX_ASSIGN_OR_RETURN(WindowSet train, WindowSet::stream(tokenizer.encode(text), 64, path));
//   TokenBatch batch = train.batch(rows);    // indices into the set, from BatchLoader::next_rows()
//
// All three cut the tokens into pieces of at most T inputs and their T targets (T + 1 tokens; the last target
// is the first input of the next piece), so every token but the first of a text is a target exactly once. A
// row holds one piece (stream, padded) or several (packed). Since inputs and targets of a piece travel
// together, no target ever crosses a document boundary, and packed rows give the same losses as padded ones
// if attention is masked by `document` and positions are taken from `position`.
//
// Immutable after construction, so thread-safe.
#ifndef ROUX_RECIPES_KIT_DATA_WINDOWS_H_
#define ROUX_RECIPES_KIT_DATA_WINDOWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace roux::kit {

// Ignore index of cross_entropy: a position without a target.
inline constexpr int32_t kIgnoreTarget = -100;
inline constexpr int32_t kPaddingDocument = -1;

// Row-major arrays of [rows, length]. Padding has input `pad_token`, target kIgnoreTarget, document
// kPaddingDocument and position 0.
struct TokenBatch {
  int64_t rows = 0;
  int64_t length = 0;
  std::vector<int32_t> input;
  std::vector<int32_t> target;
  std::vector<int32_t> document;   // number of the piece within its row: 0, 1, ...
  std::vector<int32_t> position;   // 0 at the start of each piece
  std::vector<int64_t> row_index;  // [rows]: of each row in its set
  int64_t target_count = 0;        // targets that are not kIgnoreTarget: what a loss divides by

  // More rows behind these, of the same length (Error otherwise).
  void append(const TokenBatch& other);
};

// A document of which the loss counts only some tokens: answers, not prompts. Chat: encode_chat
// (text/chat_template.h) gives both.
struct MaskedDocument {
  std::vector<int32_t> tokens;
  std::vector<uint8_t> loss_mask;  // as long as tokens; 1: counted as a target (the first token never is one)
};

class WindowSet {
 public:
  // Windows 0, T, 2T, ... of one text; a tail of fewer than T targets is left out. Error when tokens are
  // fewer than T + 1. `source` names the data in errors.
  static absl::StatusOr<WindowSet> stream(std::vector<int32_t> tokens, int64_t length,
                                          const std::string& source);

  // Documents cut into pieces, pieces put into rows of T slots: first fit over the newest 64 open rows, in
  // order. Documents of fewer than two tokens hold no target and are skipped; an error when none is left.
  static absl::StatusOr<WindowSet> packed(const std::vector<std::vector<int32_t>>& documents, int64_t length,
                                          const std::string& source, int32_t pad_token = 0);

  // The same pieces, one a row.
  static absl::StatusOr<WindowSet> padded(const std::vector<std::vector<int32_t>>& documents, int64_t length,
                                          const std::string& source, int32_t pad_token = 0);

  // The same two with masks. Other tokens are inputs with the target kIgnoreTarget; pieces without any
  // counted target are left out. An error when a mask has another length than its tokens, and when no target
  // is left.
  static absl::StatusOr<WindowSet> packed(const std::vector<MaskedDocument>& documents, int64_t length,
                                          const std::string& source, int32_t pad_token = 0);
  static absl::StatusOr<WindowSet> padded(const std::vector<MaskedDocument>& documents, int64_t length,
                                          const std::string& source, int32_t pad_token = 0);

  int64_t size() const { return static_cast<int64_t>(row_begin_.size()) - 1; }  // rows
  int64_t length() const { return length_; }                                    // T
  int64_t target_count() const { return target_count_; }                        // of all rows together
  const std::string& source() const { return source_; }

  // Hash of tokens, cuts and padding; a saved loader position is refused by other data.
  uint64_t fingerprint() const;

  // The rows of these indices, in this order. Throws Error for an index out of range.
  TokenBatch batch(absl::Span<const int64_t> rows) const;

  // The T + 1 tokens of a stream's window (fewer for a padded row). Throws Error for a packed row of several
  // pieces.
  std::vector<int32_t> window(int64_t row) const;

  // `count` rows spread evenly over the set, the same on every call: for validation. Error when the set has
  // fewer.
  absl::StatusOr<std::vector<int64_t>> fixed_rows(int64_t count) const;

 private:
  struct Piece {
    int64_t begin;    // index into tokens_
    int64_t targets;  // holds tokens begin .. begin + targets
    int64_t counted;  // targets that the loss counts
  };

  WindowSet() = default;
  static absl::StatusOr<WindowSet> start(int64_t length, const std::string& source, int32_t pad_token);
  static absl::StatusOr<WindowSet> cut(const std::vector<std::vector<int32_t>>& documents, int64_t length,
                                       const std::string& source, int32_t pad_token);
  static absl::StatusOr<WindowSet> cut(const std::vector<MaskedDocument>& documents, int64_t length,
                                       const std::string& source, int32_t pad_token);
  template <typename Document>
  static absl::StatusOr<WindowSet> cut_into_rows(const std::vector<Document>& documents, int64_t length,
                                                 const std::string& source, int32_t pad_token,
                                                 void (WindowSet::*rows)());
  // Cuts what was appended to tokens_ from `begin` on into pieces.
  void add_pieces(int64_t begin);
  void one_piece_a_row();
  void pack_rows();
  void write_row(int64_t row, int64_t slot, TokenBatch& batch) const;
  absl::Span<const Piece> pieces_of(int64_t row) const;

  std::string source_;
  int64_t length_ = 0;
  int32_t pad_token_ = 0;
  int64_t target_count_ = 0;
  std::vector<int32_t> tokens_;
  std::vector<uint8_t> loss_mask_;  // as long as tokens_, or empty: all are counted
  std::vector<Piece> pieces_;       // grouped by row
  std::vector<int64_t> row_begin_;  // rows + 1 indices into pieces_
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_WINDOWS_H_
