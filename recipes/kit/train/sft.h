// Supervised fine-tuning: examples as rows of tokens in which the loss counts the answers.
//
//   ROUX_ASSIGN_OR_RETURN(SftDocuments sft, encode_examples(examples, *tokenizer, {.max_tokens = 256}));
//   ROUX_ASSIGN_OR_RETURN(WindowSet train, WindowSet::packed(sft.documents, 255, "examples"));
#ifndef ROUX_RECIPES_KIT_TRAIN_SFT_H_
#define ROUX_RECIPES_KIT_TRAIN_SFT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "recipes/kit/data/example.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/text/chat_template.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

struct SftOptions {
  // Prompt and response as messages of user and assistant. Without it the tokens are those of the prompt, as
  // the tokenizer begins a text, of the response, and EOS: each is encoded alone, as decoding meets them.
  std::optional<ChatTemplate> chat = {};
  std::string system;           // with `chat`: the system message, if not empty
  bool loss_on_prompt = false;  // every token is a target
  int64_t max_tokens = 0;       // longer examples are left out: half an answer is another answer; 0: no limit
};

struct SftDocuments {
  std::vector<MaskedDocument> documents;  // the answer and what ends it are targets
  std::vector<int64_t> example;           // of each document, its index in what was given
  int64_t too_long = 0;                   // examples left out
};

// Special tokens that are spelt out in prompts and responses are plain text. InvalidArgument, with the id of
// the example: an empty response, a message that the template refuses; also a tokenizer without EOS where
// `chat` is not given, a system message without `chat`, and when no example is left.
absl::StatusOr<SftDocuments> encode_examples(absl::Span<const Example> examples, const Tokenizer& tokenizer,
                                             const SftOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_SFT_H_
