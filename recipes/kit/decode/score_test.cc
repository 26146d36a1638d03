#include "recipes/kit/decode/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "recipes/kit/decode/combine.h"
#include "recipes/kit/decode/generate.h"
#include "tensor/batch_invariant.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/softmax.h"

namespace roux::kit {
namespace {

using ::roux::testing::tiny_configs;
using ::roux::testing::tiny_llama;

// Log-probabilities of `tokens` behind `prompt`, by one forward over both.
std::vector<double> recomputed(const LanguageModel& model, const Tokens& prompt, const Tokens& tokens) {
  NoGradGuard no_grad;
  Tokens all = prompt;
  all.insert(all.end(), tokens.begin(), tokens.end() - 1);
  const Tensor log_probs = log_softmax(model.logits(tensor(all, {1, static_cast<int64_t>(all.size())})), -1);
  const std::vector<double> values = log_probs.to_vector<double>();
  std::vector<double> found;
  for (size_t i = 0; i < tokens.size(); ++i) {
    found.push_back(values[(prompt.size() - 1 + i) * static_cast<size_t>(log_probs.size(2)) +
                           static_cast<size_t>(tokens[i])]);
  }
  return found;
}

const std::vector<Tokens> kChoices = {{3},     {7, 8, 9}, {7, 8},    {7, 8, 11, 4},
                                      {12, 3}, {7, 9, 1}, {7, 8, 9}, {30, 1, 2, 3, 4}};

TEST(Score, EqualsOneForwardAChoice) {
  for (const auto& [name, config] : tiny_configs()) {
    Generator generator(2);
    Transformer model(config, {&generator, 0.3});
    model.eval();
    // The last prompt leaves room for its longest choice alone, not for padding beside it.
    std::vector<Question> questions = {{.id = "a", .prompt = {1, 2, 3}, .choices = kChoices},
                                       {.id = "b", .prompt = {5}, .choices = {kChoices[1], kChoices[0]}},
                                       {.id = "c", .prompt = {4, 4, 9, 1}, .choices = {}},
                                       {.id = "d", .prompt = Tokens(12, 6), .choices = kChoices}};
    for (const bool invariant : {false, true}) {
      BatchInvariantGuard guard(invariant);
      for (const int64_t rows : {1, 3, 64}) {
        const auto found = choice_token_log_probs(decode_model(model), questions, {.rows = rows});
        ASSERT_EQ(found.size(), questions.size());
        for (size_t q = 0; q < questions.size(); ++q) {
          ASSERT_EQ(found[q].size(), questions[q].choices.size());
          for (size_t choice = 0; choice < found[q].size(); ++choice) {
            const std::vector<double> expected =
                recomputed(model, questions[q].prompt, questions[q].choices[choice]);
            ASSERT_EQ(found[q][choice].size(), expected.size());
            for (size_t i = 0; i < expected.size(); ++i) {
              EXPECT_NEAR(found[q][choice][i], expected[i], invariant ? 0 : 2e-5) << name << q << choice;
            }
          }
        }
      }
    }
    const auto sums = choice_log_probs(decode_model(model), questions);
    const std::vector<double> expected = recomputed(model, {1, 2, 3}, kChoices[3]);
    EXPECT_NEAR(sums[0][3], std::accumulate(expected.begin(), expected.end(), 0.0), 1e-4);
    EXPECT_EQ(sums[0][1], sums[0][6]);  // the same choice twice
    const std::vector<Tokens> prompts = {{1, 2, 3}, {9}}, texts = {kChoices[3], kChoices[7]};
    const auto behind = continuation_log_probs(decode_model(model), prompts, texts);
    EXPECT_NEAR(behind[0][2], expected[2], 2e-5);
    EXPECT_NEAR(behind[1][4], recomputed(model, {9}, kChoices[7])[4], 2e-5);
  }
}

// The prompt, then what choices share, then each one's own but its last token.
TEST(Score, ComputesSharedTokensOnce) {
  Generator generator(2);
  Transformer model(tiny_llama(), {&generator, 0.3});
  model.eval();
  int64_t count = 0;
  LmDecodeOptions counting;
  counting.input.taps.edit(Site::kEmbedding, 0, [&count](const Tensor& x) {
    count += x.size(0) * x.size(1);
    return x;
  });
  const std::vector<Question> questions = {
      {.prompt = {1, 2, 3, 4, 5}, .choices = {{7, 8, 9}, {7, 8, 4}, {7, 5}, {7, 8, 4}, {2}}}};
  choice_log_probs(decode_model(model, counting), questions);
  EXPECT_EQ(count, 5 + 1 + 1);
}

TEST(Score, StartsNoRowsForTokensThatAreOnlyLookedUp) {
  Generator generator(2);
  Transformer model(tiny_llama(), {&generator, 0.3});
  model.eval();
  DecodeModel decode = decode_model(model);
  std::vector<int64_t> started;
  decode.start = [&started, start = decode.start](absl::Span<const Tokens> prompts, int64_t rows,
                                                  int64_t more) {
    started.push_back(rows);
    return start(prompts, rows, more);
  };
  // 20 choices, 18 of which are leaves of one node; rows go on behind 7 and behind 8, 9.
  std::vector<Tokens> choices;
  for (int32_t token = 0; token < 18; ++token) choices.push_back({7, token});
  choices.push_back({8, 9, 1});
  choices.push_back({3});
  const std::vector<Question> questions(6, {.prompt = {1, 2}, .choices = choices});
  const auto found = choice_log_probs(decode, questions, {.rows = 4});
  EXPECT_EQ(started, (std::vector<int64_t>{4, 4, 4}));
  for (const auto& of_question : found) {
    for (const size_t choice : {0, 17, 18, 19}) {
      const std::vector<double> expected = recomputed(model, {1, 2}, choices[choice]);
      EXPECT_NEAR(of_question[choice], std::accumulate(expected.begin(), expected.end(), 0.0), 1e-4)
          << choice;
    }
  }
}

TEST(Score, Errors) {
  Generator generator(2);
  Transformer model(tiny_llama(), {&generator, 0.3});
  model.eval();
  const auto refuses = [&](const std::vector<Question>& questions, const std::string& text) {
    const std::string error = error_of([&] { choice_log_probs(decode_model(model), questions); });
    EXPECT_NE(error.find(text), std::string::npos) << error;
  };
  refuses({{.id = "x", .prompt = {1}, .choices = {{2}, {}}}}, "question \"x\": choice 1 has no tokens");
  refuses({{.id = "x", .prompt = {}, .choices = {{2}}}}, "prompt 0 has no tokens");
  refuses({{.id = "x", .prompt = {1}, .choices = {{2}, {3, 99}}}}, "question \"x\" has token 99");
  refuses({{.id = "x", .prompt = Tokens(14, 1), .choices = {{2, 3, 4, 5}}}},
          "prompt 0 takes 14 tokens of the model's context of 16, needed room for 3 more");
  const DecodeModel broken = decode_model(4, [](absl::Span<const int32_t>, absl::Span<float> logits) {
    std::fill(logits.begin(), logits.end(), std::numeric_limits<float>::quiet_NaN());
  });
  EXPECT_NE(error_of([&] {
              choice_log_probs(broken, std::vector<Question>{{.id = "y", .prompt = {1}, .choices = {{2}}}});
            }).find("question \"y\": the model's logits are not finite"),
            std::string::npos);
}

TEST(Score, Normalisations) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> log_probs = {std::log(0.2), std::log(0.1), std::log(0.1)};
  EXPECT_EQ(best_choice(log_probs), 0U);
  EXPECT_EQ(best_choice({-3.0, -1.0, -1.0}), 1U);
  EXPECT_EQ(per_token({-6, -8}, {{1, 2, 3}, {1}}), (std::vector<double>{-2, -8}));
  EXPECT_EQ(per_byte({-6, -8}, {"ab", "é"}), (std::vector<double>{-3, -4}));
  EXPECT_EQ(pointwise_mutual_information({-6, -infinity}, {-4, -3}), (std::vector<double>{-2, -infinity}));

