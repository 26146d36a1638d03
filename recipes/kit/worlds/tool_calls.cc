#include "recipes/kit/worlds/tool_calls.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr int kTries = 1000;  // without a new request: there are no more

// The parameter of "{parameter}" or "{list:parameter}" at `at`, and what the whole slot is.
struct Slot {
  std::string parameter, text;
};

std::vector<Slot> slots_of(const std::string& sentence) {
  std::vector<Slot> slots;
  for (size_t at = sentence.find('{'); at != std::string::npos; at = sentence.find('{', at + 1)) {
    const size_t end = sentence.find('}', at);
    if (end == std::string::npos) break;
    const std::string inner = sentence.substr(at + 1, end - at - 1);
    const size_t colon = inner.find(':');
    slots.push_back(
        {colon == std::string::npos ? inner : inner.substr(colon + 1), sentence.substr(at, end - at + 1)});
  }
  return slots;
}

// One request of a tool with its call.
absl::StatusOr<ToolTask> draw_request(const ToolCatalogue& catalogue, const ToolCatalogue::Tool& tool,
                                      stats::RandomStream& random) {
  const int64_t pattern = random.below(static_cast<int64_t>(tool.patterns.size()));
  ROUX_ASSIGN_OR_RETURN(std::string sentence,
                        draw_sentence(tool.patterns[static_cast<size_t>(pattern)], catalogue.rules, random));
  FunctionCall call{tool.name, {}};
  for (const Slot& slot : slots_of(sentence)) {
    const auto values = catalogue.values.find(slot.parameter);
    if (values == catalogue.values.end() || values->second.empty())
      return absl::InvalidArgumentError(
          absl::StrCat("tool tasks: parameter '", slot.parameter, "' of ", tool.name, " has no values"));
    const int64_t drawn = random.below(static_cast<int64_t>(values->second.size()));
    const auto [argument, added] =
        call.arguments.emplace(slot.parameter, values->second[static_cast<size_t>(drawn)]);
    sentence = absl::StrReplaceAll(sentence, {{slot.text, argument->second}});
  }
  return ToolTask{"", sentence, {}, {call}};
}

const ToolCatalogue::Tool& find_tool(const ToolCatalogue& catalogue, const std::string& name) {
  const auto at = std::find_if(catalogue.tools.begin(), catalogue.tools.end(),
                               [&](const ToolCatalogue::Tool& tool) { return tool.name == name; });
  ROUX_CHECK(at != catalogue.tools.end()) << "tool tasks: there is no tool '" << name << "'";
  return *at;
}

// Fills in each tool's parameters from its patterns; rules are looked into as deep as they nest.
void find_parameters(ToolCatalogue& catalogue) {
  for (ToolCatalogue::Tool& tool : catalogue.tools) {
    std::set<std::string> parameters;
    for (const std::string& pattern : tool.patterns)
      for (const Slot& slot : slots_of(pattern)) parameters.insert(slot.parameter);
    tool.parameters.assign(parameters.begin(), parameters.end());
  }
}

