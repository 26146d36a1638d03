// generate() with functions in the place of models: the law of its draws, where texts end, streaming, labels,
// errors.
#include "recipes/kit/decode/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "recipes/kit/stats/hypothesis.h"
#include "tensor/error_of.h"

namespace roux::kit {
namespace {

using ::roux::testing::tiny_llama;

// log p = (0, -1, -2, ...) up to the vocabulary, shifted by the last token: a chain whose law is known.
DecodeModel chain(int64_t vocabulary) {
  return decode_model(vocabulary, [vocabulary](absl::Span<const int32_t> tokens, absl::Span<float> logits) {
    for (int64_t id = 0; id < vocabulary; ++id) {
      logits[static_cast<size_t>(id)] = -0.5f * static_cast<float>((id + tokens.back()) % vocabulary);
    }
  });
}

// Chi-square tests at fixed seeds; each passes with probability 0.999 under the right law.
TEST(Generate, DrawsFollowTheDistribution) {
  constexpr int64_t kTokens = 5, kSamples = 20000;
  for (const Sampling& sampling : {Sampling{}, Sampling{.temperature = 0.5}, Sampling{.top_p = 0.8},
                                   Sampling{.temperature = 2, .min_p = 0.5}}) {
    const auto found =
        generate(chain(kTokens), std::vector<Tokens>{{0}},
                 {.max_tokens = 2, .samples = kSamples, .sampling = sampling, .seed = 9, .rows = 512});
    std::vector<double> observed, expected;
    std::map<Tokens, double> counts;
    for (const Generation& text : found) counts[text.tokens] += 1;
    const auto law = [&](int32_t last) {
      std::vector<float> p;
      for (int64_t id = 0; id < kTokens; ++id) {
        p.push_back(std::exp(-0.5f * static_cast<float>((id + last) % kTokens) /
                             static_cast<float>(sampling.temperature)));
      }
      cut(sampling, absl::MakeSpan(p));
      const double total = std::accumulate(p.begin(), p.end(), 0.0);
      std::vector<double> shares;
      for (const float x : p) shares.push_back(x / total);
      return shares;
    };
    for (int32_t a = 0; a < kTokens; ++a) {
      for (int32_t b = 0; b < kTokens; ++b) {
        const double p = law(0)[static_cast<size_t>(a)] * law(a)[static_cast<size_t>(b)];
        if (p == 0) {
          EXPECT_EQ(counts.count({a, b}), 0U);
          continue;
        }
        observed.push_back(counts[{a, b}]);
        expected.push_back(p * kSamples);
      }
    }
    EXPECT_GT(stats::chi_square_test(observed, expected).p_value, 1e-3);
  }
}

// A model that writes this text byte by byte behind any prompt of one token, then token 256.
DecodeModel writer(const std::string& text) {
  return decode_model(257, [text](absl::Span<const int32_t> tokens, absl::Span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    const size_t at = tokens.size() - 1;
    logits[at < text.size() ? static_cast<unsigned char>(text[at]) : 256] = 50;
  });
}

TEST(Generate, StopsAtTokensStringsAndLength) {
  const ByteTokenizer bytes({.eos = true});
  const std::vector<Tokens> one = {{0}};
  GenerateOptions options{.max_tokens = 40, .stop_tokens = {256}, .text = text_of(bytes)};
  auto found = generate(writer("grün"), one, options)[0];
  EXPECT_EQ(found.text, "grün");
  EXPECT_EQ(found.stop, Generation::kToken);
  EXPECT_EQ(found.tokens.size(), 6U);
  EXPECT_EQ(found.tokens.back(), 256);

  options.stop_strings = {"\nQ:", "###"};
  found = generate(writer("one\n#two\nQ: three###"), one, options)[0];
  EXPECT_EQ(found.text, "one\n#two");
  EXPECT_EQ(found.stop, Generation::kString);
  EXPECT_EQ(found.tokens.size(), 11U);

  options.max_tokens = 9;
  found = generate(writer("one\n#two\nQ: three###"), one, options)[0];
  EXPECT_EQ(found.text, "one\n#two\n");  // what was held back is no stop string after all
  EXPECT_EQ(found.stop, Generation::kLength);
  EXPECT_EQ(found.tokens.size(), 9U);
}

TEST(Generate, StreamsWholeCharacters) {
  const ByteTokenizer bytes({.eos = true});
  const std::string text = "aé漢🙂b\xc3";  // ends inside a character
  std::vector<std::string> pieces;
  const auto found =
      generate(writer(text), std::vector<Tokens>{{0}},
               {.stop_tokens = {256},
                .text = text_of(bytes),
                .on_text = [&](const Generation&, std::string_view piece) { pieces.emplace_back(piece); }});
  EXPECT_EQ(pieces, (std::vector<std::string>{"a", "é", "漢", "🙂", "b", "\xc3"}));
  EXPECT_EQ(found[0].text, text);
}

TEST(Generate, OnlyLabels) {
  const std::vector<Tokens> labels = {{7, 8}, {7, 8, 9}, {4}, {9, 1, 1, 1}};
  const auto trie = std::make_shared<const TokenTrie>(labels);
  const auto found =
      generate(chain(12), std::vector<Tokens>{{0}, {5}},
               {.max_tokens = 8, .samples = 40, .rules = {only(trie, 11)}, .stop_tokens = {11}});
  std::map<Tokens, int> counts;
  for (const Generation& text : found) {
    ASSERT_EQ(text.stop, Generation::kToken);
    ++counts[Tokens(text.tokens.begin(), text.tokens.end() - 1)];
  }
  for (const auto& [tokens, count] : counts) EXPECT_EQ(std::count(labels.begin(), labels.end(), tokens), 1);
  EXPECT_GE(counts.size(), 3U);
}

TEST(Generate, Errors) {
  Generator generator(7);
  Transformer model(tiny_llama(), {&generator, 0.3});
  model.eval();
  const DecodeModel decode = decode_model(model);
  const auto refuses = [](const std::string& error, const std::string& text) {
    EXPECT_NE(error.find(text), std::string::npos) << error;
  };
  const auto error = [&](const std::vector<Tokens>& prompts, const GenerateOptions& options) {
    return error_of([&] { generate(decode, prompts, options); });
  };
  refuses(error({{1}, Tokens(16, 1)}, {}),
          "generate: prompt 1 takes 16 tokens of the model's context of 16, needed room for 1 more");
  refuses(error({{1}, {}}, {}), "generate: prompt 1 has no tokens");
  refuses(error({{1}}, {.stop_strings = {"x"}}), "generate: stop_strings and on_text need `text`");
  refuses(error({{1}}, {.keys = {1, 2}}), "generate: 2 keys for 1 prompts");
  refuses(error({{1}}, {.samples = 0}), "samples 0");
  refuses(error({{1}}, {.sampling = {.temperature = -1}}), "temperature is -1");
  refuses(error({{1}}, {.sampling = {.top_p = 0}}), "top_p is 0");
  refuses(error({{1}}, {.rules = {ban({99})}}), "a rule names token 99, the vocabulary has 40");
  refuses(error({{1}, {2}}, {.rules = {only(std::make_shared<const TokenTrie>(), 1)}}),
          "generate: prompt 0, sample 0, position 0: the rules leave no token");
  // One row of several breaks, at its third token.
  const DecodeModel breaks = decode_model(8, [](absl::Span<const int32_t> tokens, absl::Span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    if (tokens[0] == 6 && tokens.size() == 3) logits[5] = std::numeric_limits<float>::quiet_NaN();
  });
  for (const double temperature : {0.0, 1.0}) {
    refuses(
        error_of([&] {
          generate(breaks, std::vector<Tokens>{{1}, {6}, {2}}, {.sampling = {.temperature = temperature}});
        }),
        "generate: prompt 1, sample 0, position 2: the model's logits are not finite");
  }
  // The context ends a text that max_tokens does not.
  const auto found = generate(decode, std::vector<Tokens>{{1, 2, 3}, {1}}, {.max_tokens = 40});
  EXPECT_EQ(found[0].tokens.size(), 13U);
  EXPECT_EQ(found[1].tokens.size(), 15U);
  EXPECT_EQ(found[0].stop, Generation::kLength);
}

}  // namespace
}  // namespace roux::kit
