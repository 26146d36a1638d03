#include "recipes/lora_education/conversations.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/text/readers/jsonl.h"
#include "recipes/lora_education/method.h"
#include "tensor/error.h"

namespace roux::lora_education {
namespace {

absl::StatusOr<Conversation> parse(const JsonValue& line, const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(where, what));
  };
  const JsonValue* turns = line.find("conversations");
  if (turns == nullptr || !turns->is_array()) {
    return refuse("needed is an object with a list \"conversations\" of {\"from\", \"value\"}");
  }
  Conversation out;
  for (const JsonValue& turn : turns->items()) {
    const JsonValue *from = turn.find("from"), *value = turn.find("value");
    if (from == nullptr || value == nullptr || !from->is_string() || !value->is_string()) {
      return refuse(absl::StrCat("turn ", out.size() + 1, " lacks the texts \"from\" and \"value\""));
    }
    const std::string& role = from->string();
    if (role != "human" && role != "assistant" && role != "gpt") {
      return refuse(
          absl::StrCat("turn ", out.size() + 1, " is from \"", role, "\", needed human or assistant"));
    }
    out.push_back({role == "human" ? "user" : "assistant", value->string()});
  }
  return out;
}

std::string text_of(const Conversation& conversation) {
  std::string text;
  for (const kit::ChatMessage& message : conversation)
    absl::StrAppend(&text, message.role, "\n", message.content, "\n");
  return text;
}

bool alternates(const Conversation& conversation) {
  for (size_t i = 0; i < conversation.size(); ++i) {
    if (conversation[i].role != (i % 2 == 0 ? "user" : "assistant")) return false;
  }
  return !conversation.empty() && conversation.size() % 2 == 0;
}

bool has_empty_turn(const Conversation& conversation) {
  return std::any_of(conversation.begin(), conversation.end(), [](const kit::ChatMessage& message) {
    return message.content.find_first_not_of(" \t\r\n") == std::string::npos;
  });
}

bool repeats_an_answer(const Conversation& conversation) {
  std::set<std::string> answers;
  for (const kit::ChatMessage& message : conversation) {
    if (message.role == "assistant" && !answers.insert(message.content).second) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<Conversation>> read_conversations(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(kit::JsonlReader reader, kit::JsonlReader::open(path));
  std::vector<Conversation> out;
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, reader.next());
    if (!more) break;
    ROUX_ASSIGN_OR_RETURN(Conversation conversation,
                          parse(reader.value(), absl::StrCat(path, ": line ", reader.line_number(), ": ")));
    out.push_back(std::move(conversation));
  }
  if (out.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": there is no conversation in it"));
  return out;
}

std::vector<Conversation> quality_filtered(std::vector<Conversation> all, kit::Funnel& funnel) {
  std::set<std::string> seen;
  std::vector<std::string> texts;
  for (const Conversation& conversation : all) texts.push_back(text_of(conversation));
  NearDuplicates near_duplicate(texts);
  return kit::filter<Conversation>(
      std::move(all),
      {{"roles do not alternate", [](const Conversation& c) { return !alternates(c); }},
       {"an empty turn", has_empty_turn},
       {"an answer given twice", repeats_an_answer},
       {"exact duplicate", [&](const Conversation& c) { return !seen.insert(text_of(c)).second; }},
       {"near duplicate", [&](const Conversation& c) { return near_duplicate(text_of(c)); }}},
      funnel);
}

absl::StatusOr<Split> split(const std::vector<Conversation>& all, uint64_t seed, double train_share) {
  const auto size = static_cast<int64_t>(all.size());
  if (size < 2) {
    return absl::InvalidArgumentError(absl::StrCat("conversations that can be used: ", size,
                                                   ", needed are two: one to train on and one to test on"));
  }
  const int64_t train =
      std::clamp<int64_t>(static_cast<int64_t>(train_share * static_cast<double>(size)), 1, size - 1);
  stats::RandomStream random(seed);
  const std::vector<int64_t> order = stats::random_permutation(size, random);
  Split out;
  for (int64_t i = 0; i < size; ++i) {
    (i < train ? out.train : out.test).push_back(all[static_cast<size_t>(order[static_cast<size_t>(i)])]);
  }
  return out;
}

absl::StatusOr<EncodedConversations> encode(absl::Span<const Conversation> conversations,
                                            const kit::Tokenizer& tokenizer, const kit::ChatTemplate& chat,
                                            bool answers_only, int64_t max_tokens) {
  EncodedConversations out;
  for (const Conversation& conversation : conversations) {
    ROUX_ASSIGN_OR_RETURN(kit::EncodedChat encoded, kit::encode_chat(tokenizer, chat, conversation));
    if (static_cast<int64_t>(encoded.ids.size()) > max_tokens) {
      ++out.too_long;
      continue;
    }
    if (!answers_only) encoded.loss_mask.assign(encoded.ids.size(), 1);
    out.documents.push_back({std::move(encoded.ids), std::move(encoded.loss_mask)});
  }
  if (out.documents.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("none of ", conversations.size(),
                                                   " conversations has at most ", max_tokens,
                                                   " tokens; --set max_tokens=N takes longer ones"));
  }
  return out;
}

absl::StatusOr<std::vector<Prompt>> prompts(absl::Span<const Conversation> conversations,
                                            const kit::Tokenizer& tokenizer, const kit::ChatTemplate& chat) {
  std::vector<Prompt> out;
  for (const Conversation& conversation : conversations) {
    ROUX_ASSIGN_OR_RETURN(const kit::EncodedChat head,
                          kit::encode_chat(tokenizer, chat, {conversation[0]}, /*generate=*/true));
    out.push_back({head.ids, conversation[0].content, conversation[1].content});
  }
  return out;
}

}  // namespace roux::lora_education
