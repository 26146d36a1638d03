// The closure against plain searches in the family tree, and what is asked and answered.
#include "recipes/kit/worlds/kinship.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tensor/error.h"
#include "tensor/error_of.h"

namespace roux::kit {
namespace {

using People = std::set<int64_t>;

TEST(Closure, FollowsChainsAndCountsRounds) {
  const std::vector<HornRule> rules = {
      {"ancestor", {{"parent", 'x', 'y'}}, 'x', 'y'},
      {"ancestor", {{"parent", 'x', 'z'}, {"ancestor", 'z', 'y'}}, 'x', 'y'},
      {"sibling", {{"parent", 'z', 'x'}, {"parent", 'z', 'y'}}, 'x', 'y', {{'x', 'y'}}}};
  std::vector<BinaryFact> facts;
  for (int64_t i = 0; i < 9; ++i) facts.push_back({"parent", i, i + 1});
  facts.push_back({"parent", 0, 20});
  const Closure closure(facts, rules);
  EXPECT_EQ(closure.relation("ancestor").size(), 9u * 10 / 2 + 1);
  for (int64_t i = 0; i < 10; ++i)
    for (int64_t j = 0; j < 10; ++j)
      EXPECT_EQ(closure.depth("ancestor", i, j), i < j ? std::optional<int64_t>(j - i) : std::nullopt)
          << i << " " << j;
  EXPECT_EQ(closure.depth("parent", 0, 1), 0);
  EXPECT_EQ(closure.relation("sibling").size(), 2u);
  EXPECT_EQ(closure.depth("sibling", 1, 20), 1);
  EXPECT_EQ(closure.depth("sibling", 1, 1), std::nullopt);
  EXPECT_TRUE(closure.relation("cousin").empty());
  EXPECT_EQ(closure.size(), 10 + 46 + 2);
  // Cycles end.
  EXPECT_EQ(Closure({{"parent", 0, 1}, {"parent", 1, 0}}, rules).relation("ancestor").size(), 4u);
}

TEST(Closure, RefusesVariablesOutOfNowhere) {
  EXPECT_THROW(Closure({}, {{"a", {}, 'x', 'y'}}), Error);
  EXPECT_THROW(Closure({}, {{"a", {{"b", 'x', 'z'}}, 'x', 'y'}}), Error);
  EXPECT_THROW(Closure({}, {{"a", {{"b", 'x', 'y'}}, 'x', 'y', {{'x', 'q'}}}}), Error);
}

// Relations by walking from person to person, without the rules.
class Tree {
 public:
  explicit Tree(const KinshipWorld& world) : people_(world.people) {}

  People parents(int64_t of) const {
    People who;
    for (const int64_t parent : {people_[of].mother, people_[of].father})
      if (parent >= 0) who.insert(parent);
    return who;
  }
  People children(int64_t of) const {
    People who;
    for (int64_t i = 0; i < static_cast<int64_t>(people_.size()); ++i)
      if (people_[i].mother == of || people_[i].father == of) who.insert(i);
    return who;
  }
  People spouse(int64_t of) const { return people_[of].spouse < 0 ? People{} : People{people_[of].spouse}; }
  People siblings(int64_t of) const {
    People who;
    for (const int64_t parent : parents(of)) who.merge(children(parent));
    who.erase(of);
    return who;
  }
  People uncles_and_aunts(int64_t of) const {
    People who;
    for (const int64_t parent : parents(of)) {
      for (const int64_t sibling : siblings(parent)) {
        who.insert(sibling);
        who.merge(spouse(sibling));
      }
    }
    return who;
  }
  People each(const People& from, People (Tree::*step)(int64_t) const) const {
    People who;
    for (const int64_t person : from) who.merge((this->*step)(person));
    return who;
  }
  People ancestors(int64_t of) const {
    People who = parents(of), last = who;
    while (!last.empty()) {
      last = each(last, &Tree::parents);
      who.insert(last.begin(), last.end());
    }
    return who;
  }
  People nephews_and_nieces(int64_t of) const {
    People who = each(siblings(of), &Tree::children);
    who.merge(each(each(spouse(of), &Tree::siblings), &Tree::children));
    return who;
  }
  People cousins(int64_t of) const { return each(each(parents(of), &Tree::siblings), &Tree::children); }
  People of_sex(const People& who, bool female) const {
    People some;
    for (const int64_t person : who)
      if (people_[person].female == female) some.insert(person);
    return some;
  }
  People find(const std::string& relation, int64_t of) const {
    const People grandparents = each(parents(of), &Tree::parents),
                 grandchildren = each(children(of), &Tree::children);
    const std::map<std::string, People> both = {{"parent", parents(of)},       {"child", children(of)},
                                                {"spouse", spouse(of)},        {"sibling", siblings(of)},
                                                {"grandparent", grandparents}, {"grandchild", grandchildren},
                                                {"cousin", cousins(of)},       {"ancestor", ancestors(of)}};
    if (both.contains(relation)) return both.at(relation);
    const std::map<std::string, std::pair<People, bool>> by_sex = {
        {"mother", {parents(of), true}},
        {"father", {parents(of), false}},
        {"wife", {spouse(of), true}},
        {"husband", {spouse(of), false}},
        {"daughter", {children(of), true}},
        {"son", {children(of), false}},
        {"sister", {siblings(of), true}},
        {"brother", {siblings(of), false}},
        {"grandmother", {grandparents, true}},
        {"grandfather", {grandparents, false}},
        {"granddaughter", {grandchildren, true}},
        {"grandson", {grandchildren, false}},
        {"aunt", {uncles_and_aunts(of), true}},
        {"uncle", {uncles_and_aunts(of), false}},
        {"niece", {nephews_and_nieces(of), true}},
        {"nephew", {nephews_and_nieces(of), false}}};
    return of_sex(by_sex.at(relation).first, by_sex.at(relation).second);
  }

