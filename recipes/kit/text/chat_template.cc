#include "recipes/kit/text/chat_template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

class Renderer {
 public:
  Renderer(const ChatTemplate& chat, const std::vector<ChatMessage>& messages)
      : chat_(chat), messages_(messages) {}

  absl::StatusOr<RenderedChat> render(bool generate) {
    ROUX_RETURN_IF_ERROR(check());
    switch (chat_.format) {
      case ChatFormat::kChatMl:
        chatml(generate);
        break;
      case ChatFormat::kLlama2:
        llama2();
        break;
      case ChatFormat::kLlama3:
        llama3(generate);
        break;
      case ChatFormat::kGemma:
        gemma(generate);
        break;
      case ChatFormat::kZephyr:
        zephyr(generate);
        break;
      case ChatFormat::kAlpaca:
        alpaca(generate);
        break;
    }
    return std::move(out_);
  }

 private:
  absl::Status error(size_t index, const std::string& what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("chat: message ", index, " (", messages_[index].role, "): ", what));
  }

  absl::Status check() const {
    if (messages_.empty()) return absl::InvalidArgumentError("chat: there are no messages");
    const ChatFormat f = chat_.format;
    if (chat_.eos.empty() &&
        (f == ChatFormat::kLlama2 || f == ChatFormat::kZephyr || f == ChatFormat::kAlpaca)) {
      return absl::InvalidArgumentError(
          "chat: this format ends answers with the model's EOS, and there is none");
    }
    const bool alternates = f == ChatFormat::kLlama2 || f == ChatFormat::kGemma || f == ChatFormat::kAlpaca;
    const bool system = messages_[0].role == "system";
    if (system && f == ChatFormat::kGemma && !chat_.system_in_user) {
      return error(0, "this model has no place for a system message");
    }
    for (size_t i = 0; i < messages_.size(); ++i) {
      const std::string& role = messages_[i].role;
      if (role != "system" && role != "user" && role != "assistant") {
        return error(i, "unknown role; expected system, user or assistant");
      }
      if (role == "system" && i > 0) return error(i, "a system message may only come first");
      const size_t turn = i - (system ? 1 : 0);
      if (alternates && role != "system" && (role == "user") != (turn % 2 == 0)) {
        return error(i, "user and assistant must take turns, the user first");
      }
    }
    return absl::OkStatus();
  }

  void add(std::string_view text, int32_t message, bool trained) {
    if (text.empty()) return;
    const auto begin = static_cast<uint32_t>(out_.text.size());
    out_.text.append(text);
    out_.spans.push_back({{begin, static_cast<uint32_t>(out_.text.size())}, message, trained});
  }
  void fixed(std::string_view text) { add(text, -1, false); }
  void content(size_t index, std::string_view text) {
    add(text, static_cast<int32_t>(index), messages_[index].role == "assistant");
  }
  // Ends an answer: trained after an assistant's text.
  void end(size_t index, std::string_view text) { add(text, -1, messages_[index].role == "assistant"); }
  bool has_system() const { return messages_[0].role == "system"; }

  std::string_view body(size_t index) const {
    const std::string_view text = messages_[index].content;
    return chat_.trim ? strip(text) : text;
  }
  // A message between its head and its end; the template's system text is put before it.
  void message(size_t index, std::string_view head, std::string_view end_text) {
    fixed(head);
    if (messages_[index].role == "system") fixed(chat_.system_prefix);
    content(index, body(index));
    end(index, end_text);
  }
  bool writes_default_system() const { return !has_system() && !chat_.default_system.empty(); }

  // Families in which each message stands between a head with its role and an end.
  template <class Head>
  void turns(Head head, std::string_view end_text, std::string_view after, bool generate) {
    fixed(chat_.bos);
    if (writes_default_system())
      fixed(absl::StrCat(head("system"), chat_.default_system,
                         absl::string_view(end_text.data(), end_text.size()),
                         absl::string_view(after.data(), after.size())));
    for (size_t i = 0; i < messages_.size(); ++i) {
      message(i, head(messages_[i].role), end_text);
      fixed(after);
    }
    if (generate) fixed(head("assistant"));
  }

  void chatml(bool generate) {
    turns([](const std::string& role) { return absl::StrCat("<|im_start|>", role, "\n"); }, "<|im_end|>",
          "\n", generate);
  }
  void llama3(bool generate) {
    turns(
        [](const std::string& role) {
          return absl::StrCat("<|start_header_id|>", role, "<|end_header_id|>\n\n");
        },
        "<|eot_id|>", "", generate);
  }
  void zephyr(bool generate) {
    turns([](const std::string& role) { return absl::StrCat("<|", role, "|>\n"); }, chat_.eos, "\n",
          generate);
  }

  void llama2() {
    const size_t first = has_system() ? 1 : 0;
    for (size_t i = first; i < messages_.size(); ++i) {
      if (messages_[i].role == "assistant") {
        // The spaces belong to the template; the one in front is part of what the model writes.
        end(i, " ");
        content(i, strip(messages_[i].content));
        end(i, " ");
        end(i, chat_.eos);
        continue;
      }
      fixed(chat_.bos + "[INST] ");
      const bool system = i == first && (has_system() || writes_default_system());
      if (system) {
        fixed("<<SYS>>\n");
        if (has_system()) {
          fixed(chat_.system_prefix);
          content(0, messages_[0].content);
        } else {
          fixed(chat_.default_system);
        }
        // The template strips the whole: an empty message takes the line ends with it.
        fixed(strip(messages_[i].content).empty() ? "\n<</SYS>>" : "\n<</SYS>>\n\n");
      }
      content(i, system ? right_strip(messages_[i].content) : strip(messages_[i].content));
      fixed(" [/INST]");
    }
  }

  void gemma(bool generate) {
    fixed(chat_.bos);
    const size_t first = has_system() ? 1 : 0;
    for (size_t i = first; i < messages_.size(); ++i) {
      const bool model = messages_[i].role == "assistant";
      fixed(absl::StrCat("<start_of_turn>", model ? "model" : "user", "\n"));
      if (i == first && has_system()) {
        content(0, messages_[0].content);
        fixed("\n\n");
      }
      content(i, body(i));
      end(i, "<end_of_turn>");
      fixed("\n");
    }
    if (generate) fixed("<start_of_turn>model\n");
  }

  void alpaca(bool generate) {
    fixed(chat_.bos);
    if (writes_default_system()) fixed(chat_.default_system + "\n\n");
    for (size_t i = 0; i < messages_.size(); ++i) {
      const std::string& role = messages_[i].role;
      const bool answer = role == "assistant";
      message(i,
              role == "system" ? ""
              : answer         ? "### Response:\n"
                               : "### Instruction:\n",
              answer ? chat_.eos : "");
      fixed("\n\n");
    }
    if (generate) fixed("### Response:\n");
  }

  const ChatTemplate& chat_;
  const std::vector<ChatMessage>& messages_;
  RenderedChat out_;
};

}  // namespace

