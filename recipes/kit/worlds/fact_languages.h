// The facts of a fact world in German, French and Spanish, and other names of its people: whether what was
// taught in one language, or of one name, is known in another.
//
//   fact_sentence(world, 3, world.attribute("city"), FactLanguage::kGerman);
//                                                  // "Bareka Tolvinrin wohnt in der Stadt Kairo."
//   person_aliases(world, 3);                      // "Bareka", "B. Tolvinrin"
//   is_fact_in(world, FactLanguage::kGerman, "B. Tolvinrin", "city", "Kairo");
//
// Names of people and labels of attributes are the same in all languages; values are translated. Out of range
// is an Error, as in fact_world.h.
#ifndef ROUX_RECIPES_KIT_WORLDS_FACT_LANGUAGES_H_
#define ROUX_RECIPES_KIT_WORLDS_FACT_LANGUAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recipes/kit/data/example.h"
#include "recipes/kit/worlds/fact_world.h"

namespace roux::kit {

enum class FactLanguage { kGerman, kFrench, kSpanish };
inline constexpr FactLanguage kFactLanguages[] = {FactLanguage::kGerman, FactLanguage::kFrench,
                                                  FactLanguage::kSpanish};

// "de", "fr", "es".
const char* language_code(FactLanguage language);

// A person's attribute, and the sentence and the question about it; there is one wording. Sentence and
// question call the person by `name`, or where it is empty by their own.
std::string fact_value(const FactWorld& world, int64_t person, int64_t attribute, FactLanguage language);
std::string fact_sentence(const FactWorld& world, int64_t person, int64_t attribute, FactLanguage language,
                          const std::string& name = "");
std::string fact_question(const FactWorld& world, int64_t person, int64_t attribute, FactLanguage language,
                          const std::string& name = "");
// As fact_questions of fact_world.h, with the same ids: translations of one another.
std::vector<Example> fact_questions(const FactWorld& world, FactLanguage language);

// What else a person is called: the first word of the name, and its initial with the second. No two people
// share a name or an alias.
std::vector<std::string> person_aliases(const FactWorld& world, int64_t person);
// Who is called so, by name or alias; nothing for nobody.
std::optional<int64_t> find_person(const FactWorld& world, const std::string& name);

// The checker: is_fact for values in a language and for aliases.
bool is_fact_in(const FactWorld& world, FactLanguage language, const std::string& person,
                const std::string& attribute, const std::string& value);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_FACT_LANGUAGES_H_
