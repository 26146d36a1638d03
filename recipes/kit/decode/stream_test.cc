#include "recipes/kit/decode/stream.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error_of.h"

namespace roux::kit {
namespace {

struct Streamed {
  std::vector<std::string> pieces;
  std::string text;
  bool stopped = false;
};
Streamed streamed(const MakeTextDecoder& make, const std::vector<std::string>& stops,
                  const std::vector<int32_t>& tokens) {
  TextStream stream(make, stops);
  Streamed found;
  for (const int32_t token : tokens) found.text += found.pieces.emplace_back(stream.push(token));
  found.text += found.pieces.emplace_back(stream.finish());
  found.stopped = stream.stopped();
  return found;
}

TEST(TextStream, ByteTokensBecomeWholeCharacters) {
  const ByteTokenizer bytes({.bos = true, .eos = true});
  std::vector<int32_t> tokens = bytes.encode("é漢\xf0\x9f");
  tokens.insert(tokens.begin() + 1, bytes.bos_id());  // no text
  const Streamed found = streamed(text_of(bytes), {}, tokens);
  EXPECT_EQ(found.pieces, (std::vector<std::string>{"", "", "é", "", "", "漢", "", "", "\xf0\x9f"}));
}

// Against decode() of all tokens, with a byte-level BPE that cuts inside of characters.
TEST(TextStream, TokenizersTextInPieces) {
  const auto tokenizer = load_tokenizer_json(*find_runfile("tests/golden/tokenizers/tiny_gpt2.json"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  for (const std::string text : {"Grüße, 漢字 und 🙂!", " a  b\n\n", ""}) {
    const std::vector<int32_t> tokens = (*tokenizer)->encode(text).ids;
    const Streamed found = streamed(text_of(**tokenizer), {}, tokens);
    EXPECT_EQ(found.text, text);
    EXPECT_FALSE(found.stopped);
    for (const std::string& piece : found.pieces) EXPECT_TRUE(is_valid_utf8(piece)) << text;
  }
}

TEST(TextStream, RowsThatPadAnEmbeddingHaveNoText) {
  const auto tokenizer = load_tokenizer_json(*find_runfile("tests/golden/tokenizers/tiny_gpt2.json"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  std::vector<int32_t> tokens = (*tokenizer)->encode("ab c").ids;
  tokens.insert(tokens.begin() + 1, (*tokenizer)->vocab_size());
  tokens.push_back((*tokenizer)->vocab_size() + 40);
  EXPECT_EQ(streamed(text_of(**tokenizer), {}, tokens).text, "ab c");
}

TEST(TextStream, HoldsBackWhatMayBeAStopString) {
  const ByteTokenizer bytes;
  const auto run = [&](const std::vector<std::string>& stops, const std::string& text) {
    return streamed(text_of(bytes), stops, bytes.encode(text));
  };
  Streamed found = run({"abac"}, "xababacy");
  EXPECT_EQ(found.text, "xab");
  EXPECT_TRUE(found.stopped);
  EXPECT_EQ(found.pieces, (std::vector<std::string>{"x", "", "", "", "ab", "", "", "", ""}));
  found = run({"abac"}, "xaba");
  EXPECT_EQ(found.text, "xaba");
  EXPECT_FALSE(found.stopped);
  EXPECT_EQ(found.pieces.back(), "aba");
  EXPECT_EQ(run({"cd", "bcx", "b"}, "abcd").text, "a");  // the first in the text
  EXPECT_EQ(run({"é"}, "caf\xc3\xa8é!").text, "cafè");   // shares its first byte
  EXPECT_EQ(run({"\n\n"}, "a\nb\n\nc").text, "a\nb");
  EXPECT_EQ(error_of([&] { run({""}, "a"); }), "TextStream: an empty stop string");
}

}  // namespace
}  // namespace roux::kit
