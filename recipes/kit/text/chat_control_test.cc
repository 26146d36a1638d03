// Control tokens in chats, for every kind of tokenizer file: the template's become ids, those that a message
// spells never do.
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/chat_template.h"
#include "recipes/kit/text/gguf_tokenizer.h"
#include "recipes/kit/text/protobuf_fields.h"
#include "recipes/kit/text/sentencepiece_model.h"
#include "recipes/kit/text/tekken.h"
#include "recipes/kit/text/tiktoken.h"
#include "recipes/kit/text/tokenizer_json.h"

namespace roux::kit {
namespace {

using Ids = std::vector<int32_t>;

std::string golden(const std::string& name) { return *find_runfile("tests/golden/tokenizers/" + name); }

// Lines of base64 and rank for all bytes, and one token that is a whole tag.
std::shared_ptr<const Tokenizer> tiktoken() {
  std::string file;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    absl::StrAppend(&file, absl::Base64Escape(absl::string_view(&c, 1)), " ", byte, "\n");
  }
  TiktokenOptions options;
  options.special_tokens = {"<s>", "</s>", "<|im_end|>"};
  return *parse_tiktoken(file, "bytes", options);
}

std::shared_ptr<const Tokenizer> tekken() {
  std::string vocab;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    absl::StrAppend(&vocab, byte == 0 ? "" : ",", R"({"rank":)", byte, R"(,"token_bytes":")",
                    absl::Base64Escape(absl::string_view(&c, 1)), R"("})");
  }
  const std::string config =
      R"({"config":{"pattern":"\\p{L}+|\\P{L}","default_num_special_tokens":20},"vocab":[)";
  return *parse_tekken(config + vocab + "]}", "bytes");
}

// A SentencePiece model of `kind` (1 unigram, 2 BPE) with the user-defined tag "<turn>", the user-defined
// blank "\n\n", the characters of the texts below and parts of the tag.
std::string with_tag(int kind) {
  struct Row {
    std::string text;
    float score;
    int type;  // 1 normal, 2 unknown, 3 control, 4 user-defined
  };
  std::vector<Row> rows = {{"<unk>", 0, 2},  {"<s>", 0, 3},           {"</s>", 0, 3},
                           {"<turn>", 0, 4}, {"\n\n", 0, 4},          {"tu", -5, 1},
                           {"rn", -6, 1},    {"\xE2\x96\x81", -3, 1}, {"<s", -7, 1}};
  for (const char c : std::string("<>/snturaxHioIT[]\n")) rows.push_back({std::string(1, c), -9, 1});
  std::string bytes, trainer, normalizer;
  for (const Row& row : rows) {
    std::string piece;
    append_bytes_field(1, row.text, &piece);
    append_float_field(2, row.score, &piece);
    append_varint_field(3, row.type, &piece);
    append_bytes_field(1, piece, &bytes);
  }
  append_varint_field(3, kind, &trainer);
  append_bytes_field(2, trainer, &bytes);
  append_varint_field(3, 1, &normalizer);  // a space in front
  append_varint_field(4, 0, &normalizer);  // white space stays
  append_bytes_field(3, normalizer, &bytes);
  return bytes;
}

struct Case {
  const char* name;
  std::shared_ptr<const Tokenizer> (*load)();
  const char* bos;
  const char* eos;
  std::vector<std::string> tags = {};   // that no content may become, beside the special tokens
  std::vector<std::string> marks = {};  // of the template, between BOS and EOS
};

template <const char* kFile>
std::shared_ptr<const Tokenizer> json() {
  return *load_tokenizer_json(golden(kFile));
}

class ChatControl : public testing::TestWithParam<Case> {};

// Ids that no content may become.
std::vector<bool> forbidden(const Tokenizer& tokenizer, const std::vector<std::string>& tags) {
  std::vector<bool> out(tokenizer.vocab_size());
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    out[id] = tokenizer.is_special(id) && tokenizer.special().unknown != id &&
              tokenizer.token(id) != "<unk>" && tokenizer.token(id) != "[UNK]";  // what unknown text becomes
  }
  for (const std::string& tag : tags) out[*tokenizer.id(tag)] = true;
  return out;
}

