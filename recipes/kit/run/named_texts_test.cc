#include "recipes/kit/run/named_texts.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "recipes/kit/run/quiet_run.h"

namespace roux::kit {
namespace {

std::string config_of(const Run& run) {
  std::ifstream in(run.path("config.json"));
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(NamedTexts, ComeInTheirOrderAndAreKeptInTheConfiguration) {
  const auto run = quiet_run();
  const auto texts = named_texts(*run, {"wordnet", "austen_emma"}, /*excerpts=*/true);
  ASSERT_TRUE(texts.ok()) << texts.status();
  ASSERT_EQ(texts->size(), 2u);
  EXPECT_EQ((*texts)[0].name, "wordnet");
  EXPECT_EQ((*texts)[1].name, "austen_emma");
  EXPECT_EQ((*texts)[1].text, *read_excerpt("austen_emma"));
  for (const char* name : {"wordnet", "austen_emma"}) {
    EXPECT_NE(config_of(*run).find(name), std::string::npos) << name;
    EXPECT_EQ(config_of(*quiet_run()).find(name), std::string::npos) << name;
  }
}

TEST(NamedTexts, AnUnknownNameIsAnError) {
  const auto run = quiet_run();
  const auto texts = named_texts(*run, {"austen_emma", "emma"}, /*excerpts=*/true);
  EXPECT_EQ(texts.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(texts.status().message().find("there is no text domain 'emma'"), std::string::npos);
}

// An excerpt where there is one, the whole text of a domain that has none: never an error for the lack of an
// excerpt alone.
TEST(NamedTexts, ADomainWithoutAnExcerptIsTakenWhole) {
  RunSetup setup;
  setup.options.offline = true;
  const auto run = quiet_run(std::move(setup));
  const auto texts = named_texts(*run, {"manpages_de"}, /*excerpts=*/true);
  const auto whole = named_texts(*run, {"manpages_de"}, /*excerpts=*/false);
  EXPECT_EQ(texts.ok(), whole.ok());
  if (texts.ok()) {
    EXPECT_EQ((*texts)[0].text, (*whole)[0].text);
  } else {
    EXPECT_EQ(texts.status(), whole.status());
  }
}

}  // namespace
}  // namespace roux::kit
