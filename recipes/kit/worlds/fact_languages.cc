#include "recipes/kit/worlds/fact_languages.h"

#include <iterator>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// {0} is the person, {1} the value: without articles, whose forms depend on it.
struct Wording {
  const char* attribute;
  struct {
    const char *sentence, *question;
  } in[std::size(kFactLanguages)];
};

constexpr Wording kWordings[] = {
    {"city",
     {{"{0} wohnt in der Stadt {1}.", "In welcher Stadt wohnt {0}?"},
      {"{0} habite dans la ville suivante : {1}.", "Dans quelle ville habite {0} ?"},
      {"{0} vive en la ciudad de {1}.", "¿En qué ciudad vive {0}?"}}},
    {"profession",
     {{"Der Beruf von {0}: {1}.", "Welchen Beruf hat {0}?"},
      {"Le métier de {0} : {1}.", "Quel est le métier de {0} ?"},
      {"La profesión de {0}: {1}.", "¿Cuál es la profesión de {0}?"}}},
    {"dish",
     {{"Das Lieblingsessen von {0}: {1}.", "Was ist das Lieblingsessen von {0}?"},
      {"Le plat préféré de {0} : {1}.", "Quel est le plat préféré de {0} ?"},
      {"El plato favorito de {0}: {1}.", "¿Cuál es el plato favorito de {0}?"}}},
    {"colour",
     {{"Die Farbe des Autos von {0} ist {1}.", "Welche Farbe hat das Auto von {0}?"},
      {"La couleur de la voiture de {0} : {1}.", "De quelle couleur est la voiture de {0} ?"},
      {"El color del coche de {0}: {1}.", "¿De qué color es el coche de {0}?"}}},
    {"instrument",
     {{"Das Instrument von {0}: {1}.", "Welches Instrument spielt {0}?"},
      {"L'instrument de {0} : {1}.", "De quel instrument joue {0} ?"},
      {"El instrumento de {0}: {1}.", "¿Qué instrumento toca {0}?"}}},
    {"friend",
     {{"{0} ist mit {1} befreundet.", "Mit wem ist {0} befreundet?"},
      {"L'amitié de {0} va à {1}.", "À qui va l'amitié de {0} ?"},
      {"{0} tiene amistad con {1}.", "¿Con quién tiene amistad {0}?"}}},
};

