// Chat templates: a conversation as the text that a model was trained on, and which tokens the loss counts.
//
// The model's own template is Jinja text. It is taken when it belongs to one of six families (ChatML, Llama
// 2, Llama 3, Gemma, Zephyr, Alpaca style) and renders a set of trial conversations byte for byte as the
// renderer below does (tools aside); any other is an error that names the flag.
//
//   ROUX_ASSIGN_OR_RETURN(ChatTemplate chat, recognise_chat_template(*tokenizer));
//   ROUX_ASSIGN_OR_RETURN(EncodedChat e,
//                         encode_chat(*tokenizer, chat, {{"user", "Hi"}, {"assistant", "Hello"}}));
//   // e.ids, e.loss_mask: 1 on "Hello" and the token that ends it
#ifndef ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_H_
#define ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

struct ChatMessage {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
};

enum class ChatFormat { kChatMl, kLlama2, kLlama3, kGemma, kZephyr, kAlpaca };

struct ChatTemplate {
  ChatFormat format = ChatFormat::kChatMl;
  std::string bos, eos;         // texts of the model's tokens where the template writes them
  std::string default_system;   // system message of conversations without one; empty = none
  std::string system_prefix;    // stands before every given system message: Llama 3.1's dates
  bool system_in_user = false;  // Gemma 3: the system message opens the first user message
  bool trim = false;            // contents lose the white space at their ends
};

// A part of the rendered text.
struct ChatSpan {
  Span bytes;
  int32_t message = -1;  // index of the message; -1: text of the template
  bool trained = false;  // an assistant's answer, with the text that ends it
};

struct RenderedChat {
  std::string text;
  std::vector<ChatSpan> spans;  // in order, without gaps
};

// The template text of a model. `flag` is what the error tells the user to set. `date`, as "26 Jul 2024", is
// what templates write that put a date into the system message (Llama 3.1 and later).
absl::StatusOr<ChatTemplate> recognise_chat_template(std::string_view jinja, std::string_view bos,
                                                     std::string_view eos,
                                                     std::string_view flag = "--chat_template",
                                                     std::string_view date = "");
// The tokenizer's own, with its BOS and EOS. Several templates without a default are an error that lists
// them.
absl::StatusOr<ChatTemplate> recognise_chat_template(const Tokenizer& tokenizer,
                                                     std::string_view flag = "--chat_template",
                                                     std::string_view date = "");
// By name: chatml, llama2, llama3, gemma, zephyr, alpaca.
absl::StatusOr<ChatTemplate> chat_template_by_name(std::string_view name, std::string_view bos,
                                                   std::string_view eos);

// Equal to what the family's Jinja template renders. `generate`: ends with the head of an assistant's answer.
// Unknown roles, roles out of order where the family forbids it, and a system message where it has no place
// are errors.
absl::StatusOr<RenderedChat> render_chat(const ChatTemplate& chat, const std::vector<ChatMessage>& messages,
                                         bool generate = false);

struct EncodedChat {
  std::vector<int32_t> ids;
  std::vector<uint8_t> loss_mask;  // 1: the loss counts this token as a target
  std::string text;
};

// Renders and encodes. Special tokens and tags are read in the template's text alone, never in contents,
// whatever file the tokenizer came from. A BOS that would stand twice is an error, and so is a mask without
// any 1 unless `generate`.
absl::StatusOr<EncodedChat> encode_chat(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                        const std::vector<ChatMessage>& messages, bool generate = false);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_H_