  const Question question{.choices = {{1}, {2}, {3}}, .answer = {1, 0, 1}};
  const std::vector<double> answers = answer_probabilities(question, log_probs);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_NEAR(answers[0], 0.25, 1e-12);
  EXPECT_NEAR(answers[1], 0.75, 1e-12);

  // Two prompts without content: normalised (.5 .25 .25) and (.25 .5 .25), mean (.375 .375 .25).
  const auto calibrated = contextual_calibration(log_probs, {{std::log(0.2), std::log(0.1), std::log(0.1)},
                                                             {std::log(0.1), std::log(0.2), std::log(0.1)}});
  const double a = 0.5 / 0.375, b = 0.25 / 0.375, c = 0.25 / 0.25;
  EXPECT_NEAR(calibrated[0], a / (a + b + c), 1e-12);
  EXPECT_NEAR(calibrated[1], b / (a + b + c), 1e-12);
  EXPECT_NEAR(calibrated[2], c / (a + b + c), 1e-12);
  // A prompt without content that is the question itself leaves nothing to choose by.
  for (const double p : contextual_calibration(log_probs, {log_probs})) EXPECT_NEAR(p, 1.0 / 3, 1e-12);

  for (const std::function<void()>& wrong : std::vector<std::function<void()>>{
           [&] { per_token(log_probs, std::vector<Tokens>{{1}}); },
           [&] { answer_probabilities({.choices = {{1}}}, log_probs); },
           [&] { pointwise_mutual_information({-1.0}, {-infinity}); },
           [&] {
             contextual_calibration({-1.0, -2.0}, {{0.0, -infinity}});
           },
           [&] { answer_probabilities({.choices = {{1}}}, {-infinity}); }, [&] { best_choice({}); }}) {
    EXPECT_NE(error_of(wrong), "no error");
  }
}

// Two models in lock-step, one behind another prompt: logits of plain forwards, added.
TEST(Combined, EqualsSumsOfForwards) {
  Generator generator(2);
  TransformerConfig wide = tiny_llama();
  wide.vocab_size += 3;
  Transformer first(tiny_llama(), {&generator, 0.3}), second(wide, {&generator, 0.3});
  first.eval(), second.eval();
  const auto wrap = [](const Tokens& prompt) {
    Tokens longer = {9, 9, 9};
    longer.insert(longer.end(), prompt.begin(), prompt.end());
    return longer;
  };
  const DecodeModel model =
      combined({decode_model(first), decode_model(second)},
               [](absl::Span<const Tensor> x) { return x[0] + x[1] * 0.5; }, {nullptr, wrap});
  EXPECT_EQ(model.vocabulary, first.config().vocab_size);
  const std::vector<Tokens> prompts = {{1, 2}, {5, 3, 7, 8}};
  const auto found =
      generate(model, prompts, {.max_tokens = 5, .samples = 2, .sampling = {.temperature = 0.7}, .seed = 1});
  const auto last = [](const LanguageModel& m, const Tokens& tokens) {
    NoGradGuard no_grad;
    const auto n = static_cast<int64_t>(tokens.size());
    return m.logits(tensor(tokens, {1, n})).slice(1, n - 1, n).contiguous().to_vector<float>();
  };
  for (const Generation& text : found) {
    Tokens so_far = prompts[static_cast<size_t>(text.prompt)];
    for (size_t i = 0; i < text.tokens.size(); ++i) {
      std::vector<float> p = last(first, so_far), other = last(second, wrap(so_far));
      double total = 0;
      for (size_t id = 0; id < p.size(); ++id) total += std::exp(p[id] + 0.5 * other[id]);
      const auto token = static_cast<size_t>(text.tokens[i]);
      EXPECT_NEAR(text.log_probs[i], p[token] + 0.5 * other[token] - std::log(total), 2e-5);
      for (size_t id = 0; id < p.size(); ++id) p[id] = std::exp((p[id] + 0.5f * other[id]) / 0.7f);
      EXPECT_EQ(text.tokens[i], draw(p, keyed_uniform(1, static_cast<uint64_t>(text.prompt),
                                                      static_cast<uint64_t>(text.sample), i)));
      so_far.push_back(text.tokens[i]);
    }
  }
  // The wrapped prompt fills the context three tokens earlier.
  EXPECT_EQ(generate(model, prompts, {.max_tokens = 99})[1].tokens.size(), 16U - 4U - 3U);
  EXPECT_NE(error_of([&] {
              combined({decode_model(second), decode_model(first)},
                       [](absl::Span<const Tensor> x) { return x[0]; });
            }).find("model 1 has 40 tokens, the first has 43"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              generate(combined({decode_model(first)},
                                [](absl::Span<const Tensor> x) { return x[0].slice(1, 0, 3); }),
                       prompts, {});
            }).find("combined: combine returns f32[2,3], needed f32[2,40]"),
            std::string::npos);
}

}  // namespace
}  // namespace roux::kit
