// Measures of mixed languages: code mixing and off-target answers.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/eval/code_mixing.h"
#include "recipes/kit/eval/off_target.h"
#include "recipes/kit/text/language_id.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Tags = std::vector<int64_t>;
using Texts = std::vector<std::string>;

TEST(CodeMixing, EqualsTheFormulas) {
  const auto golden =
      nlohmann::json::parse(*read_text(*find_runfile("tests/golden/text_models.json")))["code_mixing"];
  ASSERT_EQ(golden.size(), 20u);
  for (const auto& text : golden) {
    const auto tags = text["tags"].get<Tags>();
    EXPECT_NEAR(code_mixing_index(tags), text["cmi"].get<double>(), 1e-12);
    EXPECT_NEAR(m_index(tags, 3), text["m_index"].get<double>(), 1e-14);
    EXPECT_NEAR(i_index(tags), text["i_index"].get<double>(), 1e-15);
    EXPECT_NEAR(switch_point_fraction(tags), text["switches"].get<double>(), 1e-15);
    EXPECT_NEAR(burstiness(tags), text["burstiness"].get<double>(), 1e-14);
  }
}

TEST(CodeMixing, ByHand) {
  constexpr int64_t h = 0, e = 1, n = kNeutral;
  EXPECT_EQ(code_mixing_index(Tags{h, h, h, h, h, h, e, e, n, n}), 25);
  EXPECT_EQ(code_mixing_index(Tags{h, h, h}), 0);
  EXPECT_EQ(code_mixing_index(Tags{h, e}), 50);
  EXPECT_EQ(code_mixing_index(Tags{n, n}), 0);
  EXPECT_EQ(code_mixing_index({}), 0);
  EXPECT_EQ(m_index(Tags{h, h}, 2), 0);
  EXPECT_EQ(m_index(Tags{h, e}, 2), 1);
  EXPECT_NEAR(m_index(Tags{0, 1, 2}, 3), 1, 1e-15);
  EXPECT_EQ(switch_point_fraction(Tags{h, e, h}), 1);
  EXPECT_EQ(switch_point_fraction(Tags{h, h, e}), 0.5);
  EXPECT_EQ(i_index(Tags{h, n, n, e}), 1) << "neutral tokens do not count";
  EXPECT_EQ(switch_point_fraction(Tags{h, n, n, e}), 0);
  EXPECT_EQ(language_spans(Tags{h, h, n, h, e, h}), (Tags{3, 1, 1}));
  EXPECT_EQ(burstiness(Tags{h, e, h, e}), -1) << "all runs alike";
  EXPECT_EQ(burstiness({}), 0);
  EXPECT_THROW(code_mixing_index(Tags{-2}), Error);
  EXPECT_THROW(m_index(Tags{h, 2}, 2), Error);
  EXPECT_THROW(m_index(Tags{h}, 1), Error);
}

// Lines of books with planted wrong languages.
TEST(OffTarget, FindsPlantedLanguages) {
  LanguageIdentifier identifier;
  const std::vector<std::pair<std::string, std::string>> books = {
      {"en", *read_text(*find_runfile("recipes/data/excerpts/austen_emma.txt"))},
      {"de", *read_text(*find_runfile("recipes/data/excerpts/goethe_werther.txt"))}};
  for (const auto& [language, text] : books) identifier.add(language, text.substr(0, 50000));
  Texts texts, targets;
  std::vector<bool> planted;
  for (size_t i = 0; i < 100; ++i) {
    const bool wrong = i % 5 == 0;
    targets.push_back(books[i % 2].first);
    const std::string& text = books[wrong ? 1 - i % 2 : i % 2].second;
    texts.push_back(text.substr(60000 + 300 * i, 80));
    planted.push_back(wrong);
  }
  texts.push_back("42, 43 ok");
  targets.push_back("en");
  const OffTarget found =
      off_target(texts, targets, [&](std::string_view text) { return identifier.identify(text).language; });
  EXPECT_EQ(found.judged, 100);
  EXPECT_EQ(found.skipped, 1);
  int64_t agree = 0;
  for (size_t i = 0; i < 100; ++i) agree += found.wrong[i] == planted[i] ? 1 : 0;
  EXPECT_GE(agree, 98);
  EXPECT_NEAR(found.rate(), 0.2, 0.02);
  EXPECT_FALSE(found.wrong[100]);
}

TEST(OffTarget, CountsAndRefuses) {
  const auto identify = [](std::string_view text) { return std::string(text.substr(0, 2)); };
  const OffTarget found = off_target(Texts{"de ein Satz", "en a sentence", "\xD0\xB4\xD0\xB0 \xFF\xFF"},
                                     Texts{"de", "de", "de"}, identify, /*least_letters=*/3);
  EXPECT_EQ(found.judged, 2);
  EXPECT_EQ(found.skipped, 1) << "two letters";
  EXPECT_EQ(found.off_target, 1);
  EXPECT_EQ(found.rate(), 0.5);
  EXPECT_EQ(found.confusion.at({"de", "en"}), 1);
  EXPECT_THROW(off_target({}, {}, identify).rate(), Error);
  EXPECT_THROW(off_target(Texts{"a"}, {}, identify), Error);
  EXPECT_THROW(off_target(Texts{"a"}, Texts{""}, identify), Error);
  EXPECT_THROW(off_target(Texts{"a"}, Texts{"en"}, identify, 0), Error);
}

}  // namespace
}  // namespace roux::kit