absl::StatusOr<RenderedChat> render_chat(const ChatTemplate& chat, const std::vector<ChatMessage>& messages,
                                         bool generate) {
  return Renderer(chat, messages).render(generate);
}

absl::StatusOr<EncodedChat> encode_chat(const Tokenizer& tokenizer, const ChatTemplate& chat,
                                        const std::vector<ChatMessage>& messages, bool generate) {
  ROUX_ASSIGN_OR_RETURN(RenderedChat rendered, render_chat(chat, messages, generate));
  std::vector<Span> literal;
  for (const ChatSpan& span : rendered.spans) {
    if (span.message >= 0) literal.push_back(span.bytes);
  }
  EncodeOptions options;
  options.offsets = true;
  options.parse_control = true;
  options.literal_ranges = literal;
  Encoding encoding = tokenizer.encode(rendered.text, options);
  EncodedChat out;
  out.loss_mask.reserve(encoding.ids.size());
  size_t at = 0;
  bool any = false;
  for (const Span& token : encoding.offsets) {
    // A token belongs to the span that holds its last byte.
    const uint32_t last = std::max(token.begin + 1, token.end) - 1;
    while (at + 1 < rendered.spans.size() && rendered.spans[at].bytes.end <= last) ++at;
    const bool trained = !rendered.spans.empty() && rendered.spans[at].trained;
    out.loss_mask.push_back(trained ? 1 : 0);
    any = any || trained;
  }
  const std::optional<int32_t> bos = tokenizer.special().bos;
  const std::vector<int32_t>& ids = encoding.ids;
  if (bos && !chat.bos.empty() && ids.size() > 1 && ids[0] == *bos && ids[1] == *bos) {
    return absl::InvalidArgumentError("chat: the text begins with two BOS tokens");
  }
  if (!any && !generate) {
    return absl::InvalidArgumentError(
        "chat: no token counts for the loss: the conversation has no assistant's answer");
  }
  out.ids = std::move(encoding.ids);
  out.text = std::move(rendered.text);
  return out;
}

}  // namespace roux::kit
