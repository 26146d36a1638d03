#include "recipes/kit/run/cli.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/shell_quote.h"
#include "tensor/device.h"
#include "tensor/error.h"
#include "tensor/ops/matmul_tables.h"

namespace roux::kit {
namespace {

const std::vector<PresetInfo>& presets() {
  static const auto* list =
      new std::vector<PresetInfo>{{"smoke", "tiny", 0.05, 3}, {"default", "full", 2, 3}};
  return *list;
}

struct Config {
  int64_t steps = 600;
  double dropout = 0.1;
  std::string arms = "default";
  std::vector<int64_t> sizes = {1, 2};
  bool real = false;
  uint64_t salt = 0;
  int width = 4;
  float scale = 0.5f;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("steps", steps, Range{1});
    visit("dropout", dropout, Range{0, 1});
    visit("arms", arms, Flag{"which arms", {"default", "all"}});
    visit("sizes", sizes, Flag{"hidden sizes", {}, Range{1, 4096}});
    visit("real", real, Flag{"real data"});
    visit("salt", salt);
    visit("width", width), visit("scale", scale);
  }
  absl::Status check() const {
    return sizes.size() < 4 ? absl::OkStatus() : absl::InvalidArgumentError("sizes: at most three");
  }
};

const RecipeInfo& info() {
  static const auto* value = new RecipeInfo{"toy", "A Toy", "2401.00001", "", "a text file"};
  return *value;
}

absl::StatusOr<Options> parse(const std::vector<std::string>& arguments) {
  return parse_flags(arguments, info(), presets(), settings_of(Config{}));
}

std::string error(const std::vector<std::string>& arguments) {
  return std::string(parse(arguments).status().message());
}

// The Config after these flags, or the error that they give there.
absl::StatusOr<Config> configured(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Options> options = parse(arguments);
  if (!options.ok()) return options.status();
  Config config;
  const absl::Status status = change_settings(options->changes, config);
  if (!status.ok()) return status;
  return config;
}
std::string config_error(const std::vector<std::string>& arguments) {
  return std::string(configured(arguments).status().message());
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
  EXPECT_FALSE(options.offline);
  EXPECT_TRUE(parse({"--offline"})->offline);
  EXPECT_EQ(parse({"--resume=there"})->out, "there");
}

TEST(ParseFlags, TraceSteps) {
  const Options options = *parse({"--trace=t.json", "--trace-steps=10:12", "--profile"});
  EXPECT_EQ(options.trace_steps.first, 10);
  EXPECT_EQ(options.trace_steps.last, 12);
  EXPECT_EQ(to_string(options.trace_steps), "10:12");
  EXPECT_TRUE(options.profile);
  EXPECT_FALSE(parse({})->profile);
  EXPECT_EQ(to_string(parse({})->trace_steps), "");
  EXPECT_EQ(parse({"--trace=t", "--trace-steps=3:3"})->trace_steps.last, 3);
  for (const char* steps :
       {"10", "12:10", "0:3", "-1:3", ":", "1:", ":3", "1:2:3", "a:b", "1.5:2", "1:99999999999999999999"}) {
    EXPECT_EQ(error({"--trace=t.json", absl::StrCat("--trace-steps=", steps)}),
              absl::StrCat("--trace-steps=", steps,
                           ": two steps from 1 on are needed, the first and the last, such as 10:12"));
  }
  EXPECT_EQ(error({"--trace-steps=1:2"}),
            "--trace-steps=1:2: it says what a trace keeps: --trace=FILE is missing");
  EXPECT_EQ(error({"--trace-steps"}), "--trace-steps: a value is needed (--trace-steps=FIRST:LAST)");
  EXPECT_EQ(error({"--profile=yes"}), "--profile=yes: this flag takes no value");
}

TEST(CheckProfile, IsForKernelsThatAreAwaited) {
  Options options;
  options.profile = true;
  EXPECT_TRUE(check_profile(options).ok());
  options.device = "cuda:0";
  EXPECT_EQ(check_profile(options).message(),
            "--profile: it times kernels of the CPU, and --device=cuda:0 only launches them from there: use "
            "--trace=FILE, or a profiler of the GPU's vendor");
  options.profile = false;
  EXPECT_TRUE(check_profile(options).ok());
}

TEST(ParseFlags, MistakesAreOneLineWithTheNearestName) {
  EXPECT_EQ(error({"--prest=smoke"}), "unknown flag --prest; did you mean --preset? (--help lists all)");
  EXPECT_EQ(error({"--qqqqqqqq"}), "unknown flag --qqqqqqqq (--help lists all)");
  EXPECT_EQ(error({"--preset=smok"}),
            "--preset=smok: the presets are smoke, default; did you mean --preset=smoke?");
  EXPECT_EQ(error({"--preset=gpu"}), "--preset=gpu: the presets are smoke, default");
  EXPECT_EQ(error({"--device=gpu"}), "--device=gpu: the device is cpu; did you mean --device=cpu?");
  EXPECT_EQ(
      error({"--device=emulated"}),
      "--device=emulated: this program was built without the emulator: build with --config=emulated; the "
      "device is cpu");
  EXPECT_EQ(error({"--device=cuda:0"}),
            "--device=cuda:0: this program was built without CUDA: build with --config=cuda (or with "
            "--config=emulated for --device=emulated, the same kernels on the CPU); the device is cpu");
  EXPECT_EQ(error({"--device=meta"}), "--device=meta: the device is cpu");
  for (const char* threads : {"0", "-1", "257", "99999999999", "2.5", "two"}) {
    EXPECT_EQ(error({absl::StrCat("--threads=", threads)}),
              absl::StrCat("--threads=", threads, ": a whole number from 1 to 256 is needed"));
  }
  EXPECT_EQ(parse({"--threads=256"})->threads, 256);
  EXPECT_EQ(error({"--seed"}), "--seed: a value is needed (--seed=N)");
  EXPECT_EQ(error({"--out="}), "--out=: a value is needed (DIR)");
  EXPECT_EQ(error({"--plan=yes"}), "--plan=yes: this flag takes no value");
  EXPECT_EQ(error({"--model=m"}), "--model=m: this recipe takes no model");
  EXPECT_EQ(error({"smoke"}), "unexpected argument 'smoke'; flags look like --preset=smoke");
  EXPECT_FALSE(parse({"--device=cuda:x"}).ok());
  EXPECT_FALSE(parse({"--device=cuda:-1"}).ok());
}

TEST(ParseFlags, FlagsThatWouldDoNothingBesideOthersAreRefused) {
  RecipeInfo all = info();
  all.model_help = all.table_help = "a file";
  const auto message = [&](const std::vector<std::string>& arguments) {
    return std::string(parse_flags(arguments, all, presets(), {}).status().message());
  };
  for (const char* flag : {"--data=d", "--model=m", "--plan"}) {
    const std::string name = std::vector<std::string>(absl::StrSplit(flag, '=')).front();
    const std::string expected = absl::StrCat(
        "--table and ", name, ": --table computes on its records instead of a run; leave one of them out");
    EXPECT_EQ(message({"--table=t", flag}), expected);
    EXPECT_EQ(message({flag, "--table=t"}), expected);
  }
  EXPECT_EQ(message({"--table=t", "--preset=smoke", "--out=o"}), "");
  EXPECT_EQ(message({"--data=d", "--model=m", "--plan"}), "");
  const char* two = "--resume=a and --out=b: a resumed run goes on in its folder; leave one out";
  EXPECT_EQ(message({"--resume=a", "--out=b"}), two);
  EXPECT_EQ(message({"--out=b", "--resume=a"}), two);
  for (const std::vector<std::string>& once : std::vector<std::vector<std::string>>{
           {"--resume=a"}, {"--resume=a", "--out=a"}, {"--out=a", "--resume=a"}}) {
    const absl::StatusOr<Options> options = parse_flags(once, all, presets(), {});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->out, "a");
    EXPECT_TRUE(options->out_is_exact);
  }
  const absl::StatusOr<Options> newest = parse_flags({"--resume", "--out=a"}, all, presets(), {});
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_FALSE(newest->out_is_exact);
}

