// The rules of old English and old Spanish, written here from the two Bibles' grammar.
#include <array>
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

// "maketh" -> "makes", "sitteth" -> "sits", "goeth" -> "goes"; empty for other words.
std::string third_person(const std::string& word) {
  if (word.size() < 5 || !absl::EndsWith(word, "eth") || word == "teeth" || absl::EndsWith(word, "tieth"))
    return "";
  std::string stem = word.substr(0, word.size() - 3);
  const size_t n = stem.size();
  const char last = stem[n - 1], before = n > 1 ? stem[n - 2] : '\0';
  if (is_vowel(last) || absl::EndsWith(stem, "sh") || absl::EndsWith(stem, "ch") || last == 'x' ||
      last == 'z' || last == 's') {
    return stem + "es";
  }
  if (last == before && last != 'l') return stem.substr(0, n - 1) + "s";
  if (last == 'v' || last == 'c' || last == 'g') return stem + "es";
  const bool single_vowel = is_vowel(before) && (n < 3 || !is_vowel(stem[n - 3]));
  const bool open = last == 'k' || last == 'm' || last == 't' || last == 'd' || last == 'p';
  return stem + (single_vowel && open ? "es" : "s");
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
