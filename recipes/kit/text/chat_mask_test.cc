// The loss mask of chats against a naive one: every byte of a text put together here is marked as trained or
// not, and a token counts when its last byte does. The tokenizer's merges cross the borders between template
// and content in both directions.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/chat_template.h"
#include "tensor/philox.h"

namespace roux::kit {
namespace {

// A text with a mark for each byte.
struct Marked {
  std::string text;
  std::vector<bool> trained;
  void add(const std::string& part, bool is_trained) {
    text += part;
    trained.resize(text.size(), is_trained);
  }
};

Marked chatml(const std::vector<ChatMessage>& messages) {
  Marked out;
  for (const ChatMessage& message : messages) {
    const bool answer = message.role == "assistant";
    out.add("<|im_start|>" + message.role + "\n", false);
    out.add(message.content + "<|im_end|>", answer);
    out.add("\n", false);
  }
  return out;
}

Marked zephyr(const std::vector<ChatMessage>& messages) {
  Marked out;
  for (const ChatMessage& message : messages) {
    const bool answer = message.role == "assistant";
    out.add("<|" + message.role + "|>\n", false);
    out.add(message.content + "</s>", answer);
    out.add("\n", false);
  }
  return out;
}

Marked llama2(const std::vector<ChatMessage>& messages) {
  Marked out;
  for (const ChatMessage& message : messages) {
    if (message.role == "assistant") {
      out.add(" " + message.content + " </s>", true);
    } else {
      out.add("<s>[INST] " + message.content + " [/INST]", false);
    }
  }
  return out;
}

Marked llama3(const std::vector<ChatMessage>& messages) {
  Marked out;
  out.add("<s>", false);
  for (const ChatMessage& message : messages) {
    const bool answer = message.role == "assistant";
    out.add("<|start_header_id|>" + message.role + "<|end_header_id|>\n\n", false);
    out.add(message.content + "<|eot_id|>", answer);
  }
  return out;
}

Marked gemma(const std::vector<ChatMessage>& messages) {
  Marked out;
  out.add("<s>", false);
  for (const ChatMessage& message : messages) {
    const bool answer = message.role == "assistant";
    out.add(std::string("<start_of_turn>") + (answer ? "model" : "user") + "\n", false);
    out.add(message.content + "<end_of_turn>", answer);
    out.add("\n", false);
  }
  return out;
}

Marked alpaca(const std::vector<ChatMessage>& messages) {
  Marked out;
  out.add("<s>", false);
  for (const ChatMessage& message : messages) {
    const bool answer = message.role == "assistant";
    out.add(answer ? "### Response:\n" : "### Instruction:\n", false);
    out.add(message.content + (answer ? "</s>" : ""), answer);
    out.add("\n\n", false);
  }
  return out;
}

// Characters, and pairs and triples of them over the borders of the templates. With `tags` the template's own
// tags are special tokens: no merge reaches into those.
std::shared_ptr<const Tokenizer> crossing(bool tags) {
  std::vector<std::string> tokens = {"<unk>"};
  for (char c = ' '; c <= '~'; ++c) tokens.emplace_back(1, c);
  tokens.push_back("\n");
  std::vector<std::pair<std::string, std::string>> merges;
  const auto merge = [&](const std::string& a, const std::string& b) {
    merges.emplace_back(a, b);
    tokens.push_back(a + b);
  };
  for (const std::string c : {"a", "b", ".", " ", "\n"}) {
    merge("\n", c);  // the end of a head and the first byte of a content
    merge(c, "<");   // the last byte and the tag that ends it
    if (c != "\n") merge("]", c);
  }
  merge(">", "\n");    // the end of an answer and what the template writes behind it
  merge(">", "<");     // or the next head, in Llama 3's
  merge("\n", "###");  // never: "###" is no token
  merges.pop_back();
  tokens.pop_back();
  merge("\n\n", "a");  // template, template, content
  merge(">", "\n\n");  // answer, template, template
  merge("a", "b");
  merge("b", " <");  // content and two bytes of the template
  TokenizerParts parts;
  parts.name = "crossing";
  BpeOptions options;
  options.byte_level = false;
  options.unknown = 0;
  parts.special.unknown = 0;
  for (const char* tag : {"<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>",
                          "<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "</s>", "<s>"}) {
    if (!tags) continue;
    AddedToken token;
    token.content = tag;
    token.id = static_cast<int32_t>(tokens.size());
    token.special = true;
    tokens.push_back(tag);
    parts.added_tokens.push_back(token);
  }
  parts.model = *BpeModel::from_merges(tokens, merges, options);
  return *Tokenizer::build(std::move(parts));
}

struct Case {
  const char* name;
  Marked (*mark)(const std::vector<ChatMessage>&);
  bool system;        // messages may begin with one
  bool between_tags;  // no text of the template stands between an answer's last tag and the next tag
};

// Texts over few characters, so that borders of every kind come up. Not empty, no white space at the ends
// (some templates strip it).
std::string content(uint64_t seed, uint64_t which) {
  const std::string letters = "ab. \n<>";
  std::string out;
  const uint64_t length = 1 + philox(seed, which, 0).word[0] % 6;
  for (uint64_t i = 0; i < length; ++i) {
    const bool end = i == 0 || i + 1 == length;
    const uint64_t n = philox(seed, which, i + 1).word[0];
    out += letters[end ? n % 3 : n % letters.size()];
  }
  return out;
}

TEST(ChatMask, IsTheNaiveOneWhereMergesCrossBorders) {
  const Case cases[] = {{"chatml", chatml, true, true},  {"zephyr", zephyr, true, true},
                        {"llama2", llama2, false, true}, {"llama3", llama3, true, true},
                        {"gemma", gemma, false, true},   {"alpaca", alpaca, false, true}};
  for (const bool tags : {false, true}) {
    const auto tokenizer = crossing(tags);
    for (const Case& c : cases) {
      int crossing_in = 0, crossing_out = 0;
      const ChatTemplate chat = *chat_template_by_name(c.name, "<s>", "</s>");
      for (uint64_t seed = 0; seed < 60; ++seed) {
        std::vector<ChatMessage> messages;
        if (c.system && seed % 3 == 0) messages.push_back({"system", content(seed, 100)});
        for (uint64_t turn = 0; turn <= seed % 3; ++turn) {
          messages.push_back({"user", content(seed, 2 * turn)});
          messages.push_back({"assistant", content(seed, 2 * turn + 1)});
        }
        const Marked marked = c.mark(messages);
        const auto e = encode_chat(*tokenizer, chat, messages);
        ASSERT_TRUE(e.ok()) << c.name << ": " << e.status();
        ASSERT_EQ(e->text, marked.text) << c.name;
        ASSERT_EQ(e->loss_mask.size(), e->ids.size());
        size_t at = 0;  // ids are texts of known length: no offsets of the tokenizer's are needed
        for (size_t i = 0; i < e->ids.size(); ++i) {
          const std::string token = tokenizer->token(e->ids[i]);
          ASSERT_EQ(marked.text.substr(at, token.size()), token) << c.name << " seed " << seed;
          const bool first = marked.trained[at], last = marked.trained[at + token.size() - 1];
          crossing_in += !first && last;
          crossing_out += first && !last;
          ASSERT_EQ(e->loss_mask[i], last ? 1 : 0)
              << c.name << " seed " << seed << ", token " << i << " \"" << token << "\" at byte " << at;
          at += token.size();
        }
        ASSERT_EQ(at, marked.text.size()) << c.name;
      }
      SCOPED_TRACE(testing::Message() << c.name << ", tags " << tags << ": " << crossing_in << " into, "
                                      << crossing_out << " out of what is trained");
      EXPECT_GT(crossing_in, 20);
      EXPECT_GT(crossing_out, tags && c.between_tags ? -1 : 20);
    }
  }
}

}  // namespace
}  // namespace roux::kit
