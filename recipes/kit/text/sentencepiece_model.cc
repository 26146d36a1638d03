#include "recipes/kit/text/sentencepiece_model.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/added_tokens.h"
#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/charsmap.h"
#include "recipes/kit/text/protobuf_fields.h"
#include "recipes/kit/text/sentencepiece_shim.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr int64_t kMaxModelBytes = int64_t{1} << 28;

constexpr char kUnknownText[] = " \xE2\x81\x87 ";  // what the library writes for an unknown piece

class SentencepieceModel : public PieceModel {
 public:
  // `inside` and `tags` are those of Tags below; null without tags.
  SentencepieceModel(std::unique_ptr<internal::SentencepieceShim> shim,
                     std::unique_ptr<internal::SentencepieceShim> inside, std::vector<bool> tags)
      : shim_(std::move(shim)), inside_(std::move(inside)), tags_(std::move(tags)) {}

  int32_t vocab_size() const override { return shim_->size(); }
  void encode(std::string_view piece, std::vector<Piece>* out) const override { encode(*shim_, piece, out); }
  void encode_inside(std::string_view piece, std::vector<Piece>* out) const override {
    encode(inside_ == nullptr ? *shim_ : *inside_, piece, out);
  }
  bool finds_tag(int32_t id) const override { return tags_[id]; }
  std::string token(int32_t id) const override { return shim_->piece(id); }
  std::string bytes(int32_t id) const override {
    if (id == shim_->unknown()) return kUnknownText;
    const std::optional<char> byte = shim_->is_byte(id) ? byte_of_token(shim_->piece(id)) : std::nullopt;
    return byte ? std::string(1, *byte) : shim_->piece(id);
  }
  std::optional<int32_t> id(std::string_view token) const override {
    const int32_t found = shim_->id(token);
    return found < 0 ? std::nullopt : std::optional<int32_t>(found);
  }
  bool takes_any_bytes() const override { return false; }

 private:
  static void encode(const internal::SentencepieceShim& shim, std::string_view piece,
                     std::vector<Piece>* out) {
    std::vector<internal::SentencepieceShim::Token> tokens;
    shim.encode(piece, &tokens);
    for (const auto& token : tokens) out->push_back({token.id, token.begin, token.end});
  }

  std::unique_ptr<internal::SentencepieceShim> shim_, inside_;
  std::vector<bool> tags_;
};

// The user-defined pieces that are tags, by id, and the same model for parts of a text: its tags are unused
// pieces, nothing is put in front, and white space stays. Fields are those of SentencePiece's
// sentencepiece_model.proto; a field that comes twice has its last value, so changes are appended.
struct Tags {
  std::vector<bool> is_tag;
  std::string inside;  // empty if there are none
};

Tags find_tags(const std::string& model, int32_t size) {
  constexpr uint64_t kPieces = 1, kNormalizer = 3, kLastField = 5;         // of the model
  constexpr uint64_t kText = 1, kType = 3, kUserDefined = 4, kUnused = 5;  // of a piece
  constexpr uint64_t kAddDummyPrefix = 3, kRemoveExtraWhitespaces = 4;     // of the normalizer
  Tags tags;
  std::string inside;
  bool any = false;
  ProtobufFields fields(model);
  for (ProtobufField field; fields.next(&field);) {
    if (field.number > kLastField) continue;  // extensions: the library reads none
    std::string entry(field.bytes);
    if (field.number == kPieces) {
      std::string_view text;
      uint64_t type = 0;
      ProtobufFields parts(field.bytes);
      for (ProtobufField part; parts.next(&part);) {
        if (part.number == kText) text = part.bytes;
        if (part.number == kType) type = part.value;
      }
      tags.is_tag.push_back(type == kUserDefined && is_tag(text));
      if (tags.is_tag.back()) append_varint_field(kType, kUnused, &entry);
      any = any || tags.is_tag.back();
    }
    append_bytes_field(field.number, entry, &inside);
  }
  tags.is_tag.resize(size);
  if (!any) return tags;
  std::string normalizer;
  append_varint_field(kAddDummyPrefix, 0, &normalizer);
  append_varint_field(kRemoveExtraWhitespaces, 0, &normalizer);
  append_bytes_field(kNormalizer, normalizer, &inside);
  tags.inside = std::move(inside);
  return tags;
}