TEST_P(ChatControl, TheTemplatesBecomeIdsAndContentsNone) {
  const auto tokenizer = GetParam().load();
  const std::string bos = GetParam().bos, eos = GetParam().eos;
  const ChatTemplate chat = *chat_template_by_name(bos.empty() ? "zephyr" : "llama2", bos, eos);
  const std::vector<bool> control = forbidden(*tokenizer, GetParam().tags);
  Ids expected;  // of the template alone
  if (!bos.empty()) expected.push_back(*tokenizer->id(bos));
  for (const std::string& mark : GetParam().marks) expected.push_back(*tokenizer->id(mark));
  const int ends = bos.empty() ? 2 : 1;  // Zephyr ends every message with EOS, Llama 2 answers
  expected.insert(expected.end(), ends, *tokenizer->id(eos));
  std::vector<std::string> contents = {"Hi", "", bos + eos, "\xFF" + eos};
  for (int32_t id = 0; id < tokenizer->vocab_size(); ++id) {
    const std::string text = tokenizer->token(id);
    if (!control[id]) continue;
    contents.push_back(text);
    contents.push_back(absl::StrCat("a", text, "b ", text, text, "\n", text.substr(0, text.size() / 2)));
  }
  EXPECT_GE(contents.size(), 8u);
  for (const std::string& content : contents) {
    for (const bool answers : {false, true}) {
      const std::vector<ChatMessage> messages = {{"user", answers ? "Hi" : content},
                                                 {"assistant", answers ? content : "Hi"}};
      const auto e = encode_chat(*tokenizer, chat, messages);
      ASSERT_TRUE(e.ok()) << content << e.status();
      Ids found;
      std::copy_if(e->ids.begin(), e->ids.end(), std::back_inserter(found),
                   [&](int32_t id) { return control[id]; });
      EXPECT_EQ(found, expected) << content;
      EXPECT_EQ(e->loss_mask[e->loss_mask.size() - (bos.empty() ? 2 : 1)], 1)
          << content;  // the answer's end; Zephyr's line feed is not
    }
  }
}

constexpr char kGpt2[] = "tiny_gpt2.json", kLlama3[] = "tiny_llama3.json", kLlama2[] = "tiny_llama2.json",
               kBert[] = "tiny_bert.json", kT5[] = "tiny_t5.json", kXlmr[] = "tiny_xlmr.json",
               kAdded[] = "tiny_added.json";

INSTANTIATE_TEST_SUITE_P(
    All, ChatControl,
    testing::Values(Case{"json_byte_level", json<kGpt2>, "<|im_start|>", "<|endoftext|>"},
                    Case{"json_llama3", json<kLlama3>, "<|im_start|>", "<|im_end|>"},
                    Case{"json_characters", json<kLlama2>, "<s>", "</s>"},
                    Case{"json_word_piece", json<kBert>, "[CLS]", "[SEP]"},
                    Case{"json_unigram", json<kXlmr>, "<s>", "</s>"},
                    Case{"json_unigram_t5", json<kT5>, "<s>", "</s>"},
                    Case{"json_added", json<kAdded>, "<|im_start|>", "<|endoftext|>", {"s>", "<s", "##"}},
                    Case{"tiktoken", tiktoken, "<s>", "</s>"},
                    Case{"tekken", tekken, "<s>", "</s>", {}, {"[INST]", "[/INST]"}},
                    Case{"gguf", [] { return *load_gguf_tokenizer(golden("tiny_llama.gguf")); }, "<s>",
                         "</s>"},
                    Case{"gguf_word_piece", [] { return *load_gguf_tokenizer(golden("tiny_bert.gguf")); },
                         "[CLS]", "[SEP]"},
                    Case{"sentencepiece_bpe", [] { return *load_sentencepiece(golden("tiny_bpe.model")); },
                         "<s>", "</s>"},
                    Case{"sentencepiece_unigram",
                         [] { return *load_sentencepiece(golden("tiny_unigram.model")); }, "<s>", "</s>"},
                    Case{"sentencepiece_more",
                         [] { return *load_sentencepiece(golden("tiny_bpe_more.model")); },
                         "<s>",
                         "</s>",
                         {"<div"}},
                    Case{"sentencepiece_tag",
                         [] { return *parse_sentencepiece(with_tag(2), "m"); },
                         "<s>",
                         "</s>",
                         {"<turn>"}},
                    Case{"sentencepiece_unigram_tag",
                         [] { return *parse_sentencepiece(with_tag(1), "m"); },
                         "<s>",
                         "</s>",
                         {"<turn>"}}),
    [](const auto& info) { return std::string(info.param.name); });

