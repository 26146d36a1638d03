#include "recipes/kit/run/cli.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/nearest_name.h"
#include "recipes/kit/run/text_table.h"
#include "tensor/device.h"
#include "tensor/error.h"
#include "tensor/ops/matmul_tables.h"

namespace roux::kit {
namespace {

enum class Argument { kNone, kOptional, kRequired };

struct KnownFlag {
  std::string name;
  Argument argument = Argument::kRequired;
  std::string value;  // as --help shows it
  std::string help;   // empty: not listed, since it does not apply
  bool is_setting = false;
};

// Of the harness; the recipe's own stand behind them.
std::vector<KnownFlag> known_flags(const RecipeInfo& info, const std::vector<Setting>& settings) {
  std::string devices = absl::StrJoin(offered_devices(), ", ");
  if (absl::EndsWith(devices, "emulated")) devices += " (the CUDA kernels' source on the CPU)";
  std::vector<KnownFlag> flags = {
      {"preset", Argument::kRequired, "NAME", "what to run (see below); without it: default"},
      {"seed", Argument::kRequired, "N", "first of the consecutive seeds; without it: 1"},
      {"seeds", Argument::kRequired, "N", "how many seeds; without it: the preset's number"},
      {"set", Argument::kRequired, "NAME=VALUE,...",
       settings.empty() ? "" : "changes settings of the preset (see below)"},
      {"device", Argument::kRequired, "D", devices},
      {"threads", Argument::kRequired, "N", "CPU threads; results do not depend on it"},
      {"zero", Argument::kRequired, "STAGE",
       "of several ranks (mpirun, srun): 0: each has the whole optimizer state; 1: a part of it; 3: of the "
       "parameters of blocks too"},
      {"out", Argument::kRequired, "DIR",
       "output folder; without it: outputs/<recipe>/<preset>-seed<N>. One that holds a run gets a number"},
      {"resume", Argument::kOptional, "DIR",
       "go on from the newest good checkpoint of this folder, or of the newest run of these flags"},
      {"plan", Argument::kNone, "", "print the memory plan of one training step and stop"},
      {"profile", Argument::kNone, "",
       "print how long each op took and its share of what memory and cores can do"},
      {"trace", Argument::kRequired, "FILE", "write a Chrome/Perfetto trace"},
      {"trace-steps", Argument::kRequired, "FIRST:LAST",
       "steps of each part that the trace keeps, such as 10:12; without it: the whole run"},
      {"model", Argument::kRequired, "PATH", info.model_help},
      {"data", Argument::kRequired, "PATH", info.data_help},
      {"table", Argument::kRequired, "PATH", info.table_help},
      {"offline", Argument::kNone, "", "do not download data that are missing"},
      {"help", Argument::kNone, "", "this text"},
  };
  for (const Setting& setting : settings) {
    if (!setting.is_flag) continue;
    const bool taken = std::any_of(flags.begin(), flags.end(),
                                   [&](const KnownFlag& flag) { return flag.name == setting.name; });
    ROUX_CHECK(!taken) << "recipe flag --" << setting.name << ": the harness has a flag of this name";
    std::string help = setting.about.help;
    if (!setting.about.choices.empty()) {
      absl::StrAppend(&help, help.empty() ? "" : ": ", absl::StrJoin(setting.about.choices, ", "));
    }
    absl::StrAppend(&help, help.empty() ? "" : "; ",
                    "without it: ", setting.text.empty() ? "none" : setting.text);
    const bool boolean = setting.kind == "true|false";
    flags.push_back(
        {setting.name, boolean ? Argument::kOptional : Argument::kRequired, setting.kind, help, true});
  }
  return flags;
}

// Kernels are linked into a program, or not. Whatever computes anything here multiplies matrices.
bool has_kernels(DeviceType type) {
  return matmul_kernels.has(type, kF32) || matmul_kernels.has(type, kBF16);
}
// Its library is linked, whatever kernels it has.
bool has_runtime(DeviceType type) {
  try {
    return runtime(type).device_count() >= 0;
  } catch (const Error&) {
    return false;
  }
}
int usable_devices(DeviceType type) { return has_kernels(type) ? device_count(type) : 0; }

absl::Status bad_value(absl::string_view flag, absl::string_view value, absl::string_view needed) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", value, ": ", needed));
}

// Why a device that parses is not there, and what helps.
std::string missing_device(DeviceType type) {
  if (has_kernels(type)) {
    return device_count(type) == 0 ? "no NVIDIA driver or GPU was found (nvidia-smi says more)"
                                   : "this machine has no such device";
  }
  if (has_runtime(type)) return "this program has no kernel there that multiplies matrices";
  if (type == DeviceType::kEmulated)
    return "this program was built without the emulator: build with --config=emulated";
  return "this program was built without CUDA: build with --config=cuda (or with --config=emulated for "
         "--device=emulated, the same kernels on the CPU)";
}

absl::Status set_value(const std::string& name, const std::string& value, const RecipeInfo& info,
                       Options& options) {
  if (name == "preset") {
    options.preset = value;
    options.preset_given = true;
  } else if (name == "seed") {
    if (!absl::SimpleAtoi(value, &options.seed) || options.seed > kLargestSeed)
      return bad_value(name, value, absl::StrCat("a whole number from 0 to ", kLargestSeed, " is needed"));
    options.seed_given = true;
  } else if (name == "seeds") {
    if (!absl::SimpleAtoi(value, &options.seeds) || options.seeds < 1 || options.seeds > kMostSeeds)
      return bad_value(name, value, absl::StrCat("a whole number from 1 to ", kMostSeeds, " is needed"));
  } else if (name == "set") {
    ROUX_RETURN_IF_ERROR(parse_changes(value, options.changes));
  } else if (name == "threads") {
    if (!absl::SimpleAtoi(value, &options.threads) || options.threads < 1 || options.threads > kMostThreads) {
      return bad_value(name, value, absl::StrCat("a whole number from 1 to ", kMostThreads, " is needed"));
    }
  } else if (name == "zero") {
    if (!absl::SimpleAtoi(value, &options.zero) ||
        (options.zero != 0 && options.zero != 1 && options.zero != 3))
      return bad_value(name, value, "0, 1 or 3 is needed");
  } else if (name == "device") {
    ROUX_RETURN_IF_ERROR(check_device(value));
    options.device = value;
    options.device_given = true;
  } else if (name == "out") {
    options.out = value;
  } else if (name == "trace") {
    options.trace = value;
  } else if (name == "trace-steps") {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(value, absl::MaxSplits(':', 1));
    StepRange& steps = options.trace_steps;
    if (!absl::SimpleAtoi(ends.first, &steps.first) || !absl::SimpleAtoi(ends.second, &steps.last) ||
        steps.first < 1 || steps.last < steps.first)
      return bad_value(name, value, "two steps from 1 on are needed, the first and the last, such as 10:12");
  } else if (name == "model") {
    if (info.model_help.empty()) return bad_value(name, value, "this recipe takes no model");
    options.model = value;
  } else if (name == "data") {
    if (info.data_help.empty()) return bad_value(name, value, "this recipe takes no data");
    options.data = value;
  } else if (name == "table") {
    if (info.table_help.empty()) return bad_value(name, value, "this recipe takes no table");
    options.table = value;
  }
  return absl::OkStatus();
}

absl::Status set_flag(const KnownFlag& flag, const std::string* value, const RecipeInfo& info,
                      Options& options) {
  const std::string& name = flag.name;
  if (flag.is_setting) {
    add_change({name, value == nullptr ? "true" : *value}, options.changes);
    return absl::OkStatus();
  }
  if (flag.argument == Argument::kNone) {
    if (value != nullptr) return bad_value(name, *value, "this flag takes no value");
    for (const auto& [known, set] :
         {std::pair{"plan", &options.plan}, std::pair{"profile", &options.profile},
          std::pair{"offline", &options.offline}, std::pair{"help", &options.help}}) {
      if (name == known) *set = true;
    }
    return absl::OkStatus();
  }
  if (value != nullptr && value->empty())
    return bad_value(name, "", absl::StrCat("a value is needed (", flag.value, ")"));
  if (name == "resume") {
    options.resume = true;
    if (value != nullptr) options.out = *value;
    return absl::OkStatus();
  }
  return set_value(name, *value, info, options);
}

// One of each pair would do nothing beside the other, in silence. `resumed` and `out`: what --resume=DIR and
// --out=DIR name, empty where they are not given.
absl::Status check_contradictions(const Options& options, const std::string& resumed,
                                  const std::string& out) {
  for (const auto& [name, given] :
       {std::pair{"data", !options.data.empty()}, std::pair{"model", !options.model.empty()},
        std::pair{"plan", options.plan}}) {
    if (options.table.empty() || !given) continue;
    return absl::InvalidArgumentError(absl::StrCat("--table and --", name,
                                                   ": --table computes on its records ",
                                                   "instead of a run; leave one of them out"));
  }
  if (!resumed.empty() && !out.empty() && out != resumed) {
    return absl::InvalidArgumentError(absl::StrCat("--resume=", resumed, " and --out=", out,
                                                   ": a resumed run goes on in its folder; leave one out"));
  }
  return absl::OkStatus();
}

// `left`, padded, and `text` wrapped beside it.
void append_item(const std::string& left, const std::string& text, std::string& out) {
  constexpr int kLeft = 20;
  std::vector<std::string> lines = wrap_text(text, kTextColumns - kLeft);
  if (left.size() >= kLeft) {
    absl::StrAppend(&out, left, "\n");
  } else {
    absl::StrAppend(&out, left, std::string(kLeft - left.size(), ' '), lines[0], "\n");
    lines.erase(lines.begin());
  }
  for (const std::string& line : lines) absl::StrAppend(&out, std::string(kLeft, ' '), line, "\n");
}

std::string flag_usage(const KnownFlag& flag) {
  std::string usage = absl::StrCat("  --", flag.name);
  if (flag.argument == Argument::kRequired) absl::StrAppend(&usage, "=", flag.value);
  if (flag.argument == Argument::kOptional) absl::StrAppend(&usage, "[=", flag.value, "]");
  return usage;
}

}  // namespace

