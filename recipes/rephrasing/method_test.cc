#include "recipes/rephrasing/method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipes/kit/text/utf8.h"
#include "tensor/error_of.h"
#include "tests/golden/recipe_values.h"

namespace roux::rephrasing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

golden::Values reference(const char* key) { return golden::Values::of_recipe("rephrasing")[key]; }

TokenCount counter(const std::string& name) {
  if (name == "characters")
    return [](std::string_view t) { return static_cast<int64_t>(kit::count_chars(t)); };
  return [](std::string_view t) { return static_cast<int64_t>(words_of(t).size()); };
}

std::string rebuilt(const Split& split) {
  std::string text;
  for (const Passage& passage : split.passages) text += passage.before + passage.text;
  return text + split.tail;
}

Split split(const std::string& text, int64_t limit, const std::string& count = "words") {
  return *split_passages(text, "en", limit, counter(count));
}

TEST(Passages, AsTheReferenceCutsThem) {
  for (const golden::Values& c : reference("documents").items()) {
    const Split got = split(c["text"].text(), c["limit"].integer(), c["count"].text());
    const std::vector<golden::Values> texts = c["passages"].items(), before = c["before"].items();
    ASSERT_EQ(got.passages.size(), texts.size()) << c["text"].text();
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(got.passages[i].text, texts[i].text());
      EXPECT_EQ(got.passages[i].before, before[i].text());
    }
    EXPECT_EQ(got.tail, c["tail"].text());
  }
}

TEST(Passages, RebuildTheDocumentAndKeepTheLimit) {
  const std::string text =
      "  In the beginning. God created the heaven and the earth!\n\n\nY la tierra estaba desordenada y "
      "vacía… "
      "“¿Quién?” dijo él. 第一句。第二句。 \xF0\x9F\x8C\x8D\xF0\x9F\x8C\x8D\xF0\x9F\x8C\x8D A. B\t\n";
  for (const char* count : {"words", "characters"}) {
    for (int64_t limit = 1; limit < 70; ++limit) {
      const Split got = split(text, limit, count);
      EXPECT_EQ(rebuilt(got), text) << limit;
      for (const Passage& passage : got.passages) {
        EXPECT_LE(counter(count)(passage.text), limit) << passage.text;
        EXPECT_FALSE(passage.text.empty());
        EXPECT_TRUE(kit::is_valid_utf8(passage.text)) << passage.text;
      }
    }
  }
}