// 2^53 is the largest whole number that every reader of JSON keeps.
TEST(ParseFlags, SeedsNeitherWrapNorLoseDigits) {
  for (const char* seed :
       {"-1", "1.5", "9007199254740993", "18446744073709551615", "18446744073709551616", "x"}) {
    EXPECT_EQ(error({absl::StrCat("--seed=", seed)}),
              absl::StrCat("--seed=", seed, ": a whole number from 0 to 9007199254740992 is needed"));
  }
  for (const char* seeds : {"0", "-3", "10001", "1e3"}) {
    EXPECT_EQ(error({absl::StrCat("--seeds=", seeds)}),
              absl::StrCat("--seeds=", seeds, ": a whole number from 1 to 10000 is needed"));
  }
  EXPECT_EQ(*seeds_of(*parse({"--seed=5", "--seeds=2"}), presets()[0]), (std::vector<uint64_t>{5, 6}));
  EXPECT_EQ(*seeds_of(*parse({"--seed=5"}), presets()[0]), (std::vector<uint64_t>{5, 6, 7}));
  EXPECT_EQ(seeds_of(*parse({"--seed=9007199254740990"}), presets()[0])->back(), uint64_t{1} << 53);
  EXPECT_EQ(seeds_of(*parse({"--seed=9007199254740991"}), presets()[0]).status().message(),
            "--seed=9007199254740991: the last of 3 seeds would be above 9007199254740992");
}

