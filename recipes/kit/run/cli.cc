#include "recipes/kit/run/cli.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tensor/device.h"
#include "tensor/error.h"
#include "tensor/ops/matmul_tables.h"

namespace roux::kit {
namespace {

enum class Argument { kNone, kOptional, kRequired };

struct Flag {
  const char* name;
  Argument argument;
  const char* value;  // as --help shows it
  const char* help;
};

constexpr Flag kFlags[] = {
    {"preset", Argument::kRequired, "NAME", "what to run (see below); without it: default"},
    {"seed", Argument::kRequired, "N", "first of the preset's consecutive seeds; without it: 1"},
    {"device", Argument::kRequired, "D", ""},
    {"threads", Argument::kRequired, "N", "CPU threads; results do not depend on it"},
    {"out", Argument::kRequired, "DIR", "output folder; without it: outputs/<recipe>/<preset>-seed<N>"},
    {"resume", Argument::kOptional, "DIR", "go on from the newest good checkpoint of the output folder"},
    {"plan", Argument::kNone, "", "print the memory plan of one training step and stop"},
    {"trace", Argument::kRequired, "FILE", "write a Chrome/Perfetto trace"},
    {"model", Argument::kRequired, "PATH", ""},
    {"data", Argument::kRequired, "PATH", ""},
    {"help", Argument::kNone, "", "this text"},
};

size_t edit_distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string did_you_mean(absl::string_view word, const std::vector<std::string>& candidates,
                         absl::string_view prefix) {
  const std::string nearest = nearest_name(word, candidates);
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", prefix, nearest, "?");
}

// Kernels are linked into a program, or not. Whatever computes anything here multiplies matrices.
bool has_kernels(DeviceType type) {
  return matmul_kernels.has(type, kF32) || matmul_kernels.has(type, kBF16);
}
int usable_devices(DeviceType type) { return has_kernels(type) ? device_count(type) : 0; }

absl::Status bad_value(absl::string_view flag, absl::string_view value, absl::string_view needed) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", value, ": ", needed));
}

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
  if (!has_kernels(device->type)) {
    return bad_value("device", text, absl::StrCat("this program has no kernels for it; ", choice));
  }
  return bad_value("device", text, absl::StrCat("this machine has no such device; ", choice));
}

absl::Status set_value(const std::string& name, const std::string& value, const RecipeInfo& info,
                       Options& options) {
  if (name == "preset") {
    options.preset = value;
    options.preset_given = true;
  } else if (name == "seed") {
    if (!absl::SimpleAtoi(value, &options.seed))
      return bad_value(name, value, "a whole number >= 0 is needed");
    options.seed_given = true;
  } else if (name == "threads") {
    if (!absl::SimpleAtoi(value, &options.threads) || options.threads < 1) {
      return bad_value(name, value, "a whole number >= 1 is needed");
    }
  } else if (name == "device") {
    ROUX_RETURN_IF_ERROR(check_device(value));
    options.device = value;
  } else if (name == "out") {
    options.out = value;
  } else if (name == "trace") {
    options.trace = value;
  } else if (name == "model") {
    if (info.model_help.empty()) return bad_value(name, value, "this recipe takes no model");
    options.model = value;
  } else if (name == "data") {
    if (info.data_help.empty()) return bad_value(name, value, "this recipe takes no data");
    options.data = value;
  }
  return absl::OkStatus();
}

absl::Status set_flag(const Flag& flag, const std::string* value, const RecipeInfo& info, Options& options) {
  const std::string name = flag.name;
  if (flag.argument == Argument::kNone) {
    if (value != nullptr) return bad_value(name, *value, "this flag takes no value");
    (name == "plan" ? options.plan : options.help) = true;
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

}  // namespace

std::vector<std::string> offered_devices() {
  std::vector<std::string> names{"cpu"};
  for (int i = 0; i < usable_devices(DeviceType::kCuda); ++i) names.push_back(absl::StrCat("cuda:", i));
  if (usable_devices(DeviceType::kEmulated) > 0) names.push_back("emulated");
  return names;
}

std::string nearest_name(absl::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(absl::AsciiStrToLower(word), candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
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

absl::StatusOr<Options> parse_flags(const std::vector<std::string>& arguments, const RecipeInfo& info,
                                    const std::vector<PresetInfo>& presets) {
  Options options;
  std::vector<std::string> names;
  for (const Flag& flag : kFlags) names.push_back(flag.name);
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
      return absl::InvalidArgumentError(
          absl::StrCat("unknown flag --", name, did_you_mean(name, names, "--"), " (--help lists all)"));
    }
    const Flag& flag = kFlags[at - names.begin()];
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
  }
  if (!options.help) ROUX_RETURN_IF_ERROR(find_preset(options.preset, presets).status());
  return options;
}

std::string help_text(const RecipeInfo& info, const std::vector<PresetInfo>& presets) {
  std::string out =
      absl::StrCat(info.title, info.arxiv.empty() ? "" : absl::StrCat(" (arXiv ", info.arxiv, ")"),
                   "\n\nbazel run //", info.folder, "/", info.slug, " -- [flags]\n\n");
  for (const Flag& flag : kFlags) {
    std::string help = flag.help;
    if (std::string(flag.name) == "device") {
      help = absl::StrJoin(offered_devices(), ", ");
      if (absl::EndsWith(help, "emulated")) help += " (the CUDA kernels' source on the CPU)";
    }
    if (std::string(flag.name) == "model") help = info.model_help;
    if (std::string(flag.name) == "data") help = info.data_help;
    if (help.empty()) continue;
    std::string left = absl::StrCat("  --", flag.name);
    if (flag.argument == Argument::kRequired) absl::StrAppend(&left, "=", flag.value);
    if (flag.argument == Argument::kOptional) absl::StrAppend(&left, "[=", flag.value, "]");
    absl::StrAppend(&out, absl::StrFormat("%-18s %s\n", left, help));
  }
  absl::StrAppend(&out, "\nPresets:\n");
  for (const PresetInfo& preset : presets) {
    const std::string time = preset.minutes < 1 ? absl::StrFormat("%.0f s", preset.minutes * 60)
                                                : absl::StrFormat("%.3g min", preset.minutes);
    absl::StrAppend(&out, absl::StrFormat("  %-10s %7s  %d seed%s  %s\n", preset.name, "~" + time,
                                          preset.seeds, preset.seeds == 1 ? " " : "s", preset.what));
  }
  absl::StrAppend(&out,
                  "\nExit code: 0 done, 1 error, 3 an asserted claim fails, 130 interrupted (resumable).\n");
  return out;
}

std::string flags_text(const Options& options) {
  std::string out = absl::StrCat("--preset=", options.preset, " --seed=", options.seed);
  if (options.device != "cpu") absl::StrAppend(&out, " --device=", options.device);
  if (options.threads > 0) absl::StrAppend(&out, " --threads=", options.threads);
  if (!options.model.empty()) absl::StrAppend(&out, " --model=", shell_quote(options.model));
  if (!options.data.empty()) absl::StrAppend(&out, " --data=", shell_quote(options.data));
  return out;
}

std::string shell_quote(absl::string_view argument) {
  const bool plain = !argument.empty() && std::all_of(argument.begin(), argument.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("_-./:=,+@%", absl::string_view(&c, 1));
  });
  if (plain) return std::string(argument);
  std::string out = "'";
  for (const char c : argument) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace roux::kit