// What Meta's code for Llama 2 does: BOS, the pieces of "[INST] Hello <s> [/INST] dear </s> Lotte " as
// sentencepiece 0.2.3 has them, EOS.
TEST(ChatControlSentencepiece, EqualsTheLibraryBetweenBosAndEos) {
  const auto tokenizer = *load_sentencepiece(golden("tiny_bpe.model"));
  const ChatTemplate chat = *chat_template_by_name("llama2", "<s>", "</s>");
  const auto e = encode_chat(*tokenizer, chat, {{"user", "Hello <s>"}, {"assistant", "dear </s> Lotte"}});
  ASSERT_TRUE(e.ok()) << e.status();
  const Ids expected = {1,   687, 789, 722, 759, 716, 724, 794, 437, 283, 694, 687, 792, 696, 779, 687, 789,
                        775, 722, 759, 716, 724, 794, 486, 289, 687, 792, 775, 696, 779, 409, 326, 311, 2};
  EXPECT_EQ(e->ids, expected);
  EXPECT_EQ(tokenizer->encode("<s>").ids.size(),
            tokenizer->encode("<x>").ids.size());  // not outside of chats
}

TEST(ChatControlSentencepiece, TagsOfTheTemplateStayAndThoseOfContentsAreSpelt) {
  for (const int kind : {1, 2}) {
    const auto tokenizer = *parse_sentencepiece(with_tag(kind), "m");
    const std::string text = "<turn>Hi<turn>a\n\n<turn>";
    const std::vector<Span> content = {{6, 17}};
    const Encoding e = tokenizer->encode(text, {.offsets = true, .literal_ranges = content});
    std::vector<std::string> pieces;
    for (const int32_t id : e.ids) pieces.push_back(tokenizer->token(id));
    // Without a space in front of what is spelt out; the user-defined blank is text.
    EXPECT_EQ(pieces, (std::vector<std::string>{"\xE2\x96\x81", "<turn>", "H", "i", "<", "tu", "rn", ">", "a",
                                                "\n\n", "<turn>"}));
    EXPECT_EQ(tokenizer->decode(e.ids), text);
    uint32_t at = 0;
    for (const Span& span : e.offsets) {
      EXPECT_EQ(span.begin, at);
      at = span.end;
    }
    EXPECT_EQ(at, text.size());
  }
}

// Vocabularies that spell control tokens as ordinary pieces (T5's has "</s>" with score 0).
TEST(ChatControlUnigram, TheModelCannotSpellASpecialToken) {
  const auto tokenizer = *load_tokenizer_json(golden(kT5));
  const int32_t eos = *tokenizer->id("</s>");
  const auto count = [&](const EncodeOptions& options) {
    const Ids ids = tokenizer->encode("x </s> y", options).ids;
    return std::count(ids.begin(), ids.end(), eos);
  };
  EXPECT_EQ(count({}), 1);
  EXPECT_EQ(count({.parse_special = false}), 0);
  const std::vector<Span> part = {{3, 4}};
  EXPECT_EQ(count({.literal_ranges = part}), 0);
}

TEST(ChatControlCharacter, ASpecialCharacterBecomesBytesOrUnknown) {
  for (const char* byte : {"<0xC2>", "<0x00>"}) {
    BpeOptions options;
    options.byte_level = false;
    options.byte_fallback = true;
    options.unknown = 0;
    TokenizerParts parts;
    parts.name = "test";
    const std::vector<std::string> tokens = {"<unk>", "\xC2\xA7", "a", byte, "<0xA7>"};
    parts.model = *BpeModel::from_merges(tokens, std::vector<std::pair<std::string, std::string>>{}, options);
    parts.special.unknown = 0;
    AddedToken mark;
    mark.content = "\xC2\xA7";
    mark.id = 1;
    parts.added_tokens = {mark};
    const auto tokenizer = *Tokenizer::build(std::move(parts));
    const Ids expected = byte[3] == 'C' ? Ids{2, 3, 4} : Ids{2, 0};
    EXPECT_EQ(tokenizer->encode("a\xC2\xA7", {.parse_special = false}).ids, expected);
    EXPECT_EQ(tokenizer->encode("a\xC2\xA7").ids, (Ids{2, 1}));
  }
}

}  // namespace
}  // namespace roux::kit
