// Every world: its ground truth is consistent, it is a pure function of its seed, seeds differ, and its
// checker takes the gold and refuses what was changed.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/worlds/arithmetic.h"
#include "recipes/kit/worlds/fact_world.h"
#include "recipes/kit/worlds/gloss_category.h"
#include "recipes/kit/worlds/tool_calls.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

TEST(FactWorld, QuestionsHaveTheAnswersThatTheSentencesState) {
  const FactWorld world = make_fact_world({.people = 50, .values = 7}, 1);
  for (int wording = 0; wording < kFactWordings; ++wording) {
    const std::vector<Example> questions = fact_questions(world, wording);
    ASSERT_EQ(questions.size(), 50 * world.attributes.size());
    std::set<std::string> texts;
    for (size_t i = 0; i < questions.size(); ++i) {
      const auto person = static_cast<int64_t>(i / world.attributes.size());
      const auto attribute = static_cast<int64_t>(i % world.attributes.size());
      const std::string& name = world.people[static_cast<size_t>(person)].name;
      const std::string sentence = fact_sentence(world, person, attribute, wording);
      EXPECT_TRUE(absl::StrContains(sentence, name) && absl::StrContains(sentence, questions[i].response))
          << sentence;
      EXPECT_TRUE(absl::StrContains(questions[i].prompt, name)) << questions[i].prompt;
      EXPECT_FALSE(absl::StrContains(sentence + questions[i].prompt, "{")) << sentence;
      EXPECT_TRUE(is_fact(world, name, questions[i].label, questions[i].response));
      EXPECT_TRUE(texts.insert(questions[i].prompt).second) << "asked twice: " << questions[i].prompt;
      for (const std::string& wrong : wrong_answers(world, person, attribute, 3, 9))
        EXPECT_FALSE(is_fact(world, name, questions[i].label, wrong)) << sentence << " not " << wrong;
      EXPECT_EQ(wrong_answers(world, person, attribute, 3, 9).size(), 3u);
    }
  }
  EXPECT_FALSE(is_fact(world, "Nobody", "city", "Oslo"));
  EXPECT_FALSE(is_fact(world, world.people[0].name, "shoe size", "Oslo"));
}

TEST(FactWorld, ValuesAreSpreadEvenlyAndFriendsAreOthers) {
  const FactWorld world = make_fact_world({.people = 50, .values = 7}, 2);
  std::set<std::string> names;
  for (const auto& person : world.people) EXPECT_TRUE(names.insert(person.name).second) << person.name;
  for (int64_t a = 0; a < static_cast<int64_t>(world.attributes.size()); ++a) {
    std::map<std::string, int> counts;
    for (int64_t p = 0; p < 50; ++p) ++counts[world.value(p, a)];
    for (const auto& [value, count] : counts) {
      if (world.attributes[static_cast<size_t>(a)].name == "friend") {
        EXPECT_EQ(count, 1) << value;
      } else {
        EXPECT_TRUE(count == 7 || count == 8) << value << " " << count;
      }
    }
  }
  for (int64_t p = 0; p < 50; ++p)
    EXPECT_NE(world.value(p, world.attribute("friend")), world.people[static_cast<size_t>(p)].name);
}

TEST(FactWorld, TwoStepsFollowFromTwoFacts) {
  const FactWorld world = make_fact_world({.people = 20}, 3);
  const std::vector<Example> questions = two_step_questions(world);
  EXPECT_EQ(questions.size(), 20 * (world.attributes.size() - 1));
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto person = static_cast<int64_t>(i / (world.attributes.size() - 1));
    const std::string& other = world.value(person, world.attribute("friend"));
    EXPECT_TRUE(is_fact(world, other, questions[i].label, questions[i].response)) << questions[i].prompt;
    EXPECT_FALSE(absl::StrContains(questions[i].prompt, other)) << "the step is given away";
  }
}

TEST(FactWorld, SeedsMakeDifferentWorldsAndTheSameOneTheSame) {
  const FactWorld one = make_fact_world({}, 1), again = make_fact_world({}, 1), two = make_fact_world({}, 2);
  EXPECT_EQ(fact_questions(one, 0), fact_questions(again, 0));
  std::set<std::string> names;
  for (const auto& person : one.people) names.insert(person.name);
  for (const auto& person : two.people) EXPECT_EQ(names.count(person.name), 0u) << person.name;
  EXPECT_THROW(make_fact_world({.people = 0}, 1), Error);
  EXPECT_THROW(make_fact_world({.people = 5, .values = 25}, 1), Error);
  EXPECT_EQ(make_fact_world({.people = 2000}, 1).people.size(), 2000u);
}

