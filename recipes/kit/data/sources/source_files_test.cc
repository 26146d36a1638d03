// Where a resource's files come from, with a made-up table, a stand-in for pip, and no network.
#include "recipes/kit/data/sources/source_files.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/sha256.h"
#include "recipes/kit/data/sources/resource_table.h"
#include "recipes/kit/data/text_file.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& content) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

// A cache, a system root and a package index of its own for each test. Bazel's TEST_TMPDIR forbids downloads;
// it is taken away where a test is about them.
class SourceFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    root_ = folder_ + "/root";
    fs::create_directories(root_);
    ::setenv("ROUX_CACHE", (folder_ + "/cache").c_str(), 1);
    ::setenv("ROUX_RESOURCES", (folder_ + "/resources.tsv").c_str(), 1);
    ::setenv("HOME", folder_.c_str(), 1);
    test_folder_ = std::getenv("TEST_TMPDIR") == nullptr ? "" : std::getenv("TEST_TMPDIR");
    path_ = std::getenv("PATH");
    make_archive();
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    if (!test_folder_.empty()) ::setenv("TEST_TMPDIR", test_folder_.c_str(), 1);
    ::unsetenv("ROUX_OFFLINE");
    ::unsetenv("ROUX_RESOURCES");
  }

  // "served/toy-1.tar.gz" holds toy-1/words.txt; the table has it as 'toy' by pip, and 'tools' by apt.
  void make_archive() {
    write(folder_ + "/made/toy-1/words.txt", "ab\ncd\n");
    fs::create_directories(folder_ + "/served");
    const std::string archive = folder_ + "/served/toy-1.tar.gz";
    ASSERT_EQ(std::system(absl::StrCat("tar -czf ", archive, " -C ", folder_, "/made toy-1").c_str()), 0);
    const auto sum = sha256_of_file(archive);
    ASSERT_TRUE(sum.ok()) << sum.status();
    write(folder_ + "/resources.tsv",
          absl::StrCat("# comment\ntoy\tpip\ttoy\t1\ttoy-1.tar.gz\t", fs::file_size(archive), "\t", *sum,
                       "\t*/words.txt\tMIT\ttwo words\n",
                       "tools\tapt\ttools-a\t1.0\ta.deb\t5\t00\t./usr/*\tGPL-2+\ttools\n",
                       "tools\tapt\ttools-b\t1.0\tb.deb\t6\t00\t./usr/*\tGPL-2+\t-\n"));
  }

  // python3 -m pip --version | python3 -m pip download ... --dest FOLDER -r FILE
  void offer_pip(const std::string& first) {
    write(folder_ + "/bin/python3",
          absl::StrCat("#!/bin/bash\n[[ $3 == --version ]] && exit 0\n", first,
                       "\nwhile (( $# )); do [[ $1 == --dest ]] && dest=$2; shift; done\n", "cp ", folder_,
                       "/served/toy-1.tar.gz \"$dest/\"\n"));
    fs::permissions(folder_ + "/bin/python3", fs::perms::owner_all);
    ::setenv("PATH", absl::StrCat(folder_, "/bin:", path_).c_str(), 1);
    ::unsetenv("TEST_TMPDIR");
  }

  absl::StatusOr<SourceFiles> open_toy(SourceOptions options = {}) {
    options.system_root = root_;
    return SourceFiles::open("toy", "toy-1/words.txt", options);
  }

  std::string folder_, root_, test_folder_, path_;
};

TEST_F(SourceFilesTest, FetchesAtFirstUseAndReadsTheCacheAfterwards) {
  offer_pip("echo called >> " + folder_ + "/network");
  for (int i = 0; i < 2; ++i) {
    auto files = open_toy();
    ASSERT_TRUE(files.ok()) << files.status();
    const auto words = files->read("toy-1/words.txt");
    ASSERT_TRUE(words.ok()) << words.status();
    EXPECT_EQ(*words, "ab\ncd\n");
    const Provenance from = files->provenance();
    EXPECT_EQ(from.kind, Provenance::kCache);
    EXPECT_EQ(from.version, "1");
    EXPECT_EQ(from.licence, "MIT");
    EXPECT_EQ(from.sha256, sha256(absl::StrCat(sha256("ab\ncd\n"), "  toy-1/words.txt\n")));
    EXPECT_EQ(needs_full(from), "");
  }
  EXPECT_EQ(read_text(folder_ + "/network").value(), "called\n");
}