TEST(Settings, AreChangedByName) {
  const Config config =
      *configured({"--set", "steps=100,dropout=0,sizes=8,16,32,width=-2", "--arms=all", "--real",
                   "--set=steps=50", "--set=salt=18446744073709551615,scale=1e-3"});
  EXPECT_EQ(config.steps, 50);  // the last one
  EXPECT_EQ(config.dropout, 0);
  EXPECT_EQ(config.sizes, (std::vector<int64_t>{8, 16, 32}));
  EXPECT_EQ(config.arms, "all");
  EXPECT_TRUE(config.real);
  EXPECT_EQ(config.salt, ~uint64_t{0});
  EXPECT_EQ(config.width, -2);
  EXPECT_EQ(config.scale, 1e-3f);
  EXPECT_EQ(
      settings_json(settings_of(config)),
      R"({"steps":50,"dropout":0,"arms":"all","sizes":[8,16,32],"real":true,"salt":18446744073709551615,)"
      R"("width":-2,"scale":0.001})");
  EXPECT_FALSE(configured({"--real=false"})->real);
  EXPECT_EQ(configured({"--sizes", "7"})->sizes, std::vector<int64_t>{7});
  EXPECT_EQ(configured({"--set", "arms=all"})->arms, "all");
}

TEST(Settings, MistakesSayWhatIsNeeded) {
  EXPECT_EQ(error({"--set", "step=5"}),
            "--set step=5: there is no such setting; did you mean steps? (--help lists all)");
  EXPECT_EQ(error({"--set", "steps"}), "--set steps: NAME=VALUE,... is needed");
  EXPECT_EQ(error({"--set", "=5"}), "--set =5: NAME=VALUE,... is needed");
  EXPECT_EQ(error({"--steps=5"}),
            "unknown flag --steps; it is a setting: --set steps=VALUE (--help lists all)");
  EXPECT_EQ(error({"--arm=all"}), "unknown flag --arm; did you mean --arms? (--help lists all)");
  const char* whole = "a whole number of at least 1 is needed";
  for (const char* text : {"1.5", "ten", "", "0", "-4", "99999999999999999999"}) {
    EXPECT_EQ(config_error({"--set", absl::StrCat("steps=", text)}),
              absl::StrCat("--set steps=", text, ": ", whole));
  }
  for (const char* text : {"1.01", "-0.1", "nan", "inf", "1e999", "much", ""}) {
    EXPECT_EQ(config_error({"--set", absl::StrCat("dropout=", text)}),
              absl::StrCat("--set dropout=", text, ": a number from 0 to 1 is needed"));
  }
  EXPECT_EQ(config_error({"--arms=al"}), "--arms=al: the choices are default, all; did you mean all?");
  EXPECT_EQ(config_error({"--sizes=8,0"}), "--sizes=8,0: a whole number from 1 to 4096 is needed");
  EXPECT_EQ(config_error({"--real=yes"}), "--real=yes: true or false is needed");
  EXPECT_EQ(config_error({"--set", "width=2147483648"}), "--set width=2147483648: a whole number is needed");
  EXPECT_EQ(config_error({"--set", "salt=-1"}), "--set salt=-1: a whole number is needed");
  EXPECT_EQ(config_error({"--set", "scale=1e39"}), "--set scale=1e39: a number is needed");
  EXPECT_EQ(config_error({"--sizes=1,2,3,4"}), "sizes: at most three");  // Config::check
}

TEST(Settings, AFlagMayNotHideOneOfTheHarness) {
  Setting setting;
  setting.name = "seed", setting.is_flag = true;
  EXPECT_THROW((void)parse_flags({}, info(), presets(), {setting}), Error);
}

