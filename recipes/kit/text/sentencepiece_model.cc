#include "recipes/kit/text/sentencepiece_model.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/text_file.h"
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
  explicit SentencepieceModel(std::unique_ptr<internal::SentencepieceShim> shim) : shim_(std::move(shim)) {}

  int32_t vocab_size() const override { return shim_->size(); }
  void encode(std::string_view piece, std::vector<Piece>* out) const override {
    std::vector<internal::SentencepieceShim::Token> tokens;
    shim_->encode(piece, &tokens);
    for (const auto& token : tokens) out->push_back({token.id, token.begin, token.end});
  }
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
  std::unique_ptr<internal::SentencepieceShim> shim_;
};

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
  parts.model = std::make_shared<SentencepieceModel>(std::move(shim));
  return Tokenizer::build(std::move(parts));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> load_sentencepiece(const std::string& path,
                                                                    const SentencepieceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const std::string bytes, read_text(path, kMaxModelBytes));
  return parse_sentencepiece(bytes, path, options);
}

}  // namespace roux::kit
