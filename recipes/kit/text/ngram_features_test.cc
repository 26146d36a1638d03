// TF-IDF against scikit-learn on the sample of tests/golden/eval.json; hashed n-grams against counts.
#include "recipes/kit/text/ngram_features.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

TEST(TfIdf, EqualsScikitLearn) {
  const auto golden = nlohmann::json::parse(*read_text(*find_runfile("tests/golden/eval.json")))["tfidf"];
  for (const auto& c : golden["cases"]) {
    const auto texts = golden["texts"].get<std::vector<std::string>>();
    std::vector<TfIdf::Words> documents;
    for (const std::string& text : texts) documents.push_back(split_words(text));
    const auto fitted = c["fitted"].get<size_t>();
    const TfIdf tf_idf(absl::MakeConstSpan(documents).subspan(0, fitted),
                       {.min_n = c["range"][0].get<int>(), .max_n = c["range"][1].get<int>()});
    EXPECT_EQ(tf_idf.size(), c["size"].get<int64_t>());
    std::vector<SparseVector> vectors;
    for (const auto& words : documents) vectors.push_back(tf_idf(words));
    for (size_t a = 0; a < vectors.size(); ++a) {
      for (size_t b = 0; b < vectors.size(); ++b)
        EXPECT_NEAR(dot(vectors[a], vectors[b]), c["products"][a][b].get<double>(), 1e-12) << a << " " << b;
    }
  }
}

TEST(TfIdf, Misuse) {
  EXPECT_THROW(TfIdf({}), Error);
  const TfIdf::Words words = {"a"};
  EXPECT_THROW(TfIdf({words}, {.min_n = 2, .max_n = 1}), Error);
  EXPECT_TRUE(TfIdf({words})(TfIdf::Words{"b"}).empty());
}

TEST(HashedNgrams, CountsAndOrder) {
  const std::vector<std::string_view> words = {"a", "b", "a", "b"};
  double sum = 0;
  const SparseVector v = hashed_ngrams(words, {.max_n = 2}, 1 << 20);  // a 2, b 2, "a b" 2, "b a" 1
  for (size_t i = 0; i < v.size(); ++i) {
    sum += v[i].second;
    EXPECT_TRUE(i == 0 || v[i - 1].first < v[i].first);
  }
  EXPECT_EQ(v.size(), 4u);
  EXPECT_EQ(sum, 7);
  EXPECT_EQ(dot(v, v), 13);
  EXPECT_NEAR(cosine_similarity(v, v), 1, 1e-15);
  EXPECT_EQ(hashed_ngrams(words, {.max_n = 2}, 1), (SparseVector{{0, 7}}));
  EXPECT_EQ(cosine_similarity(v, {}), 0);
  // Known value of FNV-1a, so that saved classifiers stay valid: hash("a") = 0xaf63dc4c8601ec8c.
  EXPECT_EQ(hashed_ngrams(std::vector<std::string_view>{"a"}, {}, 1 << 16), (SparseVector{{0xec8c, 1}}));
  EXPECT_THROW(hashed_ngrams(words, {}, 0), Error);
}

}  // namespace
}  // namespace roux::kit
