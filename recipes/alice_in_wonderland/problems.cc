#include "recipes/alice_in_wonderland/problems.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/worlds/kinship.h"
#include "tensor/error.h"

namespace roux::alice {
namespace {

using Person = kit::KinshipWorld::Person;

struct WhatIsAsked {
  const char* name;
  const char* counted;  // "sisters"
  const char* by;       // "brother", or none
};
const WhatIsAsked& about(Asked asked) {
  static constexpr WhatIsAsked kAll[] = {{"brothers", "brothers", ""},
                                         {"sisters", "sisters", ""},
                                         {"siblings", "siblings", ""},
                                         {"boys", "boys", ""},
                                         {"girls", "girls", ""},
                                         {"brothers_of_brother", "brothers", "brother"},
                                         {"sisters_of_brother", "sisters", "brother"},
                                         {"brothers_of_sister", "brothers", "sister"},
                                         {"sisters_of_sister", "sisters", "sister"}};
  return kAll[static_cast<size_t>(asked)];
}

Person child(bool female, int64_t mother, int64_t father) {
  return {.name = "", .female = female, .family = 0, .generation = 1, .mother = mother, .father = father};
}
Person founder(bool female) { return child(female, -1, -1); }

std::string counted(const std::string& number, bool one, const std::string& noun) {
  return absl::StrCat(number, " ", noun, one ? "" : "s");
}

// "Alice has 3 brothers and she also has 6 sisters."
std::string stated(const Problem& p, const std::string& brother, const std::string& sister) {
  const auto number = [&](int64_t n) { return p.framing == Framing::kWords ? in_words(n) : absl::StrCat(n); };
  std::string first = counted(number(p.brothers), p.brothers == 1, brother),
              second = counted(number(p.sisters), p.sisters == 1, sister);
  if (p.sisters_first) std::swap(first, second);
  return absl::StrCat(p.name, " has ", first, " and ", p.girl ? "she" : "he", " also has ", second, ".");
}

std::string question(const Problem& p) {
  const WhatIsAsked& asked = about(p.asked);
  if (p.asked == Asked::kBoys || p.asked == Asked::kGirls)
    return absl::StrCat("How many ", asked.counted, " are there in total?");
  const std::string by = asked.by;
  return absl::StrCat("How many ", asked.counted, " does ", p.name, by.empty() ? "" : absl::StrCat("'s ", by),
                      " have?");
}

// Everybody is related with everybody, as brothers and sisters are: the same counts.
std::string circle_text(const Problem& p, const std::string& noun) {
  const std::string male = absl::StrCat("male ", noun), female = absl::StrCat("female ", noun);
  return absl::StrCat(stated(p, male, female), " All of them are ", noun,
                      "s of each other and have no further ", noun, "s. How many ", p.girl ? female : male,
                      "s does a ", p.girl ? male : female, " of ", p.name, " have?");
}

std::string alice_and_bob_text(const Problem& p) {
  // Bob is one of Alice's brothers.
  const int64_t brothers = p.brothers - 1;
  return absl::StrCat("Alice and Bob are sister and brother. Alice has ",
                      counted(absl::StrCat(p.sisters), p.sisters == 1, "sister"), " and Bob has ",
                      counted(absl::StrCat(brothers), brothers == 1, "brother"),
                      ". How many sisters does Bob have?");
}

}  // namespace

const char* name_of(Asked asked) { return about(asked).name; }

bool crossed(const Problem& p) {
  return p.asked == (p.girl ? Asked::kSistersOfBrother : Asked::kBrothersOfSister);
}

int64_t copied_count(const Problem& p) {
  return std::string(about(p.asked).counted) == "brothers" || p.asked == Asked::kBoys ? p.brothers
                                                                                      : p.sisters;
}

std::array<int64_t, 9> answers(bool girl, int64_t brothers, int64_t sisters) {
  ROUX_CHECK(brothers >= 1 && sisters >= 1)
      << "alice: " << brothers << " brothers and " << sisters << " sisters, needed 1 or more of each";
  std::vector<Person> people = {founder(true), founder(false)};  // mother and father
  const auto add = [&](bool female) {
    people.push_back(child(female, 0, 1));
    return static_cast<int64_t>(people.size()) - 1;
  };
  const int64_t person = add(girl);
  for (int64_t i = 0; i < brothers; ++i) add(false);
  for (int64_t i = 0; i < sisters; ++i) add(true);
  const kit::KinshipWorld world = kit::kinship_of(std::move(people));
  const auto count = [&](int64_t of, const char* relation) {
    return static_cast<int64_t>(kit::kin(world, of, relation).size());
  };
  const int64_t brother = kit::kin(world, person, "brother")[0],
                sister = kit::kin(world, person, "sister")[0];
  return {count(person, "brother"), count(person, "sister"),  count(person, "sibling"),
          count(0, "son"),          count(0, "daughter"),     count(brother, "brother"),
          count(brother, "sister"), count(sister, "brother"), count(sister, "sister")};
}

int64_t answer(const Problem& p) {
  return answers(p.girl, p.brothers, p.sisters)[static_cast<size_t>(p.asked)];
}

std::string text(const Problem& p) {
  if (p.framing == Framing::kPlain || p.framing == Framing::kWords || p.framing == Framing::kLines)
    return absl::StrCat(stated(p, "brother", "sister"), p.framing == Framing::kLines ? "\n\n" : " ",
                        question(p));
  ROUX_CHECK(crossed(p)) << "alice: " << name_of(p.asked) << " has no text in this framing";
  if (p.framing == Framing::kFriends) return circle_text(p, "friend");
  if (p.framing == Framing::kColleagues) return circle_text(p, "colleague");
  ROUX_CHECK(p.name == "Alice") << "alice: Alice and Bob are not " << p.name;
  return alice_and_bob_text(p);
}

std::string in_words(int64_t number) {
  static constexpr const char* kWords[] = {
      "zero",     "one",     "two",     "three",     "four",     "five",     "six",
      "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
      "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
  return number >= 0 && number <= 20 ? kWords[number] : absl::StrCat(number);
}

std::string attribute_text(const Problem& p) {
  return absl::StrCat(stated(p, "brother", "sister"), " Is ", p.name, " male or female?");
}

std::vector<Problem> aiw_variations() {
  return {{.brothers = 3, .sisters = 6},
          {.brothers = 4, .sisters = 2, .sisters_first = true},
          {.brothers = 1, .sisters = 4, .sisters_first = true},
          {.brothers = 4, .sisters = 1}};
}

int64_t answer(const PlusProblem& p) {
  ROUX_CHECK(p.sisters >= 1 && p.uncles >= 1 && p.children >= 0)
      << "alice: AIW+ with " << p.sisters << " sisters, " << p.uncles << " brothers of the mother and "
      << p.children << " children of the uncle, needed 1, 1 and 0 or more";
  ROUX_CHECK(std::min(p.nephews, p.fathers_nephews) >= p.sisters + 1)
      << "alice: AIW+ with " << p.nephews << " and " << p.fathers_nephews
      << " nephews and nieces, who are at least the " << p.sisters + 1 << " sisters";
  // The parents of the mother and of the father; the mother and her sister; the father and his brother.
  std::vector<Person> people = {founder(true), founder(false), founder(true), founder(false)};
  const auto add = [&](bool female, int64_t mother, int64_t father) {
    people.push_back(child(female, mother, father));
    return static_cast<int64_t>(people.size()) - 1;
  };
  const int64_t mother = add(true, 0, 1), aunt = add(true, 0, 1);
  const int64_t father = add(false, 2, 3), uncle = add(false, 2, 3);
  int64_t mothers_brother = -1;
  for (int64_t i = 0; i < p.uncles; ++i) mothers_brother = add(false, 0, 1);
  int64_t alices_sister = -1;
  for (int64_t i = 0; i <= p.sisters; ++i) alices_sister = add(true, mother, father);
  for (int64_t i = p.sisters + 1; i < p.nephews; ++i) add(false, -1, mothers_brother);
  for (int64_t i = 0; i < p.children; ++i) add(p.daughters, -1, uncle);
  if (p.fathers_nephews > p.sisters + 1) {
    const int64_t fathers_sister = add(true, 2, 3);
    for (int64_t i = p.sisters + 1; i < p.fathers_nephews; ++i) add(true, fathers_sister, -1);
  }
  const kit::KinshipWorld world = kit::kinship_of(std::move(people));
  const auto nephews_and_nieces = [&](int64_t of) {
    return static_cast<int64_t>(kit::kin(world, of, "nephew").size() + kit::kin(world, of, "niece").size());
  };
  ROUX_CHECK(nephews_and_nieces(aunt) == p.nephews && nephews_and_nieces(uncle) == p.fathers_nephews)
      << "alice: the family of AIW+ is not the one that is told";
  return static_cast<int64_t>(kit::kin(world, alices_sister, "cousin").size());
}

std::string text(const PlusProblem& p) {
  const auto some = [](int64_t n, const std::string& noun) { return counted(absl::StrCat(n), n == 1, noun); };
  return absl::StrCat(
      "Alice has ", some(p.sisters, "sister"),
      ". Her mother has 1 sister who does not have children - she has ", p.nephews,
      " nephews and nieces and also ", some(p.uncles, "brother"), ". Alice's father has a brother who has ",
      p.fathers_nephews, " nephews and nieces in total, and who has also ",
      some(p.children, p.daughters ? "daughter" : "son"), ". How many cousins does Alice's sister have?");
}

std::vector<PlusProblem> plus_variations() {
  return {{2, 6, 2, 5, 2, true}, {3, 6, 2, 4, 1},       {3, 7, 2, 5, 1},       {1, 4, 2, 3, 1},
          {1, 3, 2, 4, 2, true}, {2, 5, 3, 4, 1},       {2, 4, 2, 6, 1, true}, {3, 5, 2, 6, 2},
          {4, 7, 2, 6, 1},       {4, 6, 3, 7, 2, true}, {1, 5, 2, 2, 3},       {2, 7, 2, 3, 1, true}};
}

const char* name_of(PromptType type) {
  static constexpr const char* kNames[] = {"STANDARD", "THINKING", "RESTRICTED"};
  return kNames[static_cast<size_t>(type)];
}

std::string prompt(const std::string& problem, PromptType type) {
  static constexpr const char* kSuffixes[] = {
      "Solve this problem and provide the final answer in the form \"### Answer: \".",
      "Before answering, think carefully and double-check the path to the solution for mistakes. Then "
      "provide the final "
      "answer in the form \"### Answer: \".",
      "Do not output any text except this format with the final answer: \"### Answer: \"."};
  return absl::StrCat(problem, " ", kSuffixes[static_cast<size_t>(type)]);
}

std::string base_prompt(const std::string& problem) {
  return absl::StrCat("### Problem: ", problem, "\n### Answer:");
}

std::string few_shot_prompt(const std::vector<Problem>& solved, const std::string& problem, PromptType type) {
  std::string out;
  for (const Problem& p : solved) absl::StrAppend(&out, text(p), "\n### Answer: ", answer(p), "\n\n");
  return absl::StrCat(out, prompt(problem, type));
}

}  // namespace roux::alice
