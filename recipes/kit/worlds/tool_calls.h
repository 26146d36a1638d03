// Requests to be answered by calls of tools: a catalogue of tools, requests with their gold calls, a checker.
//
//   const std::vector<ToolTask> tasks = make_tool_tasks(home_tools(), {.count = 500, .shown = 5}, /*seed=*/1);
//   tasks[0].request;                                      // "please set the lamp to 40 percent"
//   calls_text(tasks[0].calls);                            // "[set_brightness(device='lamp', percent='40')]"
//   check_calls(tasks[0], text);                           // kRight, kWrongTool, ...
//
// Pure functions of catalogue, options and seed.
#ifndef ROUX_RECIPES_KIT_WORLDS_TOOL_CALLS_H_
#define ROUX_RECIPES_KIT_WORLDS_TOOL_CALLS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/example.h"
#include "recipes/kit/data/sources/intents.h"
#include "recipes/kit/eval/function_calls.h"

namespace roux::kit {

struct ToolCatalogue {
  struct Tool {
    std::string name;
    std::vector<std::string> parameters;  // of all its patterns, sorted
    std::vector<std::string> patterns;    // of requests, in the form of draw_sentence(), slots "{parameter}"
  };
  std::vector<Tool> tools;
  std::map<std::string, std::string> rules;                // of the patterns
  std::map<std::string, std::vector<std::string>> values;  // of each parameter
};

// Ten made-up tools of a home, so that there is a task without any package.
ToolCatalogue home_tools();
// The tools of real requests: intents are tools, slots are parameters. Slots of other names than in `values`
// make their pattern drop out, and intents without patterns.
ToolCatalogue tools_of(const Intents& intents, const std::map<std::string, std::vector<std::string>>& values);

struct ToolTask {
  std::string id;
  std::string request;
  std::vector<std::string> shown;  // names of the tools to choose from, shuffled; those of `calls` among them
  std::vector<FunctionCall> calls;  // gold, in the order of the request
};

struct ToolTaskOptions {
  int64_t count = 100;
  int64_t shown = 5;     // tools in a prompt: 1 .. all
  double two_calls = 0;  // share of tasks with two requests, joined by "and", of two tools
};

// No two tasks have the same request. Errors of patterns as draw_sentence; InvalidArgument if options are out
// of range, a parameter has no values, or there are not so many requests.
absl::StatusOr<std::vector<ToolTask>> make_tool_tasks(const ToolCatalogue& catalogue,
                                                      const ToolTaskOptions& options, uint64_t seed);

// The form that parse_function_calls() reads.
std::string calls_text(const std::vector<FunctionCall>& calls);
// prompt: the tools, one a line with its parameters, and the request; response: the gold calls; label: their
// number.
Example to_example(const ToolCatalogue& catalogue, const ToolTask& task);

enum class CallVerdict { kRight, kWrongArguments, kWrongTool, kWrongNumber, kUnreadable };
// Order of calls and arguments does not matter. kWrongTool also for a tool that was not shown.
CallVerdict check_calls(const ToolTask& task, std::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_TOOL_CALLS_H_
