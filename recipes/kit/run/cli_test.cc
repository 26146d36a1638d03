#include "recipes/kit/run/cli.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tensor/device.h"
#include "tensor/ops/matmul_tables.h"

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
  const Options options = *parse({"--preset", "smoke", "--seed=7", "--device=cpu", "--threads", "2", "--plan",
                                  "--out=o", "--trace=t.json", "--data=d", "--resume"});
  EXPECT_EQ(options.preset, "smoke");
  EXPECT_EQ(options.seed, 7u);
  EXPECT_EQ(options.device, "cpu");
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
  EXPECT_EQ(error({"--device=gpu"}), "--device=gpu: the device is cpu; did you mean --device=cpu?");
  EXPECT_EQ(error({"--device=emulated"}),
            "--device=emulated: this program has no kernels for it; the device is cpu");
  EXPECT_EQ(error({"--device=cuda:0"}),
            "--device=cuda:0: this program has no kernels for it; the device is cpu");
  EXPECT_EQ(error({"--device=meta"}), "--device=meta: the device is cpu");
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
  EXPECT_TRUE(absl::StrContains(text, "  --device=D       cpu\n")) << text;
  EXPECT_FALSE(absl::StrContains(text, "--model"));
  EXPECT_TRUE(absl::StrContains(text, "smoke         ~3 s  3 seeds  tiny")) << text;
  EXPECT_TRUE(absl::StrContains(text, "default     ~2 min  3 seeds  full")) << text;
}

// As if the CUDA kernels were linked.
TEST(ParseFlags, OffersTheDevicesThatHaveKernels) {
  const auto kernel = [](const Tensor&, const Tensor&, const Tensor&, Tensor&, Tensor&) {};
  RegisterRuntime(DeviceType::kEmulated, &runtime(DeviceType::kCpu));
  EXPECT_EQ(offered_devices(), std::vector<std::string>{"cpu"});  // a device without kernels
  matmul_kernels.set(DeviceType::kEmulated, kF32, kernel);
  matmul_kernels.set(DeviceType::kCuda, kBF16, kernel);  // kernels, but no GPU
  EXPECT_EQ(offered_devices(), (std::vector<std::string>{"cpu", "emulated"}));
  EXPECT_EQ(parse({"--device=emulated"})->device, "emulated");
  EXPECT_EQ(error({"--device=cuda"}),
            "--device=cuda: this machine has no such device; the devices are cpu, emulated");
  EXPECT_TRUE(absl::StrContains(help_text({"toy", "A Toy", "", "", ""}, presets()),
                                "cpu, emulated (the CUDA kernels' source on the CPU)\n"));
  EXPECT_TRUE(absl::StrContains(help_text({.slug = "toy", .title = "A Toy", .folder = "examples"}, presets()),
                                "\nbazel run //examples/toy -- [flags]\n"));
  RegisterRuntime(DeviceType::kEmulated, nullptr);
  matmul_kernels.set(DeviceType::kEmulated, kF32, nullptr);
  matmul_kernels.set(DeviceType::kCuda, kBF16, nullptr);
}

TEST(FlagsText, RepeatsTheRun) {
  Options options = *parse({"--preset=smoke", "--seed=3", "--data=a b"});
  options.device = "emulated";
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
