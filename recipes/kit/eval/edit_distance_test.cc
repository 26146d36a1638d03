// Edit distances against rapidfuzz, error rates against jiwer, answers against SQuAD's scores, on the sample
// of tests/golden/eval.json; identities on random sequences.
#include "recipes/kit/eval/edit_distance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "recipes/kit/eval/answers.h"
#include "recipes/kit/eval/error_rate.h"
#include "recipes/kit/eval/eval_golden.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Distance = int64_t (*)(absl::Span<const int32_t>, absl::Span<const int32_t>);
constexpr Distance kDistances[] = {edit_distance, damerau_distance, alignment_distance,
                                   longest_common_subsequence};

const Json& overlap(const char* key) { return golden("overlap").at(key); }
Strings strings(const char* key) { return overlap(key).get<Strings>(); }

int64_t of_chars(Distance distance, const std::string& a, const std::string& b) {
  return distance(char_symbols(a), char_symbols(b));
}

TEST(EditDistance, EqualsRapidfuzz) {
  const auto made = overlap("edit_texts").get<std::vector<Strings>>();
  const Strings h = strings("hypotheses"), r = strings("references");
  for (size_t d = 0; d < std::size(kDistances); ++d) {
    for (size_t i = 0; i < made.size(); ++i)
      EXPECT_EQ(of_chars(kDistances[d], made[i][0], made[i][1]),
                overlap("edit_distances")[d][i].get<int64_t>())
          << d << " " << i;
    for (size_t i = 0; i < h.size(); ++i) {
      EXPECT_EQ(of_chars(kDistances[d], h[i], r[i]), overlap("char_distances")[d][i].get<int64_t>())
          << d << " " << i;
      TokenNumbers numbers;
      const Symbols a = numbers.of(split_words(h[i])), b = numbers.of(split_words(r[i]));
      EXPECT_EQ(kDistances[d](a, b), overlap("word_distances")[d][i].get<int64_t>()) << d << " " << i;
    }
  }
}

TEST(EditDistance, ClosedForms) {
  EXPECT_EQ(of_chars(edit_distance, "kitten", "sitting"), 3);
  EXPECT_EQ(of_chars(edit_distance, "", "äöü"), 3);
  EXPECT_EQ(of_chars(edit_distance, "", ""), 0);
  EXPECT_EQ(of_chars(damerau_distance, "ca", "abc"), 2);
  EXPECT_EQ(of_chars(alignment_distance, "ca", "abc"), 3);
  EXPECT_EQ(of_chars(longest_common_subsequence, "abcd", "bxd"), 2);
  EXPECT_EQ(of_chars(longest_common_subsequence, "", "x"), 0);
}

// Lengths around the 64 symbols of a word, few and many symbols.
Symbols random_symbols(std::mt19937* rng) {
  constexpr size_t kLengths[] = {0, 1, 2, 5, 63, 64, 65, 127, 128, 129, 200};
  Symbols symbols(kLengths[(*rng)() % std::size(kLengths)]);
  const int kinds = (*rng)() % 2 == 0 ? 2 : 30;
  for (int32_t& s : symbols) s = static_cast<int32_t>((*rng)() % kinds);
  return symbols;
}

// The definition, without bits.
int64_t table_distance(const Symbols& a, const Symbols& b, bool substitute) {
  std::vector<std::vector<int64_t>> d(a.size() + 1, std::vector<int64_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int64_t>(i + j);
        continue;
      }
      d[i][j] = std::min(d[i - 1][j], d[i][j - 1]) + 1;
      if (a[i - 1] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 1][j - 1]);
      if (substitute) d[i][j] = std::min(d[i][j], d[i - 1][j - 1] + 1);
    }
  }
  return d[a.size()][b.size()];
}

