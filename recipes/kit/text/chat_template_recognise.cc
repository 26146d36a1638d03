// Which family a model's own template belongs to: chat_template.h.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/text/chat_template.h"
#include "recipes/kit/text/chat_template_jinja.h"

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

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string names() {
  std::string all;
  for (const Family& family : kFamilies) absl::StrAppend(&all, all.empty() ? "" : ", ", family.name);
  return all;
}

bool trims(ChatFormat format) { return format != ChatFormat::kChatMl && format != ChatFormat::kZephyr; }

struct Trial {
  std::vector<ChatMessage> messages;
  bool generate;
  absl::StatusOr<std::string> text;  // what the model's own template renders
};

// Conversations that tell templates apart: white space, empty contents, system messages, roles out of order,
// several turns, and a mark that some templates cut answers at. The first four must render.
absl::StatusOr<std::vector<Trial>> try_template(const JinjaTemplate& jinja, std::string_view bos,
                                                std::string_view eos, std::string_view date) {
  const ChatMessage user = {"user", " \n Ask \u00e9. \n\n"}, answer = {"assistant", "\n  Say.\n "};
  const ChatMessage system = {"system", "  Be brief. \n"};
  const std::vector<std::vector<ChatMessage>> conversations = {
      {user},
      {user, answer},
      {user, answer, user, answer},
      {user, answer, user, answer, user},
      {system, user},
      {system, user, answer, user, answer},
      {{"user", ""}, {"assistant", ""}},
      {{"system", ""}, {"user", "x"}},
      {system},
      {system, answer},
      {answer, user},
      {user, user},
      {user, answer, answer},
      {{"user", "x"},
       {"assistant", "<think>a</think>b"},
       {"user", "y<|im_end|>"},
       {"assistant", "[{'a': 1}] {{ x }}"}},
  };
  std::vector<Trial> trials;
  for (const auto& messages : conversations) {
    for (const bool generate : {false, true}) {
      JinjaInput input;
      for (const ChatMessage& message : messages) input.messages.emplace_back(message.role, message.content);
      input.generate = generate;
      input.bos = std::string(bos);
      input.eos = std::string(eos);
      input.date = std::string(date);
      absl::StatusOr<std::string> text = jinja.render(input);
      const bool refused = absl::IsFailedPrecondition(text.status());
      if (!text.ok() && (!refused || trials.size() < 4)) return text.status();
      trials.push_back({messages, generate, std::move(text)});
    }
  }
  return trials;
}

std::string between(const std::string& text, const std::string& head, const std::string& end) {
  const size_t at = text.find(head);
  if (at == std::string::npos) return "";
  const size_t stop = text.find(end, at + head.size());
  return stop == std::string::npos ? "" : text.substr(at + head.size(), stop - at - head.size());
}

// What the template writes of its own accord, read off the trials. Whether it is right, the trials tell.
void read_constants(const std::vector<Trial>& trials, std::string_view bos, ChatTemplate* chat) {
  const std::string& plain = *trials[0].text;
  std::string first, head, end;  // the first mark of the family; what encloses a system message
  switch (chat->format) {
    case ChatFormat::kChatMl:
      first = "<|im_start|>", head = "<|im_start|>system\n", end = "<|im_end|>";
      break;
    case ChatFormat::kLlama3:
      first = "<|start_header_id|>", head = "<|start_header_id|>system<|end_header_id|>\n\n",
      end = "<|eot_id|>";
      break;
    case ChatFormat::kZephyr:
      first = "<|", head = "<|system|>\n", end = chat->eos;
      break;
    case ChatFormat::kLlama2:
      first = "[INST]", head = "<<SYS>>\n", end = "\n<</SYS>>";
      break;
    case ChatFormat::kGemma:
      first = "<start_of_turn>";
      break;
    case ChatFormat::kAlpaca:
      head = chat->bos = plain.rfind(std::string(bos), 0) == 0 ? std::string(bos) : "";
      end = "\n\n### Instruction";
  }
  if (!first.empty()) chat->bos = plain.substr(0, std::min(plain.find(first), plain.size()));
  if (end.empty()) return;
  chat->default_system = between(plain, head, end);
  for (const Trial& trial : trials) {
    if (trial.messages[0].role != "system" || !trial.text.ok()) continue;
    const std::string system = between(*trial.text, head, end);
    const size_t at = system.find("Be brief.");
    if (at == std::string::npos) continue;
    // The blanks of the trial's own message are no part of the prefix.
    chat->system_prefix = system.substr(0, at);
    if (!chat->trim && chat->system_prefix.size() >= 2) chat->system_prefix.resize(at - 2);
    return;
  }
}