 private:
  const std::vector<KinshipWorld::Person>& people_;
};

TEST(Kinship, ClosureIsWhatTheFamilyTreeSays) {
  for (const KinshipOptions& options :
       {KinshipOptions{}, KinshipOptions{.families = 2, .generations = 4, .most_children = 5},
        KinshipOptions{.families = 1, .generations = 2, .most_children = 1}}) {
    const KinshipWorld world = make_kinship(options, 5);
    const Tree tree(world);
    std::map<std::string, int64_t> found;
    for (int64_t person = 0; person < static_cast<int64_t>(world.people.size()); ++person) {
      for (const std::string& relation : kinship_relations()) {
        const std::vector<int64_t> who = kin(world, person, relation);
        EXPECT_EQ(People(who.begin(), who.end()), tree.find(relation, person))
            << relation << " of " << world.people[person].name;
        found[relation] += static_cast<int64_t>(who.size());
      }
    }
    if (options.generations < 4) continue;
    for (const auto& [relation, count] : found) EXPECT_GT(count, 0) << relation;
  }
}

TEST(Kinship, WorldsOfGivenPeople) {
  // Grandparents 0 and 1, their children 2 and 3, and 4, 5 and 6, whose fathers are these.
  const std::vector<KinshipWorld::Person> people = {
      {.name = "Ada", .female = true, .spouse = 1},
      {.name = "Bo", .spouse = 0},
      {.name = "Cy", .mother = 0, .father = 1},
      {.name = "Di", .female = true, .mother = 0, .father = 1},
      {.name = "Ed", .father = 2},
      {.name = "Flo", .female = true, .father = 2},
      {.name = "Gus", .mother = 3},
  };
  const KinshipWorld world = kinship_of(people);
  EXPECT_EQ(kin(world, 6, "cousin"), (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(kin(world, 4, "sister"), (std::vector<int64_t>{5}));
  EXPECT_EQ(kin(world, 3, "niece"), (std::vector<int64_t>{5}));
  EXPECT_TRUE(is_kin_answer(world, 6, "uncle", "Cy"));
  const auto refuses = [&](size_t who, void (*change)(KinshipWorld::Person&), const std::string& text) {
    std::vector<KinshipWorld::Person> others = people;
    change(others[who]);
    const std::string error = error_of([&] { kinship_of(others); });
    EXPECT_TRUE(absl::StrContains(error, text)) << error;
  };
  refuses(
      6, [](KinshipWorld::Person& p) { p.mother = 7; }, "person 6 names person 7 of 7");
  refuses(
      6, [](KinshipWorld::Person& p) { p.mother = 2; }, "the mother of person 6, person 2, is male");
  refuses(
      6, [](KinshipWorld::Person& p) { p.father = 3; }, "the father of person 6, person 3, is female");
  refuses(
      1, [](KinshipWorld::Person& p) { p.spouse = 3; }, "is married to person");
  refuses(
      0, [](KinshipWorld::Person& p) { p.mother = 3; }, "person 0 is its own ancestor");
}

TEST(Kinship, StatedFactsAreEnoughAndDepthsAreSteps) {
  const KinshipWorld world = make_kinship({.families = 2}, 3);
  // The sentences read again.
  std::map<std::string, int64_t> index;
  for (size_t i = 0; i < world.people.size(); ++i)
    EXPECT_TRUE(index.emplace(world.people[i].name, static_cast<int64_t>(i)).second);
  std::vector<BinaryFact> facts;
  for (const std::string& sentence : kinship_sentences(world)) {
    const std::vector<std::string> words = absl::StrSplit(sentence, ' ');  // X is the mother of Y.
    ASSERT_EQ(words.size(), 6u) << sentence;
    const int64_t first = index.at(words[0]), second = index.at(words[5].substr(0, words[5].size() - 1));
    facts.push_back({words[3], first, second});
    if (words[3] == "wife") facts.push_back({"husband", second, first});
    if (words[3] == "husband") facts.push_back({"wife", second, first});
  }
  for (size_t i = 0; i < world.people.size(); ++i)
    facts.push_back(
        {world.people[i].female ? "female" : "male", static_cast<int64_t>(i), static_cast<int64_t>(i)});
  const Closure again(facts, kinship_rules());
  for (const std::string& relation : kinship_relations())
    EXPECT_EQ(again.relation(relation), world.closure.relation(relation)) << relation;
  for (const auto& [pair, depth] : world.closure.relation("mother")) EXPECT_EQ(depth, 0);
  for (const auto& [pair, depth] : world.closure.relation("grandmother")) EXPECT_EQ(depth, 3);
}

TEST(Kinship, QuestionsHaveAnswersThatTheCheckerTakes) {
  const KinshipWorld world = make_kinship({}, 1);
  const std::vector<Example> questions = kinship_questions(world, {.nobody = true});
  EXPECT_EQ(questions.size(), world.people.size() * (kinship_relations().size() - 4));
  bool several = false, nobody = false;
  for (const Example& question : questions) {
    const std::vector<std::string> parts = absl::StrSplit(question.id, '/');
    const int64_t person = std::stoll(parts[0]);
    EXPECT_TRUE(absl::StrContains(question.prompt, world.people[person].name));
    EXPECT_TRUE(is_kin_answer(world, person, parts[1], question.response)) << question.prompt;
    EXPECT_FALSE(is_kin_answer(world, person, parts[1], question.response + ", Nemo"));
    EXPECT_FALSE(is_kin_answer(world, person, parts[1], ""));
    if (absl::StrContains(question.response, ", ")) {
      std::vector<std::string> names = absl::StrSplit(question.response, ", ");
      std::reverse(names.begin(), names.end());
      EXPECT_TRUE(is_kin_answer(world, person, parts[1], absl::StrJoin(names, ","))) << "any order";
      EXPECT_FALSE(is_kin_answer(world, person, parts[1], names[0])) << "not all";
      several = true;
    }
    nobody |= question.response == "nobody";
  }
  EXPECT_TRUE(several && nobody);
  for (const Example& question : kinship_questions(world, {.relations = {"aunt"}})) {
    EXPECT_EQ(question.label, "aunt");
    EXPECT_NE(question.response, "nobody");
  }
  for (const Example& question : kinship_counts(world)) {
    const std::vector<std::string> parts = absl::StrSplit(question.id, '/');
    EXPECT_EQ(question.response, std::to_string(kin(world, std::stoll(parts[1]), parts[2]).size()));
  }
}

TEST(Kinship, IsAPureFunctionOfOptionsAndSeed) {
  EXPECT_EQ(kinship_sentences(make_kinship({}, 1)), kinship_sentences(make_kinship({}, 1)));
  EXPECT_NE(kinship_sentences(make_kinship({}, 1)), kinship_sentences(make_kinship({}, 2)));
  EXPECT_THROW(make_kinship({.families = 0}, 1), Error);
  EXPECT_THROW(make_kinship({.generations = 1}, 1), Error);
  EXPECT_THROW(make_kinship({.most_children = 0}, 1), Error);
  const KinshipWorld world = make_kinship({.families = 1}, 1);
  EXPECT_THROW(kin(world, 0, "butler"), Error);
  EXPECT_THROW(kin(world, -1, "mother"), Error);
  EXPECT_THROW(kinship_questions(world, {.relations = {"butler"}}), Error);
}

}  // namespace
}  // namespace roux::kit
