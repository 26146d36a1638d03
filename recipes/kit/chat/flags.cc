#include "recipes/kit/chat/flags.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/run/nearest_name.h"
#include "recipes/kit/run/text_table.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kSwitch[] = "true|false";  // Setting::kind

}  // namespace

ChatOptions ChatFlags::options() const {
  return {.system = system,
          .sampling = {.temperature = temperature, .top_k = top_k, .top_p = top_p, .min_p = min_p},
          .repetition_penalty = repetition_penalty,
          .max_tokens = max_tokens,
          .context = context,
          .seed = seed};
}

absl::StatusOr<std::vector<SettingChange>> parse_chat_flags(const std::vector<std::string>& arguments) {
  const std::vector<Setting> settings = settings_of(ChatFlags());
  std::vector<std::string> names;
  for (const Setting& setting : settings) names.push_back(setting.name);
  std::vector<SettingChange> changes;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string argument = arguments[i] == "-h" ? "--help" : arguments[i];
    if (!absl::StartsWith(argument, "--")) {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument '", argument, "'; flags look like --model=smollm2"));
    }
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    const auto known = std::find(names.begin(), names.end(), name);
    if (known == names.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown flag --", name, did_you_mean(name, names, "--"), " (--help lists all)"));
    }
    const Setting& setting = settings[static_cast<size_t>(known - names.begin())];
    std::string value = "true";
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (setting.kind != kSwitch) {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", name, ": a value is needed (--", name, "=", setting.kind, ")"));
      }
      value = arguments[++i];
    }
    // An empty question would otherwise wait for one on stdin.
    if (value.empty() && (name == "prompt" || name == "model"))
      return bad_change({name, value}, true, "a text is needed");
    add_change({name, value}, changes);
  }
  return changes;
}

absl::StatusOr<ChatFlags> chat_flags(const std::vector<SettingChange>& changes,
                                     const GenerationSettings& own) {
  ChatFlags flags;
  if (own.sample) {
    flags.temperature = own.temperature.value_or(1);
    flags.top_p = own.top_p.value_or(1);
    flags.top_k = own.top_k.value_or(0);
  }
  flags.repetition_penalty = own.repetition_penalty.value_or(1);
  ROUX_RETURN_IF_ERROR(change_settings(changes, flags));
  return flags;
}

std::string chat_help() {
  std::string help =
      "Talks with a language model.\n\n"
      "bazel run //recipes/kit:chat -- --model=smollm2 [flags]\n\n";
  constexpr int kIndent = 6;
  for (const Setting& setting : settings_of(ChatFlags())) {
    const bool is_switch = setting.kind == kSwitch;
    absl::StrAppend(&help, "  --", setting.name, is_switch ? "" : absl::StrCat("=", setting.kind), "\n");
    std::string about = setting.about.help;
    if (!setting.about.choices.empty())
      absl::StrAppend(&about, ": ", absl::StrJoin(setting.about.choices, ", "));
    if (!is_switch && !setting.text.empty()) absl::StrAppend(&about, "; without it: ", setting.text);
    for (const std::string& line : wrap_text(about, kTextColumns - kIndent))
      absl::StrAppend(&help, std::string(kIndent, ' '), line, "\n");
  }
  return help +
         "\nWhere a model's files say how to sample, that replaces the defaults.\n"
         "A line is a question. /reset forgets the conversation, /quit ends it. Ctrl-C\n"
         "stops an answer; at the prompt it ends the program. Exit code: 0 done, 1 error,\n"
         "130 by Ctrl-C.\n";
}

}  // namespace roux::kit
