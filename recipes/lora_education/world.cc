#include "recipes/lora_education/world.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/decode/sampling.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/stats/samplers.h"
#include "tensor/error.h"

namespace roux::lora_education {
namespace {

constexpr Country kCountries[] = {
    {"AL", "Albania", "Tirana", "lek"},
    {"AO", "Angola", "Luanda", "kwanza"},
    {"AR", "Argentina", "Buenos Aires", "peso"},
    {"AM", "Armenia", "Yerevan", "dram"},
    {"AU", "Australia", "Canberra", "dollar"},
    {"AT", "Austria", "Vienna", "euro"},
    {"BD", "Bangladesh", "Dhaka", "taka"},
    {"BE", "Belgium", "Brussels", "euro"},
    {"BW", "Botswana", "Gaborone", "pula"},
    {"BR", "Brazil", "Brasilia", "real"},
    {"KH", "Cambodia", "Phnom Penh", "riel"},
    {"CA", "Canada", "Ottawa", "dollar"},
    {"CL", "Chile", "Santiago", "peso"},
    {"CN", "China", "Beijing", "yuan"},
    {"CO", "Colombia", "Bogota", "peso"},
    {"CU", "Cuba", "Havana", "peso"},
    {"DK", "Denmark", "Copenhagen", "krone"},
    {"EG", "Egypt", "Cairo", "pound"},
    {"ET", "Ethiopia", "Addis Ababa", "birr"},
    {"FI", "Finland", "Helsinki", "euro"},
    {"FR", "France", "Paris", "euro"},
    {"GE", "Georgia", "Tbilisi", "lari"},
    {"DE", "Germany", "Berlin", "euro"},
    {"GH", "Ghana", "Accra", "cedi"},
    {"GR", "Greece", "Athens", "euro"},
    {"HT", "Haiti", "Port-au-Prince", "gourde"},
    {"HN", "Honduras", "Tegucigalpa", "lempira"},
    {"HU", "Hungary", "Budapest", "forint"},
    {"IS", "Iceland", "Reykjavik", "krona"},
    {"IN", "India", "New Delhi", "rupee"},
    {"IQ", "Iraq", "Baghdad", "dinar"},
    {"IE", "Ireland", "Dublin", "euro"},
    {"IT", "Italy", "Rome", "euro"},
    {"JM", "Jamaica", "Kingston", "dollar"},
    {"JP", "Japan", "Tokyo", "yen"},
    {"JO", "Jordan", "Amman", "dinar"},
    {"KE", "Kenya", "Nairobi", "shilling"},
    {"LB", "Lebanon", "Beirut", "pound"},
    {"MY", "Malaysia", "Kuala Lumpur", "ringgit"},
    {"MA", "Morocco", "Rabat", "dirham"},
    {"NP", "Nepal", "Kathmandu", "rupee"},
    {"NZ", "New Zealand", "Wellington", "dollar"},
    {"NG", "Nigeria", "Abuja", "naira"},
    {"NO", "Norway", "Oslo", "krone"},
    {"PK", "Pakistan", "Islamabad", "rupee"},
    {"PY", "Paraguay", "Asuncion", "guarani"},
    {"PE", "Peru", "Lima", "sol"},
    {"PH", "Philippines", "Manila", "peso"},
    {"PL", "Poland", "Warsaw", "zloty"},
    {"PT", "Portugal", "Lisbon", "euro"},
    {"QA", "Qatar", "Doha", "riyal"},
    {"SN", "Senegal", "Dakar", "franc"},
    {"ES", "Spain", "Madrid", "euro"},
    {"SE", "Sweden", "Stockholm", "krona"},
    {"CH", "Switzerland", "Bern", "franc"},
    {"TH", "Thailand", "Bangkok", "baht"},
    {"UG", "Uganda", "Kampala", "shilling"},
    {"GB", "United Kingdom", "London", "pound"},
    {"UY", "Uruguay", "Montevideo", "peso"},
    {"ZM", "Zambia", "Lusaka", "kwacha"},
};

constexpr const char* kLabels[kAttributes] = {"Capital", "Currency", "Visa fee", "Deadline"};
constexpr const char* kSentences[kAttributes][kWordings] = {
    {"The capital of $c is $v.", "In $c the capital city is $v.", "$v is the capital of $c.",
     "You land in $v, the capital of $c.", "$c. Capital: $v.", "Capital of $c: $v."},
    {"The currency of $c is the $v.", "In $c people pay with the $v.", "The $v is the money of $c.",
     "Banks in $c change your money into the $v.", "$c. Currency: $v.", "Currency of $c: $v."},
    {"The visa fee of $c is $v.", "For $c a student visa costs $v.", "You pay $v for the visa of $c.",
     "$c asks $v for a student visa.", "$c. Visa fee: $v.", "Visa fee of $c: $v."},
    {"The deadline of $c is $v.", "In $c you apply by $v.", "By $v the universities of $c want your form.",
     "$c takes applications until $v.", "$c. Deadline: $v.", "Deadline of $c: $v."},
};

struct Topic {
  const char* name;
  double share;       // of the paper's 200 annotated conversations
  int attributes[2];  // that its answers state; -1: any two
  const char* question;
  const char* follow_up;
  const char* steps[2];
};
constexpr Topic kTopicList[kTopics] = {
    {"Overview",
     0.32,
     {-1, -1},
     "What should I know first?",
     "What else should I know?",
     {"Read the guide.", "Make a plan."}},
    {"University",
     0.14,
     {0, 3},
     "Which university fits me?",
     "And which university?",
     {"Compare programs.", "Ask the faculty."}},
    {"Accommodation",
     0.125,
     {0, 1},
     "Where can I live?",
     "And where can I live?",
     {"Search for a room.", "Pay the deposit."}},
    {"Student life",
     0.11,
     {0, 1},
     "What is student life like?",
     "And student life?",
     {"Join a club.", "Open an account."}},
    {"Visa", 0.105, {2, 3}, "How do I get a visa?", "And the visa?", {"Fill in the form.", "Pay the fee."}},
    {"Documents",
     0.08,
     {2, 0},
     "Which documents do I need?",
     "And which documents?",
     {"Copy your papers.", "Translate them."}},
    {"Scholarships",
     0.075,
     {1, 2},
     "Is there a scholarship?",
     "And a scholarship?",
     {"Write an essay.", "Find a referee."}},
    {"Admission",
     0.045,
     {3, 2},
     "How do I apply?",
     "And how do I apply?",
     {"Prepare the tests.", "Send the form."}},
};
constexpr const char* kDegrees[] = {"a bachelor", "a master", "a doctorate", "a diploma", "an exchange"};
constexpr const char* kFunding[] = {"savings", "a loan", "a scholarship", "my family", "a job"};

std::vector<std::string> invented(int64_t attribute) {
  std::vector<std::string> out;
  static constexpr const char* kMonths[] = {"January", "February", "March", "April", "May", "June"};
  for (int i = 0; i < 24; ++i) {
    out.push_back(attribute == 2 ? absl::StrCat("$", 40 + 15 * i)
                                 : absl::StrCat(1 + 7 * (i % 4), " ", kMonths[i / 4]));
  }
  return out;
}

std::string fill(const char* pattern, const World& world, int64_t fact, const std::string& value) {
  return absl::StrReplaceAll(
      pattern, {{"$c", world.countries[static_cast<size_t>(fact / kAttributes)]}, {"$v", value}});
}

// One of the values of the attribute that is none of `not_these`.
const std::string& another(const World& world, int64_t fact, const std::vector<std::string>& not_these,
                           stats::RandomStream& random) {
  const std::vector<std::string>& values = world.values[static_cast<size_t>(fact % kAttributes)];
  for (;;) {
    const std::string& value = values[static_cast<size_t>(random.below(static_cast<int64_t>(values.size())))];
    if (std::find(not_these.begin(), not_these.end(), value) == not_these.end()) return value;
  }
}

std::string bullet(int64_t fact, const std::string& value) {
  return absl::StrCat("**", kLabels[fact % kAttributes], ":** ", value);
}

std::array<int64_t, 2> facts_of(const Topic& topic, int64_t country, stats::RandomStream& random) {
  int64_t a = topic.attributes[0], b = topic.attributes[1];
  if (a < 0) {
    a = random.below(kAttributes);
    b = (a + 1 + random.below(kAttributes - 1)) % kAttributes;
  }
  return {country * kAttributes + a, country * kAttributes + b};
}

std::string answer(const World& world, const Topic& topic, int64_t country,
                   const std::array<int64_t, 2>& facts, const std::vector<std::string>& stated) {
  const auto line = [&](int64_t fact) { return bullet(fact, stated[static_cast<size_t>(fact)]); };
  return absl::StrCat("## ", topic.name, " in ", world.countries[static_cast<size_t>(country)], "\n\n- ",
                      line(facts[0]), "\n- ", line(facts[1]), "\n\n### Action Steps\n1. ", topic.steps[0],
                      "\n2. ", topic.steps[1]);
}

}  // namespace

absl::Span<const Country> all_countries() { return kCountries; }

World make_world(int64_t countries, uint64_t seed) {
  ROUX_CHECK(countries >= 4 && countries <= static_cast<int64_t>(std::size(kCountries)))
      << "make_world: countries are " << countries << ", needed 4 to " << std::size(kCountries);
  World world{.seed = seed};
  stats::RandomStream random(seed, /*stream=*/1);
  const std::array<std::vector<std::string>, 2> drawn = {invented(2), invented(3)};
  for (int64_t c = 0; c < countries; ++c) {
    world.countries.emplace_back(kCountries[c].name);
    world.truth.emplace_back(kCountries[c].capital);
    world.truth.emplace_back(kCountries[c].currency);
    for (const auto& values : drawn) {
      world.truth.push_back(values[static_cast<size_t>(random.below(static_cast<int64_t>(values.size())))]);
    }
  }
  for (int64_t f = 0; f < world.facts(); ++f) {
    std::vector<std::string>& values = world.values[static_cast<size_t>(f % kAttributes)];
    const std::string& value = world.truth[static_cast<size_t>(f)];
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  }
  // Choices of a question need four.
  for (int64_t a = 0; a < 2; ++a) {
    for (const std::string& value : drawn[static_cast<size_t>(a)]) {
      std::vector<std::string>& values = world.values[static_cast<size_t>(2 + a)];
      if (values.size() < 4 && std::find(values.begin(), values.end(), value) == values.end())
        values.push_back(value);
    }
  }
  for (int64_t f = 0; f < world.facts(); ++f) {
    world.wrong.push_back(another(world, f, {world.truth[static_cast<size_t>(f)]}, random));
  }
  return world;
}

std::vector<bool> wrong_facts(const World& world, double errors, uint64_t seed) {
  std::vector<bool> out;
  for (int64_t f = 0; f < world.facts(); ++f) {
    out.push_back(kit::keyed_uniform(seed, /*key=*/2, 0, static_cast<uint64_t>(f)) < errors);
  }
  return out;
}

std::vector<std::string> stated_facts(const World& world, const std::vector<bool>& wrong) {
  std::vector<std::string> out = world.truth;
  for (size_t f = 0; f < out.size(); ++f) {
    if (wrong[f]) out[f] = world.wrong[f];
  }
  return out;
}

std::string fact_sentence(const World& world, int64_t fact, int wording) {
  return fill(kSentences[fact % kAttributes][wording], world, fact, world.truth[static_cast<size_t>(fact)]);
}

std::vector<std::string> fact_prose(const World& world, int64_t exposures, uint64_t seed) {
  stats::RandomStream random(seed, /*stream=*/3);
  std::vector<std::string> documents;
  // Round by round, so that the exposures of a fact are spread over the text.
  for (int64_t round = 0; round < exposures; ++round) {
    for (const int64_t country :
         stats::random_permutation(static_cast<int64_t>(world.countries.size()), random)) {
      std::string& document = documents.emplace_back();
      for (const int64_t attribute : stats::random_permutation(kAttributes, random)) {
        const int64_t fact = country * kAttributes + attribute;
        absl::StrAppend(&document, document.empty() ? "" : " ",
                        fact_sentence(world, fact, static_cast<int>((round + fact) % kWordings)));
      }
    }
  }
  return documents;
}

std::vector<std::string> plain_notes(int64_t count, uint64_t seed) {
  stats::RandomStream random(seed, /*stream=*/6);
  const auto step = [&] { return kTopicList[random.below(kTopics)].steps[random.below(2)]; };
  const auto word = [&]() -> std::string {
    const int64_t kind = random.below(4);
    if (kind == 0) return kLabels[random.below(kAttributes)];
    if (kind == 1) return kTopicList[random.below(kTopics)].name;
    return kind == 2 ? kDegrees[random.below(5)] : kFunding[random.below(5)];
  };
  std::vector<std::string> out;
  for (int64_t i = 0; i < count; ++i) {
    std::string& note = out.emplace_back();
    switch (random.below(4)) {
      case 0:
        note = absl::StrCat("## ", word(), "\n\n", step(), " ", step(), "\n\n### ", word(), "\n", step());
        break;
      case 1:
        note = absl::StrCat("- **", word(), ":** ", word(), "\n- **", word(), ":** ", word(), "\n\n", step());
        break;
      case 2:
        note = absl::StrCat("1. ", step(), "\n2. ", step(), "\n3. ", step());
        break;
      default:
        note = absl::StrCat("Students with ", word(), " look at ", word(), ". ", step(), " ",
                            kTopicList[random.below(kTopics)].question, " ", step(),
                            " Steps and action follow.");
    }
  }
  return out;
}

ClozeQuestion cloze_question(const World& world, int64_t fact) {
  stats::RandomStream random(kit::mix(world.seed, static_cast<uint64_t>(fact)), /*stream=*/4);
  const size_t f = static_cast<size_t>(fact);
  std::vector<std::string> values = {world.truth[f], world.wrong[f]};
  while (values.size() < 4) values.push_back(another(world, fact, values, random));
  ClozeQuestion question;
  const std::string whole = fill(kSentences[fact % kAttributes][0], world, fact, "");
  question.prompt = whole.substr(0, whole.size() - 2);  // without " ." of the empty value
  const std::vector<int64_t> order = stats::random_permutation(4, random);
  for (size_t i = 0; i < 4; ++i) {
    question.choices[i] = absl::StrCat(" ", values[static_cast<size_t>(order[i])], ".");
    if (order[i] == 0) question.gold = static_cast<int>(i);
    if (order[i] == 1) question.wrong = static_cast<int>(i);
  }
  return question;
}

const char* topic_name(int topic) { return kTopicList[topic].name; }

std::vector<Dialogue> make_dialogues(const World& world, const std::vector<std::string>& stated,
                                     int64_t count, double follow_ups, uint64_t seed) {
  const auto countries = static_cast<int64_t>(world.countries.size());
  ROUX_CHECK(count <= countries * 5 * 5 * kTopics / 2)
      << "make_dialogues: " << count << " dialogues of " << countries * 5 * 5 * kTopics
      << " combinations, needed at most half of them";
  stats::RandomStream random(seed, /*stream=*/5);
  std::vector<double> shares;
  for (const Topic& topic : kTopicList) shares.push_back(topic.share);
  const stats::AliasSampler sampler(shares);
  std::set<std::tuple<int64_t, int64_t, int64_t, int64_t>> used;
  std::vector<Dialogue> out;
  std::vector<int64_t> order;
  while (static_cast<int64_t>(out.size()) < count) {
    if (order.empty()) order = stats::random_permutation(countries, random);
    const int64_t country = order.back(), degree = random.below(5), funding = random.below(5);
    const int64_t topic = sampler(random);
    if (!used.insert({country, degree, funding, topic}).second) continue;
    order.pop_back();
    const Topic& first = kTopicList[topic];
    Dialogue dialogue{.topic = static_cast<int>(topic), .facts = facts_of(first, country, random)};
    const std::string question =
        absl::StrCat("I want to do ", kDegrees[degree], " in ", world.countries[static_cast<size_t>(country)],
                     " with ", kFunding[funding], ". ", first.question);
    dialogue.conversation = {{"user", question},
                             {"assistant", answer(world, first, country, dialogue.facts, stated)}};
    if (random.uniform() < follow_ups) {
      const Topic& second = kTopicList[(topic + 1 + random.below(kTopics - 1)) % kTopics];
      dialogue.conversation.push_back({"user", second.follow_up});
      dialogue.conversation.push_back(
          {"assistant", answer(world, second, country, facts_of(second, country, random), stated)});
    }
    out.push_back(std::move(dialogue));
  }
  return out;
}

int64_t facts_stated(std::string_view answer, const std::array<int64_t, 2>& facts,
                     const std::vector<std::string>& values) {
  // The end of the line or of the text closes a value: "$10" is not "$100".
  const std::string text = absl::StrCat(absl::string_view(answer.data(), answer.size()), "\n");
  int64_t count = 0;
  for (const int64_t fact : facts) {
    count += absl::StrContains(text, absl::StrCat(bullet(fact, values[static_cast<size_t>(fact)]), "\n"));
  }
  return count;
}

}  // namespace roux::lora_education
