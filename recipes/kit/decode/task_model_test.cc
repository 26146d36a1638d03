// Scores of texts against whole forwards over ids that are put together here.
#include "recipes/kit/decode/task_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/softmax.h"

namespace roux::kit {
namespace {

using Texts = std::vector<std::string>;

class TaskModelTest : public ::testing::Test {
 protected:
  static TransformerConfig config(int64_t vocabulary) {
    TransformerConfig config = roux::testing::tiny_llama();
    config.vocab_size = vocabulary;
    config.max_position_embeddings = 64;
    return config;
  }
  // Its template puts <|im_start|> before a text and <|im_end|> behind it.
  TaskModelTest()
      : tokenizer_(*(*load_tokenizer_json(*find_runfile("tests/golden/tokenizers/tiny_llama3.json")))
                        ->with_config({.bos = "<|im_start|>", .eos = "<|im_end|>"}, "")),
        generator_(3),
        model_(config(tokenizer_->vocab_size()), {&generator_, 0.3}),
        task_(task_model(decode_model(model_), *tokenizer_)) {
    model_.eval();
  }

  // Behind `given`, one after the other.
  ContinuationScore score(const Tokens& given, const Tokens& tokens) const {
    const NoGradGuard no_grad;
    Tokens all = given;
    all.insert(all.end(), tokens.begin(), tokens.end());
    const auto length = static_cast<int64_t>(all.size());
    const Tensor log_probs = log_softmax(model_.logits(tensor(all, {1, length})), -1);
    const std::vector<double> values = log_probs.to_vector<double>();
    const auto width = static_cast<size_t>(log_probs.size(2));
    ContinuationScore score{.tokens = static_cast<int64_t>(tokens.size()), .greedy = true};
    for (size_t i = 0; i < tokens.size(); ++i) {
      const double* row = values.data() + (given.size() + i - 1) * width;
      score.log_probability += row[tokens[i]];
      score.greedy = score.greedy && std::max_element(row, row + width) == row + tokens[i];
    }
    return score;
  }
  Tokens ids(const std::string& text) const { return tokenizer_->encode(text).ids; }
  Tokens begun(Tokens tokens) const {
    tokens.insert(tokens.begin(), *tokenizer_->special().bos);
    return tokens;
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  Generator generator_;
  Transformer model_;
  TaskModel task_;
};

void expect_near(const ContinuationScore& found, const ContinuationScore& expected) {
  EXPECT_NEAR(found.log_probability, expected.log_probability, 1e-4);
  EXPECT_EQ(found.tokens, expected.tokens);
  EXPECT_EQ(found.greedy, expected.greedy);
}

TEST_F(TaskModelTest, ContinuationsAreTheTokensBehindThePrompt) {
  EXPECT_EQ(task_.beginning, Tokens{*tokenizer_->special().bos}) << "and no token of the end";
  const std::string prompt = "Question: the sky?\nAnswer:";
  // What greedy decoding writes behind the prompt is found to be greedy.
  const auto greedy = generate(task_.model, std::vector<Tokens>{begun(ids(prompt))},
                               {.max_tokens = 3, .sampling = {.temperature = 0}});
  const std::string written = tokenizer_->decode(greedy[0].tokens);
  const Texts texts = {" blue", " the deep blue sea", written};
  const auto found = continuation_scorer(task_)(Texts{prompt, ""}, std::vector<Texts>{texts, {"Blue"}});
  ASSERT_EQ(found.size(), 2u);
  ASSERT_EQ(found[0].size(), 3u);
  int greedy_ones = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const Tokens alone = ids(prompt), both = ids(prompt + texts[i]);
    const Tokens behind(both.begin() + static_cast<int64_t>(alone.size()), both.end());
    expect_near(found[0][i], score(begun(alone), behind));
    greedy_ones += found[0][i].greedy ? 1 : 0;
  }
  EXPECT_EQ(greedy_ones, 1);
  EXPECT_TRUE(found[0][2].greedy);
  expect_near(found[1][0], score(begun({}), ids("Blue")));
}

// "a " and "b" are "a" and " b": a lone space is no token that texts have there.
TEST_F(TaskModelTest, SpaceAtThePromptsEndBelongsToTheContinuation) {
  const auto score_of = [&](const std::string& prompt, const std::string& text) {
    return continuation_scorer(task_)(Texts{prompt}, std::vector<Texts>{{text}})[0][0];
  };
  EXPECT_NE(ids("The sky is "), ids("The sky is"));
  expect_near(score_of("The sky is ", "blue"), score_of("The sky is", " blue"));
}

// Windows of five: 13 tokens are asked for as 5, 5 and 3, the last behind three of the window before.
TEST_F(TaskModelTest, TextsOfSeveralWindows) {
  Tokens all = ids("It is a truth universally acknowledged, that a single man must be in want of a wife.");
  ASSERT_GT(all.size(), 13u);
  const std::string text = tokenizer_->decode(absl::MakeConstSpan(all).first(13));
  all = ids(text);
  ASSERT_EQ(all.size(), 13u);
  const auto part = [&](int from, int to) { return Tokens(all.begin() + from, all.begin() + to); };
  const Tokens first = {*tokenizer_->special().bos};
  const double expected = score(first, part(0, 5)).log_probability +
                          score(part(4, 5), part(5, 10)).log_probability +
                          score(part(7, 10), part(10, 13)).log_probability;
  for (const int64_t rows : {1, 64}) {
    const auto found = text_scorer(task_, 5, {.rows = rows})(Texts{text, "x"});
    EXPECT_NEAR(found[0].negative_log_likelihood, -expected, 1e-4);
    EXPECT_EQ(found[0].tokens, 13);
    EXPECT_NEAR(found[1].negative_log_likelihood, -score(first, ids("x")).log_probability, 1e-4);
  }
  // The context bounds the window: texts may be longer.
  std::string longer;
  for (int i = 0; i < 12; ++i) longer += text + " ";
  ASSERT_GT(ids(longer).size(), 128u);
  EXPECT_EQ(text_scorer(task_)(Texts{longer})[0].tokens, static_cast<int64_t>(ids(longer).size()));
}

TEST_F(TaskModelTest, WritesTextsUpToAStop) {
  const Texts prompts = {"Once upon a time", "The"};
  const GenerateOptions options{.max_tokens = 12, .sampling = {.temperature = 0}};
  const Texts found = text_writer(task_, options)(prompts);
  std::vector<Tokens> rows;
  for (const std::string& prompt : prompts) rows.push_back(begun(ids(prompt)));
  const auto expected = generate(task_.model, rows, options);
  for (size_t i = 0; i < prompts.size(); ++i)
    EXPECT_EQ(found[i], tokenizer_->decode(expected[i].tokens, true));
  GenerateOptions stopped = options;
  stopped.stop_strings = {found[0].substr(found[0].size() / 2, 2)};
  EXPECT_EQ(text_writer(task_, stopped)(prompts)[0],
            found[0].substr(0, found[0].find(stopped.stop_strings[0])));
}

// From lines of JSON to those of predictions.jsonl, by the model.
TEST_F(TaskModelTest, ScoresItemsOfTasks) {
  const std::vector<ChoiceItem> items = {{"a", "Sky?", {"blue", "red like a rose"}, 1},
                                         {"b", "Sea?", {"green", "deep"}, 0}};
  const auto outcomes = score_choices({}, {}, items, continuation_scorer(task_));
  const std::string prompt = "Question: Sky?\nAnswer:";
  const auto of = [&](const std::string& choice) {
    const Tokens alone = ids(prompt), both = ids(prompt + choice);
    return score(begun(alone), {both.begin() + static_cast<int64_t>(alone.size()), both.end()});
  };
  const Prediction line = prediction_of(items[0], outcomes[0]);
  const double blue = of(" blue").log_probability, red = of(" red like a rose").log_probability;
  EXPECT_NEAR(line.scores[0], blue, 1e-4);
  EXPECT_NEAR(line.scores[1], red, 1e-4);
  EXPECT_EQ(line.output, blue > red ? "blue" : "red like a rose");
  EXPECT_EQ(outcomes[0].by_byte, blue / 4 >= red / 15 ? 0 : 1);
}

TEST_F(TaskModelTest, SaysWhatItCannotScore) {
  const auto scorer = continuation_scorer(task_);
  EXPECT_EQ(error_of([&] { scorer(Texts{"The sky"}, std::vector<Texts>{{""}}); }),
            "continuation_scorer: \"\" has no token of its own behind \"The sky\"");
  std::string longer = "word";
  for (int i = 0; i < 100; ++i) longer += " word";
  EXPECT_NE(
      error_of([&] { scorer(Texts{longer}, std::vector<Texts>{{" x"}}); }).find("the model's context of 64"),
      std::string::npos);
  EXPECT_NE(error_of([&] { text_scorer(task_, 0); }), "no error");
  EXPECT_NE(error_of([&] { text_scorer(source_task_model(task_.model, *tokenizer_)); }), "no error");
  EXPECT_NE(error_of([&] { text_writer(task_, {.samples = 2}); }), "no error");
  const auto nameless = *load_tokenizer_json(*find_runfile("tests/golden/tokenizers/tiny_llama3.json"));
  EXPECT_NE(error_of([&] { task_model(task_.model, *nameless); }), "no error");
}

}  // namespace
}  // namespace roux::kit