absl::Status check_device(const std::string& text) {
  const std::vector<std::string> offered = offered_devices();
  const std::string choice =
      absl::StrCat(offered.size() == 1 ? "the device is " : "the devices are ", absl::StrJoin(offered, ", "));
  const absl::StatusOr<Device> device = parse_device(text);
  if (!device.ok() || device->type == DeviceType::kMeta) {
    return bad_value("device", text, absl::StrCat(choice, did_you_mean(text, offered, "--device=")));
  }
  if (device->type == DeviceType::kCpu || device->index < usable_devices(device->type))
    return absl::OkStatus();
  return bad_value("device", text, absl::StrCat(missing_device(device->type), "; ", choice));
}

absl::Status check_preset_device(const Options& options) {
  const absl::StatusOr<Device> device = parse_device(options.device);
  if (options.plan || options.preset != kGpuPreset || !device.ok() || device->type == DeviceType::kCuda)
    return absl::OkStatus();
  return bad_value(
      "preset", options.preset,
      absl::StrCat("it is made for a large GPU, the device is ", options.device, ": add --device=cuda",
                   has_runtime(DeviceType::kCuda) ? "" : " and build with --config=cuda",
                   "; --plan shows the memory it needs"));
}

absl::Status check_profile(const Options& options) {
  const absl::StatusOr<Device> device = parse_device(options.device);
  if (!options.profile || !device.ok() || device->type != DeviceType::kCuda) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--profile: it times kernels of the CPU, and --device=", options.device,
                   " only launches them from there: use --trace=FILE, or a profiler of the GPU's vendor"));
}

