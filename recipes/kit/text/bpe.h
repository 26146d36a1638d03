// Byte-pair encoding: byte-level (GPT-2, Llama 3, Qwen, tiktoken) and character-level with byte fallback
// (Llama 2, Gemma). A piece is encoded in O(n log n) whatever its length; pieces that are one token cost one
// table look-up.
#ifndef ROUX_RECIPES_KIT_TEXT_BPE_H_
#define ROUX_RECIPES_KIT_TEXT_BPE_H_

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "recipes/kit/text/piece_model.h"

namespace roux::kit {

// GPT-2 writes each byte as one printable character: "Ġ" for the space, "Ċ" for the line feed.
std::string byte_level_to_text(std::string_view bytes);
// The reverse; nullopt if a character stands for no byte.
std::optional<std::string> byte_level_from_text(std::string_view text);

// The byte that a token of byte fallback ("<0x0A>") stands for; nullopt for other tokens. And the reverse.
std::optional<char> byte_of_token(std::string_view token);
std::string byte_token(unsigned char byte);

struct BpeOptions {
  bool byte_level = true;      // tokens are bytes in GPT-2's writing; otherwise UTF-8 text
  bool byte_fallback = false;  // character-level: unknown characters become <0x00>..<0xFF> where those exist
  bool fuse_unknown = false;   // a run of unknown characters is one unknown token
  bool ignore_merges = false;  // a piece that is in the vocabulary is that token, merges or not
  std::optional<int32_t> unknown;
};

// One merge: left and right become result; smaller ranks first, equal ranks leftmost first.
struct BpeMerge {
  int32_t left, right, result, rank;
};

class BpeModel : public PieceModel {
 public:
  // tokens[id] as the vocabulary writes them; "" = unused id. Duplicates are an error.
  static absl::StatusOr<std::shared_ptr<const BpeModel>> from_merges(
      std::vector<std::string> tokens, absl::Span<const std::pair<std::string, std::string>> merges,
      BpeOptions options);
  // The same with merges by id, and ranks that may be equal.
  static absl::StatusOr<std::shared_ptr<const BpeModel>> from_ranked_merges(std::vector<std::string> tokens,
                                                                            absl::Span<const BpeMerge> merges,
                                                                            BpeOptions options);
  // Merges follow from the tokens: any two tokens whose concatenation is a token may merge, best score first
  // (SentencePiece's BPE; scores[id] = the piece's score, NaN: takes no part).
  static absl::StatusOr<std::shared_ptr<const BpeModel>> from_scores(std::vector<std::string> tokens,
                                                                     absl::Span<const float> scores,
                                                                     BpeOptions options);
  // The same for tiktoken's files: tokens are raw bytes, ranked by id.
  static absl::StatusOr<std::shared_ptr<const BpeModel>> from_ranks(std::vector<std::string> byte_tokens);

  int32_t vocab_size() const override { return static_cast<int32_t>(tokens_.size()); }
  void encode(std::string_view piece, std::vector<Piece>* out) const override;
  std::string token(int32_t id) const override;
  std::string bytes(int32_t id) const override;
  std::optional<int32_t> id(std::string_view token) const override;
  bool takes_any_bytes() const override { return options_.byte_level && all_bytes_; }

  // Merges in order of rank, for saving and for merging vocabularies.
  std::vector<BpeMerge> merges() const;
  const BpeOptions& options() const { return options_; }

 private:
  struct Target {
    int32_t rank;
    int32_t result;
  };
  explicit BpeModel(BpeOptions options) : options_(options) {}
  absl::Status set_tokens(std::vector<std::string> tokens);
  void add_merges_by_rank(absl::Span<const int32_t> rank);
  void find_whole_tokens();
  bool has_bytes(std::string_view text) const;
  void initial_symbols(std::string_view piece, std::vector<Piece>* out) const;
  const Target* target(int32_t left, int32_t right) const;
  void merge_short(std::vector<Piece>* symbols, size_t first) const;
  void merge_long(std::vector<Piece>* symbols, size_t first) const;
  void merge(std::vector<Piece>* symbols, size_t first) const;
  std::optional<int32_t> find(std::string_view key) const;

  BpeOptions options_;
  std::vector<std::string> tokens_;  // raw bytes where byte-level, otherwise text
  std::vector<bool> literal_;        // byte-level: the token isn't written in GPT-2's alphabet
  std::vector<bool> whole_;          // the piece equal to this token encodes to this token
  absl::flat_hash_map<std::string, int32_t> ids_;
  absl::flat_hash_map<std::string, int32_t> literal_ids_;
  absl::flat_hash_map<uint64_t, Target> merges_;
  std::array<int32_t, 256> byte_ids_ = {};
  bool all_bytes_ = false;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_BPE_H_
