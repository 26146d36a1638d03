#include "recipes/kit/worlds/arithmetic.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr const char* kPeople[] = {"Tim", "Ann", "Bo", "Eve", "Max", "Lea", "Sam", "Ida"};
constexpr const char* kThings[] = {"apples", "books", "coins", "stamps", "marbles", "pencils"};
constexpr int kTries = 1000;  // without a new problem: there are no more

// The number that an operation with `right` makes of `left`; nothing if it is not whole, or out of range.
std::optional<int64_t> apply(int64_t left, char operation, int64_t right, int64_t largest) {
  int64_t result = 0;
  if (operation == '+') result = left + right;
  if (operation == '-') result = left - right;
  if (operation == '*') result = left * right;
  if (operation == '/') {
    if (right == 0 || left % right != 0) return std::nullopt;
    result = left / right;
  }
  if (result < 1 || result > largest) return std::nullopt;
  return result;
}

// A second number with which the operation stays in range: 2 .. 10 for * and /, else 1 .. largest.
std::optional<ArithmeticStep> draw_step(int64_t left, char operation, int64_t largest,
                                        stats::RandomStream& random) {
  std::vector<int64_t> rights;
  const bool factor = operation == '*' || operation == '/';
  const int64_t most = factor ? 10 : operation == '+' ? largest - left : left - 1;
  if (!factor) {
    if (most < 1) return std::nullopt;
    const int64_t right = 1 + random.below(most);
    return ArithmeticStep{left, operation, right, *apply(left, operation, right, largest)};
  }
  for (int64_t right = 2; right <= most; ++right)
    if (apply(left, operation, right, largest)) rights.push_back(right);
  if (rights.empty()) return std::nullopt;
  const int64_t right = rights[static_cast<size_t>(random.below(static_cast<int64_t>(rights.size())))];
  return ArithmeticStep{left, operation, right, *apply(left, operation, right, largest)};
}

// "Ann has 12 more than Tim.": each person has what a step makes of the one before.
std::string compared(const std::string& who, const std::string& than, const ArithmeticStep& step) {
  switch (step.operation) {
    case '+':
      return absl::StrCat(who, " has ", step.right, " more than ", than, ".");
    case '-':
      return absl::StrCat(who, " has ", step.right, " fewer than ", than, ".");
    case '*':
      return absl::StrCat(who, " has ", step.right, " times as many as ", than, ".");
  }
  return absl::StrCat(than, " has ", step.right, " times as many as ", who, ".");
}

// "Then Tim gets 12 more.": one person's number changes.
std::string changed(const std::string& who, const ArithmeticStep& step) {
  switch (step.operation) {
    case '+':
      return absl::StrCat("Then ", who, " gets ", step.right, " more.");
    case '-':
      return absl::StrCat("Then ", who, " gives ", step.right, " away.");
    case '*':
      return absl::StrCat("Then the number grows to ", step.right, " times as many.");
  }
  return absl::StrCat("Then ", who, " keeps one of ", step.right, " equal parts.");
}

std::optional<ArithmeticProblem> draw_problem(const ArithmeticOptions& options, stats::RandomStream& random) {
  ArithmeticProblem problem;
  const int64_t count = options.least_steps + random.below(options.most_steps - options.least_steps + 1);
  const std::vector<int64_t> people = stats::random_permutation(std::size(kPeople), random);
  const std::string things = kThings[random.below(std::size(kThings))];
  const bool compares = random.below(2) == 0;
  int64_t value = 2 + random.below(options.largest - 1);
  std::string who = kPeople[people[0]];
  problem.question = absl::StrCat(who, " has ", value, " ", things, ".");
  for (int64_t i = 0; i < count; ++i) {
    const char operation =
        options
            .operations[static_cast<size_t>(random.below(static_cast<int64_t>(options.operations.size())))];
    const std::optional<ArithmeticStep> step = draw_step(value, operation, options.largest, random);
    if (!step) return std::nullopt;
    const std::string next = compares ? kPeople[people[static_cast<size_t>(i) + 1]] : who;
    absl::StrAppend(&problem.question, " ", compares ? compared(next, who, *step) : changed(who, *step));
    problem.steps.push_back(*step);
    value = step->result;
    who = next;
  }
  absl::StrAppend(&problem.question, " How many ", things, " does ", who, " have", compares ? "?" : " now?");
  problem.answer = value;
  return problem;
}

