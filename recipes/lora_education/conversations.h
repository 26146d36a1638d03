// Conversations as the paper keeps them, a JSON object a line:
//
//   {"conversations": [{"from": "human", "value": "..."}, {"from": "assistant", "value": "..."}, ...]}
//
// read, checked, split and made into rows with their loss masks.
#ifndef ROUX_RECIPES_LORA_EDUCATION_CONVERSATIONS_H_
#define ROUX_RECIPES_LORA_EDUCATION_CONVERSATIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "recipes/kit/data/funnel.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/text/chat_template.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::lora_education {

using Conversation = std::vector<kit::ChatMessage>;  // roles "user" and "assistant"

// "human" and "assistant" of the file ("gpt", too) as "user" and "assistant". Errors of JsonlReader;
// InvalidArgument with path and line for a line without such a list and for another role; for a file without
// a conversation.
absl::StatusOr<std::vector<Conversation>> read_conversations(const std::string& path);

// What the paper's pipeline keeps [section 3]: strictly alternating roles from a question to an answer, no
// empty turn, no answer that is given twice, no exact and no near duplicate (NearDuplicates of method.h).
std::vector<Conversation> quality_filtered(std::vector<Conversation> all, kit::Funnel& funnel);

struct Split {
  std::vector<Conversation> train, test;
};
// The paper's 85 %, rounded down (2,274 of 2,676), and the rest, drawn by the seed; at least one on each
// side. InvalidArgument for fewer than two.
absl::StatusOr<Split> split(const std::vector<Conversation>& all, uint64_t seed, double train_share = 0.85);

struct EncodedConversations {
  std::vector<kit::MaskedDocument> documents;
  int64_t too_long = 0;  // left out: half an answer is another answer
};
// The template's rendering, with EOS after each answer. The loss counts every token, as the paper's training
// on formatted text does, or the answers and what ends them. Errors of encode_chat; InvalidArgument when none
// is left.
absl::StatusOr<EncodedConversations> encode(absl::Span<const Conversation> conversations,
                                            const kit::Tokenizer& tokenizer, const kit::ChatTemplate& chat,
                                            bool answers_only, int64_t max_tokens);

// The tokens of a first question with the head of its answer, and the first answer: what is generated behind,
// and what it is compared with.
struct Prompt {
  std::vector<int32_t> tokens;
  std::string question, reference;
};
absl::StatusOr<std::vector<Prompt>> prompts(absl::Span<const Conversation> conversations,
                                            const kit::Tokenizer& tokenizer, const kit::ChatTemplate& chat);

}  // namespace roux::lora_education

#endif  // ROUX_RECIPES_LORA_EDUCATION_CONVERSATIONS_H_
