// BLEU, chrF, TER, ROUGE and distinct-n against their reference packages on the sample of
// tests/golden/eval.json.
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/eval/bleu.h"
#include "recipes/kit/eval/chrf.h"
#include "recipes/kit/eval/distinct.h"
#include "recipes/kit/eval/eval_golden.h"
#include "recipes/kit/eval/porter_stemmer.h"
#include "recipes/kit/eval/rouge.h"
#include "recipes/kit/eval/ter.h"
#include "recipes/kit/text/words.h"

namespace roux::kit {
namespace {

constexpr double kTolerance = 1e-9;  // of scores from 0 to 100

const Json& overlap(const char* key) { return golden("overlap").at(key); }

// Hypotheses and references; the second reference is that of the next pair.
struct Sample {
  Strings hypotheses, references;
  std::vector<Strings> one, two;
};

Sample sample_of(const Strings& hypotheses, const Strings& references) {
  Sample s{hypotheses, references, {}, {}};
  for (size_t i = 0; i < references.size(); ++i) {
    s.one.push_back({references[i]});
    s.two.push_back({references[i], references[(i + 1) % references.size()]});
  }
  return s;
}

const Sample& sample() {
  static const auto& s =
      *new Sample(sample_of(overlap("hypotheses").get<Strings>(), overlap("references").get<Strings>()));
  return s;
}

constexpr std::pair<const char*, BleuTokens> kTokens[] = {{"13a", BleuTokens::k13a},
                                                          {"zh", BleuTokens::kZh},
                                                          {"intl", BleuTokens::kIntl},
                                                          {"char", BleuTokens::kChar},
                                                          {"none", BleuTokens::kNone}};
constexpr std::pair<const char*, BleuSmoothing> kSmoothing[] = {{"none", BleuSmoothing::kNone},
                                                                {"floor", BleuSmoothing::kFloor},
                                                                {"add-k", BleuSmoothing::kAddK},
                                                                {"exp", BleuSmoothing::kExp}};

BleuOptions bleu_options(const Json& json) {
  BleuOptions o;
  for (const auto& [name, tokens] : kTokens) {
    if (json.value("tokenize", "13a") == name) o.tokens = tokens;
  }
  for (const auto& [name, smoothing] : kSmoothing) {
    if (json.value("smooth_method", "exp") == name) o.smoothing = smoothing;
  }
  if (json.contains("smooth_value")) o.smooth_value = json["smooth_value"].get<double>();
  o.lowercase = json.value("lowercase", false);
  o.max_order = json.value("max_ngram_order", 4);
  return o;
}

TEST(Bleu, TokensEqualSacrebleu) {
  for (const auto& [name, tokens] : kTokens) {
    const auto want = overlap("bleu")["tokens"][name].get<Strings>();
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(absl::StrJoin(bleu_tokens(right_strip(sample().hypotheses[i]), tokens), " "), want[i])
          << name << " " << i;
    }
  }
}

TEST(Bleu, EqualsSacrebleu) {
  const Sample& s = sample();
  for (const Json& c : overlap("bleu")["cases"]) {
    SCOPED_TRACE(c["options"].dump());
    BleuOptions o = bleu_options(c["options"]);
    const BleuScore score = corpus_bleu(s.hypotheses, s.one, o);
    EXPECT_NEAR(score.score, c["score"].get<double>(), kTolerance);
    EXPECT_NEAR(score.brevity_penalty, c["penalty"].get<double>(), 1e-12);
    EXPECT_EQ(score.hypothesis_length, c["lengths"][0].get<int64_t>());
    EXPECT_EQ(score.reference_length, c["lengths"][1].get<int64_t>());
    ASSERT_EQ(score.precisions.size(), c["precisions"].size());
    for (size_t n = 0; n < score.precisions.size(); ++n)
      EXPECT_NEAR(score.precisions[n], c["precisions"][n].get<double>(), kTolerance);
    EXPECT_NEAR(corpus_bleu(s.hypotheses, s.two, o).score, c["two"].get<double>(), kTolerance);
    for (size_t i = 0; i < s.one.size(); ++i) {
      o.effective_order = true;
      EXPECT_NEAR(sentence_bleu(s.hypotheses[i], s.one[i], o), c["sentences"][i].get<double>(), kTolerance)
          << i;
      o.effective_order = false;
      EXPECT_NEAR(sentence_bleu(s.hypotheses[i], s.one[i], o), c["sentences_all_orders"][i].get<double>(),
                  kTolerance)
          << i;
    }
  }
  for (size_t i = 0; i < s.one.size(); ++i) {
    EXPECT_NEAR(sentence_bleu(s.hypotheses[i], s.one[i]), overlap("bleu")["sentences"][i].get<double>(),
                kTolerance)
        << i;
  }
}

TEST(Chrf, EqualsSacrebleu) {
  const Sample& s = sample();
  for (const Json& c : overlap("chrf")) {
    SCOPED_TRACE(c["options"].dump());
    const Json& json = c["options"];
    const ChrfOptions o{.char_order = json.value("char_order", 6),
                        .word_order = json.value("word_order", 0),
                        .beta = json.value("beta", 2.0),
                        .lowercase = json.value("lowercase", false),
                        .whitespace = json.value("whitespace", false),
                        .eps_smoothing = json.value("eps_smoothing", false)};
    EXPECT_NEAR(corpus_chrf(s.hypotheses, s.one, o), c["score"].get<double>(), kTolerance);
    EXPECT_NEAR(corpus_chrf(s.hypotheses, s.two, o), c["two"].get<double>(), kTolerance);
    for (size_t i = 0; i < s.one.size(); ++i) {
      EXPECT_NEAR(sentence_chrf(s.hypotheses[i], s.one[i], o), c["sentences"][i].get<double>(), kTolerance)
          << i;
    }
  }
}

TEST(Ter, EqualsSacrebleu) {
  for (const Json& c : overlap("ter")) {
    SCOPED_TRACE(c["options"].dump());
    const TerOptions o{.normalized = c["options"]["normalized"].get<bool>(),
                       .no_punct = c["options"]["no_punct"].get<bool>(),
                       .asian_support = c["options"]["asian_support"].get<bool>(),
                       .case_sensitive = c["options"]["case_sensitive"].get<bool>()};
    Strings hypotheses, references;  // the reference package is slow: long texts with one set of options only
    for (size_t i = 0; i < sample().references.size(); ++i) {
      const bool is_long = sample().references[i].size() >= 320;
      if (is_long && c["used"].get<size_t>() < sample().references.size()) continue;
      hypotheses.push_back(sample().hypotheses[i]);
      references.push_back(sample().references[i]);
    }
    const Sample s = sample_of(hypotheses, references);
    ASSERT_EQ(s.one.size(), c["used"].get<size_t>());
    for (size_t i = 0; i < s.one.size(); ++i) {
      if (c.contains("tokens")) {
        EXPECT_EQ(absl::StrJoin(ter_tokens(s.hypotheses[i], o), " "), c["tokens"][i].get<std::string>()) << i;
      }
      EXPECT_EQ(ter_statistics(s.hypotheses[i], s.one[i], o).edits, c["edits"][i].get<int64_t>()) << i;
    }
    if (!c.contains("score")) continue;
    EXPECT_NEAR(corpus_ter(s.hypotheses, s.one, o), c["score"].get<double>(), kTolerance);
    EXPECT_NEAR(corpus_ter(s.hypotheses, s.two, o), c["two"].get<double>(), kTolerance);
  }
}

TEST(Rouge, EqualsRougeScore) {
  const Sample& s = sample();
  for (int stem = 0; stem < 2; ++stem) {
    const RougeOptions o{.stem = stem == 1};
    for (size_t i = 0; i < s.one.size(); ++i) {
      const std::string &r = s.references[i], &h = s.hypotheses[i];
      const RougeScore scores[] = {rouge_n(r, h, 1, o), rouge_n(r, h, 2, o), rouge_n(r, h, 3, o),
                                   rouge_l(r, h, o), rouge_lsum(r, h, o)};
      for (size_t k = 0; k < std::size(scores); ++k) {
        const Json& want = overlap("rouge")[stem][i][k];
        EXPECT_NEAR(scores[k].precision, want[0].get<double>(), 1e-12) << i << " " << k;
        EXPECT_NEAR(scores[k].recall, want[1].get<double>(), 1e-12) << i << " " << k;
        EXPECT_NEAR(scores[k].f1, want[2].get<double>(), 1e-12) << i << " " << k;
      }
    }
  }
}

TEST(PorterStemmer, EqualsNltk) {
  const auto text = overlap("stems").get<Strings>();
  const Strings words = absl::StrSplit(text[0], ' '), stems = absl::StrSplit(text[1], ' ');
  ASSERT_EQ(words.size(), stems.size());
  EXPECT_GT(words.size(), 3000u);
  for (size_t i = 0; i < words.size(); ++i) EXPECT_EQ(porter_stem(words[i]), stems[i]) << words[i];
}

TEST(Distinct, EqualsCountsOfNltk) {
  for (int n = 1; n <= 4; ++n)
    EXPECT_NEAR(distinct_n(sample().hypotheses, n), overlap("distinct")[n - 1].get<double>(), 1e-12);
}

}  // namespace
}  // namespace roux::kit
