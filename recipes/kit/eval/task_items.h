// Items of evaluation tasks from JSON lines, in the forms that benchmarks are published in, and their prompts
// with fixed exemplars. tasks.h scores them.
//
//   {"question": "...", "choices": ["...", "..."], "answer": 1}                  multiple choice
//   {"context": "...", "continuation": "..."}                                    likelihood
//   {"prompt": "...", "references": ["...", "..."]}                              generation
//   {"text": "..."}                                                              perplexity
//
// Other names that are read alike: "query" and "ctx" of a question; "endings" of choices, and
// {"text": [...], "label": [...]} (ARC); "answerKey", "label" and "gold" of an answer, which is the number of
// a choice from 0 on (also as a text, "1", where choices have no labels), its label, or its letter "A", "B";
// "reference" of one reference. "id" is a text or a number; without it the item is called by its line, "12".
// Further members are left alone.
#ifndef ROUX_RECIPES_KIT_EVAL_TASK_ITEMS_H_
#define ROUX_RECIPES_KIT_EVAL_TASK_ITEMS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace roux::kit {

struct ChoiceItem {
  std::string id;
  std::string question;
  std::vector<std::string> choices;  // 2 or more
  int64_t answer = 0;                // which is right
};

struct LikelihoodItem {
  std::string id;
  std::string context;
  std::string continuation;  // not empty
};

struct GenerationItem {
  std::string id;
  std::string prompt;
  std::vector<std::string> references;  // 1 or more
};

struct TextItem {
  std::string id;
  std::string text;  // not empty
};

// A file without items is an error. Errors: "<path>: line L: ...", with the member; InvalidArgument, NotFound
// for a member that is not there.
absl::StatusOr<std::vector<ChoiceItem>> read_choice_items(const std::string& path);
absl::StatusOr<std::vector<LikelihoodItem>> read_likelihood_items(const std::string& path);
absl::StatusOr<std::vector<GenerationItem>> read_generation_items(const std::string& path);
absl::StatusOr<std::vector<TextItem>> read_text_items(const std::string& path);

// How an item is shown: {question} and, of a multiple-choice item, {choices}: a line "A. text" for each.
// Other braces stay as they are.
struct PromptFormat {
  std::string instruction;                             // in front of all, with its own line ends
  std::string item = "Question: {question}\nAnswer:";  // behind it come delimiter and answer
  std::string delimiter = " ";                         // between an item and its answer
  std::string separator = "\n\n";                      // behind each exemplar
  bool letters = false;  // answers are the letters of {choices} instead of their texts
};

// What is scored or written behind a prompt: the delimiter and the choice, or its letter. A letter needs at
// most 26 choices (Error).
std::vector<std::string> continuations(const PromptFormat& format, const ChoiceItem& item);

// Exemplars with their answers, then the item without: zero-shot where there are none. An exemplar with the
// item's id is left out, so that a test item never shows its own answer.
std::string prompt(const PromptFormat& format, absl::Span<const ChoiceItem> exemplars,
                   const ChoiceItem& item);
// The same with the first reference as answer; {question} is the prompt.
std::string prompt(const PromptFormat& format, absl::Span<const GenerationItem> exemplars,
                   const GenerationItem& item);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_TASK_ITEMS_H_
