// The part of a tokenizer that cuts one piece of text into tokens.
#ifndef ROUX_RECIPES_KIT_TEXT_PIECE_MODEL_H_
#define ROUX_RECIPES_KIT_TEXT_PIECE_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace roux::kit {

struct Piece {
  int32_t id;
  uint32_t begin;  // byte range in the piece, later in the text
  uint32_t end;
};

// Immutable and thread-safe.
class PieceModel {
 public:
  virtual ~PieceModel() = default;
  // Highest id + 1.
  virtual int32_t vocab_size() const = 0;
  // Appends the tokens of one piece. Unknown text becomes the model's unknown token, if it has one.
  virtual void encode(std::string_view piece, std::vector<Piece>* out) const = 0;
  // The same for a part of a text that goes on: a model that puts a space in front of each text puts none
  // here, and none of its user-defined pieces is found.
  virtual void encode_inside(std::string_view piece, std::vector<Piece>* out) const { encode(piece, out); }
  // A tag (is_tag) that the model finds wherever it is written: SentencePiece's user-defined pieces.
  virtual bool finds_tag(int32_t /*id*/) const { return false; }
  // The token as it stands in the vocabulary file; empty for an unused id. Needs 0 <= id < vocab_size().
  virtual std::string token(int32_t id) const = 0;
  // What the token stands for before decode rules: raw bytes for byte-level models.
  virtual std::string bytes(int32_t id) const = 0;
  virtual std::optional<int32_t> id(std::string_view token) const = 0;
  // True if any byte string can be encoded without loss, so that text needn't be valid UTF-8.
  virtual bool takes_any_bytes() const = 0;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_PIECE_MODEL_H_
