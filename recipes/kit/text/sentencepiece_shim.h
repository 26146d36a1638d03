// libsentencepiece behind an interface without Abseil: its header declares absl::string_view as
// std::string_view, which clashes with Debian's Abseil, so only sentencepiece_shim.cc may include it. Part of
// sentencepiece_model.cc.
#ifndef ROUX_RECIPES_KIT_TEXT_SENTENCEPIECE_SHIM_H_
#define ROUX_RECIPES_KIT_TEXT_SENTENCEPIECE_SHIM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace roux::kit::internal {

class SentencepieceShim {
 public:
  struct Token {
    int32_t id;
    uint32_t begin, end;  // bytes of the input
  };
  // From the bytes of a .model file; null and *error for damage.
  static std::unique_ptr<SentencepieceShim> load(const std::string& bytes, std::string* error);
  virtual ~SentencepieceShim() = default;

  virtual bool encode(std::string_view text, std::vector<Token>* tokens) const = 0;
  virtual int32_t size() const = 0;
  virtual std::string piece(int32_t id) const = 0;
  virtual int32_t id(std::string_view piece) const = 0;  // -1: none
  virtual bool is_control(int32_t id) const = 0;
  virtual bool is_byte(int32_t id) const = 0;
  // -1: none
  virtual int32_t bos() const = 0;
  virtual int32_t eos() const = 0;
  virtual int32_t unknown() const = 0;
  virtual int32_t padding() const = 0;
};

}  // namespace roux::kit::internal

#endif  // ROUX_RECIPES_KIT_TEXT_SENTENCEPIECE_SHIM_H_