std::string step_text(const ArithmeticStep& step) {
  return absl::StrCat(step.left, " ", std::string(1, step.operation), " ", step.right, " = ", step.result);
}

// "30 + 12 = 42", blanks as one likes.
std::optional<ArithmeticStep> parse_step(absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos) return std::nullopt;
  const absl::string_view formula = absl::StripAsciiWhitespace(text.substr(0, equals));
  const size_t at = formula.find_first_of("+-*/", 1);  // a sign may stand first
  ArithmeticStep step;
  if (at == absl::string_view::npos || !absl::SimpleAtoi(formula.substr(0, at), &step.left) ||
      !absl::SimpleAtoi(formula.substr(at + 1), &step.right) ||
      !absl::SimpleAtoi(text.substr(equals + 1), &step.result))
    return std::nullopt;
  step.operation = formula[at];
  return step;
}

bool holds(const ArithmeticStep& step) {
  int64_t result = 0;
  switch (step.operation) {
    case '+':
      return !__builtin_add_overflow(step.left, step.right, &result) && result == step.result;
    case '-':
      return !__builtin_sub_overflow(step.left, step.right, &result) && result == step.result;
    case '*':
      return !__builtin_mul_overflow(step.left, step.right, &result) && result == step.result;
  }
  return step.right != 0 && !__builtin_mul_overflow(step.result, step.right, &result) && result == step.left;
}

// What the question gives: the first number, and the second of each step.
std::multiset<int64_t> given_numbers(const ArithmeticProblem& problem) {
  std::multiset<int64_t> numbers = {problem.steps[0].left};
  for (const ArithmeticStep& step : problem.steps) numbers.insert(step.right);
  return numbers;
}

}  // namespace

std::vector<ArithmeticProblem> make_arithmetic(const ArithmeticOptions& options, uint64_t seed) {
  ROUX_CHECK(options.count >= 0) << "arithmetic: count = " << options.count << ", needed at least 0";
  ROUX_CHECK(options.least_steps >= 1 && options.least_steps <= options.most_steps && options.most_steps <= 6)
      << "arithmetic: " << options.least_steps << " to " << options.most_steps << " steps, needed 1 to 6";
  ROUX_CHECK(options.largest >= 20 && options.largest <= 1000000)
      << "arithmetic: largest = " << options.largest << ", needed 20 to 1000000";
  ROUX_CHECK(!options.operations.empty() && options.operations.find_first_not_of("+-*/") == std::string::npos)
      << "arithmetic: operations = '" << options.operations << "', needed some of +-*/";
  std::vector<ArithmeticProblem> problems;
  std::set<std::string> questions;
  stats::RandomStream random(seed);
  for (int tries = 0; static_cast<int64_t>(problems.size()) < options.count;) {
    ROUX_CHECK(tries++ < kTries) << "arithmetic: only " << problems.size()
                                 << " problems of these options were found, not " << options.count;
    std::optional<ArithmeticProblem> problem = draw_problem(options, random);
    if (!problem || !questions.insert(problem->question).second) continue;
    problem->id = absl::StrCat("arithmetic/", seed, "/", problems.size());
    problems.push_back(*std::move(problem));
    tries = 0;
  }
  return problems;
}

std::string solution_text(const ArithmeticProblem& problem) {
  std::string text;
  for (const ArithmeticStep& step : problem.steps) absl::StrAppend(&text, step_text(step), "\n");
  return absl::StrCat(text, "The answer is ", problem.answer, ".");
}

