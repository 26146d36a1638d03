// SentencePiece's precompiled normalisation rules (nmt_nfkc and the like), the Precompiled normaliser of a
// tokenizer.json: a double-array trie from text to offsets in a block of replacements.
#ifndef ROUX_RECIPES_KIT_TEXT_CHARSMAP_H_
#define ROUX_RECIPES_KIT_TEXT_CHARSMAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/text/normalizer.h"

namespace roux::kit {

class Charsmap {
 public:
  // From `precompiled_charsmap` (little endian: bytes of the trie, trie, replacements ended by zeros). Damage
  // is InvalidArgument with the offset; a trie that points outside of itself matches nothing there.
  static absl::StatusOr<Charsmap> parse(std::string_view bytes);

  // Fails if the trie leads out of itself for any text, or to no replacement: libsentencepiece doesn't look.
  absl::Status check() const;

  // The replacement of the shortest rule that matches the start of `text`; nullopt without one.
  std::optional<std::string_view> find(std::string_view text) const;

 private:
  Charsmap() = default;
  std::vector<uint32_t> units_;
  std::string replacements_;
};

// Each grapheme of up to five bytes is replaced as a whole if a rule matches its start, otherwise character
// by character: Hugging Face's way, which differs from SentencePiece's longest match where marks are
// combined.
Normalizer::Step charsmap_step(Charsmap charsmap);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_CHARSMAP_H_
