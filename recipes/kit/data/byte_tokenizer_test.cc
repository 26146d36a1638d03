#include "recipes/kit/data/byte_tokenizer.h"

#include <gtest/gtest.h>

#include "tensor/error.h"

namespace roux::kit {
namespace {

TEST(ByteTokenizer, EveryByteComesBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  bytes += bytes;
  const ByteTokenizer tokenizer;
  const std::vector<int32_t> ids = tokenizer.encode(bytes);
  ASSERT_EQ(ids.size(), 512u);
  EXPECT_EQ(ids[255], 255);
  EXPECT_EQ(tokenizer.decode(ids), bytes);
  EXPECT_EQ(tokenizer.vocab_size(), 256);
  EXPECT_EQ(tokenizer.bos_id(), ByteTokenizer::kNoToken);
}

TEST(ByteTokenizer, SpecialTokensFrameADocument) {
  const ByteTokenizer both({.bos = true, .eos = true});
  EXPECT_EQ(both.vocab_size(), 258);
  EXPECT_EQ(both.encode_document("ab"), (std::vector<int32_t>{256, 97, 98, 257}));
  EXPECT_EQ(both.decode({256, 97, 98, 257}), "ab");
  const ByteTokenizer only_eos({.eos = true});
  EXPECT_EQ(only_eos.eos_id(), 256);
  EXPECT_EQ(only_eos.encode_document(""), (std::vector<int32_t>{256}));
}

TEST(ByteTokenizer, DisplayIsPrintable) {
  const ByteTokenizer tokenizer({.bos = true, .eos = true});
  EXPECT_EQ(tokenizer.display(tokenizer.encode_document("Grüße\n\t\x07")), "<bos>Grüße\\n\\t\\x07<eos>");
  EXPECT_EQ(tokenizer.display(tokenizer.encode("a\xFFz\xC3")), "a\\xffz\\xc3");  // not UTF-8
  EXPECT_EQ(tokenizer.display(tokenizer.encode("\xC2\x9B\xF0\x9F\x98\x80")), "\\xc2\\x9b\xF0\x9F\x98\x80");
}

TEST(ByteTokenizer, IdsOutsideTheVocabularyAreNamed) {
  const ByteTokenizer tokenizer;
  try {
    tokenizer.decode({1, 256});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "byte_tokenizer: token out of range: ids[1] is 256, the vocabulary has 256");
  }
  EXPECT_THROW(tokenizer.decode({-1}), Error);
  EXPECT_THROW(tokenizer.display({97, 300}), Error);
}

}  // namespace
}  // namespace roux::kit