std::string to_string(const StepRange& range) {
  return range.first == 0 ? "" : absl::StrCat(range.first, ":", range.last);
}

std::vector<std::string> offered_devices() {
  std::vector<std::string> names{"cpu"};
  for (int i = 0; i < usable_devices(DeviceType::kCuda); ++i) names.push_back(absl::StrCat("cuda:", i));
  if (usable_devices(DeviceType::kEmulated) > 0) names.push_back("emulated");
  return names;
}

absl::StatusOr<int> find_preset(const std::string& name, const std::vector<PresetInfo>& presets) {
  std::vector<std::string> names;
  for (const PresetInfo& preset : presets) {
    if (preset.name == name) return static_cast<int>(names.size());
    names.push_back(preset.name);
  }
  return bad_value(
      "preset", name,
      absl::StrCat("the presets are ", absl::StrJoin(names, ", "), did_you_mean(name, names, "--preset=")));
}

absl::StatusOr<std::vector<uint64_t>> seeds_of(const Options& options, const PresetInfo& preset) {
  const int count = options.seeds > 0 ? options.seeds : preset.seeds;
  if (options.seed > kLargestSeed - static_cast<uint64_t>(std::max(count - 1, 0))) {
    return bad_value("seed", absl::StrCat(options.seed),
                     absl::StrCat("the last of ", count, " seeds would be above ", kLargestSeed));
  }
  std::vector<uint64_t> seeds;
  for (int i = 0; i < count; ++i) seeds.push_back(options.seed + static_cast<uint64_t>(i));
  return seeds;
}

