#include "recipes/kit/text/sentencepiece_merge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
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
  uint64_t model_type = kUnigram;  // the schema's default
  ProtobufFields fields(file.bytes);
  for (ProtobufField field; fields.next(&field);) {
    if (field.number == kPieces) model.pieces.push_back(read_piece(field.bytes));
    if (field.number != kTrainerSpec) continue;
    ProtobufFields spec(field.bytes);
    for (ProtobufField entry; spec.next(&entry);) {
      if (entry.number == kModelType) model_type = entry.value;
    }
  }
  if (model_type != kBpe) {
    return absl::InvalidArgumentError(absl::StrCat(file.name, ": SentencePiece model type ", model_type,
                                                   " cannot be merged, only BPE (", kBpe, ") can"));
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

// The base model without its normalisation, so that it cuts a piece's text and nothing else. A message that
// comes twice is one, whose later fields count.
absl::StatusOr<std::shared_ptr<const Tokenizer>> plain_tokenizer(const SentencepieceFile& base) {
  std::string spec;
  append_bytes_field(kCharsmap, "", &spec);
  append_varint_field(kDummyPrefix, 0, &spec);
  append_varint_field(kExtraWhitespaces, 0, &spec);
  std::string bytes = base.bytes;
  append_bytes_field(kNormalizerSpec, spec, &bytes);
  return parse_sentencepiece(bytes, base.name);
}

// By how much the extra model's scores are moved to lie below all of the base's.
float shift_behind(const Model& base, const Model& extra) {
  float lowest = 0, highest = -std::numeric_limits<float>::infinity();
  for (const ModelPiece& piece : base.pieces) {
    if (piece.type == kNormal) lowest = std::min(lowest, piece.score);
  }
  for (const ModelPiece& piece : extra.pieces) {
    if (piece.type == kNormal) highest = std::max(highest, piece.score);
  }
  return lowest - 1 - highest;
}

}  // namespace

absl::StatusOr<MergedSentencepiece> merge_sentencepiece(const SentencepieceFile& base,
                                                        const SentencepieceFile& extra,
                                                        const SentencepieceMergeOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const Model old, read_model(base));
  ROUX_ASSIGN_OR_RETURN(const Model more, read_model(extra));
  ROUX_ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> plain, plain_tokenizer(base));
  absl::flat_hash_map<std::string, int32_t> known;
  for (size_t i = 0; i < old.pieces.size(); ++i) known.emplace(old.pieces[i].text, static_cast<int32_t>(i));
  const bool behind = options.scores == NewPieceScores::kBehind;
  const float shift = behind ? shift_behind(old, more) : 0;
  MergedSentencepiece merged;
  MergedVocabulary& vocabulary = merged.vocabulary;
  merged.model = base.bytes;
  for (const ModelPiece& piece : more.pieces) {
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
    append_float_field(kScore, behind && piece.type == kNormal ? piece.score + shift : 0, &message);
    append_varint_field(kType, piece.type, &message);
    append_bytes_field(kPieces, message, &merged.model);
    merged.extra_ids.push_back(static_cast<int32_t>(old.pieces.size() + added));
    vocabulary.parts.emplace_back();
    std::vector<Piece> parts;
    plain->model().encode(piece.text, &parts);
    for (const Piece& part : parts) vocabulary.parts.back().push_back(part.id);
    vocabulary.new_tokens.push_back(piece.text);
  }
  ROUX_ASSIGN_OR_RETURN(vocabulary.tokenizer,
                        parse_sentencepiece(merged.model, absl::StrCat(base.name, " grown by ", extra.name),
                                            options.tokenizer));
  return merged;
}

}  // namespace roux::kit
