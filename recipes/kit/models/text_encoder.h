// Sentence embeddings: an encoder, its tokenizer, and how hidden states become one vector.
//
//   ROUX_ASSIGN_OR_RETURN(const TextEncoder encoder, load_text_encoder("minilm", {.source = run.source_options()}));
//   const Tensor e = encoder.encode({"A man is eating.", "Somebody eats."});   // [2, 384], rows of length 1
//   const Tensor similarity = matmul(e, e.transpose(0, 1));
#ifndef ROUX_RECIPES_KIT_MODELS_TEXT_ENCODER_H_
#define ROUX_RECIPES_KIT_MODELS_TEXT_ENCODER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nn/models/transformer.h"
#include "recipes/kit/models/language_model.h"

namespace roux::kit {

enum class Pooling : uint8_t { kMean, kFirst, kLast };  // over the tokens, special ones included

struct TextEncoder {
  std::unique_ptr<Transformer> model;  // in evaluation mode
  std::shared_ptr<const Tokenizer> tokenizer;
  Pooling pooling = Pooling::kMean;
  bool normalize = false;  // each row is divided by its L2 norm
  bool lowercase = false;  // texts are, before the tokenizer
  int64_t max_tokens = 0;  // of a text, special ones included; the rest is left out
  Provenance from;

  // The ids of a text, with the tokenizer's special ones.
  std::vector<int32_t> ids(std::string_view text) const;
  // [N, D] in the model's dtype, without gradients. Texts of similar length share a batch of at most `rows`.
  Tensor encode(absl::Span<const std::string> texts, int64_t rows = 32) const;
  // The same of one batch, [B, T] and lengths i32 [B], differentiable.
  Tensor pool(const Tensor& ids, const Tensor& lengths) const;
};

// `path_or_name` as find_model_files takes it ("minilm"): a folder of sentence-transformers (modules.json:
// Transformer, Pooling by mean, first or last token, Normalize), one of an encoder alone (mean, not
// normalised, as sentence-transformers takes it), or a GGUF file of architecture bert (pooling_type,
// normalised, as llama.cpp does). Unimplemented names other modules and poolings.
absl::StatusOr<TextEncoder> load_text_encoder(const std::string& path_or_name,
                                              const ModelOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_MODELS_TEXT_ENCODER_H_