// English, German, French, Spanish.
constexpr const char* kValues[][4] = {
    {"Oslo", "Oslo", "Oslo", "Oslo"},
    {"Lima", "Lima", "Lima", "Lima"},
    {"Cairo", "Kairo", "Le Caire", "El Cairo"},
    {"Dublin", "Dublin", "Dublin", "Dublín"},
    {"Lagos", "Lagos", "Lagos", "Lagos"},
    {"Quito", "Quito", "Quito", "Quito"},
    {"Hanoi", "Hanoi", "Hanoï", "Hanói"},
    {"Tunis", "Tunis", "Tunis", "Túnez"},
    {"Riga", "Riga", "Riga", "Riga"},
    {"Turin", "Turin", "Turin", "Turín"},
    {"Osaka", "Osaka", "Osaka", "Osaka"},
    {"Perth", "Perth", "Perth", "Perth"},
    {"Bergen", "Bergen", "Bergen", "Bergen"},
    {"Accra", "Accra", "Accra", "Acra"},
    {"Dakar", "Dakar", "Dakar", "Dakar"},
    {"Malaga", "Málaga", "Malaga", "Málaga"},
    {"Lyon", "Lyon", "Lyon", "Lyon"},
    {"Minsk", "Minsk", "Minsk", "Minsk"},
    {"Doha", "Doha", "Doha", "Doha"},
    {"Havana", "Havanna", "La Havane", "La Habana"},
    {"Nairobi", "Nairobi", "Nairobi", "Nairobi"},
    {"Seoul", "Seoul", "Séoul", "Seúl"},
    {"Tampa", "Tampa", "Tampa", "Tampa"},
    {"Zagreb", "Zagreb", "Zagreb", "Zagreb"},

    {"baker", "Bäcker", "boulanger", "panadero"},
    {"carpenter", "Tischler", "menuisier", "carpintero"},
    {"nurse", "Krankenpfleger", "infirmier", "enfermero"},
    {"pilot", "Pilot", "pilote", "piloto"},
    {"judge", "Richter", "juge", "juez"},
    {"farmer", "Landwirt", "agriculteur", "agricultor"},
    {"tailor", "Schneider", "tailleur", "sastre"},
    {"plumber", "Klempner", "plombier", "fontanero"},
    {"sailor", "Seemann", "marin", "marinero"},
    {"teacher", "Lehrer", "enseignant", "profesor"},
    {"dentist", "Zahnarzt", "dentiste", "dentista"},
    {"painter", "Maler", "peintre", "pintor"},
    {"waiter", "Kellner", "serveur", "camarero"},
    {"miner", "Bergmann", "mineur", "minero"},
    {"gardener", "Gärtner", "jardinier", "jardinero"},
    {"barber", "Friseur", "barbier", "barbero"},
    {"butcher", "Metzger", "boucher", "carnicero"},
    {"lawyer", "Rechtsanwalt", "avocat", "abogado"},
    {"porter", "Gepäckträger", "porteur", "maletero"},
    {"surgeon", "Chirurg", "chirurgien", "cirujano"},
    {"weaver", "Weber", "tisserand", "tejedor"},
    {"banker", "Bankier", "banquier", "banquero"},
    {"singer", "Sänger", "chanteur", "cantante"},
    {"driver", "Fahrer", "chauffeur", "conductor"},

    {"soup", "Suppe", "soupe", "sopa"},
    {"rice", "Reis", "riz", "arroz"},
    {"pasta", "Nudelgericht", "pâtes", "pasta"},
    {"salad", "Salat", "salade", "ensalada"},
    {"stew", "Eintopf", "ragoût", "estofado"},
    {"curry", "Curry", "curry", "curry"},
    {"pancakes", "Pfannkuchen", "crêpes", "tortitas"},
    {"dumplings", "Knödel", "boulettes de pâte", "empanadillas"},
    {"omelette", "Omelett", "omelette", "tortilla"},
    {"porridge", "Haferbrei", "porridge", "gachas"},
    {"pizza", "Pizza", "pizza", "pizza"},
    {"sausages", "Würstchen", "saucisses", "salchichas"},
    {"beans", "Bohnen", "haricots", "judías"},
    {"lentils", "Linsen", "lentilles", "lentejas"},
    {"noodles", "Nudeln", "nouilles", "fideos"},
    {"trout", "Forelle", "truite", "trucha"},
    {"lamb", "Lammfleisch", "agneau", "cordero"},
    {"risotto", "Risotto", "risotto", "risotto"},
    {"goulash", "Gulasch", "goulasch", "gulash"},
    {"mussels", "Miesmuscheln", "moules", "mejillones"},
    {"cabbage", "Kohl", "chou", "col"},
    {"potatoes", "Kartoffeln", "pommes de terre", "patatas"},
    {"cheese", "Käse", "fromage", "queso"},
    {"waffles", "Waffeln", "gaufres", "gofres"},

    {"red", "rot", "rouge", "rojo"},
    {"blue", "blau", "bleu", "azul"},
    {"green", "grün", "vert", "verde"},
    {"yellow", "gelb", "jaune", "amarillo"},
    {"black", "schwarz", "noir", "negro"},
    {"white", "weiß", "blanc", "blanco"},
    {"brown", "braun", "marron", "marrón"},
    {"grey", "grau", "gris", "gris"},
    {"orange", "orange", "orange", "naranja"},
    {"purple", "lila", "pourpre", "púrpura"},
    {"pink", "rosa", "rose", "rosa"},
    {"silver", "silbern", "argenté", "plateado"},
    {"golden", "golden", "doré", "dorado"},
    {"violet", "violett", "violet", "violeta"},
    {"turquoise", "türkis", "turquoise", "turquesa"},
    {"beige", "beige", "beige", "beige"},
    {"scarlet", "scharlachrot", "écarlate", "escarlata"},
    {"crimson", "karmesinrot", "cramoisi", "carmesí"},
    {"olive", "olivgrün", "vert olive", "verde oliva"},
    {"maroon", "kastanienbraun", "bordeaux", "granate"},
    {"navy", "marineblau", "bleu marine", "azul marino"},
    {"teal", "blaugrün", "bleu canard", "verde azulado"},
    {"magenta", "magenta", "magenta", "magenta"},
    {"ivory", "elfenbeinfarben", "ivoire", "marfil"},

    {"piano", "Klavier", "piano", "piano"},
    {"violin", "Geige", "violon", "violín"},
    {"flute", "Flöte", "flûte", "flauta"},
    {"drum", "Trommel", "tambour", "tambor"},
    {"harp", "Harfe", "harpe", "arpa"},
    {"cello", "Cello", "violoncelle", "violonchelo"},
    {"trumpet", "Trompete", "trompette", "trompeta"},
    {"guitar", "Gitarre", "guitare", "guitarra"},
    {"oboe", "Oboe", "hautbois", "oboe"},
    {"organ", "Orgel", "orgue", "órgano"},
    {"clarinet", "Klarinette", "clarinette", "clarinete"},
    {"trombone", "Posaune", "trombone", "trombón"},
    {"banjo", "Banjo", "banjo", "banjo"},
    {"lute", "Laute", "luth", "laúd"},
    {"bassoon", "Fagott", "basson", "fagot"},
    {"viola", "Bratsche", "alto", "viola"},
    {"tuba", "Tuba", "tuba", "tuba"},
    {"horn", "Horn", "cor", "trompa"},
    {"accordion", "Akkordeon", "accordéon", "acordeón"},
    {"zither", "Zither", "cithare", "cítara"},
    {"mandolin", "Mandoline", "mandoline", "mandolina"},
    {"saxophone", "Saxophon", "saxophone", "saxofón"},
    {"recorder", "Blockflöte", "flûte à bec", "flauta dulce"},
    {"bagpipe", "Dudelsack", "cornemuse", "gaita"},
};

