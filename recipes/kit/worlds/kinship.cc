#include "recipes/kit/worlds/kinship.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/worlds/made_up_words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kNobody[] = "nobody";
const std::set<std::string>& stated() {
  static const auto& names = *new std::set<std::string>{"mother", "father", "husband", "wife"};
  return names;
}

void check_relation(const std::string& relation) {
  const auto& all = kinship_relations();
  ROUX_CHECK(std::find(all.begin(), all.end(), relation) != all.end())
      << "kinship: there is no relation '" << relation << "', there are " << absl::StrJoin(all, ", ");
}

// People while the world is made.
class Maker {
 public:
  explicit Maker(uint64_t seed) : names_(seed, /*stream=*/0), random_(seed, /*stream=*/1) {}

  void family(int64_t index, const KinshipOptions& options) {
    const int64_t first = person(index, 0, true), second = person(index, 0, false);
    std::vector<std::pair<int64_t, int64_t>> couples = {married(first, second)};  // wife, husband
    for (int64_t generation = 1; generation < options.generations; ++generation) {
      std::vector<int64_t> children;
      for (const auto& [wife, husband] : couples) {
        const int64_t count = 1 + random_.below(options.most_children);
        for (int64_t i = 0; i < count; ++i) {
          children.push_back(person(index, generation, random_.below(2) == 0));
          people[children.back()].mother = wife;
          people[children.back()].father = husband;
        }
      }
      if (generation + 1 == options.generations) return;  // the youngest are unmarried
      couples.clear();
      for (size_t i = 0; i < children.size(); ++i) {
        // Two of three marry somebody from outside; the first does, so that the family goes on.
        if (i > 0 && random_.below(3) == 0) continue;
        const bool female = people[children[i]].female;
        const int64_t spouse = person(index, generation, !female);
        couples.push_back(female ? married(children[i], spouse) : married(spouse, children[i]));
      }
    }
  }

  std::vector<KinshipWorld::Person> people;

 private:
  std::pair<int64_t, int64_t> married(int64_t wife, int64_t husband) {
    people[wife].spouse = husband;
    people[husband].spouse = wife;
    return {wife, husband};
  }

  int64_t person(int64_t family, int64_t generation, bool female) {
    std::string name;
    do name = made_up_word(3, "", names_);
    while (!used_.insert(name).second);
    people.push_back({name, female, family, generation});
    return static_cast<int64_t>(people.size()) - 1;
  }

  stats::RandomStream names_, random_;
  std::set<std::string> used_;
};

std::vector<BinaryFact> facts_of(const std::vector<KinshipWorld::Person>& people) {
  std::vector<BinaryFact> facts;
  for (int64_t i = 0; i < static_cast<int64_t>(people.size()); ++i) {
    const KinshipWorld::Person& person = people[i];
    if (person.mother >= 0) facts.push_back({"mother", person.mother, i});
    if (person.father >= 0) facts.push_back({"father", person.father, i});
    if (person.spouse >= 0) facts.push_back({person.female ? "wife" : "husband", i, person.spouse});
    // Of everybody, so that rules know the sex of those who are nobody's parent.
    facts.push_back({person.female ? "female" : "male", i, i});
  }
  return facts;
}

// Whether people of this list can be: parents and spouses are in it, and nobody descends from itself.
void check_people(const std::vector<KinshipWorld::Person>& people) {
  const auto count = static_cast<int64_t>(people.size());
  for (int64_t i = 0; i < count; ++i) {
    const KinshipWorld::Person& person = people[i];
    for (const int64_t other : {person.mother, person.father, person.spouse})
      ROUX_CHECK(other >= -1 && other < count && other != i)
          << "kinship: person " << i << " names person " << other << " of " << count;
    ROUX_CHECK(person.mother < 0 || people[person.mother].female)
        << "kinship: the mother of person " << i << ", person " << person.mother << ", is male";
    ROUX_CHECK(person.father < 0 || !people[person.father].female)
        << "kinship: the father of person " << i << ", person " << person.father << ", is female";
    ROUX_CHECK(person.spouse < 0 || people[person.spouse].spouse == i)
        << "kinship: person " << i << " is married to person " << person.spouse << ", who is not";
  }
  // A round takes away those whose parents are gone: with a circle somebody is left.
  std::vector<bool> gone(people.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (int64_t i = 0; i < count; ++i) {
      const auto parent_gone = [&](int64_t parent) {
        return parent < 0 || gone[static_cast<size_t>(parent)];
      };
      if (gone[static_cast<size_t>(i)] || !parent_gone(people[i].mother) || !parent_gone(people[i].father))
        continue;
      gone[static_cast<size_t>(i)] = changed = true;
    }
  }
  const auto left = std::find(gone.begin(), gone.end(), false) - gone.begin();
  ROUX_CHECK(left == count) << "kinship: person " << left
                            << " is its own ancestor or descends from one that is";
}

