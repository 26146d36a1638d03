#include "recipes/kit/text/vocabulary_merge.h"

#include <gtest/gtest.h>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"

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

}  // namespace
}  // namespace roux::kit
