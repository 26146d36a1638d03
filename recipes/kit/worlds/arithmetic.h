// Word problems of chained operations, with their solutions step by step and a checker of each step.
//
//   const std::vector<ArithmeticProblem> problems = make_arithmetic({.count = 500}, /*seed=*/1);
//   problems[0].question;                 // "Tim has 30 apples. Ann has 12 more than Tim. ... How many ...?"
//   solution_text(problems[0]);           // "30 + 12 = 42\n42 * 2 = 84\nThe answer is 84."
//   check_solution(problems[0], text).first_wrong;                         // -1: every step is right
//
// Pure functions of options and seed.
#ifndef ROUX_RECIPES_KIT_WORLDS_ARITHMETIC_H_
#define ROUX_RECIPES_KIT_WORLDS_ARITHMETIC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipes/kit/data/example.h"

namespace roux::kit {

struct ArithmeticStep {
  int64_t left = 0;
  char operation = '+';  // + - * /
  int64_t right = 0;
  int64_t result = 0;
  bool operator==(const ArithmeticStep&) const = default;
};

struct ArithmeticProblem {
  std::string id;
  std::string question;
  std::vector<ArithmeticStep> steps;  // each goes on from the result of the one before
  int64_t answer = 0;                 // of the last step
};

struct ArithmeticOptions {
  int64_t count = 100;
  int64_t least_steps = 2, most_steps = 4;  // 1 .. 6
  int64_t largest = 99;                     // of all numbers; they are at least 1. 20 .. 1000000
  std::string operations = "+-*/";          // divisions leave no remainder
};

// No two problems have the same question; Error if options are out of range or so many do not exist.
std::vector<ArithmeticProblem> make_arithmetic(const ArithmeticOptions& options, uint64_t seed);

// The gold solution: an equation a line, then "The answer is 84."
std::string solution_text(const ArithmeticProblem& problem);
// Question and gold solution; the label is the number of steps.
Example to_example(const ArithmeticProblem& problem);

struct StepVerdict {
  enum Kind {
    kRight,
    kWrongResult,    // "30 + 12 = 43"
    kUnknownNumber,  // a number that the question does not give and no step before found
    kUnreadable,     // not "a <operation> b = c"
  };
  std::string text;
  Kind kind = kRight;
};

struct SolutionCheck {
  std::vector<StepVerdict> steps;
  int64_t first_wrong = -1;       // index of the first step that is not right
  std::optional<int64_t> answer;  // behind "answer is"
  bool answer_right = false;
  // All steps and the answer are right, and the answer is the last step's result.
  bool right() const { return first_wrong < 0 && answer_right && supported; }
  bool supported = false;  // the last step has the answer as its result
};

// Reads lines as steps until one with "answer is"; empty lines do not count. Steps may differ from the gold
// ones.
SolutionCheck check_solution(const ArithmeticProblem& problem, std::string_view text);

// The gold solution with one error in step `step` that later steps go on from: a wrong result, or a number
// that nobody gave. Throws Error for a step that is not there.
std::string corrupted_solution(const ArithmeticProblem& problem, int64_t step, StepVerdict::Kind kind,
                               uint64_t seed);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_ARITHMETIC_H_
