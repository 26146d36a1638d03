#include "recipes/kit/text/sentencepiece_merge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/protobuf_fields.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// Field numbers of sentencepiece_model.proto.
constexpr uint64_t kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3;      // ModelProto
constexpr uint64_t kText = 1, kScore = 2, kType = 3;                        // SentencePiece
constexpr uint64_t kModelType = 3;                                          // TrainerSpec
constexpr uint64_t kCharsmap = 2, kDummyPrefix = 3, kExtraWhitespaces = 4;  // NormalizerSpec
enum PieceType : uint64_t { kNormal = 1, kUserDefined = 4 };
constexpr uint64_t kUnigram = 1, kBpe = 2;

struct ModelPiece {
  std::string text;
  float score = 0;
  uint64_t type = kNormal;
};

struct Model {
  uint64_t type = kUnigram;                    // the schema's default
  std::shared_ptr<const Tokenizer> tokenizer;  // proves that the library can read the file
  std::vector<ModelPiece> pieces;
};

float little_endian_float(std::string_view bytes) {
  uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) bits |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

ModelPiece read_piece(std::string_view message) {
  ModelPiece piece;
  ProtobufFields fields(message);
  for (ProtobufField field; fields.next(&field);) {
    if (field.number == kText) piece.text = std::string(field.bytes);
    if (field.number == kScore && field.bytes.size() == 4) piece.score = little_endian_float(field.bytes);
    if (field.number == kType) piece.type = field.value;
  }
  return piece;
}

absl::StatusOr<Model> read_model(const SentencepieceFile& file) {
  Model model;
  ROUX_ASSIGN_OR_RETURN(model.tokenizer, parse_sentencepiece(file.bytes, file.name));
  ProtobufFields fields(file.bytes);
  for (ProtobufField field; fields.next(&field);) {
    if (field.number == kPieces) model.pieces.push_back(read_piece(field.bytes));
    if (field.number != kTrainerSpec) continue;
    ProtobufFields spec(field.bytes);
    for (ProtobufField entry; spec.next(&entry);) {
      if (entry.number == kModelType) model.type = entry.value;
    }
  }
  // Unknown parts that the library skips could hide pieces from the reader above.
  if (static_cast<int32_t>(model.pieces.size()) != model.tokenizer->model().vocab_size()) {
    return absl::InvalidArgumentError(absl::StrCat(file.name, ": ", model.pieces.size(),
                                                   " pieces can be read of ",
                                                   model.tokenizer->model().vocab_size()));
  }
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    if (std::isfinite(model.pieces[i].score)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(file.name, ": score of piece ", i, " is ", model.pieces[i].score));
  }
  return model;
}

// A model without its normalisation, so that it cuts a piece's text and nothing else. A message that comes
// twice is one, whose later fields count.
absl::StatusOr<std::shared_ptr<const Tokenizer>> plain_tokenizer(const std::string& model,
                                                                 const std::string& name) {
  std::string spec;
  append_bytes_field(kCharsmap, "", &spec);
  append_varint_field(kDummyPrefix, 0, &spec);
  append_varint_field(kExtraWhitespaces, 0, &spec);
  std::string bytes = model;
  append_bytes_field(kNormalizerSpec, spec, &bytes);
  return parse_sentencepiece(bytes, name);
}

std::vector<int32_t> cut(const Tokenizer& plain, const std::string& text) {
  std::vector<Piece> pieces;
  plain.model().encode(text, &pieces);
  std::vector<int32_t> ids;
  for (const Piece& piece : pieces) ids.push_back(piece.id);
  return ids;
}

// Scores for all pieces of `extra` below those of `base`, in the order of their own. Ranks, as a float so low
// has no digits left for differences of log probabilities.
std::vector<float> scores_behind(const Model& base, const Model& extra) {
  float lowest = 0;
  for (const ModelPiece& piece : base.pieces) {
    if (piece.type == kNormal) lowest = std::min(lowest, piece.score);
  }
  std::vector<size_t> order(extra.pieces.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return extra.pieces[a].score > extra.pieces[b].score; });
  std::vector<float> scores(order.size());
  for (size_t rank = 0; rank < order.size(); ++rank)
    scores[order[rank]] = lowest - 1 - static_cast<float>(rank);
  return scores;
}

}  // namespace

absl::StatusOr<MergedSentencepiece> merge_sentencepiece(const SentencepieceFile& base,
                                                        const SentencepieceFile& extra,
                                                        const SentencepieceMergeOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const Model old, read_model(base));
  ROUX_ASSIGN_OR_RETURN(const Model more, read_model(extra));
  if (old.type != kBpe) {
    return absl::InvalidArgumentError(absl::StrCat(base.name, ": SentencePiece model type ", old.type,
                                                   " cannot be grown, only BPE (", kBpe, ") can"));
  }
  ROUX_ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> plain, plain_tokenizer(base.bytes, base.name));
  absl::flat_hash_map<std::string, int32_t> known;
  for (size_t i = 0; i < old.pieces.size(); ++i) known.emplace(old.pieces[i].text, static_cast<int32_t>(i));
  std::vector<float> scores(more.pieces.size(), 0.0F);
  if (options.scores == NewPieceScores::kBehind) scores = scores_behind(old, more);
  MergedSentencepiece merged;
  MergedVocabulary& vocabulary = merged.vocabulary;
  merged.model = base.bytes;
  for (size_t i = 0; i < more.pieces.size(); ++i) {
    const ModelPiece& piece = more.pieces[i];
    if (const auto at = known.find(piece.text); at != known.end()) {
      merged.extra_ids.push_back(at->second);
      continue;
    }
    const bool text = piece.type == kNormal || piece.type == kUserDefined;
    const auto added = static_cast<int64_t>(vocabulary.new_tokens.size());
    if (!text || (options.limit >= 0 && added >= options.limit)) {
      merged.extra_ids.push_back(-1);
      continue;
    }
    std::string message;
    append_bytes_field(kText, piece.text, &message);
    append_float_field(kScore, scores[i], &message);
    append_varint_field(kType, piece.type, &message);
    append_bytes_field(kPieces, message, &merged.model);
    merged.extra_ids.push_back(static_cast<int32_t>(old.pieces.size() + added));
    vocabulary.parts.push_back(cut(*plain, piece.text));
    vocabulary.new_tokens.push_back(piece.text);
  }
  const std::string name = absl::StrCat(base.name, " grown by ", extra.name);
  ROUX_ASSIGN_OR_RETURN(vocabulary.tokenizer, parse_sentencepiece(merged.model, name, options.tokenizer));
  ROUX_ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> grown, plain_tokenizer(merged.model, name));
  for (size_t i = 0; i < vocabulary.new_tokens.size(); ++i) {
    const auto id = static_cast<int32_t>(old.pieces.size() + i);
    if (cut(*grown, vocabulary.new_tokens[i]) != std::vector<int32_t>{id}) merged.unreachable.push_back(id);
  }
  return merged;
}

}  // namespace roux::kit
