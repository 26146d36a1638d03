// Every metric against its reference package on the sample of tests/golden/eval.json, and identities.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/eval/answers.h"
#include "recipes/kit/eval/classification.h"
#include "recipes/kit/eval/edit_distance.h"
#include "recipes/kit/eval/ngram_overlap.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Strings = std::vector<std::string>;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;

const nlohmann::json& golden() {
  static const auto& json =
      *new nlohmann::json(nlohmann::json::parse(*read_text(*find_runfile("tests/golden/eval.json"))));
  return json;
}
const nlohmann::json& overlap() { return golden()["overlap"]; }
const nlohmann::json& classes() { return golden()["classes"]; }
Strings strings(const char* key) { return overlap()[key].get<Strings>(); }

std::vector<Strings> lists(const Strings& references, bool second) {
  std::vector<Strings> result;
  for (size_t i = 0; i < references.size(); ++i) {
    result.push_back({references[i]});
    if (second) result.back().push_back(references[(i + 1) % references.size()]);
  }
  return result;
}

constexpr std::pair<const char*, BleuTokens> kTokens[] = {{"13a", BleuTokens::k13a},
                                                          {"zh", BleuTokens::kZh},
                                                          {"char", BleuTokens::kChar},
                                                          {"none", BleuTokens::kNone}};

TEST(Bleu, TokensEqualSacrebleu) {
  const Strings hypotheses = strings("hypotheses");
  for (const auto& [name, tokens] : kTokens) {
    if (!overlap()["bleu_tokens"].contains(name)) continue;
    for (size_t i = 0; i < hypotheses.size(); ++i) {
      EXPECT_EQ(bleu_tokens(hypotheses[i], tokens), overlap()["bleu_tokens"][name][i].get<Strings>())
          << name << i;
    }
  }
}

TEST(Bleu, EqualsSacrebleu) {
  const Strings h = strings("hypotheses"), r = strings("references");
  for (const auto& [name, tokens] : kTokens) {
    EXPECT_NEAR(corpus_bleu(h, lists(r, false), {.tokens = tokens}).score,
                overlap()["bleu"][name].get<double>(), 1e-9);
  }
  EXPECT_NEAR(corpus_bleu(h, lists(r, true)).score, overlap()["bleu_two"].get<double>(), 1e-9);
  EXPECT_NEAR(corpus_bleu(h, lists(r, false), {.lowercase = true}).score,
              overlap()["bleu_lower"].get<double>(), 1e-9);
  const BleuScore score = corpus_bleu(h, lists(r, false));
  EXPECT_NEAR(score.brevity_penalty, overlap()["bleu_penalty"].get<double>(), 1e-12);
  for (int n = 0; n < 4; ++n)
    EXPECT_NEAR(score.precisions[n], overlap()["bleu_precisions"][n].get<double>(), 1e-9);
  for (size_t i = 0; i < h.size(); ++i) {
    EXPECT_NEAR(corpus_bleu({h[i]}, {{r[i]}}, {.effective_order = true}).score,
                overlap()["sentence_bleu"][i].get<double>(), 1e-9)
        << i;
  }
}

TEST(Chrf, EqualsSacrebleu) {
  const Strings h = strings("hypotheses"), r = strings("references");
  EXPECT_NEAR(corpus_chrf(h, lists(r, false)), overlap()["chrf"].get<double>(), 1e-9);
  EXPECT_NEAR(corpus_chrf(h, lists(r, true)), overlap()["chrf_two"].get<double>(), 1e-9);
  EXPECT_NEAR(corpus_chrf(h, lists(r, false), {.word_order = 2}), overlap()["chrfpp"].get<double>(), 1e-9);
  for (size_t i = 0; i < h.size(); ++i) {
    EXPECT_NEAR(corpus_chrf({h[i]}, {{r[i]}}, {.word_order = 2}),
                overlap()["sentence_chrfpp"][i].get<double>(), 1e-9)
        << i;
  }
}

