#include "examples/lora_smollm2/method.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "examples/lora_smollm2/stand_in.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"

namespace roux::lora_smollm2 {
namespace {

std::vector<kit::Synset> nouns(int64_t of_each) {
  std::vector<kit::Synset> out;
  for (int category = 3; category <= 20; ++category) {
    for (int64_t i = 0; i < of_each; ++i) {
      kit::Synset synset{.offset = 100 * category + i, .category = category};
      synset.definition = "thing " + std::to_string(synset.offset);
      out.push_back(synset);
    }
  }
  return out;
}

TEST(Questions, AreOfTheSixKinds) {
  const std::vector<kit::Example> all = questions(nouns(2));
  ASSERT_EQ(all.size(), 12u);
  EXPECT_EQ(all[0].prompt, "Act, animal, object, communication, person or plant?\nthing 400:");
  EXPECT_EQ(all[0].response, " act");
  EXPECT_EQ(all[11].label, "plant");
}

TEST(Split, HasAsManyOfEachKindAndNothingTwice) {
  const std::vector<kit::Example> all = questions(nouns(10));
  const auto parts = split(all, 5, 2, 3, 1), again = split(all, 5, 2, 3, 1), other = split(all, 5, 2, 3, 2);
  ASSERT_TRUE(parts.ok() && again.ok() && other.ok());
  EXPECT_EQ(parts->train, again->train);
  EXPECT_NE(parts->train, other->train);
  EXPECT_FALSE(std::is_sorted(parts->train.begin(), parts->train.end(),
                              [](const auto& a, const auto& b) { return a.label < b.label; }));
  std::set<std::string> ids;
  for (const auto* part : {&parts->train, &parts->dev, &parts->test}) {
    for (const kit::Example& example : *part) ids.insert(example.id);
    for (const Kind& kind : kKinds) {
      EXPECT_EQ(std::count_if(part->begin(), part->end(),
                              [&](const kit::Example& example) { return example.label == kind.word; }) *
                    6,
                static_cast<int64_t>(part->size()));
    }
  }
  EXPECT_EQ(ids.size(), 60u);
  EXPECT_EQ(split(all, 5, 3, 3, 1).status().message(), "there are 10 definitions of kind act, needed 11");
}

// Batches of rows of different lengths against one row at a time, read off the whole vocabulary.
TEST(Choose, IsTheLikeliestFirstToken) {
  const auto tokenizer = stand_in_tokenizer();
  const auto model = stand_in_model(*tokenizer, kCpu);
  const auto first = first_tokens(*tokenizer);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(tokenizer->decode({(*first)[1]}), " an");
  std::vector<kit::Example> examples = questions(nouns(3));
  examples[4].prompt += " and much more than that";
  std::vector<int64_t> expected;
  const NoGradGuard no_grad;
  for (const kit::Example& example : examples) {
    const std::vector<int32_t> ids = tokenizer->encode(example.prompt).ids;
    const auto length = static_cast<int64_t>(ids.size());
    const std::vector<float> logits = model->logits(tensor(ids, {1, length})).to_vector<float>();
    const int64_t last = (length - 1) * tokenizer->vocab_size();
    int64_t best = 0;
    for (int64_t k = 1; k < 6; ++k) {
      const auto at = [&](int64_t kind) { return logits[static_cast<size_t>(last + (*first)[kind])]; };
      if (at(k) > at(best)) best = k;
    }
    expected.push_back(best);
  }
  EXPECT_EQ(choose(*model, *tokenizer, examples, *first, 5, kCpu), expected);
  EXPECT_EQ(accuracy({0, 0, 0, 1, 0, 0}, absl::MakeConstSpan(examples).subspan(0, 6)), 4 / 6.0);
}

}  // namespace
}  // namespace roux::lora_smollm2
