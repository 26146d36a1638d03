#include "recipes/kit/data/text_domain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_split.h"
#include "recipes/kit/data/sha256.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

SourceOptions excerpt() { return {.excerpt = true, .offline = true}; }

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

std::string error_of(const absl::Status& status) { return std::string(status.message()); }

TEST(TextDomain, EmbeddedOnesAreThereWithTheirProvenance) {
  const auto emma = text_domain("austen_emma", excerpt());
  ASSERT_TRUE(emma.ok()) << emma.status();
  EXPECT_EQ(emma->value, *read_excerpt("austen_emma"));
  EXPECT_EQ(emma->from.kind, Provenance::kExcerpt);
  EXPECT_EQ(emma->from.sha256, sha256(emma->value));
  EXPECT_EQ(emma->from.licence, "public domain");
}

TEST(TextDomain, ABibleStandsByChaptersAVerseALine) {
  const auto spanish = text_domain("bible_rv1909", excerpt());
  ASSERT_TRUE(spanish.ok()) << spanish.status();
  const std::vector<std::string> chapters = absl::StrSplit(spanish->value, "\n\n");
  EXPECT_EQ(chapters.size(), 50u + 16u);  // Genesis and Mark
  const std::vector<std::string> verses = absl::StrSplit(chapters[0], '\n');
  EXPECT_EQ(verses.size(), 31u);
  EXPECT_EQ(verses[0], "EN el principio crió Dios los cielos y la tierra.");
  EXPECT_EQ(spanish->value.back(), '\n');
  EXPECT_GT(spanish->value.size(), 200000u);
  EXPECT_EQ(spanish->from.name, "bible_rv1909");
}

TEST(TextDomain, DocumentsWithoutAnOrderAreShuffledAlwaysAlike) {
  const auto glosses = text_domain("wordnet", excerpt());
  ASSERT_TRUE(glosses.ok()) << glosses.status();
  EXPECT_EQ(text_domain("wordnet", excerpt())->value, glosses->value);
  std::vector<std::string> documents =
      absl::StrSplit(glosses->value.substr(0, glosses->value.size() - 1), "\n\n");
  EXPECT_EQ(documents.size(), 1892u);
  EXPECT_FALSE(std::is_sorted(documents.begin(), documents.end()));
  const auto pages = text_domain("libreoffice_help_de", excerpt());
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_EQ(static_cast<std::vector<std::string>>(absl::StrSplit(pages->value, "\n\n")).size(), 10u);
}

TEST(TextDomain, OtherNamesAreErrorsThatListAll) {
  EXPECT_EQ(error_of(text_domain("emma", {}).status()).substr(0, 56),
            "there is no text domain 'emma'; there are austen_emma, b");
  const std::vector<std::string> names = text_domain_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::count(names.begin(), names.end(), "manpages_de"), 1);
  EXPECT_NE(error_of(text_domain("manpages_de", excerpt()).status()).find("recipes/data/fetch manpages_de"),
            std::string::npos);
}

TEST(TextDomain, OneWithoutAnExcerptIsTakenWhole) {
  const auto embedded = excerpt_or_whole("wordnet", excerpt());
  ASSERT_TRUE(embedded.ok()) << embedded.status();
  EXPECT_EQ(embedded->from.kind, Provenance::kExcerpt);
  // No excerpt, and nothing in an empty cache: the error is that of the whole text, not "no excerpt".
  setenv("ROUX_CACHE", fresh_directory().c_str(), 1);
  SourceOptions offline = excerpt();
  offline.offline = true, offline.system_root = fresh_directory();
  SourceOptions whole = offline;
  whole.excerpt = false;
  EXPECT_EQ(error_of(excerpt_or_whole("manpages_de", offline).status()),
            error_of(text_domain("manpages_de", whole).status()));
  EXPECT_NE(error_of(excerpt_or_whole("manpages_de", offline).status()),
            error_of(text_domain("manpages_de", offline).status()));
  EXPECT_NE(error_of(excerpt_or_whole("none", offline).status()).find("there is no text domain 'none'"),
            std::string::npos);
}

TEST(FolderDomains, FilesAndFoldersAreDomainsByName) {
  const std::string folder = fresh_directory();
  write(folder + "/zulu.txt", "z\n");
  write(folder + "/english/b.txt", "second");
  write(folder + "/english/a/one.txt", "first");
  write(folder + "/.hidden/x.txt", "no");
  write(folder + "/english/.cache", "no");
  const auto domains = folder_domains(folder + "/");
  ASSERT_TRUE(domains.ok()) << domains.status();
  ASSERT_EQ(domains->size(), 2u);
  EXPECT_EQ((*domains)[0].name, "english");
  EXPECT_EQ((*domains)[0].text, "first\n\nsecond");
  EXPECT_EQ((*domains)[1].name, "zulu");
  EXPECT_EQ((*domains)[1].text, "z\n");
  EXPECT_EQ(read_domain(folder + "/english/")->name, "english");
  EXPECT_EQ(read_domain(folder + "/zulu.txt")->name, "zulu");

  const auto picked = pick_domains(*domains, {"zulu", "english"});
  ASSERT_TRUE(picked.ok());
  EXPECT_EQ((*picked)[0].name, "zulu");
  EXPECT_EQ(error_of(pick_domains(*domains, {"zulu", "german"}).status()),
            "there is no text domain 'german'; there are english, zulu");
}

TEST(FolderDomains, WhatIsWrongIsNamed) {
  const std::string folder = fresh_directory();
  EXPECT_EQ(error_of(folder_domains(folder).status()), folder + ": holds no text domain");
  EXPECT_EQ(folder_domains(folder + "/none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(read_domain(folder + "/none.txt").status().code(), absl::StatusCode::kNotFound);
  std::filesystem::create_directories(folder + "/empty");
  EXPECT_EQ(error_of(folder_domains(folder).status()), folder + "/empty: holds no text file");
  write(folder + "/empty/latin1.txt", "gr\xFC\xDF");
  EXPECT_NE(error_of(folder_domains(folder).status()).find("latin1.txt: UTF-8 text is needed"),
            std::string::npos);
  write(folder + "/empty/latin1.txt", "gruss");
  write(folder + "/empty.txt", "x");
  EXPECT_EQ(error_of(folder_domains(folder).status()), folder + ": two domains are called 'empty'");
}

TEST(CorpusOf, TextsAreSplitEachOnItsOwn) {
  const auto corpus = corpus_of({{"a", std::string(1000, 'a')}, {"b", std::string(500, 'b')}},
                                {.length = 10, .validation_share = 0.2, .validation_windows = 3});
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_EQ(corpus->description, "a (1000 bytes) + b (500 bytes)");
  EXPECT_EQ(corpus->train.size(), (800 + 400 - 1) / 10);
  EXPECT_EQ(corpus->validation.size(), (200 + 100 - 1) / 10);
  EXPECT_EQ(corpus->validation.window(0)[0], 'a');
  EXPECT_EQ(corpus->validation.window(28)[0], 'b');
  EXPECT_NE(error_of(corpus_of({{"short", "xx"}}, {}).status()).find("short"), std::string::npos);
}

}  // namespace
}  // namespace roux::kit