TEST(Rouge, EqualsRougeScore) {
  const Strings h = strings("hypotheses"), r = strings("references");
  for (size_t i = 0; i < h.size(); ++i) {
    const RougeScore scores[] = {rouge_n(r[i], h[i], 1), rouge_n(r[i], h[i], 2), rouge_l(r[i], h[i])};
    for (int k = 0; k < 3; ++k) {
      const auto& want = overlap()["rouge"][i][k];
      EXPECT_NEAR(scores[k].precision, want[0].get<double>(), 1e-12) << i;
      EXPECT_NEAR(scores[k].recall, want[1].get<double>(), 1e-12) << i;
      EXPECT_NEAR(scores[k].f1, want[2].get<double>(), 1e-12) << i;
    }
  }
}

TEST(Overlap, Identities) {
  const Strings same = {"The same sentence stands here twice ."};
  EXPECT_NEAR(corpus_bleu(same, {same}).score, 100, 1e-9);
  EXPECT_NEAR(corpus_chrf(same, {same}), 100, 1e-9);
  EXPECT_EQ(rouge_l(same[0], same[0]).f1, 1);
  EXPECT_EQ(corpus_bleu(Strings{"xyz"}, {{"abc"}}).score, 0);
  EXPECT_EQ(corpus_chrf(Strings{""}, {{"abc"}}), 0);
  EXPECT_THROW(corpus_bleu(Strings{"a"}, {}), Error);
  EXPECT_THROW(corpus_chrf(Strings{"a"}, {{}}), Error);
}

TEST(Overlap, Distinct) {
  const Strings h = strings("hypotheses");
  for (int n = 1; n <= 3; ++n)
    EXPECT_NEAR(distinct_n(h, n), overlap()["distinct"][n - 1].get<double>(), 1e-12);
  EXPECT_EQ(distinct_n(Strings{"a"}, 2), 0);
}

TEST(EditDistance, EqualsJiwer) {
  const Strings h = strings("plain_hypotheses"), r = strings("plain_references");
  EXPECT_NEAR(word_error_rate(r, h), overlap()["wer"].get<double>(), 1e-12);
  EXPECT_NEAR(char_error_rate(r, h), overlap()["cer"].get<double>(), 1e-12);
}

