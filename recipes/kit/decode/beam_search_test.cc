// Beams so wide that nothing is lost, against all texts there are. Narrow ones: golden_test.
#include "recipes/kit/decode/beam_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "recipes/kit/decode/score.h"
#include "tensor/error_of.h"

namespace roux::kit {
namespace {

using ::roux::testing::tiny_llama;

constexpr int32_t kStop = 3;

// Tokens 0 .. 3, whose law depends on the last two.
DecodeModel model_of_pairs() {
  return decode_model(4, [](absl::Span<const int32_t> tokens, absl::Span<float> logits) {
    const int32_t last = tokens.back(), before = tokens.size() > 1 ? tokens[tokens.size() - 2] : 2;
    for (int32_t id = 0; id < 4; ++id) {
      logits[static_cast<size_t>(id)] = 2 * std::sin(static_cast<float>(1 + 5 * id + 7 * last + 3 * before));
    }
  });
}

// Every text of up to `most` tokens that ends with the stop token or is as long.
void all_texts(int64_t most, const Tokens& so_far, std::vector<Tokens>* texts) {
  for (int32_t token = 0; token < 4; ++token) {
    Tokens text = so_far;
    text.push_back(token);
    if (token == kStop || static_cast<int64_t>(text.size()) == most) {
      texts->push_back(text);
    } else {
      all_texts(most, text, texts);
    }
  }
}

TEST(BeamSearch, WideBeamsFindTheBestOfAllTexts) {
  const std::vector<Tokens> prompts = {{0, 1}, {2}};
  std::vector<Tokens> texts;
  all_texts(4, {}, &texts);
  for (const LengthPenalty penalty : {LengthPenalty::kPower, LengthPenalty::kGnmt}) {
    for (const double alpha : {0.0, 0.6, 1.0, 2.0}) {
      const auto found = beam_search(model_of_pairs(), prompts,
                                     {.beams = 200,
                                      .max_tokens = 4,
                                      .length_penalty = alpha,
                                      .penalty = penalty,
                                      .stop = BeamStop::kNoBetterEver,
                                      .stop_tokens = {kStop},
                                      .best = 5,
                                      .rows = 400});
      for (size_t i = 0; i < prompts.size(); ++i) {
        const auto log_probs = choice_log_probs(
            model_of_pairs(), std::vector<Question>{{.prompt = prompts[i], .choices = texts}})[0];
        std::vector<std::pair<double, size_t>> order;
        for (size_t t = 0; t < texts.size(); ++t) {
          const auto n = static_cast<double>(texts[t].size());
          order.emplace_back(
              log_probs[t] / std::pow(penalty == LengthPenalty::kPower ? n : (5 + n) / 6, alpha), t);
        }
        std::sort(order.begin(), order.end(), std::greater<>());
        ASSERT_EQ(found[i].size(), 5U);
        for (size_t rank = 0; rank < 5; ++rank) {
          EXPECT_EQ(found[i][rank].tokens, texts[order[rank].second]) << alpha << i << rank;
          EXPECT_NEAR(found[i][rank].score, order[rank].first, 1e-6);
          EXPECT_NEAR(found[i][rank].log_prob, log_probs[order[rank].second], 1e-6);
        }
      }
    }
  }
}

// Prompts side by side, in pieces, and alone; the context's end.
TEST(BeamSearch, EachPromptIsSearchedForItself) {
  Generator generator(7);
  Transformer model(tiny_llama(), {&generator, 0.3});
  model.eval();
  const std::vector<Tokens> prompts = {{1, 2, 3}, {5}, {9, 8, 7, 6, 5, 4}, {1, 2, 3, 4}};
  const BeamOptions options{.beams = 3, .max_tokens = 12, .stop_tokens = {4, 9}, .best = 3};
  const auto together = beam_search(decode_model(model), prompts, options);
  for (const int64_t rows : {3, 7}) {
    BeamOptions in_pieces = options;
    in_pieces.rows = rows;
    const auto found = beam_search(decode_model(model), prompts, in_pieces);
    for (size_t i = 0; i < prompts.size(); ++i) {
      ASSERT_EQ(found[i].size(), together[i].size());
      for (size_t beam = 0; beam < found[i].size(); ++beam) {
        EXPECT_EQ(found[i][beam].tokens, together[i][beam].tokens);
        EXPECT_NEAR(found[i][beam].score, together[i][beam].score, 1e-5);
        EXPECT_LE(prompts[i].size() + found[i][beam].tokens.size(), 16U);
      }
    }
  }
}

TEST(BeamSearch, Errors) {
  const auto refuses = [](const BeamOptions& options, const std::vector<Tokens>& prompts,
                          const std::string& text) {
    const std::string error = error_of([&] { beam_search(model_of_pairs(), prompts, options); });
    EXPECT_NE(error.find(text), std::string::npos) << error;
  };
  refuses({.beams = 0}, {{1}}, "beams is 0");
  refuses({.beams = 4, .rows = 3}, {{1}}, "rows 3");
  refuses({.beams = 2, .best = 3}, {{1}}, "best is 3, needed 1 to 2 beams");
  refuses({}, {{1}, {}}, "beam_search: prompt 1 has no tokens");
  refuses({.rules = {ban({0, 1, 2, 3})}}, {{1}}, "prompt 0, position 0: the rules leave no token");
  const DecodeModel broken = decode_model(4, [](absl::Span<const int32_t> tokens, absl::Span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    if (tokens[0] == 2 && tokens.size() == 3) logits[1] = std::numeric_limits<float>::quiet_NaN();
  });
  const std::string error = error_of([&] { beam_search(broken, std::vector<Tokens>{{1}, {2}}, {}); });
  EXPECT_NE(error.find("beam_search: prompt 1, position 2: the model's logits are not finite"),
            std::string::npos)
      << error;
}

}  // namespace
}  // namespace roux::kit
