#include "examples/lora_smollm2/method.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

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

TEST(ChoiceItems, AskForTheKind) {
  const std::vector<kit::ChoiceItem> items = choice_items(questions(nouns(1)));
  ASSERT_EQ(items.size(), 6u);
  EXPECT_EQ(items[4].id, "1800");
  EXPECT_EQ(items[4].answer, 4);
  EXPECT_EQ(kit::prompt(kFormat, {}, items[4]),
            "Act, animal, object, communication, person or plant?\nthing 1800:");
  EXPECT_EQ(kit::continuations(kFormat, items[4]),
            (std::vector<std::string>{" act", " animal", " object", " communication", " person", " plant"}));
}

}  // namespace
}  // namespace roux::lora_smollm2
