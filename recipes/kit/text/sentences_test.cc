#include "recipes/kit/text/sentences.h"

#include <gtest/gtest.h>

namespace roux::kit {
namespace {

std::vector<std::string> split(const std::string& text, const std::string& language = "en") {
  std::vector<std::string> parts;
  const auto spans = split_sentences(text, language);
  EXPECT_TRUE(spans.ok()) << spans.status();
  for (const Span& span : *spans) parts.push_back(text.substr(span.begin, span.end - span.begin));
  return parts;
}

using Parts = std::vector<std::string>;

TEST(Sentences, SplitsAtTheEnds) {
  EXPECT_EQ(split("One. Two!  Three? Four"), (Parts{"One.", "Two!", "Three?", "Four"}));
  EXPECT_EQ(split("Pi is 3.14. It is \"round.\" Yes."), (Parts{"Pi is 3.14.", "It is \"round.\"", "Yes."}));
  EXPECT_EQ(split("今天好。明天见！"), (Parts{"今天好。", "明天见！"}));
  EXPECT_EQ(split("नमस्ते। फिर मिलेंगे।", "hi"), (Parts{"नमस्ते।", "फिर मिलेंगे।"}));
}

TEST(Sentences, AbbreviationsGoOn) {
  EXPECT_EQ(split("Mr. Smith left. He ran."), (Parts{"Mr. Smith left.", "He ran."}));
}

TEST(Sentences, WordsThatEndLikeAbbreviationsEndSentences) {
  EXPECT_EQ(split("Er lief weiter. Dann kam er. Das half. Ab Mai.", "de"),
            (Parts{"Er lief weiter.", "Dann kam er.", "Das half.", "Ab Mai."}));
  EXPECT_EQ(split("He met Joe. They ate jam. No. Then it ended.", "en"),
            (Parts{"He met Joe.", "They ate jam.", "No.", "Then it ended."}));
}

TEST(Sentences, AbbreviationsInManyLanguages) {
  for (const auto& [language, text] : std::vector<std::pair<std::string, std::string>>{
           {"en", "See (cf. Smith) and J. R. R. Tolkien, No. 5 of Dr. Who vs. Prof. X in the U.S. Senate."},
           {"de", "Am 26. Mai kam Hr. Dr. Meier, z.B. Herr S. Klein, z. B. Udo, vgl. Kap. 3 und Nr. 7."},
           {"de", "Das ist i. d. R. Anno 30 v. Chr. Brauch und z.\u00A0T. Sitte."},
           {"fr", "Mme. Bovary et MM. Dupont, cf. Art. 3."},
           {"es", "El Sr. García y la Dra. López, pág. 3."},
           {"it", "Il sig. Rossi e la prof.ssa Bianchi."},
           {"pt", "O Sr. Silva e a Dra. Costa."},
           {"nl", "De heer dhr. Jansen en prof. Bakker."},
           {"pl", "Tutaj, np. Anna i prof. Nowak."},
           {"ru", "В г. Москве живёт проф. Иванов."}}) {
    EXPECT_EQ(split(text, language), Parts{text}) << language;
  }
  EXPECT_EQ(split("It was Dr.\nNext"), (Parts{"It was Dr.", "Next"}));
  EXPECT_EQ(split("It ends with Dr. "), (Parts{"It ends with Dr."}));
}

// 1.2 MB in one sentence: seconds if each candidate end looked at all before it.
TEST(Sentences, TimeIsLinear) {
  std::string text;
  for (int i = 0; i < 300000; ++i) text += "Mr. ";
  const auto spans = split_sentences(text);
  ASSERT_TRUE(spans.ok()) << spans.status();
  EXPECT_EQ(*spans, (std::vector<Span>{{0, static_cast<uint32_t>(text.size() - 1)}}));
}

TEST(Sentences, NothingAndDamage) {
  EXPECT_TRUE(split("").empty());
  EXPECT_TRUE(split(" \n ").empty());
  EXPECT_EQ(split_sentences("ab\xFF").status().message(), "sentences: byte 2 is not valid UTF-8");
}

}  // namespace
}  // namespace roux::kit