TEST(EditDistance, ClosedForms) {
  EXPECT_EQ(char_edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(char_edit_distance("", "äöü"), 3);
  EXPECT_EQ(edit_distance(Strings{"a", "b"}, Strings{"a", "b"}), 0);
  EXPECT_EQ(longest_common_subsequence(Strings{"a", "b", "c", "d"}, Strings{"b", "x", "d"}), 2);
  EXPECT_THROW(word_error_rate(Strings{""}, Strings{"a"}), Error);
}

TEST(Answers, EqualSquad) {
  const Strings h = strings("hypotheses"), r = strings("references");
  for (size_t i = 0; i < h.size(); ++i) {
    EXPECT_EQ(normalize_answer(h[i]), overlap()["normalized"][i].get<std::string>()) << i;
    EXPECT_NEAR(answer_f1(h[i], Strings{r[i]}), overlap()["answer_f1"][i].get<double>(), 1e-12) << i;
  }
  EXPECT_EQ(exact_match("The  Cat!", Strings{"dog", "cat"}), 1);
  EXPECT_EQ(exact_match("cats", Strings{"cat"}), 0);
}

TEST(Answers, PassAtK) {
  EXPECT_DOUBLE_EQ(pass_at_k(10, 3, 1), 0.3);
  EXPECT_NEAR(pass_at_k(5, 2, 2), 1 - 3.0 / 10, 1e-12);  // 1 - C(3,2) / C(5,2)
  EXPECT_EQ(pass_at_k(5, 4, 2), 1);
  EXPECT_EQ(pass_at_k(5, 0, 5), 0);
  EXPECT_THROW(pass_at_k(5, 6, 1), Error);
}

TEST(Answers, LikelihoodMeasures) {
  EXPECT_NEAR(perplexity(3 * std::log(8.0), 3), 8, 1e-12);
  EXPECT_NEAR(bits_per_byte(100 * std::log(2.0), 50), 2, 1e-12);
  EXPECT_EQ(information_parity(10, 20), 0.5);
  EXPECT_THROW(perplexity(1, 0), Error);
}

TEST(Classification, EqualsScikitLearn) {
  const Ints truth = classes()["truth"].get<Ints>(), predicted = classes()["predicted"].get<Ints>();
  const ConfusionMatrix m = confusion_matrix(truth, predicted, 5);
  EXPECT_NEAR(accuracy(truth, predicted), classes()["accuracy"].get<double>(), 1e-12);
  const auto same = [](const PrecisionRecall& s, const nlohmann::json& want) {
    EXPECT_NEAR(s.precision, want[0].get<double>(), 1e-12);
    EXPECT_NEAR(s.recall, want[1].get<double>(), 1e-12);
    EXPECT_NEAR(s.f1, want[2].get<double>(), 1e-12);
  };
  same(macro_scores(m), classes()["macro"]);
  same(weighted_scores(m), classes()["weighted"]);
  same(micro_scores(m), classes()["micro"]);
  for (int c = 0; c < 5; ++c) same(class_scores(m, c), classes()["per_class"][c]);
  EXPECT_NEAR(matthews_correlation(m), classes()["mcc"].get<double>(), 1e-12);
  const KappaWeights weights[] = {KappaWeights::kNone, KappaWeights::kLinear, KappaWeights::kQuadratic};
  for (int k = 0; k < 3; ++k)
    EXPECT_NEAR(cohen_kappa(m, weights[k]), classes()["kappa"][k].get<double>(), 1e-12);
  const Ints binary = classes()["binary"].get<Ints>();
  const Doubles scores = classes()["scores"].get<Doubles>();
  EXPECT_NEAR(roc_auc(binary, scores), classes()["auc"].get<double>(), 1e-12);
  EXPECT_NEAR(root_mean_squared_error(Doubles(binary.begin(), binary.end()), scores),
              classes()["rmse"].get<double>(), 1e-12);
}

TEST(Classification, CalibrationAndAgreement) {
  EXPECT_NEAR(expected_calibration_error(classes()["correct"].get<Ints>(),
                                         classes()["confidence"].get<Doubles>(), 10),
              classes()["ece10"].get<double>(), 1e-9);
  EXPECT_NEAR(fleiss_kappa(classes()["fleiss_table"].get<std::vector<Ints>>()),
              classes()["fleiss"].get<double>(), 1e-12);
  std::vector<std::vector<std::optional<double>>> ratings;
  for (const auto& row : classes()["ratings"]) {
    ratings.emplace_back();
    for (const auto& value : row) {
      ratings.back().push_back(value.is_null() ? std::nullopt : std::optional<double>(value.get<double>()));
    }
  }
  const auto& alpha = classes()["alpha"];
  EXPECT_NEAR(krippendorff_alpha(ratings, AlphaMetric::kNominal), alpha["nominal"].get<double>(), 1e-10);
  EXPECT_NEAR(krippendorff_alpha(ratings, AlphaMetric::kOrdinal), alpha["ordinal"].get<double>(), 1e-10);
  EXPECT_NEAR(krippendorff_alpha(ratings, AlphaMetric::kInterval), alpha["interval"].get<double>(), 1e-10);
}

TEST(Classification, IdentitiesAndMisuse) {
  EXPECT_EQ(roc_auc(Ints{0, 1}, Doubles{0.5, 0.5}), 0.5);
  EXPECT_EQ(roc_auc(Ints{0, 0, 1}, Doubles{0.1, 0.2, 0.3}), 1);
  EXPECT_THROW(roc_auc(Ints{1, 1}, Doubles{0.1, 0.2}), Error);
  EXPECT_THROW(roc_auc(Ints{0, 1}, Doubles{0.1, std::nan("")}), Error);
  EXPECT_THROW(accuracy(Ints{1}, Ints{}), Error);
  EXPECT_THROW(confusion_matrix(Ints{3}, Ints{0}, 3), Error);
  EXPECT_EQ(krippendorff_alpha({{1.0, 2.0}, {1.0, 2.0}}, AlphaMetric::kNominal), 1);
  EXPECT_EQ(expected_calibration_error(Ints{1, 0}, Doubles{1, 0}), 0);
}

}  // namespace
}  // namespace roux::kit
