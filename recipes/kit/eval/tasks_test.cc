// Items read, prompts put together, and models of known behaviour scored.
#include "recipes/kit/eval/tasks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "recipes/kit/eval/answers.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/record.h"
#include "recipes/kit/stats/ngram_lm.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Texts = std::vector<std::string>;

std::string file_of(const std::string& text) {
  static int files = 0;
  const std::string path = absl::StrCat(testing::TempDir(), "/items", ++files, ".jsonl");
  EXPECT_TRUE(write_file_atomically(path, text).ok());
  return path;
}

// What a reader says of a file, behind its path.
template <class Read>
std::string message(Read read, const std::string& text) {
  const std::string path = file_of(text);
  const auto items = read(path);
  return items.ok() ? "ok" : std::string(items.status().message()).substr(path.size());
}

TEST(TaskItems, ReadsTheFormsOfBenchmarks) {
  const auto items = read_choice_items(file_of(
      R"({"id": "q1", "question": "2 + 2?", "choices": ["3", "4"], "answer": 1, "topic": "sums"}

{"id": 7, "question": "Red?", "choices": {"text": ["rose", "sky", "sea"], "label": ["1", "2", "3"]}, "answerKey": "1"}
{"query": "Letters?", "choices": ["a", "b", "c"], "gold": "C"}
{"ctx": "She sat", "endings": ["blue.", "down."], "label": "1"}
)"));
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 4u);
  EXPECT_EQ((*items)[0].id, "q1");
  EXPECT_EQ((*items)[0].choices, (Texts{"3", "4"}));
  EXPECT_EQ((*items)[0].answer, 1);
  EXPECT_EQ((*items)[1].id, "7");
  EXPECT_EQ((*items)[1].answer, 0) << "a label, not a number";
  EXPECT_EQ((*items)[2].id, "4") << "its line";
  EXPECT_EQ((*items)[2].answer, 2);
  EXPECT_EQ((*items)[3].question, "She sat");
  EXPECT_EQ((*items)[3].answer, 1);
  EXPECT_EQ((*read_likelihood_items(file_of(R"({"context": "a", "continuation": " b"})")))[0].continuation,
            " b");
  const auto written = *read_generation_items(file_of(R"({"prompt": "p", "references": ["x", "y"]}
{"question": "q", "answer": "z"})"));
  EXPECT_EQ(written[0].references, (Texts{"x", "y"}));
  EXPECT_EQ(written[1].references, (Texts{"z"}));
  EXPECT_EQ((*read_text_items(file_of(R"({"text": "t"})")))[0].text, "t");
}

TEST(TaskItems, NamesWhatIsWrong) {
  const auto choice = [](const std::string& text) { return message(read_choice_items, text); };
  EXPECT_EQ(choice(""), ": there are no items");
  EXPECT_EQ(choice("[1]"), ": line 1: value is array, an object was expected");
  EXPECT_EQ(choice("{}"), ": line 1: there is no 'question', 'query', 'ctx'");
  EXPECT_EQ(choice(R"({"question": 3})"), ": line 1: 'question' is number, a string was expected");
  const std::string good = R"({"question": "q", "choices": ["x", "y"], "answer": 0})";
  EXPECT_EQ(choice(good), "ok");
  EXPECT_EQ(choice(good + "\n{\"question\": \"q\"}"), ": line 2: there is no 'choices', 'endings'");
  const auto with = [&](const std::string& choices, const std::string& answer) {
    return choice(R"({"question": "q", "choices": )" + choices + ", \"answer\": " + answer + "}");
  };
  EXPECT_EQ(with(R"(["x"])", "0"), ": line 1: 'choices' has 1 entries, needed 2 or more");
  EXPECT_EQ(with(R"(["x", ""])", "0"), ": line 1: 'choices[1]' is empty");
  EXPECT_EQ(with(R"(["x", 2])", "0"), ": line 1: 'choices[1]' is number, a string was expected");
  EXPECT_EQ(with(R"(["x", "y"])", "2"), ": line 1: 'answer' is 2, needed 0 to 1");
  EXPECT_EQ(with(R"(["x", "y"])", "-1"), ": line 1: 'answer' is -1, needed 0 to 1");
  EXPECT_EQ(with(R"(["x", "y"])", "0.5"), ": line 1: 'answer' is number, an integer or a label was expected");
  EXPECT_EQ(with(R"(["x", "y"])", R"("C")"),
            ": line 1: 'answer' is \"C\", which is none of the labels \"A\", \"B\"");
  EXPECT_EQ(with(R"({"text": ["x", "y"]})", "0"), ": line 1: 'choices' has no 'text' or no 'label'");
  EXPECT_EQ(with(R"({"text": ["x", "y"], "label": ["A"]})", "0"),
            ": line 1: 'choices' has 2 texts and 1 labels");
  EXPECT_NE(choice(R"({"question": "q", "choi)").find(": line 1: byte"), std::string::npos);
  EXPECT_EQ(message(read_likelihood_items, R"({"context": "a", "continuation": ""})"),
            ": line 1: 'continuation' is empty");
  EXPECT_EQ(message(read_generation_items, R"({"prompt": "a", "references": []})"),
            ": line 1: 'references' is an empty list");
  EXPECT_EQ(message(read_text_items, R"({"id": [], "text": "a"})"),
            ": line 1: 'id' is array, a string or an integer was expected");
  EXPECT_FALSE(read_text_items("/nowhere.jsonl").ok());
}

const std::vector<ChoiceItem> kItems = {{"1", "Sky?", {"blue", "red"}, 0},
                                        {"2", "Grass?", {"purple", "green", "red"}, 1}};

TEST(Prompts, ExemplarsComeBeforeTheItem) {
  EXPECT_EQ(prompt({}, {}, kItems[0]), "Question: Sky?\nAnswer:");
  EXPECT_EQ(prompt({.instruction = "Answer.\n\n"}, kItems, kItems[1]),
            "Answer.\n\nQuestion: Sky?\nAnswer: blue\n\nQuestion: Grass?\nAnswer:")
      << "without the item itself";
  EXPECT_EQ(continuations({}, kItems[0]), (Texts{" blue", " red"}));
  const PromptFormat letters{.item = "{question}\n{choices}\nAnswer:", .letters = true};
  EXPECT_EQ(prompt(letters, {kItems.data(), 1}, kItems[1]),
            "Sky?\nA. blue\nB. red\nAnswer: A\n\nGrass?\nA. purple\nB. green\nC. red\nAnswer:");
  EXPECT_EQ(continuations(letters, kItems[1]), (Texts{" A", " B", " C"}));
  const GenerationItem one{"a", "1 + 1 =", {"2", "two"}}, two{"b", "2 + 2 =", {"4"}};
  EXPECT_EQ(prompt({.item = "{question}", .separator = "\n"}, {&one, 1}, two), "1 + 1 = 2\n2 + 2 =");
  EXPECT_THROW(continuations(letters, {"x", "q", Texts(27, "c"), 0}), Error);
  const ChoiceItem wrong{"w", "q", {"a", "b"}, 2};
  EXPECT_THROW(prompt({}, {&wrong, 1}, kItems[0]), Error);
}

// The log-probability of a text under a character model, given its prompt.
TEST(Tasks, ChoicesByAModelOfCharacters) {
  stats::NgramLm lm({.order = 4, .vocab_size = 256});
  const auto bytes = [](const std::string& text) {
    return std::vector<int32_t>(reinterpret_cast<const uint8_t*>(text.data()),
                                reinterpret_cast<const uint8_t*>(text.data()) + text.size());
  };
  for (int i = 0; i < 20; ++i)
    lm.add(bytes("Question: Sky?\nAnswer: blue\nQuestion: Grass?\nAnswer: green\n"));
  int calls = 0;
  const ScoreContinuations score = [&](absl::Span<const std::string> prompts, absl::Span<const Texts> texts) {
    ++calls;
    std::vector<std::vector<ContinuationScore>> scores(prompts.size());
    for (size_t i = 0; i < prompts.size(); ++i) {
      for (const std::string& text : texts[i]) {
        const double p = lm.log_likelihood(bytes(prompts[i] + text)) - lm.log_likelihood(bytes(prompts[i]));
        scores[i].push_back({p, static_cast<int64_t>(text.size()), p > -5});
      }
    }
    return scores;
  };
  const auto outcomes = score_choices({}, {}, kItems, score);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(choice_accuracy(outcomes).sum, 1);
  const Prediction line = prediction_of(kItems[1], outcomes[1]);
  EXPECT_EQ(line.item, "2");
  EXPECT_EQ(line.gold, "green");
  EXPECT_EQ(line.output, "green");
  EXPECT_EQ(line.scores.size(), 3u);
  const LikelihoodItem continued{"c", "Question: Sky?\nAnswer:", " blue"}, wrong{"w", "Sky", "zzz"};
  const auto likelihoods = score_likelihoods(std::vector<LikelihoodItem>{continued, wrong}, score);
  const LikelihoodSummary summary = likelihood_summary(likelihoods);
  EXPECT_EQ(summary.accuracy, 0.5);
  const double sum = likelihoods[0].log_probability + likelihoods[1].log_probability;
  EXPECT_NEAR(summary.item_perplexity, std::exp(-sum / 2), 1e-9 * summary.item_perplexity);
  EXPECT_NEAR(summary.token_perplexity, std::exp(-sum / 8), 1e-9);
  EXPECT_EQ(prediction_of(continued, likelihoods[0]).output, " blue");
  EXPECT_EQ(prediction_of(wrong, likelihoods[1]).output, "");
}

// Planted log-probabilities for which each way to measure length chooses another answer.
TEST(Tasks, LengthIsMeasuredInThreeWays) {
  const ChoiceItem item{"1", "q", {"a", "bbbbbbbb", "cccc"}, 1};
  const ScoreContinuations score = [](absl::Span<const std::string>, absl::Span<const Texts>) {
    return std::vector<std::vector<ContinuationScore>>{{{-2, 1}, {-8, 2}, {-6, 6}}};
  };
  const auto outcomes = score_choices({}, {}, {&item, 1}, score);
  EXPECT_EQ(outcomes[0].by_sum, 0);    // -2, -8, -6
  EXPECT_EQ(outcomes[0].by_byte, 1);   // -2, -1, -1.5
  EXPECT_EQ(outcomes[0].by_token, 2);  // -2, -4, -1
  const ChoiceAccuracy accuracy = choice_accuracy(outcomes);
  EXPECT_EQ(accuracy.sum, 0);
  EXPECT_EQ(accuracy.per_byte, 1);
  EXPECT_EQ(accuracy.per_token, 0);
  ChoiceOutcome stored, copy = outcomes[0];
  ASSERT_TRUE(decode_value(encode_value(copy), stored).ok());
  EXPECT_EQ(stored.log_probabilities, outcomes[0].log_probabilities);
  EXPECT_EQ(stored.by_byte, 1);
}

TEST(Tasks, GenerationsAndTexts) {
  const std::vector<GenerationItem> items = {{"1", "Capital?", {"Paris", "paris city"}},
                                             {"2", "River?", {"Seine"}}};
  const Generate generate = [](absl::Span<const std::string> prompts) {
    return Texts(prompts.size(), "The Paris.");
  };
  const OutputScore exact = [](const std::string& output, const Texts& references) {
    return exact_match(output, references);
  };
  const auto outcomes = score_generations({}, {}, items, generate, exact);
  EXPECT_EQ(mean_score(outcomes), 0.5);
  EXPECT_EQ(prediction_of(items[0], outcomes[0]).output, "The Paris.");
  EXPECT_EQ(prediction_of(items[0], outcomes[0]).gold, "Paris");
  const std::vector<TextItem> texts = {{"1", "abcd"}, {"2", "ab"}};
  const ScoreTexts uniform = [](absl::Span<const std::string> all) {  // 1 of 256 a byte
    std::vector<TokenLikelihood> scores;
    for (const std::string& text : all)
      scores.push_back({static_cast<double>(text.size()) * std::log(256), static_cast<int64_t>(text.size())});
    return scores;
  };
  const TextSummary summary = text_summary(score_texts(texts, uniform));
  EXPECT_NEAR(summary.perplexity, 256, 1e-10);
  EXPECT_NEAR(summary.bits_per_byte, 8, 1e-14);
  EXPECT_EQ(prediction_of(texts[1], score_texts(texts, uniform)[1]).scores[2], 2);
}

TEST(Tasks, RefusesModelsThatAnswerSomethingElse) {
  const auto with = [](std::vector<std::vector<ContinuationScore>> scores) -> ScoreContinuations {
    return [scores](absl::Span<const std::string>, absl::Span<const Texts>) { return scores; };
  };
  const absl::Span<const ChoiceItem> one(kItems.data(), 1);
  EXPECT_NO_THROW(
      score_choices({}, {}, one, with({{{-1, 1}, {-std::numeric_limits<double>::infinity(), 1}}})));
  EXPECT_THROW(score_choices({}, {}, one, with({})), Error);
  EXPECT_THROW(score_choices({}, {}, one, with({{{-1, 1}}})), Error);
  EXPECT_THROW(score_choices({}, {}, one, with({{{-1, 1}, {std::nan(""), 1}}})), Error);
  EXPECT_THROW(score_choices({}, {}, one, with({{{-1, 1}, {0.5, 1}}})), Error);
  EXPECT_THROW(score_choices({}, {}, one, with({{{-1, 1}, {-1, 0}}})), Error);
  EXPECT_THROW(choice_accuracy({}), Error);
  EXPECT_THROW(likelihood_summary({}), Error);
  EXPECT_THROW(mean_score({}), Error);
  EXPECT_THROW(text_summary({}), Error);
  const GenerationItem item{"1", "p", {"r"}};
  const OutputScore nan = [](const std::string&, const Texts&) { return std::nan(""); };
  EXPECT_THROW(score_generations(
                   {}, {}, {&item, 1}, [](auto) { return Texts{}; }, nan),
               Error);
  EXPECT_THROW(score_generations(
                   {}, {}, {&item, 1}, [](auto) { return Texts{"x"}; }, nan),
               Error);
}

}  // namespace
}  // namespace roux::kit