Example to_example(const ArithmeticProblem& problem) {
  return {
      problem.id, problem.question, solution_text(problem), absl::StrCat(problem.steps.size()), "arithmetic",
      ""};
}

SolutionCheck check_solution(const ArithmeticProblem& problem, std::string_view text) {
  SolutionCheck check;
  // Each number of the question and each result may be used once: a step that takes 12 twice is not founded.
  std::multiset<int64_t> known = given_numbers(problem);
  std::optional<int64_t> last;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    const std::string lower = absl::AsciiStrToLower(line);
    const size_t answer = lower.find("answer is");
    if (answer != std::string::npos) {
      absl::string_view number = line.substr(answer + 9);
      number = absl::StripAsciiWhitespace(number);
      while (!number.empty() && (number.back() == '.' || number.back() == '!')) number.remove_suffix(1);
      int64_t value = 0;
      if (absl::SimpleAtoi(number, &value)) check.answer = value;
      break;
    }
    StepVerdict verdict{std::string(line), StepVerdict::kRight};
    const std::optional<ArithmeticStep> step = parse_step(line);
    if (!step) {
      verdict.kind = StepVerdict::kUnreadable;
    } else {
      for (const int64_t used : {step->left, step->right}) {
        const auto at = known.find(used);
        if (at == known.end()) {
          verdict.kind = StepVerdict::kUnknownNumber;
        } else {
          known.erase(at);
        }
      }
      if (verdict.kind == StepVerdict::kRight && !holds(*step)) verdict.kind = StepVerdict::kWrongResult;
      known.insert(step->result);  // later steps are judged by what this one found
      last = step->result;
    }
    if (verdict.kind != StepVerdict::kRight && check.first_wrong < 0)
      check.first_wrong = static_cast<int64_t>(check.steps.size());
    check.steps.push_back(std::move(verdict));
  }
  check.answer_right = check.answer == problem.answer;
  check.supported = last.has_value() && last == check.answer;
  return check;
}

std::string corrupted_solution(const ArithmeticProblem& problem, int64_t step, StepVerdict::Kind kind,
                               uint64_t seed) {
  ROUX_CHECK(step >= 0 && step < static_cast<int64_t>(problem.steps.size()))
      << "corrupted_solution: there is no step " << step << " of " << problem.steps.size();
  ROUX_CHECK(kind == StepVerdict::kWrongResult || kind == StepVerdict::kUnknownNumber)
      << "corrupted_solution: a wrong result or an unknown number can be made";
  stats::RandomStream random(seed, static_cast<uint64_t>(step) + 1);  // 0 is make_arithmetic's
  const std::multiset<int64_t> given = given_numbers(problem);
  std::string text;
  int64_t value = problem.steps[0].left;
  for (int64_t i = 0; i < static_cast<int64_t>(problem.steps.size()); ++i) {
    ArithmeticStep now = problem.steps[static_cast<size_t>(i)];
    now.left = value;
    if (i == step && kind == StepVerdict::kUnknownNumber) {
      do now.right += 1 + random.below(9);
      while (given.count(now.right) > 0 || now.right == now.left);
      now.operation = now.operation == '/' ? '*' : now.operation;  // it need not divide any more
    } else if (i > step && now.operation == '/') {
      now.operation = '*';
    }
    now.result = now.operation == '+'   ? now.left + now.right
                 : now.operation == '-' ? now.left - now.right
                 : now.operation == '*' ? now.left * now.right
                                        : now.left / now.right;
    if (i == step && kind == StepVerdict::kWrongResult) now.result += 1 + random.below(9);
    absl::StrAppend(&text, step_text(now), "\n");
    value = now.result;
  }
  return absl::StrCat(text, "The answer is ", value, ".");
}

}  // namespace roux::kit