absl::StatusOr<Options> parse_flags(const std::vector<std::string>& arguments, const RecipeInfo& info,
                                    const std::vector<PresetInfo>& presets,
                                    const std::vector<Setting>& settings) {
  Options options;
  const std::vector<KnownFlag> flags = known_flags(info, settings);
  std::vector<std::string> names;
  for (const KnownFlag& flag : flags) names.push_back(flag.name);
  std::string resumed, out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "-h") {
      options.help = true;
      continue;
    }
    if (!absl::StartsWith(argument, "--")) {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument '", argument, "'; flags look like --preset=smoke"));
    }
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) {
      const bool is_setting = std::any_of(settings.begin(), settings.end(),
                                          [&](const Setting& setting) { return setting.name == name; });
      return absl::InvalidArgumentError(
          absl::StrCat("unknown flag --", name,
                       is_setting ? absl::StrCat("; it is a setting: --set ", name, "=VALUE")
                                  : did_you_mean(name, names, "--"),
                       " (--help lists all)"));
    }
    const KnownFlag& flag = flags[static_cast<size_t>(at - names.begin())];
    std::string value;
    const std::string* given = nullptr;
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
      given = &value;
    } else if (flag.argument == Argument::kRequired) {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", name, ": a value is needed (--", name, "=", flag.value, ")"));
      }
      given = &arguments[++i];
    }
    ROUX_RETURN_IF_ERROR(set_flag(flag, given, info, options));
    if (name == "resume" && given != nullptr) resumed = *given;
    if (name == "out") out = *given;
  }
  if (options.help) return options;
  options.out_is_exact = !resumed.empty();
  ROUX_RETURN_IF_ERROR(check_contradictions(options, resumed, out));
  if (options.trace_steps.first > 0 && options.trace.empty()) {
    return bad_value("trace-steps", to_string(options.trace_steps),
                     "it says what a trace keeps: --trace=FILE is missing");
  }
  ROUX_RETURN_IF_ERROR(find_preset(options.preset, presets).status());
  ROUX_RETURN_IF_ERROR(check_names(options.changes, settings));
  return options;
}

std::string help_text(const RecipeInfo& info, const std::vector<PresetInfo>& presets,
                      const std::vector<Setting>& settings) {
  std::string out;
  const std::string title =
      absl::StrCat(info.title, info.arxiv.empty() ? "" : absl::StrCat(" (arXiv ", info.arxiv, ")"));
  for (const std::string& line : wrap_text(title, kTextColumns)) absl::StrAppend(&out, line, "\n");
  absl::StrAppend(&out, "\nbazel run //", info.folder, "/", info.slug, " -- [flags]\n\n");
  bool own = false;
  for (const KnownFlag& flag : known_flags(info, settings)) {
    if (flag.help.empty()) continue;
    if (flag.is_setting && !own) absl::StrAppend(&out, "\nOf this recipe:\n");
    own = own || flag.is_setting;
    append_item(flag_usage(flag), flag.help, out);
  }
  absl::StrAppend(&out, "\nPresets:\n");
  for (const PresetInfo& preset : presets) {
    const std::string time = preset.minutes < 1 ? absl::StrFormat("%.0f s", preset.minutes * 60)
                                                : absl::StrFormat("%.3g min", preset.minutes);
    append_item(absl::StrFormat("  %-8s %8s", preset.name, "~" + time),
                absl::StrCat(preset.seeds, preset.seeds == 1 ? " seed:  " : " seeds: ", preset.what), out);
  }
  if (!settings.empty()) {
    absl::StrAppend(&out, "\nSettings (--set), with their values in the preset default:\n");
    std::vector<std::string> items;
    for (const Setting& setting : settings) items.push_back(absl::StrCat(setting.name, "=", setting.text));
    for (const std::string& line : wrap_text(absl::StrJoin(items, " "), kTextColumns - 2))
      absl::StrAppend(&out, "  ", line, "\n");
  }
  absl::StrAppend(&out, "\nExit code: 0 done, 1 error, 3 an asserted claim fails, 130 interrupted.\n");
  return out;
}

}  // namespace roux::kit
