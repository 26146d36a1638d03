// The rules of old English and old Spanish, written here from the two Bibles' grammar.
#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/rephrasing/rephraser.h"

namespace roux::rephrasing {
namespace {

using Words = absl::flat_hash_map<std::string, std::string>;

// A word and what it becomes.
constexpr char kEnglish[] =
    "hath has, doth does, thou you, thee you, ye you, thy your, thine your, thyself yourself, art "
    "are, wast were, wert were, hast have, hadst had, shalt shall, wilt will, canst can, mayest may, "
    "didst did, dost do, saith says, unto to, upon on, spake spoke, brake broke, begat fathered, lo "
    "look, behold look, verily truly, hither here, thither there, whither where, yea yes, nay no, ere "
    "before, wherefore therefore, thereof of it, therein in it, wherein in which, whence where, hence "
    "from here, betwixt between, besought begged, damsel girl, raiment clothing, seeth sees, fleeth "
    "flees, lieth lies, dieth dies, mine my, slew killed, slain killed, smote struck, bare bore, "
    "sware swore, gat got, yonder there";
constexpr char kSpanish[] =
    "á a, é e, ó o, ú u, fué fue, dió dio, vió vio, fuí fui, dí di, vosotros ustedes, vosotras "
    "ustedes, os les, vos ustedes, vuestro su, vuestra su, vuestros sus, vuestras sus, sois son, "
    "habéis han, empero pero, aqueste este, aquesta esta, hanse se han, hase se ha, díjole le dijo, "
    "díjoles les dijo, respondióle le respondió, respondióles les respondió, diciéndole y le dijo, "
    "fuése se fue, acercóse se acercó, levantóse se levantó, maguer aunque, simiente descendencia, "
    "mancebo joven, mancebos jóvenes, asaz muy, solamente solo, jehová el Señor";

Words parsed(const char* rules) {
  Words words;
  for (const absl::string_view rule : absl::StrSplit(rules, ", "))
    words.insert(std::pair<std::string, std::string>(absl::StrSplit(rule, absl::MaxSplits(' ', 1))));
  return words;
}

const Words& words_of_language(const std::string& language) {
  static const auto* const english = new Words(parsed(kEnglish));
  static const auto* const spanish = new Words(parsed(kSpanish));
  return language == "es" ? *spanish : *english;
}

bool is_vowel(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

bool ends_in(const std::string& word, std::initializer_list<const char*> endings) {
  return std::any_of(endings.begin(), endings.end(), [&](const char* e) { return absl::EndsWith(word, e); });
}

// Whether a stem before -eth has lost a silent e: "mak", "desir", "judg", "trembl"; not "speak", "answer",
// "bring". Words of one syllable without it double their consonant ("sitt"), so that a single one tells.
bool lost_e(const std::string& stem) {
  const size_t n = stem.size();
  const char last = stem[n - 1], before = n > 1 ? stem[n - 2] : '\0', third = n > 2 ? stem[n - 3] : '\0';
  const bool is_odd = stem == "hast" || stem == "tast" || stem == "wast" || stem == "ow" || stem == "aw";
  if (is_odd || ends_in(stem, {"creat", "uad", "beguil", "backbit"})) return true;
  if (last == 'g') return stem != "hang" && !ends_in(stem, {"ing", "ong"});
  if (last == 'c' || last == 'v' || absl::EndsWith(stem, "th")) return true;
  if (last == 'l' && !is_vowel(before)) return before != 'l' && before != 'r' && before != 'w';
  const bool open = std::string_view("bdklmnprt").find(last) != std::string_view::npos;
  const bool single = is_vowel(before) && (!is_vowel(third) || (third == 'u' && n > 3 && stem[n - 4] == 'q'));
  if (!open || !single) return false;
  bool one_syllable = true;
  for (size_t i = 0; i + 2 < n; ++i)
    one_syllable = one_syllable && (!is_vowel(stem[i]) || is_vowel(stem[i + 1]));
  if (one_syllable) return true;
  if (absl::EndsWith(stem, "it")) return ends_in(stem, {"invit", "requit", "excit", "writ", "smit"});
  return before != 'e' && !ends_in(stem, {"on", "op", "som", "murmur"});
}

// "maketh" -> "makes", "sitteth" -> "sits", "goeth" -> "goes"; empty for other words.
std::string third_person(const std::string& word) {
  if (word.size() < 5 || !absl::EndsWith(word, "eth")) return "";
  if (ends_in(word, {"teeth", "entieth", "irtieth", "ortieth", "iftieth", "ixtieth", "ightieth", "inetieth"}))
    return "";
  const std::string stem = word.substr(0, word.size() - 3);
  const size_t n = stem.size();
  const char last = stem[n - 1];
  if (is_vowel(last) || ends_in(stem, {"sh", "ch", "x", "z", "s"})) return stem + "es";
  const bool doubled = (n > 3 && last == stem[n - 2] && last != 'l' && last != 'f') ||  // "sitt", not "add"
                       ends_in(stem, {"excell", "equall", "annull", "travell"});
  if (doubled) return stem.substr(0, n - 1) + "s";
  return stem + (lost_e(stem) ? "es" : "s");
}

std::string replaced_ending(const std::string& word, const std::string& ending, const std::string& by) {
  return absl::EndsWith(word, ending) ? word.substr(0, word.size() - ending.size()) + by : "";
}

std::string modern(const std::string& word, bool capital, bool after_thou, const std::string& language) {
  const Words& words = words_of_language(language);
  if (const auto found = words.find(word); found != words.end()) return found->second;
  if (language == "es") {
    if (std::string plural = replaced_ending(word, "áis", "an"); plural.size() > 3) return plural;
    return word.size() > 6 ? replaced_ending(word, "éis", "en") : "";
  }
  if (capital) return "";  // names end in -eth too
  if (after_thou && word.size() > 5) {
    for (const char* ending : {"edst", "est"})
      if (absl::EndsWith(word, ending)) return replaced_ending(word, ending, ending[1] == 'd' ? "ed" : "");
  }
  return third_person(word);
}

}  // namespace

std::string Rules::rewrite(std::string_view text, const std::string& language) {
  std::vector<Piece> pieces = pieces_of(text);
  int since_thou = 9, since_stop = 0;
  for (Piece& piece : pieces) {
    if (!piece.is_word) {
      if (piece.text != ",") since_stop = 0;
      continue;
    }
    const std::string lower = kit::lowercase(piece.text);
    const bool capital = lower != piece.text;
    std::string by = modern(lower, capital && since_stop > 0, since_thou <= 2, language);
    if (!by.empty()) {
      if (capital && by[0] >= 'a' && by[0] <= 'z' && (since_stop == 0 || by.find(' ') == std::string::npos))
        by[0] = static_cast<char>(by[0] - 'a' + 'A');
      piece.text = by;
    }
    since_thou = lower == "thou" ? 0 : since_thou + 1;
    ++since_stop;
  }
  return text_of(pieces);
}

Answer Rules::answer(const Prompt& prompt, uint64_t) const {
  const absl::StatusOr<Request> request = read_prompt(prompt);
  if (!request.ok() || request->style == Style::kHard) return {};
  const bool known = request->language.empty() || request->language == "en" || request->language == "es";
  return known ? styled(rewrite(request->passage, request->language), *request) : Answer{};
}

}  // namespace roux::rephrasing
