#include "recipes/kit/text/sentencepiece_shim.h"

#include <sentencepiece_processor.h>

#include <exception>
#include <string>

namespace roux::kit::internal {
namespace {

class Shim : public SentencepieceShim {
 public:
  sentencepiece::SentencePieceProcessor processor;

  bool encode(std::string_view text, std::vector<Token>* tokens) const override {
    const sentencepiece::ImmutableSentencePieceText result = processor.EncodeAsImmutableProto(text);
    for (const auto& piece : result.pieces()) {
      tokens->push_back({static_cast<int32_t>(piece.id()), piece.begin(), piece.end()});
    }
    return true;
  }
  int32_t size() const override { return processor.GetPieceSize(); }
  std::string piece(int32_t id) const override { return processor.IdToPiece(id); }
  int32_t id(std::string_view piece) const override {
    const int32_t found = processor.PieceToId(piece);
    return processor.IdToPiece(found) == piece ? found : -1;
  }
  bool is_control(int32_t id) const override { return processor.IsControl(id); }
  bool is_byte(int32_t id) const override { return processor.IsByte(id); }
  int32_t bos() const override { return processor.bos_id(); }
  int32_t eos() const override { return processor.eos_id(); }
  int32_t unknown() const override { return processor.unk_id(); }
  int32_t padding() const override { return processor.pad_id(); }
};

// "Internal: src/model_interface.cc(123) [condition] text" without the place in the library's source.
std::string without_source(const std::string& message) {
  const size_t file = message.find(".cc("), end = file == std::string::npos ? file : message.find(") ", file);
  if (end == std::string::npos) return message;
  const size_t space = message.rfind(' ', file);
  return message.substr(0, space == std::string::npos ? 0 : space + 1) + message.substr(end + 2);
}

}  // namespace

std::unique_ptr<SentencepieceShim> SentencepieceShim::load(const std::string& bytes, std::string* error) {
  auto shim = std::make_unique<Shim>();
  try {  // the library's trie throws at pieces that it can't hold
    const auto status = shim->processor.LoadFromSerializedProto(bytes);
    if (status.ok()) return shim;
    *error = without_source(status.ToString());
  } catch (const std::exception& exception) {
    *error = exception.what();
  }
  return nullptr;
}

}  // namespace roux::kit::internal