std::string filled(const char* pattern, const FactWorld& world, int64_t person, const std::string& name,
                   const std::string& value) {
  ROUX_CHECK(person >= 0 && person < static_cast<int64_t>(world.people.size()))
      << "fact world: there is no person " << person << " of " << world.people.size();
  const std::string& own = world.people[static_cast<size_t>(person)].name;
  return absl::StrReplaceAll(pattern, {{"{0}", name.empty() ? own : name}, {"{1}", value}});
}

size_t index_of(FactLanguage language) { return static_cast<size_t>(language); }

const auto& wording(const FactWorld& world, int64_t attribute, FactLanguage language) {
  ROUX_CHECK(attribute >= 0 && attribute < static_cast<int64_t>(world.attributes.size()))
      << "fact world: there is no attribute " << attribute;
  const std::string& name = world.attributes[static_cast<size_t>(attribute)].name;
  for (const Wording& one : kWordings)
    if (name == one.attribute) return one.in[index_of(language)];
  ROUX_INVARIANT(false);
  return kWordings[0].in[0];
}

}  // namespace

const char* language_code(FactLanguage language) {
  constexpr const char* kCodes[] = {"de", "fr", "es"};
  return kCodes[index_of(language)];
}

std::string fact_value(const FactWorld& world, int64_t person, int64_t attribute, FactLanguage language) {
  const std::string& english = world.value(person, attribute);
  for (const auto& value : kValues)
    if (english == value[0]) return value[1 + index_of(language)];
  return english;  // a friend's name
}

std::string fact_sentence(const FactWorld& world, int64_t person, int64_t attribute, FactLanguage language,
                          const std::string& name) {
  return filled(wording(world, attribute, language).sentence, world, person, name,
                fact_value(world, person, attribute, language));
}

std::string fact_question(const FactWorld& world, int64_t person, int64_t attribute, FactLanguage language,
                          const std::string& name) {
  return filled(wording(world, attribute, language).question, world, person, name, "");
}

std::vector<Example> fact_questions(const FactWorld& world, FactLanguage language) {
  std::vector<Example> questions = fact_questions(world, /*wording=*/0);
  const auto attributes = static_cast<int64_t>(world.attributes.size());
  for (int64_t i = 0; i < static_cast<int64_t>(questions.size()); ++i) {
    Example& question = questions[static_cast<size_t>(i)];
    question.prompt = fact_question(world, i / attributes, i % attributes, language);
    question.response = fact_value(world, i / attributes, i % attributes, language);
  }
  return questions;
}

std::vector<std::string> person_aliases(const FactWorld& world, int64_t person) {
  ROUX_CHECK(person >= 0 && person < static_cast<int64_t>(world.people.size()))
      << "fact world: there is no person " << person << " of " << world.people.size();
  const std::vector<std::string> words =
      absl::StrSplit(world.people[static_cast<size_t>(person)].name, absl::MaxSplits(' ', 1));
  return {words[0], absl::StrCat(words[0].substr(0, 1), ". ", words[1])};
}

std::optional<int64_t> find_person(const FactWorld& world, const std::string& name) {
  for (int64_t i = 0; i < static_cast<int64_t>(world.people.size()); ++i) {
    if (world.people[static_cast<size_t>(i)].name == name) return i;
    for (const std::string& alias : person_aliases(world, i))
      if (alias == name) return i;
  }
  return std::nullopt;
}

bool is_fact_in(const FactWorld& world, FactLanguage language, const std::string& person,
                const std::string& attribute, const std::string& value) {
  const std::optional<int64_t> who = find_person(world, person);
  if (!who) return false;
  for (int64_t a = 0; a < static_cast<int64_t>(world.attributes.size()); ++a) {
    if (world.attributes[static_cast<size_t>(a)].name == attribute)
      return fact_value(world, *who, a, language) == value;
  }
  return false;
}

}  // namespace roux::kit
