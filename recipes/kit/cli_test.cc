#include "recipes/kit/cli.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace roux::kit {
namespace {

const std::vector<PresetInfo>& presets() {
  static const auto* list =
      new std::vector<PresetInfo>{{"smoke", "tiny", 0.05, 3}, {"default", "full", 2, 3}};
  return *list;
}

absl::StatusOr<Options> parse(const std::vector<std::string>& arguments) {
  RecipeInfo info{"toy", "A Toy", "2401.00001", "", "a text file"};
  return parse_flags(arguments, info, presets());
}

std::string error(const std::vector<std::string>& arguments) {
  return std::string(parse(arguments).status().message());
}

TEST(ParseFlags, Defaults) {
  const Options options = *parse({});
  EXPECT_EQ(options.preset, "default");
  EXPECT_EQ(options.seed, 1u);
  EXPECT_EQ(options.device, "cpu");
  EXPECT_FALSE(options.resume || options.plan || options.help);
}

TEST(ParseFlags, BothSpellings) {
  const Options options = *parse({"--preset", "smoke", "--seed=7", "--device=cuda:1", "--threads", "2",
                                  "--plan", "--out=o", "--trace=t.json", "--data=d", "--resume"});
  EXPECT_EQ(options.preset, "smoke");
  EXPECT_EQ(options.seed, 7u);
  EXPECT_EQ(options.device, "cuda:1");
  EXPECT_EQ(options.threads, 2);
  EXPECT_EQ(options.out, "o");
  EXPECT_TRUE(options.resume && options.plan);
  EXPECT_EQ(parse({"--resume=there"})->out, "there");
}

TEST(ParseFlags, MistakesAreOneLineWithTheNearestName) {
  EXPECT_EQ(error({"--prest=smoke"}), "unknown flag --prest; did you mean --preset? (--help lists all)");
  EXPECT_EQ(error({"--qqqqqqqq"}), "unknown flag --qqqqqqqq (--help lists all)");
  EXPECT_EQ(error({"--preset=smok"}),
            "--preset=smok: the presets are smoke, default; did you mean --preset=smoke?");
  EXPECT_EQ(error({"--preset=gpu"}), "--preset=gpu: the presets are smoke, default");
  EXPECT_EQ(error({"--device=gpu"}),
            "--device=gpu: the devices are cpu, emulated and cuda:N; did you mean --device=cpu?");
  EXPECT_EQ(error({"--seed=-1"}), "--seed=-1: a whole number >= 0 is needed");
  EXPECT_EQ(error({"--seed=1.5"}), "--seed=1.5: a whole number >= 0 is needed");
  EXPECT_EQ(error({"--threads=0"}), "--threads=0: a whole number >= 1 is needed");
  EXPECT_EQ(error({"--seed"}), "--seed: a value is needed (--seed=N)");
  EXPECT_EQ(error({"--out="}), "--out=: a value is needed (DIR)");
  EXPECT_EQ(error({"--plan=yes"}), "--plan=yes: this flag takes no value");
  EXPECT_EQ(error({"--model=m"}), "--model=m: this recipe takes no model");
  EXPECT_EQ(error({"smoke"}), "unexpected argument 'smoke'; flags look like --preset=smoke");
  EXPECT_FALSE(parse({"--device=cuda:x"}).ok());
  EXPECT_FALSE(parse({"--device=cuda:-1"}).ok());
}

TEST(HelpText, ListsFlagsThatApplyAndPresets) {
  const std::string text = help_text({"toy", "A Toy", "2401.00001", "", "a text file"}, presets());
  EXPECT_TRUE(absl::StrContains(text, "--data=PATH"));
  EXPECT_FALSE(absl::StrContains(text, "--model"));
  EXPECT_TRUE(absl::StrContains(text, "smoke         ~3 s  3 seeds  tiny")) << text;
  EXPECT_TRUE(absl::StrContains(text, "default     ~2 min  3 seeds  full")) << text;
}

TEST(FlagsText, RepeatsTheRun) {
  Options options = *parse({"--preset=smoke", "--seed=3", "--device=emulated", "--data=a b"});
  EXPECT_EQ(flags_text(options), "--preset=smoke --seed=3 --device=emulated --data='a b'");
}

TEST(ShellQuote, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(shell_quote("outputs/toy-1.5"), "outputs/toy-1.5");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quote(""), "''");
}

}  // namespace
}  // namespace roux::kit