std::string quoted(const std::string& value) {
  return absl::StrCat("'", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

}  // namespace

ToolCatalogue home_tools() {
  ToolCatalogue catalogue;
  catalogue.rules = {{"please", "[please|could you]"}, {"the", "[the|my]"}};
  catalogue.values = {
      {"device", {"lamp", "radio", "heater", "fan", "television", "kettle", "washing machine", "door bell"}},
      {"room", {"kitchen", "bedroom", "hall", "cellar", "garage", "living room", "attic", "bathroom"}},
      {"percent", {"10", "20", "30", "40", "50", "60", "70", "80", "90", "100"}},
      {"degrees", {"16", "17", "18", "19", "20", "21", "22", "23", "24", "25"}},
      {"minutes", {"1", "2", "3", "5", "10", "15", "20", "30", "45", "60"}},
      {"item", {"milk", "bread", "apples", "cheese", "rice", "tea", "soap", "eggs", "butter", "salt"}},
      {"person", {"Anna", "Ben", "Clara", "David", "Eva", "Felix", "Greta", "Hugo"}},
      {"message", {"I am late", "dinner is ready", "call me back", "the train is gone", "see you soon"}},
      {"colour", {"red", "blue", "green", "white", "yellow", "orange"}},
  };
  catalogue.tools = {
      {"turn_on",
       {},
       {"<please> (turn|switch) on <the> {device} [in the {room}]", "<please> start <the> {device}"}},
      {"turn_off",
       {},
       {"<please> (turn|switch) off <the> {device} [in the {room}]", "<please> stop <the> {device}"}},
      {"set_brightness", {}, {"<please> (set|dim) the light in the {room} to {percent} percent"}},
      {"set_colour", {}, {"<please> (make|turn) the light in the {room} {colour}"}},
      {"set_temperature",
       {},
       {"<please> (set|heat) the {room} to {degrees} degrees", "I want {degrees} degrees in the {room}"}},
      {"get_temperature",
       {},
       {"how (warm|cold) is it in the {room}", "what is the temperature in the {room}"}},
      {"start_timer",
       {},
       {"<please> (set|start) a timer for {minutes} minutes", "wake me in {minutes} minutes"}},
      {"add_item", {}, {"<please> (add|put) {item} (to|on) <the> shopping list", "we need {item}"}},
      {"send_message", {}, {"<please> tell {person} that {message}", "<please> write {message} to {person}"}},
      {"call_person", {}, {"<please> (call|ring|phone) {person}", "I want to speak to {person}"}},
  };
  find_parameters(catalogue);
  return catalogue;
}

ToolCatalogue tools_of(const Intents& intents,
                       const std::map<std::string, std::vector<std::string>>& values) {
  ToolCatalogue catalogue;
  catalogue.rules = intents.rules;
  catalogue.values = values;
  for (const Intents::Pattern& pattern : intents.patterns) {
    const std::vector<Slot> slots = slots_of(pattern.sentence);
    const bool known = std::all_of(slots.begin(), slots.end(),
                                   [&](const Slot& slot) { return values.count(slot.parameter) > 0; });
    if (!known) continue;
    if (catalogue.tools.empty() || catalogue.tools.back().name != pattern.intent)
      catalogue.tools.push_back({pattern.intent, {}, {}});
    catalogue.tools.back().patterns.push_back(pattern.sentence);
  }
  find_parameters(catalogue);
  return catalogue;
}

absl::StatusOr<std::vector<ToolTask>> make_tool_tasks(const ToolCatalogue& catalogue,
                                                      const ToolTaskOptions& options, uint64_t seed) {
  const auto tools = static_cast<int64_t>(catalogue.tools.size());
  const int64_t needed = options.two_calls > 0 ? 2 : 1;
  if (options.count < 0 || options.shown < needed || options.shown > tools || !(options.two_calls >= 0) ||
      options.two_calls > 1)
    return absl::InvalidArgumentError(absl::StrCat("tool tasks: ", options.count, " tasks with ",
                                                   options.shown, " of ", tools, " tools shown and a share ",
                                                   options.two_calls, " of two calls cannot be made"));
  std::vector<ToolTask> tasks;
  std::set<std::string> requests;
  stats::RandomStream random(seed);
  for (int tries = 0; static_cast<int64_t>(tasks.size()) < options.count;) {
    if (tries++ == kTries)
      return absl::InvalidArgumentError(absl::StrCat("tool tasks: only ", tasks.size(),
                                                     " different requests were found, not ", options.count));
    std::vector<int64_t> order = stats::random_permutation(tools, random);
    ROUX_ASSIGN_OR_RETURN(ToolTask task,
                          draw_request(catalogue, catalogue.tools[static_cast<size_t>(order[0])], random));
    if (random.uniform() < options.two_calls) {
      ROUX_ASSIGN_OR_RETURN(const ToolTask second,
                            draw_request(catalogue, catalogue.tools[static_cast<size_t>(order[1])], random));
      absl::StrAppend(&task.request, " and ", second.request);
      task.calls.push_back(second.calls[0]);
    }
    if (!requests.insert(task.request).second) continue;
    order.resize(static_cast<size_t>(options.shown));  // the tools of the calls stand first
    stats::shuffle(order, random);
    for (const int64_t tool : order) task.shown.push_back(catalogue.tools[static_cast<size_t>(tool)].name);
    task.id = absl::StrCat("tools/", seed, "/", tasks.size());
    tasks.push_back(std::move(task));
    tries = 0;
  }
  return tasks;
}

std::string calls_text(const std::vector<FunctionCall>& calls) {
  return absl::StrCat("[",
                      absl::StrJoin(calls, ", ",
                                    [](std::string* out, const FunctionCall& call) {
                                      absl::StrAppend(
                                          out, call.name, "(",
                                          absl::StrJoin(call.arguments, ", ",
                                                        [](std::string* to, const auto& argument) {
                                                          absl::StrAppend(to, argument.first, "=",
                                                                          quoted(argument.second));
                                                        }),
                                          ")");
                                    }),
                      "]");
}

Example to_example(const ToolCatalogue& catalogue, const ToolTask& task) {
  std::string prompt;
  for (const std::string& name : task.shown)
    absl::StrAppend(&prompt, name, "(", absl::StrJoin(find_tool(catalogue, name).parameters, ", "), ")\n");
  return {
      task.id, prompt + task.request, calls_text(task.calls), absl::StrCat(task.calls.size()), "tool calls",
      ""};
}

CallVerdict check_calls(const ToolTask& task, std::string_view text) {
  const absl::StatusOr<std::vector<FunctionCall>> calls = parse_function_calls(text);
  if (!calls.ok()) return CallVerdict::kUnreadable;
  if (calls->size() != task.calls.size()) return CallVerdict::kWrongNumber;
  std::multiset<std::string> names, gold_names;
  for (const FunctionCall& call : *calls) names.insert(call.name);
  for (const FunctionCall& call : task.calls) gold_names.insert(call.name);
  if (names != gold_names) return CallVerdict::kWrongTool;
  return std::is_permutation(calls->begin(), calls->end(), task.calls.begin(), task.calls.end())
             ? CallVerdict::kRight
             : CallVerdict::kWrongArguments;
}

}  // namespace roux::kit
