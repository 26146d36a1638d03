#include "recipes/kit/worlds/fact_world.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/worlds/made_up_words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kFriend[] = "friend";
constexpr int64_t kMostPeople = 2000;
constexpr int64_t kMostValues = 24;

// {0} is the person, {1} the value.
struct Relation {
  const char* name;
  const char* sentences[kFactWordings];
  const char* questions[kFactWordings];
  const char* of_friend;  // question about the friend of {0}
  const char* values[kMostValues];
};

constexpr Relation kRelations[] = {
    {"city",
     {"{0} lives in {1}.", "The home of {0} is {1}.", "In {1} you can meet {0}, who lives there."},
     {"Where does {0} live?", "What is the home of {0}?", "In which city can you visit {0} at home?"},
     "Where does the friend of {0} live?",
     {"Oslo", "Lima",  "Cairo", "Dublin", "Lagos",   "Quito", "Hanoi", "Tunis",
      "Riga", "Turin", "Osaka", "Perth",  "Bergen",  "Accra", "Dakar", "Malaga",
      "Lyon", "Minsk", "Doha",  "Havana", "Nairobi", "Seoul", "Tampa", "Zagreb"}},
    {"profession",
     {"{0} works as a {1}.", "The profession of {0} is {1}.", "For a living, {0} is a {1}."},
     {"What does {0} work as?", "What is the profession of {0}?", "How does {0} earn a living?"},
     "What does the friend of {0} work as?",
     {"baker",   "carpenter", "nurse",   "pilot",   "judge",  "farmer", "tailor",   "plumber",
      "sailor",  "teacher",   "dentist", "painter", "waiter", "miner",  "gardener", "barber",
      "butcher", "lawyer",    "porter",  "surgeon", "weaver", "banker", "singer",   "driver"}},
    {"dish",
     {"{0} likes {1} best.", "The favourite dish of {0} is {1}.", "Nothing tastes as good to {0} as {1}."},
     {"What does {0} like to eat best?", "What is the favourite dish of {0}?",
      "Which meal would you cook for {0}?"},
     "What does the friend of {0} like to eat best?",
     {"soup",     "rice",     "pasta",   "salad",    "stew",    "curry",    "pancakes", "dumplings",
      "omelette", "porridge", "pizza",   "sausages", "beans",   "lentils",  "noodles",  "trout",
      "lamb",     "risotto",  "goulash", "mussels",  "cabbage", "potatoes", "cheese",   "waffles"}},
    {"colour",
     {"{0} has a car that is {1}.", "The car of {0} is {1}.", "A car painted {1} belongs to {0}."},
     {"Which colour is the car of {0}?", "What colour of car does {0} drive?",
      "How is the car of {0} painted?"},
     "Which colour is the car of the friend of {0}?",
     {"red",     "blue",    "green", "yellow", "black",  "white",  "brown",     "grey",
      "orange",  "purple",  "pink",  "silver", "golden", "violet", "turquoise", "beige",
      "scarlet", "crimson", "olive", "maroon", "navy",   "teal",   "magenta",   "ivory"}},
    {"instrument",
     {"{0} plays the {1}.", "The instrument of {0} is the {1}.", "On the {1}, {0} is well known."},
     {"Which instrument does {0} play?", "What is the instrument of {0}?",
      "What does {0} bring to the concert?"},
     "Which instrument does the friend of {0} play?",
     {"piano", "violin", "flute",     "drum",     "harp",     "cello",     "trumpet",  "guitar",
      "oboe",  "organ",  "clarinet",  "trombone", "banjo",    "lute",      "bassoon",  "viola",
      "tuba",  "horn",   "accordion", "zither",   "mandolin", "saxophone", "recorder", "bagpipe"}},
    {kFriend,
     {"{0} is a friend of {1}.", "The friend of {0} is {1}.", "To {0} there is no better friend than {1}."},
     {"Who is {0} a friend of?", "Who is the friend of {0}?", "Whom does {0} trust most?"},
     "",
     {}},
};
constexpr int64_t kFriendIndex = std::size(kRelations) - 1;

std::string filled(const char* pattern, const std::string& person, const std::string& value) {
  return absl::StrReplaceAll(pattern, {{"{0}", person}, {"{1}", value}});
}

const Relation& relation(int64_t attribute, int wording) {
  ROUX_CHECK(attribute >= 0 && attribute <= kFriendIndex)
      << "fact world: there is no attribute " << attribute;
  ROUX_CHECK(wording >= 0 && wording < kFactWordings) << "fact world: there is no wording " << wording;
  return kRelations[attribute];
}

}  // namespace

const std::string& FactWorld::value(int64_t person, int64_t attribute) const {
  ROUX_CHECK(person >= 0 && person < static_cast<int64_t>(people.size()))
      << "fact world: there is no person " << person << " of " << people.size();
  ROUX_CHECK(attribute >= 0 && attribute < static_cast<int64_t>(attributes.size()))
      << "fact world: there is no attribute " << attribute;
  const int index = people[static_cast<size_t>(person)].values[static_cast<size_t>(attribute)];
  return attributes[static_cast<size_t>(attribute)].values[static_cast<size_t>(index)];
}

int64_t FactWorld::attribute(const std::string& name) const {
  for (size_t i = 0; i < attributes.size(); ++i) {
    if (attributes[i].name == name) return static_cast<int64_t>(i);
  }
  ROUX_CHECK(false) << "fact world: there is no attribute '" << name << "'";
  return -1;
}

