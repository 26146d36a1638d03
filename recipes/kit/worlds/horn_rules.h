// Closure of binary facts under Horn rules: the oracle behind worlds of relations.
//
//   Closure closure({{"parent", 0, 1}, {"parent", 1, 2}},
//                   {{"ancestor", {{"parent", 'x', 'y'}}, 'x', 'y'},
//                    {"ancestor", {{"parent", 'x', 'z'}, {"ancestor", 'z', 'y'}}, 'x', 'y'}});
//   closure.depth("ancestor", 0, 2);                                                                 // 2
//
// Naive evaluation in rounds: a round applies every rule to the facts of the rounds before, until nothing new
// comes [Abiteboul, Hull & Vianu 1995, chapter 12]. A fact's depth is its round, so the height of its lowest
// proof; given facts have 0.
#ifndef ROUX_RECIPES_KIT_WORLDS_HORN_RULES_H_
#define ROUX_RECIPES_KIT_WORLDS_HORN_RULES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace roux::kit {

struct BinaryFact {
  std::string relation;
  int64_t first = 0, second = 0;
  auto operator<=>(const BinaryFact&) const = default;
};

// head(first, second) :- body, and for each pair of `different` its variables differ. A variable is a
// character.
struct HornRule {
  struct Atom {
    std::string relation;
    char first, second;
  };
  std::string head;
  std::vector<Atom> body;
  char first, second;
  std::vector<std::pair<char, char>> different = {};
};

class Closure {
 public:
  // Throws Error for a rule without a body, or with a variable in its head or in `different` that its body
  // lacks.
  Closure(const std::vector<BinaryFact>& facts, const std::vector<HornRule>& rules);

  // The round in which the fact was found; nothing if it does not follow.
  std::optional<int64_t> depth(const std::string& relation, int64_t first, int64_t second) const;
  // What stands in the relation as (first, second), by first, then second; with each fact's depth.
  const std::map<std::pair<int64_t, int64_t>, int64_t>& relation(const std::string& name) const;
  int64_t size() const;

 private:
  std::map<std::string, std::map<std::pair<int64_t, int64_t>, int64_t>> facts_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_HORN_RULES_H_
