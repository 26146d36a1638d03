#include "recipes/kit/text/sentences.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/utext.h>

#include <map>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"

namespace roux::kit {
namespace {

// Abbreviations after which a sentence goes on though a capital follows. Those that as often end a sentence
// (etc., Inc., usw.) are left out. ICU has lists of its own, but looks at the ends of words alone: its German
// "r." (recte) keeps "weiter. Dann" together.
constexpr const char* kAbbreviations[][2] = {
    {"en",
     "Mr Mrs Ms Dr Prof Rev Hon St Mt Lt Col Capt Cmdr Sgt Maj Gen Gov Sen Rep Pres Messrs Mme Mlle Mgr Fr "
     "vs e.g E.g "
     "i.e I.e cf Cf al viz Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec approx Dept dept Ph.D eds ed "
     "trans"},
    {"de",
     "Dr Prof Hr Hrn Fr Frl St Str Bd Abs Abt Aufl Ausg Bsp bsp bspw bzw bzgl ca Ca Chr dgl Dipl Dipl-Ing "
     "ebd evtl Evtl exkl gegr "
     "geb gest ggf Ggf Hrsg hrsg Ing inkl Jh Jahrh Kap kath ev Mio Mrd od Pfd Pf Red sog Std Tel vgl Vgl "
     "Verf vs zzgl z.B "
     "Z.B u.a u.U v.a z.T d.h D.h i.d.R d.R s.o s.u v.Chr n.Chr Jan Feb Febr Apr Aug Sept Okt Nov Dez Mag "
     "lic"},
    {"fr",
     "MM Mme Mmes Mlle Mlles Me Mgr Dr Pr St Ste av ap env éd cf Cf ex janv févr avr juil sept oct nov déc "
     "tél chap vol"},
    {"es",
     "Sr Sra Sres Sras Srta Dña Dr Dra Drs Prof Ud Uds Vd Vds Av Avda ed Ej ej p.ej Sto Sta Gral Cía Lic Ing "
     "Mons Excmo Excma cf Cfr"},
    {"it",
     "sig Sig sigg sig.ra Sig.ra dott Dott dott.ssa prof Prof prof.ssa avv Avv ing Ing arch geom Mons cfr "
     "Cfr es tel on On"},
    {"pt", "Sr Sra Srs Sras Dr Dra Drs Prof Profa Exmo Exma Av ed ex Ltda Sto Sta Eng séc cf Cf p.ex"},
    {"nl", "dhr Dhr mevr Mevr mw Mw dr Dr drs ir ing mr Mr prof Prof St bijv Bijv ca o.a resp vgl zgn d.w.z"},
    {"pl", "np Np dr inż mgr prof ks św ul al tzw tj m.in tys mln mld godz"},
    {"ru",
     "г гг ул просп корп тыс млн млрд руб коп им проф акад доц тов см См ср Ср напр т.е т.к т.н св янв февр "
     "апр авг сент "
     "окт нояб дек"},
};

// Before a number these are abbreviations in every language; "No." alone is a sentence.
constexpr const char* kBeforeNumbers =
    "No no Nos nos Nr nr Art art Abb Abs S p P pp Bd Kap Vol vol Fig fig figs Figs Eq eq Tab Sec sec ch Ch "
    "chap Chap núm pág págs pag pagg cap "
    "str rys стр рис табл гл n N blz";

constexpr size_t kLongestPart = 8;  // bytes of the second part of an abbreviation with a space in it

using Words = std::set<std::string, std::less<>>;

const Words* abbreviations(const std::string& language) {
  static const auto* const all = [] {
    auto* made = new std::map<std::string, Words>;
    for (const auto& [name, words] : kAbbreviations) (*made)[name] = absl::StrSplit(words, ' ');
    return made;
  }();
  const auto found = all->find(language.substr(0, language.find_first_of("-_@")));
  return found == all->end() ? nullptr : &found->second;
}

bool is_category(std::string_view text, size_t at, std::string_view category) {
  return at < text.size() &&
         general_category(decode_utf8(text, at).code_point).substr(0, category.size()) == category;
}

// The word that ends at `end`, without brackets, quotes and dashes before it.
std::string_view last_word(std::string_view text) {
  size_t begin = text.size();
  while (begin > 0) {
    size_t at = begin - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    const char32_t c = decode_utf8(text, at).code_point;
    if (is_python_space(c) || (is_punctuation(c) && c != '.' && c != '-')) break;
    begin = at;
  }
  return text.substr(begin);
}

// "z" and "B" as the lists write them: "z.B".
std::string joined(std::string_view first, std::string_view second) {
  return std::string(first).append(".").append(second);
}

// Whether the sentence that seems to end with `before` goes on with `after`.
bool goes_on(std::string_view before, std::string_view after, const Words* words,
             const std::string& language) {
  if (before.empty() || before.back() != '.') return false;
  before.remove_suffix(1);
  const std::string_view word = last_word(before);
  if (word.empty()) return false;
  const bool number = is_category(after, 0, "Nd");
  static const Words* const before_numbers = new Words(absl::StrSplit(kBeforeNumbers, ' '));
  if (number && before_numbers->count(word) > 0) return true;
  if (words == nullptr) return false;
  if (words->count(word) > 0) return true;
  if (const size_t point = after.substr(0, kLongestPart).find('.');
      point != std::string_view::npos && words->count(joined(word, after.substr(0, point))) > 0) {
    return true;  // "z. B." is "z.B."
  }
  // Initials: single capitals with points between them.
  for (size_t i = 0;; ++i) {
    if (!is_category(word, i, "Lu")) break;
    i += decode_utf8(word, i).length;
    if (i == word.size()) return true;
    if (word[i] != '.') break;
  }
  // German ordinals: am 26. Mai.
  return language.rfind("de", 0) == 0 && word.size() <= 2 &&
         word.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::vector<Span>> split_sentences(std::string_view text, const std::string& language) {
  if (const size_t valid = valid_utf8_prefix(text); valid < text.size()) {
    return absl::InvalidArgumentError(absl::StrCat("sentences: byte ", valid, " is not valid UTF-8"));
  }
  if (text.size() > static_cast<size_t>(INT32_MAX)) {
    return absl::ResourceExhaustedError("sentences: the text has more than 2^31 bytes");
  }
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::BreakIterator> breaks(
      icu::BreakIterator::createSentenceInstance(icu::Locale(language.c_str()), status));
  UText source = UTEXT_INITIALIZER;
  utext_openUTF8(&source, text.data(), static_cast<int64_t>(text.size()), &status);
  if (U_SUCCESS(status)) breaks->setText(&source, status);
  if (U_FAILURE(status)) {
    return absl::InternalError(absl::StrCat("sentences: ICU: ", u_errorName(status)));
  }
  const Words* const words = abbreviations(language);
  std::vector<Span> sentences;
  int32_t begin = breaks->first();
  for (int32_t end = breaks->next(); end != icu::BreakIterator::DONE; end = breaks->next()) {
    const std::string_view part = strip(text.substr(begin, end - begin));
    const std::string_view raw = right_strip(text.substr(begin, end - begin));
    const bool line_end =
        text.substr(begin + raw.size(), end - begin - raw.size()).find('\n') != std::string_view::npos;
    if (!line_end && goes_on(part, text.substr(end), words, language)) continue;
    begin = end;
    if (part.empty()) continue;
    const auto at = static_cast<uint32_t>(part.data() - text.data());
    sentences.push_back({at, at + static_cast<uint32_t>(part.size())});
  }
  // The text may end after an abbreviation.
  if (const std::string_view part = strip(text.substr(begin)); !part.empty()) {
    const auto at = static_cast<uint32_t>(part.data() - text.data());
    sentences.push_back({at, at + static_cast<uint32_t>(part.size())});
  }
  utext_close(&source);
  return sentences;
}

}  // namespace roux::kit