// The question read again, word by word, by other code than that which wrote it.
int64_t solved(const std::string& question) {
  std::vector<std::string> words;
  for (size_t at = 0; at < question.size();) {
    const size_t end = std::min(question.find(' ', at), question.size());
    words.push_back(question.substr(at, end - at));
    at = end + 1;
  }
  std::map<std::string, int64_t> has;
  std::string last;
  const auto number = [&](size_t i) { return std::stoll(words[i]); };
  for (size_t i = 0; i < words.size(); ++i) {
    if (i + 2 < words.size() && words[i + 1] == "has") {
      const std::string who = words[i];
      const int64_t n = number(i + 2);
      const std::string kind = words[i + 3];
      if (kind == "more" || kind == "fewer") {
        const std::string than = words[i + 5].substr(0, words[i + 5].size() - 1);
        has[who] = kind == "more" ? has.at(than) + n : has.at(than) - n;
        last = who;
      } else if (kind == "times") {  // "X has n times as many as Y."
        const std::string than = words[i + 7].substr(0, words[i + 7].size() - 1);
        if (has.count(than) > 0) {
          has[who] = has[than] * n;
          last = who;
        } else {
          has[than] = has.at(who) / n;
          last = than;
        }
      } else {
        has[who] = n;
        last = who;
      }
    }
    if (words[i] == "gets") has[last] += number(i + 1);
    if (words[i] == "gives") has[last] -= number(i + 1);
    if (words[i] == "grows") has[last] *= number(i + 2);
    if (words[i] == "keeps") has[last] /= number(i + 3);
  }
  return has.at(last);
}

TEST(Arithmetic, GoldSolutionsAreRightAndTheQuestionsSaySo) {
  const auto problems = make_arithmetic({.count = 400}, 1);
  std::map<size_t, int> lengths;
  for (const ArithmeticProblem& problem : problems) {
    ++lengths[problem.steps.size()];
    EXPECT_EQ(solved(problem.question), problem.answer) << problem.question;
    const SolutionCheck check = check_solution(problem, solution_text(problem));
    EXPECT_TRUE(check.right()) << problem.question << "\n" << solution_text(problem);
    EXPECT_EQ(check.steps.size(), problem.steps.size());
    for (const ArithmeticStep& step : problem.steps) {
      for (const int64_t n : {step.left, step.right, step.result})
        EXPECT_TRUE(n >= 1 && n <= 99) << problem.question;
    }
    EXPECT_EQ(to_example(problem).response, solution_text(problem));
  }
  EXPECT_TRUE(lengths[2] > 50 && lengths[3] > 50 && lengths[4] > 50) << "all lengths are made";
}

TEST(Arithmetic, OneErrorIsFoundInItsStep) {
  for (const ArithmeticProblem& problem : make_arithmetic({.count = 200}, 2)) {
    for (int64_t step = 0; step < static_cast<int64_t>(problem.steps.size()); ++step) {
      for (const auto kind : {StepVerdict::kWrongResult, StepVerdict::kUnknownNumber}) {
        const std::string text = corrupted_solution(problem, step, kind, 7);
        const SolutionCheck check = check_solution(problem, text);
        EXPECT_EQ(check.first_wrong, step) << problem.question << "\n" << text;
        EXPECT_EQ(check.steps[static_cast<size_t>(step)].kind, kind) << text;
        EXPECT_FALSE(check.right());
        for (int64_t other = 0; other < static_cast<int64_t>(check.steps.size()); ++other)
          EXPECT_EQ(check.steps[static_cast<size_t>(other)].kind == StepVerdict::kRight, other != step)
              << text;
        EXPECT_TRUE(check.supported) << "the error is carried on to the answer";
        if (kind == StepVerdict::kWrongResult) {
          EXPECT_FALSE(check.answer_right) << text;
        }
      }
    }
  }
}

TEST(Arithmetic, WhatModelsWriteIsJudged) {
  const ArithmeticProblem problem{
      "",
      "Tim has 30 apples. Ann has 12 more than Tim. Bo has 2 times as many as Ann.",
      {{30, '+', 12, 42}, {42, '*', 2, 84}},
      84};
  const auto check = [&](const char* text) { return check_solution(problem, text); };
  EXPECT_TRUE(check("12+30=42\n\n2*42=84\nTherefore, the answer is 84").right()) << "another order";
  EXPECT_TRUE(check("30 + 12 = 42\n42 * 2 = 84\nThe answer is 84.\nAnd more talk 1 + 1 = 3").right());
  EXPECT_FALSE(check("The answer is 84.").right()) << "no step leads to it";
  EXPECT_TRUE(check("The answer is 84.").answer_right);
  EXPECT_FALSE(check("30 + 12 = 42\n42 * 2 = 84\nThe answer is 48.").right());
  EXPECT_FALSE(check("30 + 12 = 42\n42 * 2 = 84").right()) << "no answer";
  EXPECT_EQ(check("30 + 12 = 42\n42 * 2 = 83\nThe answer is 84.").first_wrong, 1);
  EXPECT_EQ(check("thirty and twelve\nThe answer is 84.").steps[0].kind, StepVerdict::kUnreadable);
  EXPECT_EQ(check("30 + 30 = 60\nThe answer is 60.").steps[0].kind, StepVerdict::kUnknownNumber)
      << "used twice";
  EXPECT_EQ(check("9223372036854775807 + 1 = 5\n").steps[0].kind, StepVerdict::kUnknownNumber);
  EXPECT_FALSE(check("").right());
}

