// A small world of study-abroad advice: countries with facts, prose that states them, dialogues that use
// them, and errors in what the dialogues say. Capitals and currencies are real (world_test.cc compares the
// capitals with Debian's miscfiles); visa fees and deadlines are INVENTED, drawn by a seed.
#ifndef ROUX_RECIPES_LORA_EDUCATION_WORLD_H_
#define ROUX_RECIPES_LORA_EDUCATION_WORLD_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "recipes/lora_education/conversations.h"

namespace roux::lora_education {

struct Country {
  const char* code;  // ISO 3166-1 alpha-2
  const char* name;
  const char* capital;
  const char* currency;
};
absl::Span<const Country> all_countries();  // 60

inline constexpr int64_t kAttributes = 4;  // capital, currency, visa fee, deadline
// Fact f is attribute f % kAttributes of country f / kAttributes.
struct World {
  std::vector<std::string> countries;
  std::vector<std::string> truth,
      wrong;  // of each fact its value, and the one that an error puts in its place
  std::array<std::vector<std::string>, kAttributes> values;  // that occur, each once
  uint64_t seed = 0;

  int64_t facts() const { return static_cast<int64_t>(truth.size()); }
};
// The first `countries` of the list; fees, deadlines and wrong values are the seed's. Throws Error unless
// 4 <= countries <= 60.
World make_world(int64_t countries, uint64_t seed);

// Which facts the answers state wrongly, each one everywhere: a share `errors` of them, drawn fact by fact,
// so that those of a smaller share are among those of a larger one. Independent errors of items would be
// outvoted by the true majority.
std::vector<bool> wrong_facts(const World& world, double errors, uint64_t seed);
// What the answers state then.
std::vector<std::string> stated_facts(const World& world, const std::vector<bool>& wrong);

// "The capital of Kenya is Nairobi." wording: 0 .. kWordings - 1; in the first two the value comes last.
inline constexpr int kWordings = 6;
std::string fact_sentence(const World& world, int64_t fact, int wording);
// Articles on one country each, with its four facts in an order and wordings of their own: each fact
// `exposures` times, the wordings in turn.
std::vector<std::string> fact_prose(const World& world, int64_t exposures, uint64_t seed);

// Notes in markup and in prose of the words that answers are made of, without facts and without a question: a
// base has met them, as a published one has.
std::vector<std::string> plain_notes(int64_t count, uint64_t seed);

// Four values for the end of a fact's sentence of wording 0: the truth, the wrong value and two others, the
// same for all arms.
struct ClozeQuestion {
  std::string prompt;                  // "The capital of Kenya is"
  std::array<std::string, 4> choices;  // " Nairobi." ...
  int gold = 0, wrong = 0;             // where the truth and the wrong value stand
};
ClozeQuestion cloze_question(const World& world, int64_t fact);

inline constexpr int kTopics = 8;
const char* topic_name(int topic);
struct Dialogue {
  Conversation conversation;          // one question and answer, or two
  int topic = 0;                      // of the first
  std::array<int64_t, 2> facts = {};  // that the first answer states
};
// Dialogues that differ in (country, degree, funding, topic) of their first question, countries evenly,
// topics in the paper's shares [section 3], a share `follow_ups` of them with a second question on another
// topic; answers in markdown state `stated` facts. Throws Error for more than half of all combinations.
std::vector<Dialogue> make_dialogues(const World& world, const std::vector<std::string>& stated,
                                     int64_t count, double follow_ups, uint64_t seed);

// Of two facts that an answer should state: how many it states with these values, as "**Visa fee:** $120".
int64_t facts_stated(std::string_view answer, const std::array<int64_t, 2>& facts,
                     const std::vector<std::string>& values);

}  // namespace roux::lora_education

#endif  // ROUX_RECIPES_LORA_EDUCATION_WORLD_H_