void check_person(const KinshipWorld& world, int64_t person) {
  ROUX_CHECK(person >= 0 && person < static_cast<int64_t>(world.people.size()))
      << "kinship: there is no person " << person << " of " << world.people.size();
}

std::string names_of(const KinshipWorld& world, const std::vector<int64_t>& who) {
  std::vector<std::string> names;
  for (const int64_t person : who) names.push_back(world.people[person].name);
  return names.empty() ? kNobody : absl::StrJoin(names, ", ");
}

}  // namespace

const std::vector<std::string>& kinship_relations() {
  static const auto& names = *new std::vector<std::string>{
      "mother",      "father",     "husband",     "wife",        "parent",   "child",
      "son",         "daughter",   "spouse",      "sibling",     "brother",  "sister",
      "grandparent", "grandchild", "grandfather", "grandmother", "grandson", "granddaughter",
      "uncle",       "aunt",       "nephew",      "niece",       "cousin",   "ancestor"};
  return names;
}

const std::vector<HornRule>& kinship_rules() {
  static const auto& rules = *new std::vector<HornRule>([] {
    std::vector<HornRule> all = {
        {"parent", {{"mother", 'x', 'y'}}, 'x', 'y'},
        {"parent", {{"father", 'x', 'y'}}, 'x', 'y'},
        {"child", {{"parent", 'y', 'x'}}, 'x', 'y'},
        {"spouse", {{"husband", 'x', 'y'}}, 'x', 'y'},
        {"spouse", {{"wife", 'x', 'y'}}, 'x', 'y'},
        {"sibling", {{"child", 'x', 'z'}, {"parent", 'z', 'y'}}, 'x', 'y', {{'x', 'y'}}},
        {"grandparent", {{"parent", 'x', 'z'}, {"parent", 'z', 'y'}}, 'x', 'y'},
        {"grandchild", {{"grandparent", 'y', 'x'}}, 'x', 'y'},
        {"parents_sibling", {{"sibling", 'x', 'z'}, {"parent", 'z', 'y'}}, 'x', 'y'},
        {"parents_sibling", {{"spouse", 'x', 's'}, {"sibling", 's', 'z'}, {"parent", 'z', 'y'}}, 'x', 'y'},
        {"siblings_child", {{"parents_sibling", 'y', 'x'}}, 'x', 'y'},
        {"cousin", {{"child", 'x', 'z'}, {"sibling", 'z', 'w'}, {"parent", 'w', 'y'}}, 'x', 'y'},
        {"ancestor", {{"parent", 'x', 'y'}}, 'x', 'y'},
        {"ancestor", {{"parent", 'x', 'z'}, {"ancestor", 'z', 'y'}}, 'x', 'y'},
    };
    const std::tuple<const char*, const char*, const char*> by_sex[] = {
        {"child", "son", "daughter"},
        {"sibling", "brother", "sister"},
        {"grandparent", "grandfather", "grandmother"},
        {"grandchild", "grandson", "granddaughter"},
        {"parents_sibling", "uncle", "aunt"},
        {"siblings_child", "nephew", "niece"},
    };
    for (const auto& [relation, male, female] : by_sex) {
      all.push_back({male, {{relation, 'x', 'y'}, {"male", 'x', 'x'}}, 'x', 'y'});
      all.push_back({female, {{relation, 'x', 'y'}, {"female", 'x', 'x'}}, 'x', 'y'});
    }
    return all;
  }());
  return rules;
}