TEST(Passages, EmptyAndDamagedDocuments) {
  EXPECT_TRUE(split("", 5).passages.empty());
  EXPECT_EQ(split(" \n ", 5).tail, " \n ");
  EXPECT_EQ(split_passages("gr\374n", "en", 5, counter("words")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(error_of([] { split("A.", 0); }), HasSubstr("a passage needs a token"));
}

TEST(Merging, AsTheReferenceDoes) {
  for (const golden::Values& c : reference("merges").items()) {
    const Split parts = split(c["text"].text(), c["limit"].integer(), c["count"].text());
    std::vector<std::optional<std::string>> rewritten;
    for (const golden::Values& r : c["rewritten"].items())
      rewritten.push_back(r.text() == std::string(1, '\0') ? std::nullopt : std::optional(r.text()));
    const std::string& name = c["policy"].text();
    const Policy policy = name == "drop_passage"    ? Policy::kDropPassage
                          : name == "keep_original" ? Policy::kKeepOriginal
                                                    : Policy::kDropDocument;
    EXPECT_EQ(merge_passages(parts, rewritten, policy), c["merged"].text());
  }
}

TEST(Merging, ADroppedPassageLeavesTheOthersInOrder) {
  const Split parts = split("One is here.\nTwo is here.\n\nThree is here.\n", 3);
  EXPECT_EQ(merge_passages(parts, {"1", std::nullopt, "3"}, Policy::kDropPassage), "1\n\n3\n");
  EXPECT_EQ(merge_passages(parts, {std::nullopt, "2", "3"}, Policy::kDropPassage), "2\n\n3\n");
  EXPECT_EQ(merge_passages(parts, {"1", std::nullopt, "3"}, Policy::kKeepOriginal), "1\nTwo is here.\n\n3\n");
  EXPECT_EQ(merge_passages(parts, {"1", std::nullopt, "3"}, Policy::kDropDocument), "");
  EXPECT_THAT(error_of([&] { merge_passages(parts, {"1"}, Policy::kDropPassage); }),
              HasSubstr("1 answers for 3"));
}

TEST(Prompts, AreReadBackAsTheyWereBuilt) {
  for (const Style style : kStyles) {
    for (const char* language : {"en", "es", "de"}) {
      for (const std::string passage : {"A text.", "<text>\nmarks\n</text>", "", "Dos líneas.\nSí."}) {
        const Prompt prompt = build_prompt(style, Template::kOptimised, language, passage);
        const absl::StatusOr<Request> request = read_prompt(prompt);
        ASSERT_TRUE(request.ok()) << prompt.user;
        EXPECT_EQ(request->style, style);
        EXPECT_EQ(request->language, language);
        EXPECT_EQ(request->passage, passage);
        EXPECT_THAT(prompt.user, HasSubstr(kOpen));
        const absl::StatusOr<Request> plain =
            read_prompt(build_prompt(style, Template::kReplication, language, passage));
        ASSERT_TRUE(plain.ok());
        EXPECT_EQ(plain->form, Template::kReplication);
        EXPECT_EQ(plain->style, style);
        EXPECT_EQ(plain->passage, passage);
      }
    }
  }
  EXPECT_THAT(read_prompt({"", "Tell me a joke."}).status().message(),
              HasSubstr("no instruction of this recipe"));
  // Spanish instructions, so that the rephraser does not change to English.
  EXPECT_THAT(build_prompt(Style::kEasy, Template::kOptimised, "es", "x").user,
              HasSubstr("Responde en español"));
}

TEST(Cleaning, MarksAsTheReferenceReadsThem) {
  for (const golden::Values& c : reference("answers").items()) {
    const Cleaned got = clean({c["answer"].text(), c["ended"].integer() == 1});
    EXPECT_EQ(got.text, c["text"].text()) << c["answer"].text();
    EXPECT_EQ(got.truncated, c["truncated"].integer() == 1) << c["answer"].text();
    EXPECT_EQ(clean({got.text}).text, got.text);
  }
}

TEST(Cleaning, TakesOffWhatIsAroundTheText) {
  EXPECT_EQ(strip_wrapping("Here is the rewritten text:\nNew text.\nNote: I kept all names."), "New text.");
  EXPECT_EQ(strip_wrapping("Sure! Here it is:\n\n\"New text.\""), "New text.");
  EXPECT_EQ(strip_wrapping("Aquí está el texto:\nTexto nuevo.\nNota: sin cambios."), "Texto nuevo.");
  EXPECT_EQ(strip_wrapping("- One.\n- Two."), "One.\nTwo.");
  EXPECT_EQ(strip_wrapping("1. One.\n2. Two."), "One.\nTwo.");
  EXPECT_EQ(strip_wrapping("“- New text.”"), "New text.");
}

TEST(Cleaning, LeavesOrdinaryTextAlone) {
  for (const char* text : {"Here is a man that speaks:\nno one hears.", "Here is wisdom.", "Surely he comes:",
                           "- One.\nTwo.", "\"Yes\" and \"no\"", "He said:\nNote the time.",
                           "Sure foundations:", "7. is a number", "1984. A year"}) {
    const std::string once = strip_wrapping(text);
    EXPECT_EQ(strip_wrapping(once), once);
  }
  for (const char* text : {"Here is wisdom.", "Surely he comes:\nhe comes.", "- One.\nTwo.",
                           "\"Yes\" and \"no\"", "He said:\nNote the time.", "1984. A year"})
    EXPECT_EQ(strip_wrapping(text), text);
}

TEST(Measures, AsTheReferenceCountsThem) {
  for (const golden::Values& c : reference("measures").items()) {
    const std::string &source = c["source"].text(), &output = c["output"].text();
    for (const size_t n : {1u, 2u, 3u, 5u})
      EXPECT_NEAR(ngram_overlap(source, output, n), c["overlap_" + std::to_string(n)].number(), 1e-12)
          << output;
    EXPECT_NEAR(content_overlap(source, output), c["content"].number(), 1e-12) << source;
    EXPECT_NEAR(type_token_ratio(output), c["types"].number(), 1e-12);
    EXPECT_NEAR(fact_fidelity(source, output), c["fidelity"].number(), 1e-12) << source;
    EXPECT_EQ(too_short(source, output), c["too_short"].integer() == 1);
    EXPECT_EQ(too_long(source, output), c["too_long"].integer() == 1);
  }
}

TEST(Measures, ByHand) {
  EXPECT_THAT(words_of("God’s 3 sons' (HAM, Él)"), ElementsAre("god’s", "3", "sons", "ham", "él"));
  EXPECT_EQ(fact_fidelity("And Noah had 3 sons. The ark", "Noah, 3"), 1);
  EXPECT_EQ(fact_fidelity("And Noah had 3 sons. The ark", "noah, 3"), 0.5);
  EXPECT_EQ(ngram_overlap("a b c", "a b c", 3), 1);
  EXPECT_EQ(ngram_overlap("a b c d", "b c d a", 3), 0.5);
}

kit::LanguageIdentifier two_languages() {
  kit::LanguageIdentifier identifier;
  identifier.add("en", "and the earth was without form and void and darkness was upon the face of the deep");
  identifier.add("es",
                 "y la tierra estaba desordenada y vacía y las tinieblas estaban sobre la haz del abismo");
  return identifier;
}

kit::Funnel counts(const std::string& source, const std::vector<Cleaned>& outputs) {
  const kit::LanguageIdentifier identifier = two_languages();
  std::vector<Candidate> candidates;
  for (const Cleaned& output : outputs) candidates.push_back({source, output});
  kit::Funnel funnel;
  kit::filter(candidates, filters("en", identifier, {}), funnel);
  return funnel;
}

TEST(Filters, EachForItsReason) {
  const std::string source = "And the earth was without form, and void; and darkness was upon the deep.";
  const kit::Funnel funnel =
      counts(source, {{"The earth was void and without form, and darkness was over the deep.", false},
                      {"", false},
                      {"The earth was void and without", true},
                      {"La tierra estaba desordenada y vacía, y las tinieblas sobre el abismo.", false},
                      {"The earth was", false},
                      {source + " " + source + " " + source, false},
                      {source, false},
                      {"The face of the deep with the men and their homes near the hill.", false}});
  for (const char* reason :
       {"kept", "empty", "truncated", "wrong language", "too short", "too long", "near copy", "off topic"})
    EXPECT_EQ(funnel[reason], 1) << reason;
  EXPECT_EQ(funnel["in"], 8);
}

TEST(Filters, LengthsAtTheLimitsAreKept) {
  EXPECT_FALSE(too_short("a b c d e f", "a b"));
  EXPECT_TRUE(too_short("a b c d e f g", "a b"));
  EXPECT_FALSE(too_long("a b", "a b c d"));
  EXPECT_TRUE(too_long("a b", "a b c d e"));
}

TEST(Filters, IdentityRephraserIsANearCopyAndMergesToTheDocument) {
  const std::string document = "And the earth was without form.\nAnd darkness was upon the deep.\n";
  const Split parts = split(document, 8);
  ASSERT_EQ(parts.passages.size(), 2u);
  std::vector<std::optional<std::string>> same;
  for (const Passage& passage : parts.passages) {
    same.push_back(passage.text);
    EXPECT_EQ(counts(passage.text, {{passage.text, false}})["near copy"], 1);
    EXPECT_EQ(fact_fidelity(passage.text, passage.text), 1);
  }
  EXPECT_EQ(merge_passages(parts, same, Policy::kDropPassage), document);
}

TEST(Filters, LanguagesAreToldApart) {
  const kit::LanguageIdentifier identifier = two_languages();
  EXPECT_EQ(identifier.identify("the face of the earth").language, "en");
  EXPECT_EQ(identifier.identify("la haz de la tierra").language, "es");
}

}  // namespace
}  // namespace roux::rephrasing
