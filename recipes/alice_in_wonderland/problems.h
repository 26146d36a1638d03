// The problems of arXiv 2406.02061: AIW with its variations, its controls, its other framings, AIW+; their
// texts, and their answers, which are counted in families (kit/worlds/kinship.h), not computed by a formula.
//
//   const Problem v1{.brothers = 3, .sisters = 6};                    // V1 of aiw_variations()
//   text(v1);      // "Alice has 3 brothers and she also has 6 sisters. How many sisters does Alice's brother have?"
//   answer(v1);    // 7
#ifndef ROUX_RECIPES_ALICE_IN_WONDERLAND_PROBLEMS_H_
#define ROUX_RECIPES_ALICE_IN_WONDERLAND_PROBLEMS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace roux::alice {

// What is counted: the person's own brothers, ...; all boys or girls, the person among them; the brothers or
// sisters of one of the brothers or sisters.
enum class Asked : uint8_t {
  kBrothers,
  kSisters,
  kSiblings,
  kBoys,
  kGirls,
  kBrothersOfBrother,
  kSistersOfBrother,
  kBrothersOfSister,
  kSistersOfSister
};
inline constexpr std::array<Asked, 9> kAllAsked = {
    Asked::kBrothers,       Asked::kSisters,           Asked::kSiblings,         Asked::kBoys,
    Asked::kGirls,          Asked::kBrothersOfBrother, Asked::kSistersOfBrother, Asked::kBrothersOfSister,
    Asked::kSistersOfSister};
const char* name_of(Asked asked);  // "sisters_of_brother"

// How the same counts are told.
enum class Framing : uint8_t {
  kPlain,
  kWords,       // numbers in words
  kLines,       // formatting alone: the question on a line of its own
  kFriends,     // circles of friends and of colleagues, in which everybody knows everybody [AIW Ext]
  kColleagues,  // [AIW Ext]
  kAliceAndBob  // the brother is called Bob, who is asked about                             [AIW Ext]
};

struct Problem {
  std::string name = "Alice";
  bool girl = true;
  int64_t brothers = 1, sisters = 1;  // of the person: N and M
  bool sisters_first = false;         // in the text
  Asked asked = Asked::kSistersOfBrother;
  Framing framing = Framing::kPlain;
};

// Whether the problem is of the kind of AIW: by way of a sibling of the other sex, to those of the person's
// own sex, so that the answer is the stated count and 1, the person.
bool crossed(const Problem& problem);
// The stated count that a solver gives who forgets the person: M where sisters are asked for, N where
// brothers are.
int64_t copied_count(const Problem& problem);

// Answers to all questions of kAllAsked about a person with so many brothers and sisters, counted in the
// closure of the family. Throws Error unless both counts are 1 or more, so that there is somebody to go by.
std::array<int64_t, 9> answers(bool girl, int64_t brothers, int64_t sisters);
int64_t answer(const Problem& problem);

// The problem's sentences. Throws Error for a framing that has no text for what is asked: circles and Alice
// and Bob are told of crossed problems, Alice and Bob of a girl with that name.
std::string text(const Problem& problem);
// "three" of 3; digits above twenty.
std::string in_words(int64_t number);
// AIW Light's attribute binding: the same sentence, then whether the person is male or female.
std::string attribute_text(const Problem& problem);

// V1 to V4 of the paper; answers 7, 3, 5, 2.
std::vector<Problem> aiw_variations();

// AIW+: Alice's mother has a childless sister with `nephews` nephews and nieces and `uncles` brothers; her
// father a brother with `fathers_nephews` of them and `children` of his own. Asked is how many cousins
// Alice's sister has: (nephews - s - 1) + children + (fathers_nephews - s - 1) with s sisters, but it is
// counted.
struct PlusProblem {
  int64_t sisters = 3, nephews = 7, uncles = 2, fathers_nephews = 5, children = 1;
  bool daughters = false;  // the uncle's children, in the text
};
// Throws Error for counts that no family has: fewer nephews than Alice and her sisters, no sister, no uncle.
int64_t answer(const PlusProblem& problem);
std::string text(const PlusProblem& problem);
// The paper's three (7, 3 and 5), then others with the same structure.
std::vector<PlusProblem> plus_variations();

// The three prompt types: what stands behind a problem. The wording is ours; the authors' file comes by
// --data.
enum class PromptType : uint8_t { kStandard, kThinking, kRestricted };
inline constexpr std::array<PromptType, 3> kPromptTypes = {PromptType::kStandard, PromptType::kThinking,
                                                           PromptType::kRestricted};
const char* name_of(PromptType type);  // "STANDARD"
std::string prompt(const std::string& problem, PromptType type);
// For base models, without a chat template.
std::string base_prompt(const std::string& problem);
// A prompt with solved problems in front of it.
std::string few_shot_prompt(const std::vector<Problem>& solved, const std::string& problem, PromptType type);
// What the user says after a first answer.
inline constexpr char kRecheck[] =
    "Please check your solution again for mistakes and give the final answer once more.";

}  // namespace roux::alice

#endif  // ROUX_RECIPES_ALICE_IN_WONDERLAND_PROBLEMS_H_