TEST(Preset, ForAGpuIsRefusedElsewhere) {
  Options options;
  options.preset = "gpu";
  EXPECT_EQ(check_preset_device(options).message(),
            "--preset=gpu: it is made for a large GPU, the device is cpu: add --device=cuda and build with "
            "--config=cuda; --plan shows the memory it needs");
  options.device = "cuda:0";
  EXPECT_TRUE(check_preset_device(options).ok());
  options.device = "cpu", options.plan = true;
  EXPECT_TRUE(check_preset_device(options).ok());
}

TEST(HelpText, ListsFlagsThatApplyPresetsAndSettings) {
  const std::string text = help_text(info(), presets(), settings_of(Config{}));
  EXPECT_TRUE(absl::StrContains(text, "--data=PATH"));
  EXPECT_TRUE(absl::StrContains(text, "  --device=D        cpu\n")) << text;
  EXPECT_FALSE(absl::StrContains(text, "--model") || absl::StrContains(text, "--table"));
  EXPECT_TRUE(absl::StrContains(text, "  smoke        ~3 s 3 seeds: tiny")) << text;
  EXPECT_TRUE(absl::StrContains(text, "  default    ~2 min 3 seeds: full")) << text;
  EXPECT_TRUE(absl::StrContains(text, "  --arms=NAME       which arms: default, all; without it: default\n"))
      << text;
  EXPECT_TRUE(
      absl::StrContains(text, "  --real[=true|false]\n                    real data; without it: false\n"))
      << text;
  EXPECT_TRUE(absl::StrContains(text, "  --sizes=N,N,...   hidden sizes; without it: 1,2\n")) << text;
  EXPECT_TRUE(absl::StrContains(text, "  steps=600 dropout=0.1 arms=default sizes=1,2 real=false salt=0"))
      << text;
}

TEST(HelpText, FitsEightyColumns) {
  RecipeInfo wordy = info();
  wordy.title =
      "A very long title of a paper that says in one sentence what others say in an abstract of ten lines";
  wordy.table_help = wordy.model_help = wordy.data_help =
      "a text file in UTF-8, one document a line, at least one hundred lines, of which the last tenth is "
      "held out";
  const std::vector<PresetInfo> many = {{"default", wordy.data_help, 100, 10000}};
  for (const absl::string_view line : absl::StrSplit(help_text(wordy, many, settings_of(Config{})), '\n')) {
    EXPECT_LE(line.size(), 80u) << line;
  }
}

// As if the CUDA kernels were linked.
TEST(ParseFlags, OffersTheDevicesThatHaveKernels) {
  const auto kernel = [](const Tensor&, const Tensor&, const Tensor&, Tensor&, Tensor&) {};
  RegisterRuntime(DeviceType::kEmulated, &runtime(DeviceType::kCpu));
  EXPECT_EQ(offered_devices(), std::vector<std::string>{"cpu"});  // a device without kernels
  EXPECT_EQ(
      error({"--device=emulated"}),
      "--device=emulated: this program has no kernel there that multiplies matrices; the device is cpu");
  matmul_kernels.set(DeviceType::kEmulated, kF32, kernel);
  matmul_kernels.set(DeviceType::kCuda, kBF16, kernel);  // kernels, but no GPU
  EXPECT_EQ(offered_devices(), (std::vector<std::string>{"cpu", "emulated"}));
  EXPECT_EQ(parse({"--device=emulated"})->device, "emulated");
  EXPECT_EQ(error({"--device=cuda"}),
            "--device=cuda: no NVIDIA driver or GPU was found (nvidia-smi says more); the devices are cpu, "
            "emulated");
  EXPECT_TRUE(absl::StrContains(help_text(info(), presets()),
                                "cpu, emulated (the CUDA kernels' source on the CPU)\n"));
  EXPECT_TRUE(absl::StrContains(help_text({.slug = "toy", .title = "A Toy", .folder = "examples"}, presets()),
                                "\nbazel run //examples/toy -- [flags]\n"));
  RegisterRuntime(DeviceType::kEmulated, nullptr);
  matmul_kernels.set(DeviceType::kEmulated, kF32, nullptr);
  matmul_kernels.set(DeviceType::kCuda, kBF16, nullptr);
}

TEST(ShellQuote, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(shell_quote("outputs/toy-1.5"), "outputs/toy-1.5");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quote(""), "''");
}

}  // namespace
}  // namespace roux::kit
