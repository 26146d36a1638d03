#include "recipes/kit/text/chat_template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

struct Family {
  const char* name;
  ChatFormat format;
  const char* mark;  // text that only this family's templates hold
};

constexpr Family kFamilies[] = {
    {"chatml", ChatFormat::kChatMl, "<|im_start|>"},  {"llama3", ChatFormat::kLlama3, "<|start_header_id|>"},
    {"llama2", ChatFormat::kLlama2, "<<SYS>>"},       {"gemma", ChatFormat::kGemma, "<start_of_turn>"},
    {"zephyr", ChatFormat::kZephyr, "<|assistant|>"}, {"alpaca", ChatFormat::kAlpaca, "### Response:"},
};

// What templates of these families do beyond their family; each changes the text, so none is passed over.
constexpr const char* kForeign[] = {"strftime_now",    "date_string",       "Cutting Knowledge",
                                    "enable_thinking", "reasoning_content", "<think>",
                                    "thinking",        "documents",         "<|end|>"};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string names() {
  std::string all;
  for (const Family& family : kFamilies) absl::StrAppend(&all, all.empty() ? "" : ", ", family.name);
  return all;
}

// Backslash escapes of a Jinja string.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char next = text[++i];
    out += next == 'n' ? '\n' : next == 't' ? '\t' : next;
  }
  return out;
}

// The system message that a ChatML template writes by itself: the constant after "<|im_start|>system\n".
std::string chatml_default_system(std::string_view jinja) {
  constexpr std::string_view kHead = "<|im_start|>system\\n";
  for (size_t at = jinja.find(kHead); at != std::string_view::npos; at = jinja.find(kHead, at + 1)) {
    const size_t begin = at + kHead.size();
    const size_t end = jinja.find("<|im_end|>", begin);
    if (end == std::string_view::npos) break;
    const std::string_view constant = jinja.substr(begin, end - begin);
    // A quote means that the string ends and an expression follows.
    if (!constant.empty() && constant.find_first_of("'\"{") == std::string_view::npos)
      return unescape(constant);
  }
  return "";
}

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

  void chatml(bool generate) {
    if (!has_system() && !chat_.default_system.empty()) {
      fixed(absl::StrCat("<|im_start|>system\n", chat_.default_system, "<|im_end|>\n"));
    }
    for (size_t i = 0; i < messages_.size(); ++i) {
      fixed(absl::StrCat("<|im_start|>", messages_[i].role, "\n"));
      content(i, messages_[i].content);
      end(i, "<|im_end|>");
      fixed("\n");
    }
    if (generate) fixed("<|im_start|>assistant\n");
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
      if (i == first && has_system()) {
        fixed("<<SYS>>\n");
        content(0, messages_[0].content);
        fixed("\n<</SYS>>\n\n");
        content(i, right_strip(messages_[i].content));
      } else {
        content(i, strip(messages_[i].content));
      }
      fixed(" [/INST]");
    }
  }

  void llama3(bool generate) {
    fixed(chat_.bos);
    for (size_t i = 0; i < messages_.size(); ++i) {
      fixed(absl::StrCat("<|start_header_id|>", messages_[i].role, "<|end_header_id|>\n\n"));
      content(i, strip(messages_[i].content));
      end(i, "<|eot_id|>");
    }
    if (generate) fixed("<|start_header_id|>assistant<|end_header_id|>\n\n");
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
      content(i, strip(messages_[i].content));
      end(i, "<end_of_turn>");
      fixed("\n");
    }
    if (generate) fixed("<start_of_turn>model\n");
  }

  void zephyr(bool generate) {
    for (size_t i = 0; i < messages_.size(); ++i) {
      fixed(absl::StrCat("<|", messages_[i].role, "|>\n"));
      content(i, messages_[i].content);
      end(i, chat_.eos);
      fixed("\n");
    }
    if (generate) fixed("<|assistant|>\n");
  }

  void alpaca(bool generate) {
    fixed(chat_.bos);
    for (size_t i = 0; i < messages_.size(); ++i) {
      const std::string& role = messages_[i].role;
      if (role != "system") fixed(role == "user" ? "### Instruction:\n" : "### Response:\n");
      content(i, strip(messages_[i].content));
      if (role == "assistant") end(i, chat_.eos);
      fixed("\n\n");
    }
    if (generate) fixed("### Response:\n");
  }

  const ChatTemplate& chat_;
  const std::vector<ChatMessage>& messages_;
  RenderedChat out_;
};

}  // namespace

absl::StatusOr<ChatTemplate> recognise_chat_template(std::string_view jinja, std::string_view bos,
                                                     std::string_view eos, std::string_view flag) {
  const auto unknown = [&](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat(
        "chat template: ", why, ": set ", std::string(flag), " to one of ", names(),
        jinja.empty()
            ? ""
            : absl::StrCat("; the model's template begins \"", std::string(jinja.substr(0, 60)), "\"")));
  };
  if (jinja.empty()) return unknown("the model brings none");
  for (const char* foreign : kForeign) {
    if (contains(jinja, foreign))
      return unknown(absl::StrCat("the model's own uses \"", foreign, "\", which is not known here"));
  }
  const Family* found = nullptr;
  for (const Family& family : kFamilies) {
    if (!contains(jinja, family.mark)) continue;
    if (found != nullptr) {
      return unknown(absl::StrCat("the model's own looks like both ", found->name, " and ", family.name));
    }
    found = &family;
  }
  if (found == nullptr) return unknown("the model's own is of no known kind");
  ChatTemplate chat;
  chat.format = found->format;
  if (contains(jinja, "bos_token")) chat.bos = std::string(bos);
  chat.eos = std::string(eos);
  if (chat.format == ChatFormat::kChatMl) chat.default_system = chatml_default_system(jinja);
  chat.system_in_user = chat.format == ChatFormat::kGemma && contains(jinja, "first_user_prefix");
  return chat;
}

absl::StatusOr<ChatTemplate> recognise_chat_template(const Tokenizer& tokenizer, std::string_view flag) {
  const auto text = [&](const std::optional<int32_t>& id) {
    return id ? tokenizer.token(*id) : std::string();
  };
  return recognise_chat_template(tokenizer.chat_template(), text(tokenizer.special().bos),
                                 text(tokenizer.special().eos), flag);
}

absl::StatusOr<ChatTemplate> chat_template_by_name(std::string_view name, std::string_view bos,
                                                   std::string_view eos) {
  for (const Family& family : kFamilies) {
    if (name != family.name) continue;
    ChatTemplate chat;
    chat.format = family.format;
    const bool writes_bos = chat.format != ChatFormat::kChatMl && chat.format != ChatFormat::kZephyr;
    if (writes_bos) chat.bos = std::string(bos);
    chat.eos = std::string(eos);
    return chat;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("chat template: \"", std::string(name), "\" is not known; expected one of ", names()));
}

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
