// A conversation with a language model that has a chat template.
//
//   ROUX_ASSIGN_OR_RETURN(Pretrained model, load_language_model("smollm2", {.weights = {.map = true}}));
//   model.model->eval();
//   ROUX_ASSIGN_OR_RETURN(std::unique_ptr<Chat> chat, Chat::create(model, {.max_tokens = 200}));
//   ROUX_ASSIGN_OR_RETURN(Answer answer, chat->answer("What is a prime number?"));
//
// A turn costs its new tokens alone: keys and values of the turns before are kept. Where the template writes
// a past turn otherwise than it was generated, they are computed again from there on.
#ifndef ROUX_RECIPES_KIT_CHAT_CHAT_H_
#define ROUX_RECIPES_KIT_CHAT_CHAT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/chat/kept_cache.h"
#include "recipes/kit/decode/sampling.h"
#include "recipes/kit/models/language_model.h"

namespace roux::kit {

struct ChatOptions {
  std::string system = {};  // empty: the template's own, if it has one
  Sampling sampling = {};
  double repetition_penalty = 1;
  int64_t max_tokens = 1024;  // of an answer
  int64_t context = 4096;     // tokens of the whole conversation; no more than the model has
  uint64_t seed = 1;          // with equal lines it gives equal answers
};

struct Answer {
  enum End : uint8_t { kWhole, kInterrupted, kMaxTokens, kContext };
  End end = kWhole;
  std::string text = {};  // without the token that ends it
  KeptCache::Prompt prompt = {};
  int64_t tokens = 0;         // generated, with the one that ends it
  double decode_seconds = 0;  // of all but the first, which the prompt's logits give
};

class Chat {
 public:
  // The model, in eval mode, must outlive it. FailedPrecondition or the template's own error for a model that
  // cannot chat: an encoder-decoder, no chat template, no token that ends an answer, a template without a
  // place for options.system. Throws Error for sampling or sizes out of range.
  static absl::StatusOr<std::unique_ptr<Chat>> create(const Pretrained& model, const ChatOptions& options);

  // Goes on with the conversation. `on_text` gets the text as it comes, in whole characters; `interrupted` is
  // asked before each token, and what was written until it says so stays in the conversation.
  // ResourceExhausted, with the conversation as it was, if it has no room for the question and a token.
  // InvalidArgument likewise for a token that the model has no embedding of.
  absl::StatusOr<Answer> answer(const std::string& question,
                                const std::function<void(std::string_view)>& on_text = {},
                                const std::function<bool()>& interrupted = {});

  // Begins a new conversation.
  void reset();
  const std::vector<ChatMessage>& messages() const { return messages_; }

 private:
  Chat(const Pretrained& model, const ChatOptions& options);
  void forget_turns();
  const Pretrained& model_;
  ChatOptions options_;
  KeptCache cache_;
  std::vector<ChatMessage> messages_;
  uint64_t turn_ = 0;  // draws differ from turn to turn, and after a reset too
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_CHAT_CHAT_H_
