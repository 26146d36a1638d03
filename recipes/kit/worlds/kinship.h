// Families: made-up people of several generations, stated by marriages and parents alone; every other
// relation follows by Horn rules, whose closure (horn_rules.h) is the oracle.
//
//   const KinshipWorld world = make_kinship({.families = 4, .generations = 3}, /*seed=*/1);
//   kinship_sentences(world);                            // "Bareka is the mother of Tolvin." ...
//   const std::vector<Example> questions = kinship_questions(world, {.relations = {"grandmother"}});
//   kin(world, person, "grandmother");                   // who they are
//
// A pure function of options and seed. Families of a world are not related to one another.
#ifndef ROUX_RECIPES_KIT_WORLDS_KINSHIP_H_
#define ROUX_RECIPES_KIT_WORLDS_KINSHIP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "recipes/kit/data/example.h"
#include "recipes/kit/worlds/horn_rules.h"

namespace roux::kit {

struct KinshipOptions {
  int64_t families = 4;       // 1 .. 50
  int64_t generations = 3;    // 2 .. 4
  int64_t most_children = 3;  // of a couple, which has 1 or more; 1 .. 5
};

struct KinshipWorld {
  struct Person {
    std::string name;  // one made-up word, unique
    bool female = false;
    int64_t family = 0, generation = 0;  // generation 0: the couple that a family begins with
    int64_t mother = -1, father = -1;    // -1: not in the world
    int64_t spouse = -1;
  };
  std::vector<Person> people;
  Closure closure;  // relation(a, b): "a is the <relation> of b"
};

// The relations: mother, father, husband and wife are stated; the others follow: parent, child, son,
// daughter, sibling, brother, sister (with a parent in common), spouse, grandparent, grandfather,
// grandmother, grandchild, grandson, granddaughter, uncle, aunt (siblings of a parent and their spouses),
// nephew, niece, cousin, ancestor.
const std::vector<std::string>& kinship_relations();
const std::vector<HornRule>& kinship_rules();

// The world of given people, for families that a recipe makes itself. Mothers, fathers and spouses are
// indices into the list, spouses of each other. Throws Error for an index that names nobody, a parent of the
// wrong sex, a person that is its own ancestor, and a marriage that only one of the two is in.
KinshipWorld kinship_of(std::vector<KinshipWorld::Person> people);
// Throws Error for options out of range.
KinshipWorld make_kinship(const KinshipOptions& options, uint64_t seed);

// A sentence for each stated fact: "X is the mother of Y.", of each marriage one.
std::vector<std::string> kinship_sentences(const KinshipWorld& world);

// Who is the relation of the person, by index. Both throw Error for an unknown relation or person.
std::vector<int64_t> kin(const KinshipWorld& world, int64_t person, const std::string& relation);
// The checker: the names of all that are, in any order, between commas; "nobody" where there are none.
bool is_kin_answer(const KinshipWorld& world, int64_t person, const std::string& relation,
                   const std::string& answer);

struct KinshipQuestionOptions {
  std::vector<std::string> relations = {};  // empty: all that are not stated
  bool nobody = false;                      // ask also where the answer is "nobody"
};
// "Who is the aunt of X? Name all." with the names in the order of people; by person, then relation. id
// "person/relation", label the relation. Throws Error for an unknown relation.
std::vector<Example> kinship_questions(const KinshipWorld& world, const KinshipQuestionOptions& options = {});
// "How many sisters does X have?", of siblings, brothers, sisters, children, sons, daughters and cousins; the
// answer is a number. Ids and labels as above, with "count/" in front.
std::vector<Example> kinship_counts(const KinshipWorld& world);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_KINSHIP_H_
