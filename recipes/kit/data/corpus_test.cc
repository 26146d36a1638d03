#include "recipes/kit/data/corpus.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "recipes/kit/data/runfiles.h"

namespace roux::kit {
namespace {

bool mentions(const absl::Status& status, const std::string& text) {
  return status.message().find(text) != absl::string_view::npos;
}

TEST(Excerpts, AreThereAndWithinTheirLimit) {
  for (const std::string& name : excerpt_names()) {
    const absl::StatusOr<std::string> text = read_excerpt(name);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_GE(text->size(), 100000u) << name;
    EXPECT_LE(text->size(), 300000u) << name;
    EXPECT_EQ(text->back(), '\n') << name;
    EXPECT_EQ(text->find('\r'), std::string::npos) << name;
  }
  EXPECT_NE(read_excerpt("goethe_werther")->find("Wie froh bin ich, daß ich weg bin!"), std::string::npos);
  EXPECT_NE(read_excerpt("austen_emma")->find("Emma Woodhouse, handsome, clever, and rich"),
            std::string::npos);
  EXPECT_NE(read_excerpt("web_luke_john")->find("In the beginning was the Word"), std::string::npos);
  EXPECT_TRUE(mentions(read_excerpt("emma").status(), "austen_emma, goethe_werther, web_luke_john"));
}

TEST(Corpus, TrainingAndValidationCoverTheText) {
  const absl::StatusOr<Corpus> corpus = load_corpus({.excerpts = {"austen_emma"}, .length = 64});
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_EQ(corpus->description, "austen_emma (299867 bytes)");
  EXPECT_EQ(corpus->train.size(), (299867 - 8996 - 1) / 64);
  EXPECT_EQ(corpus->validation.size(), (8996 - 1) / 64);
  EXPECT_TRUE(corpus->validation.fixed_rows(128).ok());
  EXPECT_EQ(corpus->tokenizer.decode(corpus->train.window(0)).substr(0, 15), "CHAPTER I\n\nEmma");
  const absl::StatusOr<Corpus> both =
      load_corpus({.excerpts = {"austen_emma", "goethe_werther"}, .length = 64});
  ASSERT_TRUE(both.ok());
  EXPECT_GT(both->validation.size(), corpus->validation.size());
}

TEST(Corpus, AUsersFileReplacesTheExcerpts) {
  const std::string path = testing::TempDir() + "/mine.txt";
  std::ofstream(path) << std::string(1000, 'x');
  const absl::StatusOr<Corpus> corpus =
      load_corpus({.path = path, .excerpts = {"austen_emma"}, .length = 16, .validation_share = 0.1});
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_EQ(corpus->train.size(), 56);
  EXPECT_EQ(corpus->validation.size(), 6);
  const absl::Status short_text =
      load_corpus({.path = path, .length = 64, .validation_share = 0.03}).status();
  EXPECT_TRUE(mentions(short_text, path + " (validation part): holds 30 tokens, one window of 64 needs 65"))
      << short_text;
  const absl::Status few =
      load_corpus({.path = path, .length = 16, .validation_share = 0.1, .validation_windows = 7}).status();
  EXPECT_EQ(few.message(), path +
                               " (validation part): 7 fixed windows of 16 tokens are asked for, the text "
                               "holds 6");
  EXPECT_TRUE(mentions(load_corpus({.path = path + ".no"}).status(), path + ".no"));
  EXPECT_FALSE(load_corpus({}).ok());
}

TEST(StandInCorpus, HoldsTheRowsOfAPlan) {
  const auto corpus = stand_in_corpus(5, 8);
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_EQ(corpus->train.size(), 5);
  EXPECT_EQ(corpus->validation.length(), 8);
  EXPECT_EQ(corpus->train.window(4), std::vector<int32_t>(9, 0));
  EXPECT_FALSE(stand_in_corpus(0, 8).ok());
  EXPECT_FALSE(stand_in_corpus(5, 0).ok());
}

TEST(TrainingSets, AreInTheOrderOfTheCorpora) {
  const std::vector<Corpus> corpora = {*stand_in_corpus(5, 8), *stand_in_corpus(3, 8)};
  EXPECT_EQ(training_sets(corpora), (std::vector<const WindowSet*>{&corpora[0].train, &corpora[1].train}));
  EXPECT_EQ(training_sets({corpora.data(), 1}), (std::vector<const WindowSet*>{&corpora[0].train}));
  EXPECT_TRUE(training_sets({}).empty());
}

TEST(Runfiles, MissingFilesNameThePlacesTried) {
  const absl::Status status = find_runfile("recipes/data/no_such.txt").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(mentions(status, "'recipes/data/no_such.txt' not found")) << status;
  EXPECT_TRUE(mentions(status, "/roux/recipes/data/no_such.txt")) << status;
  EXPECT_TRUE(mentions(find_runfile("@nowhere//a.txt").status(), "/nowhere/a.txt"));
  EXPECT_EQ(find_runfile("@nowhere").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Runfiles, AreFoundWithoutTheTestsEnvironment) {  // as when the binary is started by hand
  unsetenv("TEST_SRCDIR");
  unsetenv("RUNFILES_DIR");
  unsetenv("BUILD_WORKSPACE_DIRECTORY");
  const absl::StatusOr<std::string> path = find_runfile("recipes/data/excerpts/austen_emma.txt");
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ((*path)[0], '/');
}

}  // namespace
}  // namespace roux::kit