TEST(Arithmetic, SeedsDifferAndOptionsHold) {
  const auto questions = [](const std::vector<ArithmeticProblem>& problems) {
    std::set<std::string> texts;
    for (const auto& problem : problems) texts.insert(problem.question);
    return texts;
  };
  const auto one = questions(make_arithmetic({.count = 100}, 1));
  EXPECT_EQ(one.size(), 100u);
  EXPECT_EQ(one, questions(make_arithmetic({.count = 100}, 1)));
  int shared = 0;
  for (const std::string& question : questions(make_arithmetic({.count = 100}, 2)))
    shared += static_cast<int>(one.count(question));
  EXPECT_LE(shared, 2);
  for (const auto& problem : make_arithmetic(
           {.count = 50, .least_steps = 3, .most_steps = 3, .largest = 1000, .operations = "-"}, 1)) {
    EXPECT_EQ(problem.steps.size(), 3u);
    for (const ArithmeticStep& step : problem.steps) EXPECT_EQ(step.operation, '-');
  }
  EXPECT_THROW(make_arithmetic({.least_steps = 0}, 1), Error);
  EXPECT_THROW(make_arithmetic({.operations = "%"}, 1), Error);
  EXPECT_THROW(
      make_arithmetic({.count = 1000000, .least_steps = 1, .most_steps = 1, .largest = 20, .operations = "/"},
                      1),
      Error);
}

std::vector<Synset> made_up_synsets() {
  std::vector<Synset> synsets;
  for (int i = 0; i < 300; ++i) {
    Synset synset;
    synset.offset = i;
    synset.category = i % 3 == 0 ? 5 : i % 3 == 1 ? 13 : 20;  // animal, food, plant
    synset.definition = i < 3 ? "a thing of three kinds" : absl::StrCat("a thing with number ", i);
    synsets.push_back(synset);
  }
  synsets[10].definition = "short one";
  return synsets;
}

TEST(GlossCategory, SplitsAreDisjointAndLabelsAreTheSynsets) {
  const std::vector<Synset> synsets = made_up_synsets();
  const GlossTaskOptions options{.categories = {"noun.animal", "noun.food"}, .test = 40, .validation = 20};
  const GlossTask task = make_gloss_task(synsets, options, 1);
  EXPECT_EQ(task.labels, (std::vector<std::string>{"animal", "food"}));
  EXPECT_EQ(task.test.size(), 40u);
  EXPECT_EQ(task.validation.size(), 20u);
  EXPECT_EQ(task.train.size(), 200u - 2 - 1 - 60) << "without repeated and short definitions";
  std::set<std::string> prompts;
  for (const auto* part : {&task.train, &task.validation, &task.test}) {
    for (const Example& item : *part) {
      EXPECT_TRUE(prompts.insert(item.prompt).second) << item.prompt;
      const Synset& synset = synsets[static_cast<size_t>(std::stoi(item.id.substr(1)))];
      EXPECT_EQ(item.prompt, synset.definition);
      EXPECT_EQ(absl::StrCat("noun.", item.label), wordnet_category(synset.category));
      EXPECT_TRUE(is_category(item, absl::StrCat(" ", item.response, ".")));
      EXPECT_FALSE(is_category(item, item.label == "food" ? "animal" : "food"));
      EXPECT_FALSE(is_category(item, ""));
    }
  }
  EXPECT_EQ(make_gloss_task(synsets, options, 1).test, task.test);
  EXPECT_NE(make_gloss_task(synsets, options, 2).test, task.test);
  GlossTaskOptions limited = options;
  limited.most_per_category = 40;
  EXPECT_EQ(make_gloss_task(synsets, limited, 1).train.size(), 20u);
  EXPECT_THROW(make_gloss_task(synsets, {.categories = {"noun.weather"}}, 1), Error);
  EXPECT_THROW(make_gloss_task(synsets, {.categories = {"noun.food", "noun.food"}}, 1), Error);
  EXPECT_THROW(make_gloss_task(synsets, {.categories = {"noun.food"}, .test = 100, .validation = 0}, 1),
               Error);
}

