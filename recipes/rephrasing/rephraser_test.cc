#include "recipes/rephrasing/rephraser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "recipes/rephrasing/table.h"
#include "tensor/error_of.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/json_value.h"
#include "tests/golden/recipe_values.h"

namespace roux::rephrasing {
namespace {

using ::testing::HasSubstr;
using Pairs = std::vector<std::pair<std::string, std::string>>;

golden::Values reference(const char* key) { return golden::Values::of_recipe("rephrasing")[key]; }

TEST(Pieces, PutTogetherAreTheText) {
  for (const std::string text : {"", "And God said, “Let there be light;” 'tis so.", " ¿Qué?\n\nÉl\t— no"})
    EXPECT_EQ(text_of(pieces_of(text)), text);
  EXPECT_EQ(pieces_of("God's, 7").size(), 3u);
}

TEST(BestMonotone, IsTheBestOfAll) {
  for (const golden::Values& c : reference("rewritings").items()) {
    std::vector<std::vector<double>> bigrams;
    for (const golden::Values& row : c["bigrams"].items()) bigrams.push_back(row.numbers());
    std::vector<std::vector<Option>> options;
    const std::vector<golden::Values> words = c["words"].items(), scores = c["scores"].items();
    for (size_t i = 0; i < words.size(); ++i) {
      options.emplace_back();
      const std::vector<int64_t> w = words[i].integers();
      const std::vector<double> s = scores[i].numbers();
      for (size_t o = 0; o < w.size(); ++o) options.back().push_back({static_cast<int32_t>(w[o]), s[o]});
    }
    const auto lm = [&](int32_t before, int32_t word) {
      return bigrams[before < 0 ? bigrams.size() - 1 : static_cast<size_t>(before)]
                    [static_cast<size_t>(word)];
    };
    const std::vector<size_t> chosen = best_monotone(options, lm, 100);
    const std::vector<int64_t> best = c["chosen"].integers();
    EXPECT_EQ(std::vector<int64_t>(chosen.begin(), chosen.end()), best);
    double score = 0;
    int32_t last = -1;
    for (size_t i = 0; i < chosen.size(); ++i) {
      const Option& option = options[i][chosen[i]];
      score += option.score + (option.word < 0 ? 0 : lm(last, option.word));
      if (option.word >= 0) last = option.word;
    }
    EXPECT_NEAR(score, c["score"].number(), 1e-9);
  }
  EXPECT_THAT(error_of([] {
                best_monotone(
                    {{}}, [](int32_t, int32_t) { return 0.0; }, 1);
              }),
              HasSubstr("without options"));
  EXPECT_THAT(error_of([] { best_monotone({}, nullptr, 0); }), HasSubstr("beam"));
}

Prompt ask(const std::string& text, Style style = Style::kMedium, const std::string& language = "en") {
  return build_prompt(style, Template::kOptimised, language, text);
}

const Substitution& learnt() {
  static const auto* const model = [] {
    Pairs pairs;
    for (const char* who : {"Abram", "Isaac", "the man", "Jacob"}) {
      pairs.emplace_back(absl::StrCat("And ", who, " spake unto thee"), absl::StrCat(who, " spoke to you"));
      pairs.emplace_back(absl::StrCat("Thou seest ", who), absl::StrCat("You see ", who));
      pairs.emplace_back(absl::StrCat("He spake of ", who), absl::StrCat("He spoke of ", who));
      pairs.emplace_back(absl::StrCat(who, " came unto him"), absl::StrCat(who, " came to him"));
      // Without this "came" and "him" are never apart, and no count of words can tell which became which.
      pairs.emplace_back(absl::StrCat("They saw him, ", who), absl::StrCat("They saw him, ", who));
    }
    return new Substitution(pairs, {.iterations = 10});
  }();
  return *model;
}

TEST(Substitution, WritesWhatThePairsTeach) {
  EXPECT_EQ(learnt().rewrite("He spake unto Isaac."), "He spoke to Isaac.");
  EXPECT_EQ(learnt().rewrite("Methuselah spake;"), "Methuselah spoke;");    // unknown words are copied
  EXPECT_EQ(learnt().rewrite("He spaek unto Jacob"), "He spoke to Jacob");  // the spelling step
  EXPECT_EQ(learnt().rewrite(""), "");
  EXPECT_EQ(clean(learnt().answer(ask("He spake unto him."), 1)).text, "He spoke to him.");
  EXPECT_EQ(learnt().answer(ask("He spake.", Style::kHard), 1).text, "");
  EXPECT_EQ(learnt().answer({"", "What?"}, 1).text, "");
  EXPECT_EQ(learnt().ids_of("spoke zzz").back(), 0);
  EXPECT_THAT(error_of([] { Substitution({}, {}); }), HasSubstr("needs pairs"));
}

TEST(Rules, OldWordsBecomeNewOnes) {
  const auto en = [](const std::string& text) { return Rules::rewrite(text, "en"); };
  EXPECT_EQ(en("And he saith unto thee, Thou hast done well."), "And he says to you, You have done well.");
  EXPECT_EQ(en("He maketh, goeth, sitteth, calleth, crieth and speaketh."),
            "He makes, goes, sits, calls, cries and speaks.");
  // With a silent e that the older spelling has lost, and without.
  for (const char* pair :
       {"bringeth brings",      "judgeth judges",     "changeth changes",    "hangeth hangs",
        "belongeth belongs",    "desireth desires",   "declareth declares",  "endureth endures",
        "restoreth restores",   "answereth answers",  "heareth hears",       "requireth requires",
        "ruleth rules",         "defileth defiles",   "shineth shines",      "openeth opens",
        "createth creates",     "visiteth visits",    "inheriteth inherits", "coveteth covets",
        "reckoneth reckons",    "trembleth trembles", "whirleth whirls",     "addeth adds",
        "erreth errs",          "runneth runs",       "passeth passes",      "loveth loves",
        "believeth believes",   "rejoiceth rejoices", "breatheth breathes",  "knoweth knows",
        "prayeth prays",        "hasteth hastes",     "casteth casts",       "perisheth perishes",
        "abideth abides",       "knocketh knocks",    "consumeth consumes",  "agreeth agrees",
        "inviteth invites",     "oweth owes",         "pitieth pities",      "excelleth excels",
        "backbiteth backbites", "writeth writes"}) {
    const std::string both = pair, old = both.substr(0, both.find(' '));
    EXPECT_EQ(en(old), both.substr(both.find(' ') + 1)) << old;
  }
  EXPECT_EQ(en("Thou eatest with the greatest of Seth, of Nazareth; teeth."),
            "You eat with the greatest of Seth, of Nazareth; teeth.");
  EXPECT_EQ(en(en("He goeth.")), en("He goeth."));
  const auto es = [](const std::string& text) { return Rules::rewrite(text, "es"); };
  EXPECT_EQ(es("Vosotros habéis á vuestro padre; fué asaz."), "Ustedes han a su padre; fue muy.");
  EXPECT_EQ(es("Y Jehová habló"), "Y el Señor habló");
}

TEST(Styles, OfOneText) {
  const Rules rules;
  const auto text = [&](Style style, const std::string& language) {
    return clean(rules.answer(
                     ask(language == "es" ? "Y fué: luz." : "He hath it; they went.", style, language), 0))
        .text;
  };
  EXPECT_EQ(text(Style::kMedium, "en"), "He has it; they went.");
  EXPECT_EQ(text(Style::kEasy, "en"), "He has it. They went.");
  EXPECT_EQ(text(Style::kQa, "en"), "Question: What is said about they? Answer: He has it; they went.");
  EXPECT_EQ(text(Style::kQa, "es"), "Pregunta: ¿Qué se dice de fue? Respuesta: Y fue: luz.");
  EXPECT_EQ(text(Style::kHard, "en"), "");
  EXPECT_EQ(rules.answer(ask("x", Style::kMedium, "de"), 0).text, "");
}

TEST(Faulty, PlantsWhatItSaysInItsShare) {
  const Rules rules;
  const std::vector<std::string> foreign = {"En el principio"};
  const Faulty faulty(rules, 0.2, 7, foreign);
  const Prompt prompt = ask("And he hath said unto them that they must go.");
  const std::string plain = rules.answer(prompt, 0).text;
  int planted = 0;
  for (uint64_t key = 0; key < 2000; ++key) {
    const Fault fault = faulty.fault_of(key);
    const Answer answer = faulty.answer(prompt, key);
    planted += fault != Fault::kNone;
    if (fault == Fault::kNone) {
      EXPECT_EQ(answer.text, plain);
    } else if (fault == Fault::kEmpty) {
      EXPECT_EQ(answer.text, "");
    } else if (fault == Fault::kOtherLanguage) {
      EXPECT_EQ(answer.text, foreign[0]);
    } else if (fault == Fault::kTruncated) {
      EXPECT_TRUE(clean(answer).truncated);
    } else {
      EXPECT_NE(answer.text, plain);
      EXPECT_EQ(clean(answer).text, clean({plain}).text);
    }
    EXPECT_EQ(answer.text, faulty.answer(prompt, key).text);
  }
  EXPECT_NEAR(planted, 400, 4 * std::sqrt(2000 * 0.2 * 0.8));
}

TEST(Table, AsTheReferenceEstimatesIt) {
  for (const golden::Values& c : reference("models").items()) {
    Pairs pairs;
    for (const golden::Values& pair : c["pairs"].items())
      pairs.emplace_back(pair.items()[0].text(), pair.items()[1].text());
    const auto json = parse_json_value(ibm_model1_json(pairs, c["iterations"].integer(), 0), "table", {});
    ASSERT_TRUE(json.ok()) << json.status();
    const std::vector<double> likelihoods = c["log_likelihood"].numbers();
    const JsonValue::Items& got = json->find("log_likelihood")->items();
    ASSERT_EQ(got.size(), likelihoods.size());
    for (size_t i = 0; i < likelihoods.size(); ++i) {
      EXPECT_NEAR(got[i].number(), likelihoods[i], 1e-9 * std::abs(likelihoods[i]) + 1e-12);
      if (i == 0) continue;
      EXPECT_GE(got[i].number(), got[i - 1].number() - 1e-12);  // EM never lowers it
    }
    for (const golden::Values& row : c["rows"].items()) {
      const JsonValue* targets = json->find("t")->find(row["source"].text());
      ASSERT_NE(targets, nullptr) << row["source"].text();
      const std::vector<double> t = row["t"].numbers();
      double sum = 0;
      for (size_t i = 0; i < t.size(); ++i) {
        const JsonValue* p = targets->find(row["targets"].items()[i].text());
        EXPECT_NEAR(p == nullptr ? 0 : p->number(), t[i], 1e-9) << row["source"].text();
        sum += p == nullptr ? 0 : p->number();
      }
      EXPECT_NEAR(sum, 1, 1e-12);
    }
  }
}

TEST(Table, TheToyBecomesADictionary) {
  const auto t = [](const Pairs& pairs, const char* source, const char* target) {
    const auto json = parse_json_value(ibm_model1_json(pairs, 300, 1e-6), "table", {});
    return json->find("t")->find(source)->find(target)->number();
  };
  const Pairs one_gender = {{"the house", "la casa"}, {"the door", "la puerta"}, {"a door", "una puerta"}};
  EXPECT_GT(t(one_gender, "house", "casa"), 0.999);
  EXPECT_GT(t(one_gender, "door", "puerta"), 0.999);
  EXPECT_GT(t(one_gender, "the", "la"), 0.999);
  // Where each article has two genders the likelihood is highest at 5/6: the empty word explains part of the
  // nouns, for it stands in every sentence.
  const Pairs two_genders = {
      {"the house", "la casa"}, {"the book", "el libro"}, {"a house", "una casa"}, {"a book", "un libro"}};
  EXPECT_NEAR(t(two_genders, "house", "casa"), 5.0 / 6, 1e-6);
  EXPECT_NEAR(t(two_genders, "book", "libro"), 5.0 / 6, 1e-6);
}

TEST(Table, FilesOfBothForms) {
  const std::string path = fresh_directory() + "/pairs.txt";
  const auto read = [&](const std::string& text) {
    std::ofstream(path) << text;
    return read_pairs(path);
  };
  const Pairs expected = {{"the house", "la casa"}, {"a book", "un libro"}};
  EXPECT_EQ(*read("the house\tla casa\tGen 1:1\n\na book\tun libro\n"), expected);
  EXPECT_EQ((*read("the house ||| la casa\r\n"))[0].first, "the house ");
  const auto message = [&](const std::string& text) { return std::string(read(text).status().message()); };
  EXPECT_THAT(message("the house la casa\n"),
              HasSubstr("line 1: source and target must be apart by a tab or by |||"));
  EXPECT_THAT(message("the house\tla casa\nx\t...\n"), HasSubstr("line 2: the target has no words"));
  EXPECT_THAT(message("...\tla casa\n"), HasSubstr("line 1: the source has no words"));
  EXPECT_THAT(message("\n \n"), HasSubstr("holds no pairs of sentences"));
  EXPECT_THAT(message(""), HasSubstr("empty"));
  EXPECT_THAT(message("gr\374n\tverde\n"), HasSubstr("byte 2: UTF-8 text is needed"));
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "word ";
  EXPECT_THAT(message(many + "\tx\n"), HasSubstr("1001 words, at most 1000"));
  EXPECT_EQ(read_pairs(path + "x").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace roux::rephrasing
