// A fact world: made-up people with attributes that no text of the real world states, so that what a model
// knows of them is what it was taught.
//
//   const FactWorld world = make_fact_world({.people = 60}, /*seed=*/1);
//   const std::vector<Example> questions = fact_questions(world, /*wording=*/0);    // one a fact
//   is_fact(world, world.people[3].name, "city", "Oslo");
//
// Names are unique and unlike one another; values of an attribute are spread evenly, so that the most
// frequent value is a poor guess. A pure function of options and seed; worlds of other seeds have other
// names.
#ifndef ROUX_RECIPES_KIT_WORLDS_FACT_WORLD_H_
#define ROUX_RECIPES_KIT_WORLDS_FACT_WORLD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "recipes/kit/data/example.h"

namespace roux::kit {

struct FactWorldOptions {
  int64_t people = 60;  // 1 .. 2000
  // How many values an attribute has at most, 2 .. 24; small: questions are easy to guess.
  int64_t values = 24;
};

struct FactWorld {
  struct Attribute {
    std::string name;                 // "city"
    std::vector<std::string> values;  // all that occur
  };
  struct Person {
    std::string name;         // "Bareka Tolvin", of two made-up words
    std::vector<int> values;  // for each attribute, the index of its value
  };
  std::vector<Attribute> attributes;  // city, profession, dish, colour, instrument, and friend (a person)
  std::vector<Person> people;
  uint64_t seed = 0;

  // The value of a person's attribute. Both throw Error out of range.
  const std::string& value(int64_t person, int64_t attribute) const;
  // Index of an attribute.
  int64_t attribute(const std::string& name) const;
};

// Throws Error for options out of range.
FactWorld make_fact_world(const FactWorldOptions& options, uint64_t seed);

// How many ways there are to state and to ask a fact: the first are for training, the last for tests of
// paraphrases.
inline constexpr int kFactWordings = 3;

// "Bareka Tolvin lives in Oslo." wording: 0 .. kFactWordings - 1.
std::string fact_sentence(const FactWorld& world, int64_t person, int64_t attribute, int wording);
// "Where does Bareka Tolvin live?"
std::string fact_question(const FactWorld& world, int64_t person, int64_t attribute, int wording);

// A question and its answer for each fact, by person, then attribute. id "person/attribute", label the
// attribute. Two wordings of a fact have the same id.
std::vector<Example> fact_questions(const FactWorld& world, int wording);
// Two steps: "Where does the friend of ... live?", for each person and attribute but the friend itself. The
// answers follow from two facts, none states them.
std::vector<Example> two_step_questions(const FactWorld& world);

// Other values of the attribute, `count` different ones, drawn; fewer where there are not so many.
std::vector<std::string> wrong_answers(const FactWorld& world, int64_t person, int64_t attribute,
                                       int64_t count, uint64_t seed);

// The checker: whether the world says so. False for unknown names, attributes and values.
bool is_fact(const FactWorld& world, const std::string& person, const std::string& attribute,
             const std::string& value);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_FACT_WORLD_H_