KinshipWorld kinship_of(std::vector<KinshipWorld::Person> people) {
  check_people(people);
  Closure closure(facts_of(people), kinship_rules());
  return {std::move(people), std::move(closure)};
}

KinshipWorld make_kinship(const KinshipOptions& options, uint64_t seed) {
  ROUX_CHECK(options.families >= 1 && options.families <= 50)
      << "kinship: families = " << options.families << ", needed 1 to 50";
  ROUX_CHECK(options.generations >= 2 && options.generations <= 4)
      << "kinship: generations = " << options.generations << ", needed 2 to 4";
  ROUX_CHECK(options.most_children >= 1 && options.most_children <= 5)
      << "kinship: most_children = " << options.most_children << ", needed 1 to 5";
  Maker maker(seed);
  for (int64_t i = 0; i < options.families; ++i) maker.family(i, options);
  return kinship_of(std::move(maker.people));
}

std::vector<std::string> kinship_sentences(const KinshipWorld& world) {
  std::vector<std::string> sentences;
  const auto say = [&](int64_t who, const char* relation, int64_t of) {
    sentences.push_back(
        absl::StrCat(world.people[who].name, " is the ", relation, " of ", world.people[of].name, "."));
  };
  for (int64_t i = 0; i < static_cast<int64_t>(world.people.size()); ++i) {
    const KinshipWorld::Person& person = world.people[i];
    if (person.mother >= 0) say(person.mother, "mother", i);
    if (person.father >= 0) say(person.father, "father", i);
    if (person.spouse > i) say(i, person.female ? "wife" : "husband", person.spouse);
  }
  return sentences;
}

std::vector<int64_t> kin(const KinshipWorld& world, int64_t person, const std::string& relation) {
  check_relation(relation);
  check_person(world, person);
  std::vector<int64_t> who;
  for (const auto& [pair, depth] : world.closure.relation(relation))
    if (pair.second == person) who.push_back(pair.first);
  return who;
}

bool is_kin_answer(const KinshipWorld& world, int64_t person, const std::string& relation,
                   const std::string& answer) {
  std::set<std::string> gold, given;
  for (const int64_t who : kin(world, person, relation)) gold.insert(world.people[who].name);
  if (gold.empty()) gold.insert(kNobody);
  for (const absl::string_view part : absl::StrSplit(answer, ',')) {
    if (!given.insert(std::string(absl::StripAsciiWhitespace(part))).second) return false;
  }
  return given == gold;
}

std::vector<Example> kinship_questions(const KinshipWorld& world, const KinshipQuestionOptions& options) {
  for (const std::string& relation : options.relations) check_relation(relation);
  std::vector<std::string> relations = options.relations;
  if (relations.empty()) {
    for (const std::string& relation : kinship_relations())
      if (!stated().contains(relation)) relations.push_back(relation);
  }
  std::vector<Example> questions;
  for (int64_t i = 0; i < static_cast<int64_t>(world.people.size()); ++i) {
    for (const std::string& relation : relations) {
      const std::vector<int64_t> who = kin(world, i, relation);
      if (who.empty() && !options.nobody) continue;
      questions.push_back(
          {.id = absl::StrCat(i, "/", relation),
           .prompt = absl::StrCat("Who is the ", relation, " of ", world.people[i].name, "? Name all."),
           .response = names_of(world, who),
           .label = relation,
           .source = "kinship"});
    }
  }
  return questions;
}

std::vector<Example> kinship_counts(const KinshipWorld& world) {
  constexpr std::pair<const char*, const char*> kCounted[] = {
      {"sibling", "siblings"}, {"brother", "brothers"},   {"sister", "sisters"}, {"child", "children"},
      {"son", "sons"},         {"daughter", "daughters"}, {"cousin", "cousins"}};
  std::vector<Example> questions;
  for (int64_t i = 0; i < static_cast<int64_t>(world.people.size()); ++i) {
    for (const auto& [relation, plural] : kCounted) {
      questions.push_back(
          {.id = absl::StrCat("count/", i, "/", relation),
           .prompt = absl::StrCat("How many ", plural, " does ", world.people[i].name, " have?"),
           .response = absl::StrCat(kin(world, i, relation).size()),
           .label = relation,
           .source = "kinship"});
    }
  }
  return questions;
}

}  // namespace roux::kit