TEST_F(SourceFilesTest, OfflineNamesTheCommandAndTheSize) {
  offer_pip("echo called >> " + folder_ + "/network");
  SourceOptions offline;
  offline.offline = true;
  const auto refused = open_toy(offline);
  EXPECT_TRUE(absl::IsNotFound(refused.status())) << refused.status();
  EXPECT_NE(refused.status().message().find("recipes/data/fetch toy"), absl::string_view::npos);
  EXPECT_NE(refused.status().message().find("MB, licence MIT"), absl::string_view::npos);
  ::setenv("ROUX_OFFLINE", "1", 1);
  EXPECT_TRUE(absl::IsNotFound(open_toy().status()));
  ::unsetenv("ROUX_OFFLINE");
  ::setenv("TEST_TMPDIR", folder_.c_str(), 1);
  EXPECT_TRUE(absl::IsNotFound(open_toy().status()));
  EXPECT_FALSE(fs::exists(folder_ + "/network"));
}

TEST_F(SourceFilesTest, FailedDownloadSaysHowToTryAgain) {
  offer_pip("exit 1");
  const auto failed = open_toy();
  EXPECT_TRUE(absl::IsUnavailable(failed.status())) << failed.status();
  EXPECT_NE(failed.status().message().find("recipes/data/fetch toy"), absl::string_view::npos);
}

TEST_F(SourceFilesTest, InterruptedDownloadEndsAtOnceAndLeavesNothing) {
  offer_pip("echo called >> " + folder_ + "/network; sleep 60");
  SourceOptions options;
  options.interrupted = [this] { return fs::exists(folder_ + "/network"); };
  const auto start = std::chrono::steady_clock::now();
  const auto cancelled = open_toy(options);
  EXPECT_TRUE(absl::IsCancelled(cancelled.status())) << cancelled.status();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  EXPECT_FALSE(fs::exists(folder_ + "/cache/toy"));
  EXPECT_FALSE(fs::exists(folder_ + "/cache/.download"));
}

TEST_F(SourceFilesTest, DamagedCacheIsNoticed) {
  offer_pip("");
  ASSERT_TRUE(open_toy().ok());
  write(folder_ + "/cache/toy/toy-1/words.txt", "ab\ncx\n");
  auto files = open_toy();
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(absl::IsDataLoss(files->read("toy-1/words.txt").status()));
}

TEST_F(SourceFilesTest, ChangedTableMakesTheCacheStale) {
  offer_pip("");
  ASSERT_TRUE(open_toy().ok());
  std::string table = *read_text(folder_ + "/resources.tsv");
  table.replace(table.find("*/words.txt"), 11, "*/*.txt");
  write(folder_ + "/resources.tsv", table);
  SourceOptions offline;
  offline.offline = true;
  EXPECT_TRUE(absl::IsNotFound(open_toy(offline).status()));
}

TEST_F(SourceFilesTest, InstalledPackagesGoFirstWithTheirOwnVersion) {
  const auto open_tools = [&] {
    return SourceFiles::open("tools", "usr/share/tools/a", {.system_root = root_});
  };
  write(root_ + "/usr/share/tools/a", "content");
  write(root_ + "/var/lib/dpkg/info/tools-a.list", "/usr\n/usr/share/tools/a\n");
  write(root_ + "/var/lib/dpkg/info/tools-b:amd64.list", "/usr/share/tools/gone\n");
  write(root_ + "/var/lib/dpkg/info/tools-another.list", "/usr/share/tools/of_another_package\n");
  write(root_ + "/var/lib/dpkg/status",
        "Package: tools-a\nStatus: install ok installed\nVersion: 2:3.4-5\n\n"
        "Package: tools-b\nStatus: deinstall ok config-files\nVersion: 1.0\n\n");
  EXPECT_TRUE(absl::IsNotFound(open_tools().status())) << "one of its two packages is not installed";
  write(root_ + "/var/lib/dpkg/status",
        "Package: tools-a\nStatus: install ok installed\nVersion: 2:3.4-5\n\n"
        "Package: tools-b\nStatus: install ok installed\nVersion: 1.0\n");
  auto files = open_tools();
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->provenance().kind, Provenance::kPackage);
  EXPECT_EQ(files->provenance().version, "2:3.4-5");
  EXPECT_EQ(*files->read("usr/share/tools/a"), "content");
  EXPECT_EQ(files->list("usr/share"), std::vector<std::string>{"usr/share/tools/a"});
  write(root_ + "/usr/share/tools/of_another_package", "x");
  EXPECT_EQ(files->list("usr/share").size(), 1u);
  fs::remove(root_ + "/usr/share/tools/a");  // installed without its files, as containers do
  EXPECT_TRUE(absl::IsNotFound(open_tools().status()));
}