// libsentencepiece follows the normalisation rules wherever they point. Stops, without an error, where the
// message is damaged; the library then says so.
absl::Status check_rules(const std::string& model, const std::string& name) {
  constexpr uint64_t kNormalizer = 3, kDenormalizer = 5, kCharsmap = 2;
  ProtobufFields fields(model);
  for (ProtobufField spec; fields.next(&spec);) {
    if (spec.number != kNormalizer && spec.number != kDenormalizer) continue;
    ProtobufFields entries(spec.bytes);
    for (ProtobufField entry; entries.next(&entry);) {
      if (entry.number != kCharsmap || entry.bytes.empty()) continue;
      const absl::StatusOr<Charsmap> rules = Charsmap::parse(entry.bytes);
      const absl::Status status = rules.ok() ? rules->check() : rules.status();
      if (status.ok()) continue;
      return absl::InvalidArgumentError(absl::StrCat(name, ": normalisation rules at byte ",
                                                     entry.bytes.data() - model.data(), ": ",
                                                     std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

std::optional<int32_t> optional_id(int32_t id) { return id < 0 ? std::nullopt : std::optional<int32_t>(id); }

}  // namespace

absl::StatusOr<std::shared_ptr<const Tokenizer>> parse_sentencepiece(const std::string& bytes,
                                                                     const std::string& name,
                                                                     const SentencepieceOptions& options) {
  ROUX_RETURN_IF_ERROR(check_rules(bytes, name));
  std::string error;
  std::unique_ptr<internal::SentencepieceShim> shim = internal::SentencepieceShim::load(bytes, &error);
  if (shim == nullptr)
    return absl::InvalidArgumentError(absl::StrCat(name, ": not a SentencePiece model: ", error));
  TokenizerParts parts;
  parts.name = name;
  parts.special = {optional_id(shim->bos()), optional_id(shim->eos()), optional_id(shim->unknown()),
                   optional_id(shim->padding())};
  for (std::vector<TemplateItem>* items : {&parts.single, &parts.pair}) {
    if (options.bos && parts.special.bos) items->insert(items->begin(), {*parts.special.bos, 0});
    if (options.eos && parts.special.eos) items->push_back({*parts.special.eos, items->back().type_id});
  }
  for (int32_t id = 0; id < shim->size(); ++id) {
    if (!shim->is_control(id)) continue;
    AddedToken token;
    token.content = shim->piece(id);
    token.id = id;
    token.in_text = false;
    parts.added_tokens.push_back(std::move(token));
  }
  std::vector<internal::SentencepieceShim::Token> probe, spaced;
  shim->encode("x", &probe);
  shim->encode("  x", &spaced);
  parts.decode.kind = DecodeRules::Kind::kMetaspace;
  const bool prefix = !probe.empty() && shim->piece(probe[0].id).compare(0, 3, "\xE2\x96\x81") == 0;
  parts.decode.strip_spaces = prefix ? 1 : 0;
  parts.decode.strip_every = spaced.size() == probe.size();  // the model removes extra white space
  Tags tags = find_tags(bytes, shim->size());
  std::unique_ptr<internal::SentencepieceShim> inside;
  if (!tags.inside.empty()) {
    inside = internal::SentencepieceShim::load(tags.inside, &error);
    if (inside == nullptr)
      return absl::InvalidArgumentError(absl::StrCat(name, ": user-defined pieces: ", error));
  }
  parts.model =
      std::make_shared<SentencepieceModel>(std::move(shim), std::move(inside), std::move(tags.is_tag));
  return Tokenizer::build(std::move(parts));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> load_sentencepiece(const std::string& path,
                                                                    const SentencepieceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const std::string bytes, read_text(path, kMaxModelBytes));
  return parse_sentencepiece(bytes, path, options);
}

}  // namespace roux::kit
