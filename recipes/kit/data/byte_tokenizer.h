// Byte-level tokenizer: token = byte (0..255), then BOS and EOS where they are switched on.
//
//   ByteTokenizer tokenizer({.eos = true});                  // vocabulary of 257
//   std::vector<int32_t> ids = tokenizer.encode("Grüße");    // 7 ids; decode(ids) gives the same bytes
//
// Immutable, so thread-safe.
#ifndef ROUX_RECIPES_KIT_DATA_BYTE_TOKENIZER_H_
#define ROUX_RECIPES_KIT_DATA_BYTE_TOKENIZER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

class ByteTokenizer {
 public:
  struct Options {
    bool bos = false;
    bool eos = false;
  };
  static constexpr int32_t kNoToken = -1;

  ByteTokenizer() : ByteTokenizer(Options()) {}
  explicit ByteTokenizer(Options options);

  int32_t vocab_size() const { return vocab_size_; }
  int32_t bos_id() const { return bos_; }  // kNoToken when switched off
  int32_t eos_id() const { return eos_; }

  // One id a byte, no special tokens.
  std::vector<int32_t> encode(std::string_view text) const;
  // [BOS] bytes [EOS], as switched on.
  std::vector<int32_t> encode_document(std::string_view text) const;
  // The bytes; special tokens are skipped. Throws Error for an id outside the vocabulary.
  std::string decode(absl::Span<const int32_t> ids) const;
  // The same for people: control characters as \n, \x07, bytes that are not UTF-8 as \xff, specials as <bos>,
  // <eos>.
  std::string display(absl::Span<const int32_t> ids) const;

 private:
  int32_t bos_ = kNoToken;
  int32_t eos_ = kNoToken;
  int32_t vocab_size_ = 256;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_BYTE_TOKENIZER_H_