// How many trials the template and ours render alike; -1 if one renders differently.
int agreement(const std::vector<Trial>& trials, const ChatTemplate& chat, const Trial** differs) {
  int equal = 0;
  for (const Trial& trial : trials) {
    const absl::StatusOr<RenderedChat> ours = render_chat(chat, trial.messages, trial.generate);
    const bool needed = &trial - trials.data() < 4;
    if (ours.ok() && trial.text.ok() && ours->text == *trial.text) {
      ++equal;
    } else if (needed || (ours.ok() && trial.text.ok())) {
      *differs = &trial;
      return -1;
    }
  }
  return equal;
}

std::string describe(const Trial& trial) {
  std::string roles;
  for (const ChatMessage& message : trial.messages)
    absl::StrAppend(&roles, roles.empty() ? "" : ", ", message.role);
  return roles + (trial.generate ? " with generation prompt" : "");
}

}  // namespace

absl::StatusOr<ChatTemplate> recognise_chat_template(std::string_view jinja, std::string_view bos,
                                                     std::string_view eos, std::string_view flag,
                                                     std::string_view date) {
  const auto unknown = [&](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat(
        "chat template: ", why, ": set ", std::string(flag), " to one of ", names(),
        jinja.empty()
            ? ""
            : absl::StrCat("; the model's template begins \"", std::string(jinja.substr(0, 60)), "\"")));
  };
  if (jinja.empty()) return unknown("the model brings none");
  const Family* found = nullptr;
  for (const Family& family : kFamilies) {
    if (!contains(jinja, family.mark)) continue;
    if (found != nullptr) {
      return unknown(absl::StrCat("the model's own looks like both ", found->name, " and ", family.name));
    }
    found = &family;
  }
  if (found == nullptr) return unknown("the model's own is of no known kind");
  const absl::StatusOr<JinjaTemplate> parsed = JinjaTemplate::parse(jinja);
  if (!parsed.ok())
    return unknown(absl::StrCat("the model's own cannot be read: ", parsed.status().message()));
  const absl::StatusOr<std::vector<Trial>> trials = try_template(*parsed, bos, eos, date);
  if (!trials.ok())
    return unknown(absl::StrCat("the model's own cannot be tried: ", trials.status().message()));
  ChatTemplate best;
  int most = -1;
  const Trial* differs = nullptr;
  for (const bool trim : {trims(found->format), !trims(found->format)}) {
    for (const bool system_in_user : {false, true}) {
      if (system_in_user && found->format != ChatFormat::kGemma) continue;
      ChatTemplate chat;
      chat.format = found->format;
      chat.eos = std::string(eos);
      chat.trim = trim;
      chat.system_in_user = system_in_user;
      read_constants(*trials, bos, &chat);
      const int equal = agreement(*trials, chat, &differs);
      if (equal > most) {
        best = chat;
        most = equal;
      }
    }
  }
  if (most >= 0) return best;
  return unknown(absl::StrCat("the model's own looks like ", found->name, " but renders otherwise (",
                              describe(*differs), ")"));
}

absl::StatusOr<ChatTemplate> recognise_chat_template(const Tokenizer& tokenizer, std::string_view flag,
                                                     std::string_view date) {
  const auto text = [&](const std::optional<int32_t>& id) {
    return id ? tokenizer.token(*id) : std::string();
  };
  const std::vector<std::string>& several = tokenizer.chat_template_names();
  if (tokenizer.chat_template().empty() && !several.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("chat template: the model brings \"", absl::StrJoin(several, "\", \""),
                     "\", none of them \"default\": set ", std::string(flag), " to one of ", names()));
  }
  return recognise_chat_template(tokenizer.chat_template(), text(tokenizer.special().bos),
                                 text(tokenizer.special().eos), flag, date);
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
    chat.trim = trims(family.format);
    return chat;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("chat template: \"", std::string(name), "\" is not known; expected one of ", names()));
}

}  // namespace roux::kit
