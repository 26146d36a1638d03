// The exact probabilities against enumeration and against frequencies of samples; what stands before an
// answer; prompts that share their beginning.
#include "recipes/alice_in_wonderland/exam.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/decode/generate.h"
#include "recipes/kit/decode/score.h"
#include "recipes/kit/models/stand_in.h"
#include "recipes/kit/run/quiet_run.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/softmax.h"
#include "tests/golden/recipe_values.h"

namespace roux::alice {
namespace {

golden::Values reference() { return golden::Values::of_recipe("alice_in_wonderland"); }

std::vector<std::string> tokens() {
  std::vector<std::string> out;
  for (const golden::Values& token : reference()["tokens"].items()) out.push_back(token.text());
  return out;
}

// A chain: the next token depends on the last one alone. The prompt is one token, the last of the vocabulary.
kit::DecodeModel chain_model(const golden::Values& c, size_t vocabulary) {
  const std::vector<double> first = c["first"].numbers(), chain = c["chain"].numbers();
  return kit::decode_model(static_cast<int64_t>(vocabulary) + 1, [=](absl::Span<const int32_t> so_far,
                                                                     absl::Span<float> logits) {
    const bool start = so_far.size() == 1;
    for (size_t token = 0; token < vocabulary; ++token) {
      const double p = start ? first[token] : chain[static_cast<size_t>(so_far.back()) * vocabulary + token];
      logits[token] = static_cast<float>(std::log(p));
    }
    logits[vocabulary] = -INFINITY;
  });
}

TEST(Spellings, AreAllRowsOfTokens) {
  const std::vector<std::string> vocabulary = tokens();
  const TokenTexts texts(vocabulary);
  std::set<kit::Tokens> found;
  for (const kit::Tokens& spelling : texts.spellings(" 10")) {
    std::string text;
    for (const int32_t token : spelling) text += vocabulary[static_cast<size_t>(token)];
    EXPECT_EQ(text, " 10");
    EXPECT_TRUE(found.insert(spelling).second);
  }
  EXPECT_EQ(found.size(), 4u);  // " 10"; " 1" "0"; " " "10"; " " "1" "0"
  EXPECT_TRUE(texts.spellings(" 3").empty());
  EXPECT_EQ(texts.digit_tokens(), (kit::Tokens{1, 2, 4, 5, 8}));
  EXPECT_THROW(IntegerChoices(texts, 3), Error);
}

// Integers 3 to 9 are not spelt by the reference's tokens: texts of these are added, which the chain never
// writes.
TEST(Integers, ProbabilitiesAreThoseOfTheEnumeration) {
  std::vector<std::string> vocabulary = tokens();
  const size_t written = vocabulary.size();
  for (const char* digit : {"3", "4", "5", "6", "7", "8", "9"}) vocabulary.push_back(digit);
  const IntegerChoices integers(TokenTexts(vocabulary), 12);
  for (const golden::Values& c : reference()["integers"].items()) {
    const std::vector<double> masses = c["masses"].numbers(), expected = c["probabilities"].numbers();
    std::vector<double> log_probs;
    const std::vector<double> first = c["first"].numbers(), chain = c["chain"].numbers();
    for (const kit::Tokens& choice : integers.choices()) {
      double p = 1;
      for (size_t i = 0; i < choice.size(); ++i) {
        const auto token = static_cast<size_t>(choice[i]);
        p *= token >= written ? 0
             : i == 0         ? first[token]
                              : chain[static_cast<size_t>(choice[i - 1]) * written + token];
      }
      log_probs.push_back(std::log(p));
    }
    const IntegerDistribution found = integers.distribution(log_probs);
    double mass = 0;
    for (const double m : masses) mass += m;
    EXPECT_NEAR(found.mass, mass, 1e-9);
    for (size_t n = 0; n < expected.size(); ++n) EXPECT_NEAR(found.probabilities[n], expected[n], 1e-9) << n;
  }
  EXPECT_THROW(integers.distribution({}), Error);
}

TEST(Integers, ProbabilitiesAreFrequenciesOfSamples) {
  std::vector<std::string> vocabulary = tokens();
  const size_t written = vocabulary.size();
  const golden::Values c = reference()["integers"].items()[0];
  const kit::DecodeModel model = chain_model(c, written);
  const std::vector<kit::Tokens> prompts = {{static_cast<int32_t>(written)}};
  constexpr int64_t kSamples = 4000;
  const auto samples = kit::generate(model, prompts, {.max_tokens = 4, .samples = kSamples, .seed = 1});
  std::vector<double> counts(13, 0);
  for (const kit::Generation& sample : samples) {
    // The integer that the text begins with, as the choices tell them apart.
    std::vector<std::string> boundaries = {""};
    for (const int32_t token : sample.tokens)
      boundaries.push_back(boundaries.back() + vocabulary[static_cast<size_t>(token)]);
    for (int n = 0; n <= 12; ++n) {
      for (size_t i = 0; i + 1 < boundaries.size(); ++i) {
        const std::string& next = vocabulary[static_cast<size_t>(sample.tokens[i])];
        if (boundaries[i] == absl::StrCat(" ", n) && (n != 1 || next[0] < '0' || next[0] > '9')) ++counts[n];
      }
    }
  }
  const std::vector<double> masses = c["masses"].numbers();
  for (size_t n = 0; n < 13; ++n) {
    const double error = std::sqrt(masses[n] * (1 - masses[n]) / kSamples);
    EXPECT_NEAR(counts[n] / kSamples, masses[n], 3 * error + 1e-12) << n;
  }
  // At temperature 0 the text is the row of most probable tokens.
  const auto greedy =
      kit::generate(model, prompts, {.max_tokens = 3, .samples = 2, .sampling = {.temperature = 0}});
  const std::vector<double> first = c["first"].numbers(), chain = c["chain"].numbers();
  const auto best = [&](auto begin) {
    return static_cast<int32_t>(std::max_element(begin, begin + static_cast<std::ptrdiff_t>(written)) -
                                begin);
  };
  kit::Tokens expected = {best(first.begin())};
  while (expected.size() < 3)
    expected.push_back(best(chain.begin() + static_cast<std::ptrdiff_t>(expected.back()) *
                                                static_cast<std::ptrdiff_t>(written)));
  EXPECT_EQ(greedy[0].tokens, expected);
  EXPECT_EQ(greedy[1].tokens, expected);
}

TEST(ExactItems, CoverTheGridInAllArms) {
  const std::vector<ExactItem> some = exact_items({.largest_count = 7, .every = 2});
  std::map<std::string, int64_t> count;
  std::set<std::string> ids;
  for (const ExactItem& item : some) {
    ++count[item.arm];
    EXPECT_TRUE(ids.insert(item.arm + item.id).second) << item.arm << item.id;
  }
  for (const char* arm : {"standard", "siblings", "sister's brothers", "girls"})
    EXPECT_EQ(count[arm], 50) << arm;
  for (const char* arm : {"attribute", "thinking", "restricted", "few_shot", "recheck"})
    EXPECT_EQ(count[arm], 25) << arm;
  EXPECT_EQ(count["variations STANDARD"], 4);
  EXPECT_EQ(count["plus"], 12);
  // 49 cells, two orders, AIW and four controls.
  std::map<std::string, int64_t> all;
  for (const ExactItem& item : exact_items({.largest_count = 7, .every = 1, .all_arms = true})) {
    ++all[item.arm];
    EXPECT_EQ(item.base_prompt.empty(), item.arm != "base");
    if (item.arm == "bob") {
      EXPECT_TRUE(absl::StrContains(item.messages[0].content, "How many brothers does Bob's sister"));
    }
    EXPECT_LE(item.counts.right, kLargestAnswer);
  }
  EXPECT_EQ(all["standard"] + all["siblings"] + all["sister's brothers"] + all["girls"] + all["attribute"],
            490);
  EXPECT_EQ(all.size(), 9u + 7 + 3 + 1);
  for (const ExactItem& item : some) {
    if (item.arm != "standard") continue;
    EXPECT_EQ(item.counts.right, item.counts.copied + 1);
    EXPECT_EQ(item.messages.size(), 1u);
  }
}

TEST(ExactItems, GoldIsTheSameInEachFramingOfACell) {
  std::map<std::string, std::set<int64_t>> right;
  for (const ExactItem& item : exact_items({.largest_count = 3, .every = 1, .all_arms = true})) {
    for (const char* arm : {"standard", "thinking", "few_shot", "words", "friends", "alice_and_bob", "base"})
      if (item.arm == arm) right[item.id].insert(item.counts.right);
  }
  for (const auto& [id, numbers] : right) EXPECT_EQ(numbers.size(), 1u) << id;
}

class WithAModel : public testing::Test {
 protected:
  void SetUp() override { model_.model->eval(); }
  Subject subject() const {
    return {*model_.model, *model_.tokenizer, model_.chat.ok() ? &*model_.chat : nullptr,
            model_.generation.stop_ids};
  }
  kit::Pretrained model_ = kit::stand_in_model();
};

TEST_F(WithAModel, PromptsEndWithTheBeginningOfTheAnswer) {
  for (const ExactItem& item : exact_items({.largest_count = 1, .every = 1, .all_arms = true})) {
    const auto ids = exact_prompt(subject(), item);
    ASSERT_TRUE(ids.ok()) << ids.status();
    const std::string text = model_.tokenizer->decode(*ids);
    EXPECT_TRUE(absl::EndsWith(text, "### Answer:")) << text;
    EXPECT_EQ(absl::StrContains(text, "<|im_start|>user"), item.arm != "base");
    if (item.arm == "recheck") {
      EXPECT_TRUE(absl::StrContains(text, "### Answer: 1<|im_end|>"));
    }
  }
  const ExactItem item = exact_items({.largest_count = 1, .every = 1})[0];
  EXPECT_EQ(exact_prompt({*model_.model, *model_.tokenizer, nullptr, {}}, item).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// Each result is that of the item alone, by one forward over prompt and number.
TEST_F(WithAModel, SharedBeginningsChangeNoProbability) {
  const std::vector<ExactItem> items = exact_items({.largest_count = 2, .every = 1});
  const auto run = kit::quiet_run();
  const auto results =
      run->part("exact", [&](kit::Part& part) { return score_items(subject(), items, part); });
  ASSERT_TRUE(results.ok()) << results.status();
  NoGradGuard no_grad;
  for (size_t i = 0; i < items.size(); i += 3) {
    if (items[i].attribute) continue;
    const kit::Tokens prompt = *exact_prompt(subject(), items[i]);
    // Bytes: " 7" is two tokens, and a number is told from a longer one behind " 1".
    const auto p = [&](const std::string& number) {
      kit::Tokens all = prompt;
      for (const char c : number) all.push_back(model_.tokenizer->encode(std::string(1, c)).ids[0]);
      const Tensor logits = model_.model->logits(tensor(all, {1, static_cast<int64_t>(all.size())}));
      const std::vector<double> q = softmax(logits, -1).to_vector<double>();
      const auto width = static_cast<size_t>(logits.size(2));
      double product = 1;
      for (size_t at = prompt.size(); at < all.size(); ++at)
        product *= q[(at - 1) * width + static_cast<size_t>(all[at])];
      return product;
    };
    std::vector<double> expected;
    for (int n = 0; n <= kLargestAnswer; ++n) expected.push_back(p(absl::StrCat(" ", n)));
    for (int digit = 0; digit < 10; ++digit) expected[1] -= p(absl::StrCat(" 1", digit));
    double mass = 0;
    for (const double x : expected) mass += x;
    EXPECT_NEAR((*results)[i].mass, mass, 1e-4 * mass);
    for (size_t n = 0; n < expected.size(); ++n)
      EXPECT_NEAR((*results)[i].probabilities[n], expected[n] / mass, 1e-4) << items[i].arm << n;
  }
}

TEST_F(WithAModel, TrialsRepeatAndDependOnTheSeed) {
  const std::vector<SampledItem> items = sampled_items();
  ASSERT_EQ(items.size(), 8u);
  EXPECT_EQ(items[0].right_answer, "7");
  const auto sampled = [&](uint64_t seed, double temperature) {
    return *kit::quiet_run()->part("sampled", [&](kit::Part& part) {
      return sample_items(subject(), items,
                          {.trials = 3, .new_tokens = 6, .temperature = temperature, .seed = seed}, part);
    });
  };
  const auto first = sampled(1, 1), again = sampled(1, 1), other = sampled(2, 1), greedy = sampled(1, 0);
  ASSERT_EQ(first.size(), 8u);
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].texts.size(), 3u);
    EXPECT_EQ(first[i].texts, again[i].texts);
    EXPECT_NE(first[i].texts, other[i].texts);
    EXPECT_EQ(greedy[i].texts[0], greedy[i].texts[2]);
  }
}

TEST_F(WithAModel, NamesThePromptThatIsTooLong) {
  SampledItem item = sampled_items()[0];
  item.variation = "55";
  item.prompt = std::string(5000, 'x');
  const auto run = kit::quiet_run();
  const auto result =
      run->part("sampled", [&](kit::Part& part) { return sample_items(subject(), {item}, {}, part); });
  EXPECT_TRUE(absl::StrContains(result.status().message(), "prompt STANDARD 55 takes 50")) << result.status();
}

TEST(Cells, CountRightAnswersAndKinds) {
  const SampledItem v1 = sampled_items()[0];
  const Responses responses{
      {"### Answer: 7", "answer: 6", "He has 3", "seven", "Answer: 10", "Answer: 7 or 6"}};
  const Cell cell = cell_of(v1, responses);
  EXPECT_EQ(cell.right, 2);
  EXPECT_EQ(cell.trials, 6);
  const auto kinds = kinds_of(v1, responses);
  EXPECT_EQ(kinds[static_cast<size_t>(Kind::kForgot)], 1);
  EXPECT_EQ(kinds[static_cast<size_t>(Kind::kOther)], 1);
  EXPECT_EQ(kinds[static_cast<size_t>(Kind::kSumAndOne)], 1);
  EXPECT_EQ(kinds[static_cast<size_t>(Kind::kUnparsed)], 1);
  SampledItem unknown = v1;
  unknown.counts.reset();
  EXPECT_EQ(kinds_of(unknown, responses)[static_cast<size_t>(Kind::kElse)], 3);
}

}  // namespace
}  // namespace roux::alice