TEST_F(SourceFilesTest, TheHashDoesNotDependOnTheOrderOfReading) {
  offer_pip("");
  write(folder_ + "/made/toy-1/words.txt", "ab\ncd\n");
  auto files = open_toy();
  ASSERT_TRUE(files.ok()) << files.status();
  write(folder_ + "/cache/toy/more.txt", "m");  // not in the note of checksums: taken as it is
  auto other = open_toy();
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(files->read("more.txt").ok() && files->read("toy-1/words.txt").ok());
  ASSERT_TRUE(other->read("toy-1/words.txt").ok());
  EXPECT_NE(files->provenance().sha256, other->provenance().sha256);
  ASSERT_TRUE(other->read("more.txt").ok());
  EXPECT_EQ(files->provenance().sha256, other->provenance().sha256);
}

TEST_F(SourceFilesTest, UnknownNamesAndDamagedTables) {
  const auto unknown = SourceFiles::open("toys", "x", {});
  EXPECT_TRUE(absl::IsNotFound(unknown.status()));
  EXPECT_NE(unknown.status().message().find("toy, tools"), absl::string_view::npos) << unknown.status();
  const auto message = [](const std::string& text) {
    return std::string(parse_resources(text, "t.tsv").status().message());
  };
  EXPECT_EQ(message("a\tb\n"), "t.tsv: line 1: 2 fields instead of 10");
  const std::string row = "a\tapt\tp\t1\tf\t5\t0\tm\tl\tc\n", other = "b\tapt\tp\t1\tf\t5\t0\tm\tl\tc\n";
  EXPECT_EQ(message(row + other), "");
  EXPECT_EQ(message(row + other + row), "t.tsv: line 3: the lines of 'a' are not together");
  EXPECT_EQ(message("a\tapt\tp\t1\tf\tx\t0\tm\tl\tc\n"), "t.tsv: line 1: 'x' is no size");
  EXPECT_EQ(message("a\tftp\tp\t1\tf\t5\t0\tm\tl\tc\n"), "t.tsv: line 1: unknown way 'ftp'");
}

TEST(Source, TheCommittedTableIsReadAndLinesBelongTogether) {
  const auto path = find_runfile("recipes/data/resources.tsv");
  ASSERT_TRUE(path.ok()) << path.status();
  const auto resources = parse_resources(*read_text(*path), *path);
  ASSERT_TRUE(resources.ok()) << resources.status();
  for (const Resource& resource : *resources) {
    EXPECT_FALSE(resource.licence.empty()) << resource.name;
    for (const ResourceArchive& archive : resource.archives) {
      EXPECT_EQ(archive.sha256.size(), 64u) << resource.name;
      EXPECT_GT(archive.bytes, 0) << resource.name;
    }
  }
}

TEST(Source, TextsOfAProvenance) {
  Provenance from{Provenance::kExcerpt,        "wordnet", "3.0", "WordNet", std::string(64, 'a'),
                  "recipes/data/fetch wordnet"};
  EXPECT_EQ(to_text(from), "wordnet 3.0 (excerpt, licence WordNet, sha256 aaaaaaaaaaaa)");
  EXPECT_EQ(needs_full(from), "only an excerpt of 'wordnet' was read; all of it: recipes/data/fetch wordnet");
  from.kind = Provenance::kPackage;
  EXPECT_EQ(needs_full(from), "");
}

}  // namespace
}  // namespace roux::kit
