#include "recipes/kit/text/vocabulary_merge.h"

#include <gtest/gtest.h>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/bpe.h"

namespace roux::kit {
namespace {

TrainedBpe train(const std::string& file, int32_t vocab_size, std::vector<std::string> special) {
  BpeTrainer trainer(*pattern_pre_tokenizer({kGpt2Pattern}));
  trainer.add(read_text(*find_runfile("recipes/data/excerpts/" + file))->substr(0, 100000));
  BpeTrainerOptions options;
  options.vocab_size = vocab_size;
  options.special_tokens = std::move(special);
  return *trainer.train(options);
}

TEST(VocabularyMerge, KeepsTheBaseAndShortensTheNewLanguage) {
  const TrainedBpe english = train("austen_emma.txt", 600, {"<|end|>"});
  const TrainedBpe german = train("goethe_werther.txt", 600, {});
  const auto base = *byte_level_tokenizer(english, {kGpt2Pattern}, "base");
  const auto merged = merge_vocabulary(*base, german);
  ASSERT_TRUE(merged.ok()) << merged.status();
  const Tokenizer& grown = *merged->tokenizer;
  EXPECT_EQ(grown.vocab_size(), base->vocab_size() + static_cast<int32_t>(merged->new_tokens.size()));
  for (int32_t id = 0; id < base->vocab_size(); ++id) ASSERT_EQ(grown.token(id), base->token(id));
  const std::string text =
      read_text(*find_runfile("recipes/data/excerpts/goethe_werther.txt"))->substr(0, 20000) + "<|end|>";
  const auto before = base->encode(text).ids, after = grown.encode(text).ids;
  EXPECT_LT(after.size(), before.size() * 0.9);
  EXPECT_EQ(grown.decode(after), text);
  EXPECT_EQ(after.back(), 0);                          // the special token keeps its id
  for (size_t i = 0; i < merged->parts.size(); ++i) {  // parts spell the token in the base's vocabulary
    EXPECT_EQ(base->decode(merged->parts[i]), grown.decode({base->vocab_size() + static_cast<int32_t>(i)}));
  }
}

TEST(VocabularyMerge, LimitAndSelf) {
  const TrainedBpe english = train("austen_emma.txt", 400, {});
  const TrainedBpe german = train("goethe_werther.txt", 400, {});
  const auto base = *byte_level_tokenizer(english, {kGpt2Pattern}, "base");
  EXPECT_TRUE(merge_vocabulary(*base, english)->new_tokens.empty());
  EXPECT_EQ(merge_vocabulary(*base, german, 10)->new_tokens.size(), 10u);
}

// Bytes, then tokens ranked by id, as tiktoken's files have them.
std::shared_ptr<const Tokenizer> ranked(const std::vector<std::string>& more, PreTokenizer pre_tokenizer) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  tokens.insert(tokens.end(), more.begin(), more.end());
  TokenizerParts parts;
  parts.name = "ranked";
  parts.pre_tokenizer = std::move(pre_tokenizer);
  parts.model = *BpeModel::from_ranks(std::move(tokens));
  return *Tokenizer::build(std::move(parts));
}

TEST(VocabularyMerge, MergesOfEqualRankStayLeftmostFirst) {
  // "aba" is made of "ab" + "a" and of "a" + "ba", both with its rank; in "ababa" the left one comes first.
  const auto base = ranked({"ab", "ba", "aba"}, {});
  const auto merged = merge_vocabulary(*base, TrainedBpe{});
  ASSERT_TRUE(merged.ok()) << merged.status();
  for (int bits = 0; bits < 1 << 12; ++bits) {
    std::string text;
    for (int i = 0; i < 12; ++i) text += (bits >> i & 1) != 0 ? 'b' : 'a';
    ASSERT_EQ(merged->tokenizer->encode(text).ids, base->encode(text).ids) << text;
  }
}

TEST(VocabularyMerge, PartsSpellTheTokenWhateverThePreTokenizer) {
  PreTokenizer prefix;
  prefix.add(prefix_space_step());
  const auto base = ranked({"ab"}, prefix);
  TrainedBpe extra;
  extra.merges = {{"a", "b"}, {"ab", "c"}};
  const auto merged = merge_vocabulary(*base, extra);
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->new_tokens, (std::vector<std::string>{"abc"}));
  EXPECT_EQ(merged->parts, (std::vector<std::vector<int32_t>>{{256, 'c'}}));
}

}  // namespace
}  // namespace roux::kit
