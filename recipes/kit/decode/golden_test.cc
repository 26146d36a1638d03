// Against transformers (tests/golden/decode.py): greedy texts, rules, beams and their scores, cuts, given
// tokens.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/models/pretrained.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/decode/beam_search.h"
#include "recipes/kit/decode/generate.h"
#include "recipes/kit/decode/score.h"

namespace roux::kit {
namespace {

using Json = nlohmann::json;

const Json& golden() {
  static const Json& json = *new Json(Json::parse(*read_text(*find_runfile("tests/golden/decode.json"))));
  return json;
}

// A decoder or an encoder-decoder from tests/golden/language_models.
struct Model {
  std::unique_ptr<LanguageModel> model;
  DecodeModel decode;
  bool has_source;

  explicit Model(const std::string& family)
      : has_source(family != "llama" && family != "gpt2" && family != "gemma2") {
    const std::string file = *find_runfile("tests/golden/language_models/" + family + "/config.json");
    const std::string folder = file.substr(0, file.rfind('/'));
    if (has_source) {
      auto both = std::move(*load_pretrained<EncoderDecoder>(folder));
      both->eval();
      decode = decode_model(*both, {golden()["start"].get<int32_t>()});
      model = std::move(both);
    } else {
      model = std::move(*load_pretrained(folder));
      model->eval();
      decode = decode_model(*model);
    }
  }
};

std::vector<TokenRule> rules_of(const Json& options, const Tokens& stop_tokens) {
  std::vector<TokenRule> rules;
  if (options.contains("repetition_penalty")) {
    rules.push_back(repetition_penalty(options["repetition_penalty"].get<double>()));
  }
  if (options.contains("no_repeat_ngram_size")) {
    rules.push_back(no_repeat_ngram(options["no_repeat_ngram_size"].get<int64_t>()));
  }
  if (options.contains("min_new_tokens")) {
    rules.push_back(not_before(options["min_new_tokens"].get<int64_t>(), stop_tokens));
  }
  return rules;
}

std::vector<Tokens> prompts() { return golden()["prompts"].get<std::vector<Tokens>>(); }

TEST(Golden, GreedyTextsWithRules) {
  for (const Json& family : golden()["texts"]) {
    const Model model(family["family"].get<std::string>());
    for (const Json& c : family["cases"]) {
      const Tokens stop = c["stop_tokens"].get<Tokens>();
      const auto found = generate(model.decode, prompts(),
                                  {.max_tokens = golden()["new_tokens"].get<int64_t>(),
                                   .sampling = {.temperature = 0},
                                   .rules = rules_of(c["options"], stop),
                                   .stop_tokens = stop,
                                   .rows = 3});
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].tokens, c["texts"][i].get<Tokens>()) << family["family"] << c["options"] << i;
      }
    }
  }
}

TEST(Golden, Beams) {
  for (const Json& family : golden()["beams"]) {
    const Model model(family["family"].get<std::string>());
    for (const Json& c : family["cases"]) {
      const std::string early = c["early_stopping"].get<std::string>();
      const Tokens stop = c["stop_tokens"].get<Tokens>();
      const auto found = beam_search(model.decode, prompts(),
                                     {.beams = 3,
                                      .max_tokens = golden()["new_tokens"].get<int64_t>(),
                                      .length_penalty = c["length_penalty"].get<double>(),
                                      .stop = early == "True"    ? BeamStop::kFirstEnded
                                              : early == "never" ? BeamStop::kNoBetterEver
                                                                 : BeamStop::kNoBetterNow,
                                      .stop_tokens = stop,
                                      .rules = rules_of(c["rules"], stop),
                                      .best = 3,
                                      .rows = 7});
      for (size_t i = 0; i < found.size(); ++i) {
        ASSERT_EQ(found[i].size(), 3U);
        for (size_t beam = 0; beam < 3; ++beam) {
          EXPECT_EQ(found[i][beam].tokens, c["texts"][i][beam].get<Tokens>())
              << family["family"] << stop.size() << " stops, penalty " << c["length_penalty"] << " " << early
              << c["rules"] << i << beam;
          const double score = c["scores"][i][beam].get<double>();
          EXPECT_NEAR(found[i][beam].score, score, 1e-5 * std::max(1.0, std::abs(score)));
        }
      }
    }
  }
}

TEST(Golden, CutDistributions) {
  for (const Json& c : golden()["cuts"]) {
    const Sampling sampling{c["temperature"].get<double>(), c["top_k"].get<int64_t>(),
                            c["top_p"].get<double>(), c["min_p"].get<double>()};
    std::vector<float> p;
    for (const double logit : c["logits"].get<std::vector<double>>()) {
      p.push_back(static_cast<float>(std::exp(logit / sampling.temperature)));
    }
    cut(sampling, absl::MakeSpan(p));
    double total = 0;
    for (const float x : p) total += x;
    const auto expected = c["probabilities"].get<std::vector<double>>();
    for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i] / total, expected[i], 1e-6) << c["top_p"] << i;
  }
}

TEST(Golden, LogProbabilitiesOfGivenTokens) {
  for (const Json& family : golden()["log_probs"]) {
    const Model model(family["family"].get<std::string>());
    std::vector<Question> questions;
    for (const Tokens& prompt : prompts()) {
      questions.push_back({.prompt = prompt, .choices = family["choices"].get<std::vector<Tokens>>()});
    }
    for (const int64_t rows : {1, 4, 64}) {
      const auto found = choice_token_log_probs(model.decode, questions, {.rows = rows});
      for (size_t i = 0; i < found.size(); ++i) {
        for (size_t choice = 0; choice < found[i].size(); ++choice) {
          const auto expected = family["log_probs"][i][choice].get<std::vector<double>>();
          ASSERT_EQ(found[i][choice].size(), expected.size());
          for (size_t t = 0; t < expected.size(); ++t) {
            EXPECT_NEAR(found[i][choice][t], expected[t], 2e-5) << family["family"] << i << choice << t;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace roux::kit