TEST(ToolCalls, GoldCallsAreRightAndStandInTheRequest) {
  const ToolCatalogue tools = home_tools();
  const auto tasks = make_tool_tasks(tools, {.count = 300, .shown = 4, .two_calls = 0.3}, 1);
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  int two = 0;
  std::set<std::string> requests, names;
  for (const ToolTask& task : *tasks) {
    EXPECT_TRUE(requests.insert(task.request).second);
    EXPECT_EQ(task.request.find_first_of("{}<>[]()|"), std::string::npos) << task.request;
    EXPECT_EQ(check_calls(task, calls_text(task.calls)), CallVerdict::kRight) << calls_text(task.calls);
    EXPECT_EQ(task.shown.size(), 4u);
    two += task.calls.size() == 2;
    for (const FunctionCall& call : task.calls) {
      names.insert(call.name);
      EXPECT_EQ(std::count(task.shown.begin(), task.shown.end(), call.name), 1) << call.name;
      for (const auto& [key, value] : call.arguments)
        EXPECT_TRUE(absl::StrContains(task.request, value)) << task.request;
    }
    const Example example = to_example(tools, task);
    for (const std::string& shown : task.shown) EXPECT_TRUE(absl::StrContains(example.prompt, shown + "("));
    EXPECT_TRUE(absl::StrContains(example.prompt, task.request));
  }
  EXPECT_NEAR(two, 90, 30);
  EXPECT_EQ(names.size(), tools.tools.size()) << "every tool is asked for";
}

TEST(ToolCalls, ChangedCallsAreRefused) {
  const auto tasks = make_tool_tasks(home_tools(), {.count = 200, .two_calls = 0.5}, 2);
  ASSERT_TRUE(tasks.ok());
  for (const ToolTask& task : *tasks) {
    std::vector<FunctionCall> calls = task.calls;
    std::reverse(calls.begin(), calls.end());
    EXPECT_EQ(check_calls(task, calls_text(calls)), CallVerdict::kRight) << "the order does not matter";
    calls.push_back(calls[0]);
    EXPECT_EQ(check_calls(task, calls_text(calls)), CallVerdict::kWrongNumber);
    calls = task.calls;
    calls[0].name += "_all";
    EXPECT_EQ(check_calls(task, calls_text(calls)), CallVerdict::kWrongTool);
    calls = task.calls;
    if (calls[0].arguments.empty()) {
      calls[0].arguments["room"] = "hall";
    } else {
      calls[0].arguments.begin()->second += "x";
    }
    EXPECT_EQ(check_calls(task, calls_text(calls)), CallVerdict::kWrongArguments);
    calls[0].arguments.clear();
    if (!task.calls[0].arguments.empty()) {
      EXPECT_EQ(check_calls(task, calls_text(calls)), CallVerdict::kWrongArguments);
    }
    EXPECT_EQ(check_calls(task, "[" + task.request), CallVerdict::kUnreadable);
  }
}

TEST(ToolCalls, SeedsDifferAndCataloguesComeFromIntents) {
  const auto requests = [](uint64_t seed) {
    std::string all;
    const auto tasks = make_tool_tasks(home_tools(), {.count = 50}, seed);
    for (const ToolTask& task : *tasks)
      absl::StrAppend(&all, task.request, " ", absl::StrCat(task.shown[0]), "\n");
    return all;
  };
  EXPECT_EQ(requests(1), requests(1));
  EXPECT_NE(requests(1), requests(2));
  Intents intents;
  intents.rules = {{"on", "(turn|switch) on"}};
  intents.patterns = {{"TurnOn", "<on> {name}"},
                      {"TurnOn", "<on> everything"},
                      {"Play", "play {song}"},
                      {"Dim", "dim {list:name} to {level}"}};
  const ToolCatalogue tools = tools_of(intents, {{"name", {"lamp", "it's"}}, {"level", {"5"}}});
  ASSERT_EQ(tools.tools.size(), 2u) << "songs have no values";
  EXPECT_EQ(tools.tools[1].parameters, (std::vector<std::string>{"level", "name"}));
  const auto tasks = make_tool_tasks(tools, {.count = 6, .shown = 2}, 1);
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  for (const ToolTask& task : *tasks)
    EXPECT_EQ(check_calls(task, calls_text(task.calls)), CallVerdict::kRight);
  EXPECT_FALSE(make_tool_tasks(tools, {.count = 20, .shown = 2}, 1).ok()) << "there are only eight requests";
  EXPECT_FALSE(make_tool_tasks(tools, {.count = 1, .shown = 3}, 1).ok());
}

}  // namespace
}  // namespace roux::kit