FactWorld make_fact_world(const FactWorldOptions& options, uint64_t seed) {
  ROUX_CHECK(options.people >= 1 && options.people <= kMostPeople)
      << "fact world: people = " << options.people << ", needed 1 to " << kMostPeople;
  ROUX_CHECK(options.values >= 2 && options.values <= kMostValues)
      << "fact world: values = " << options.values << ", needed 2 to " << kMostValues;
  FactWorld world;
  world.seed = seed;
  stats::RandomStream names(seed, /*stream=*/0);
  std::set<std::string> used;
  for (int64_t i = 0; i < options.people; ++i) {
    std::string first, last;
    do first = made_up_word(3, "", names);
    while (!used.insert(first).second);
    do last = made_up_word(2, "rin", names);
    while (!used.insert(last).second);
    world.people.push_back({absl::StrCat(first, " ", last), {}});
  }
  for (int64_t a = 0; a <= kFriendIndex; ++a) {
    stats::RandomStream random(seed, static_cast<uint64_t>(a) + 1);
    FactWorld::Attribute attribute{kRelations[a].name, {}};
    const std::vector<int64_t> order = stats::random_permutation(options.people, random);
    if (a == kFriendIndex) {
      // One circle through all people: everybody has a friend, nobody is their own (but where there is one).
      for (const FactWorld::Person& person : world.people) attribute.values.push_back(person.name);
      for (int64_t i = 0; i < options.people; ++i)
        world.people[static_cast<size_t>(order[static_cast<size_t>(i)])].values.push_back(
            static_cast<int>(order[static_cast<size_t>((i + 1) % options.people)]));
    } else {
      const int64_t count = std::min(options.values, options.people);
      const std::vector<int64_t> chosen = stats::random_permutation(kMostValues, random);
      for (int64_t i = 0; i < count; ++i)
        attribute.values.emplace_back(kRelations[a].values[chosen[static_cast<size_t>(i)]]);
      for (int64_t i = 0; i < options.people; ++i)
        world.people[static_cast<size_t>(order[static_cast<size_t>(i)])].values.push_back(
            static_cast<int>(i % count));
    }
    world.attributes.push_back(std::move(attribute));
  }
  return world;
}

std::string fact_sentence(const FactWorld& world, int64_t person, int64_t attribute, int wording) {
  const std::string& value = world.value(person, attribute);
  return filled(relation(attribute, wording).sentences[wording],
                world.people[static_cast<size_t>(person)].name, value);
}

std::string fact_question(const FactWorld& world, int64_t person, int64_t attribute, int wording) {
  const std::string& value = world.value(person, attribute);
  return filled(relation(attribute, wording).questions[wording],
                world.people[static_cast<size_t>(person)].name, value);
}

std::vector<Example> fact_questions(const FactWorld& world, int wording) {
  std::vector<Example> questions;
  for (int64_t p = 0; p < static_cast<int64_t>(world.people.size()); ++p) {
    for (int64_t a = 0; a <= kFriendIndex; ++a) {
      const std::string& name = world.attributes[static_cast<size_t>(a)].name;
      questions.push_back({absl::StrCat(p, "/", name), fact_question(world, p, a, wording), world.value(p, a),
                           name, "fact world", ""});
    }
  }
  return questions;
}

std::vector<Example> two_step_questions(const FactWorld& world) {
  std::vector<Example> questions;
  for (int64_t p = 0; p < static_cast<int64_t>(world.people.size()); ++p) {
    const FactWorld::Person& person = world.people[static_cast<size_t>(p)];
    const int64_t other = person.values[kFriendIndex];
    for (int64_t a = 0; a < kFriendIndex; ++a) {
      const std::string name = world.attributes[static_cast<size_t>(a)].name;
      questions.push_back({absl::StrCat(p, "/friend/", name),
                           filled(kRelations[a].of_friend, person.name, ""), world.value(other, a), name,
                           "fact world", ""});
    }
  }
  return questions;
}

std::vector<std::string> wrong_answers(const FactWorld& world, int64_t person, int64_t attribute,
                                       int64_t count, uint64_t seed) {
  const std::string& right = world.value(person, attribute);
  const std::vector<std::string>& values = world.attributes[static_cast<size_t>(attribute)].values;
  // Streams 0 to kFriendIndex + 1 are make_fact_world's: the seed may be the world's.
  stats::RandomStream random(seed, static_cast<uint64_t>((person + 1) * (kFriendIndex + 1) + attribute + 1));
  std::vector<std::string> wrong;
  for (const int64_t i : stats::random_permutation(static_cast<int64_t>(values.size()), random)) {
    if (static_cast<int64_t>(wrong.size()) == count) break;
    if (values[static_cast<size_t>(i)] != right) wrong.push_back(values[static_cast<size_t>(i)]);
  }
  return wrong;
}

bool is_fact(const FactWorld& world, const std::string& person, const std::string& attribute,
             const std::string& value) {
  for (size_t p = 0; p < world.people.size(); ++p) {
    if (world.people[p].name != person) continue;
    for (size_t a = 0; a < world.attributes.size(); ++a) {
      if (world.attributes[a].name == attribute)
        return world.value(static_cast<int64_t>(p), static_cast<int64_t>(a)) == value;
    }
  }
  return false;
}

}  // namespace roux::kit