TEST(EditDistance, Identities) {
  std::mt19937 rng(1);
  for (int round = 0; round < 60; ++round) {
    const Symbols a = random_symbols(&rng), b = random_symbols(&rng), c = random_symbols(&rng);
    EXPECT_EQ(edit_distance(a, b), table_distance(a, b, true));
    // Without substitution a distance is what both sequences have beside their common part.
    EXPECT_EQ(longest_common_subsequence(a, b),
              (static_cast<int64_t>(a.size() + b.size()) - table_distance(a, b, false)) / 2);
    EXPECT_EQ(longest_common_subsequence(a, a), static_cast<int64_t>(a.size()));
    for (const Distance d : {edit_distance, damerau_distance, alignment_distance}) {
      EXPECT_EQ(d(a, a), 0);
      EXPECT_EQ(d(a, b), d(b, a));
      EXPECT_EQ(d(a, b) == 0, a == b);
    }
    for (const Distance d : {edit_distance, damerau_distance}) EXPECT_LE(d(a, c), d(a, b) + d(b, c));
    EXPECT_LE(alignment_distance(a, b), edit_distance(a, b));
    EXPECT_LE(damerau_distance(a, b), alignment_distance(a, b));
  }
}

TEST(ErrorRate, EqualsJiwer) {
  const Strings h = strings("hypotheses"), r = strings("references");
  EXPECT_NEAR(word_error_rate(r, h), overlap("wer").get<double>(), 1e-12);
  EXPECT_NEAR(char_error_rate(r, h), overlap("cer").get<double>(), 1e-12);
  for (size_t i = 0; i < h.size(); ++i) {
    if (overlap("wer_each")[i].is_null()) {
      EXPECT_THROW(word_error_rate({r[i]}, {h[i]}), Error) << i;
      EXPECT_THROW(char_error_rate({r[i]}, {h[i]}), Error) << i;
      continue;
    }
    EXPECT_NEAR(word_error_rate({r[i]}, {h[i]}), overlap("wer_each")[i].get<double>(), 1e-12) << i;
    EXPECT_NEAR(char_error_rate({r[i]}, {h[i]}), overlap("cer_each")[i].get<double>(), 1e-12) << i;
  }
}

TEST(ErrorRate, IdentitiesAndMisuse) {
  EXPECT_EQ(word_error_rate(Strings{"a b"}, Strings{"a b"}), 0);
  EXPECT_EQ(word_error_rate(Strings{"a b"}, Strings{""}), 1);
  EXPECT_EQ(word_error_rate(Strings{"a"}, Strings{"b c d"}), 3);
  EXPECT_THROW(word_error_rate(Strings{"a"}, Strings{}), Error);
  EXPECT_THROW(char_error_rate(Strings{}, Strings{}), Error);
}

TEST(Answers, EqualSquad) {
  const Strings h = strings("hypotheses"), r = strings("references");
  for (size_t i = 0; i < h.size(); ++i) {
    EXPECT_EQ(normalize_answer(h[i]), overlap("normalized")[i].get<std::string>()) << i;
    const Strings one{r[i]}, two{r[i], r[(i + 1) % r.size()]};
    // torchmetrics computes in float.
    EXPECT_EQ(exact_match(h[i], one), overlap("squad")[i][0].get<double>()) << i;
    EXPECT_NEAR(answer_f1(h[i], one), overlap("squad")[i][1].get<double>(), 1e-6) << i;
    EXPECT_EQ(exact_match(h[i], two), overlap("squad_two")[i][0].get<double>()) << i;
    EXPECT_NEAR(answer_f1(h[i], two), overlap("squad_two")[i][1].get<double>(), 1e-6) << i;
  }
}

TEST(Answers, ClosedFormsAndMisuse) {
  EXPECT_EQ(exact_match("The  Cat!", Strings{"dog", "cat"}), 1);
  EXPECT_EQ(exact_match("cats", Strings{"cat"}), 0);
  EXPECT_EQ(answer_f1("a b b", Strings{"b c"}), 0.5);
  EXPECT_EQ(answer_f1("the", Strings{""}), 1);
  EXPECT_THROW(answer_f1("x", Strings{}), Error);
  EXPECT_THROW(exact_match("x", Strings{}), Error);
}

}  // namespace
}  // namespace roux::kit
