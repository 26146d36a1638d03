// SentencePiece models (unigram and BPE) through Debian's libsentencepiece.
#ifndef ROUX_RECIPES_KIT_TEXT_SENTENCEPIECE_MODEL_H_
#define ROUX_RECIPES_KIT_TEXT_SENTENCEPIECE_MODEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

// From the bytes of a .model file, or from its path. Normalisation, user-defined symbols and the space in
// front are the model's own. Control pieces ("<s>") are never read from text, as in the library, unless
// parse_control (chat templates); add_special puts BOS and EOS where the model has them, as `bos` and `eos`
// say. Between control pieces and added tokens (Tokenizer::with_added) each part is encoded as a text of its
// own.
struct SentencepieceOptions {
  bool bos = true;
  bool eos = false;
};
absl::StatusOr<std::shared_ptr<const Tokenizer>> parse_sentencepiece(
    const std::string& bytes, const std::string& name, const SentencepieceOptions& options = {});
absl::StatusOr<std::shared_ptr<const Tokenizer>> load_sentencepiece(const std::string& path,
                                                                    const SentencepieceOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_SENTENCEPIECE_MODEL_H_
