#include "recipes/kit/text/unicode.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utext.h>

#include <algorithm>
#include <map>
#include <memory>

#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

const icu::Normalizer2& normalizer(UnicodeForm form) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* result = nullptr;
  switch (form) {
    case UnicodeForm::kNfc:
      result = icu::Normalizer2::getNFCInstance(status);
      break;
    case UnicodeForm::kNfd:
      result = icu::Normalizer2::getNFDInstance(status);
      break;
    case UnicodeForm::kNfkc:
      result = icu::Normalizer2::getNFKCInstance(status);
      break;
    case UnicodeForm::kNfkd:
      result = icu::Normalizer2::getNFKDInstance(status);
      break;
  }
  ROUX_CHECK(U_SUCCESS(status)) << "unicode: ICU could not load its normalisation data: "
                                << u_errorName(status);
  return *result;
}

bool in_categories(char32_t c, uint32_t mask) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & mask) != 0; }

}  // namespace

void normalize_pieces(std::string_view text, UnicodeForm form,
                      const std::function<void(size_t, size_t, std::string_view)>& visit) {
  const icu::Normalizer2& rules = normalizer(form);
  size_t same = 0;   // [same, begin) is known to stay as it is
  size_t begin = 0;  // start of the piece that is being collected
  std::string piece;
  while (begin < text.size()) {
    // A piece reaches to the next character that starts a new one; a lone ASCII character never changes.
    if (static_cast<signed char>(text[begin]) >= 0 &&
        (begin + 1 == text.size() || static_cast<signed char>(text[begin + 1]) >= 0)) {
      ++begin;
      continue;
    }
    DecodedChar c = decode_utf8(text, begin);
    size_t end = begin + c.length;
    bool ascii = c.code_point < 0x80;
    icu::UnicodeString source(static_cast<UChar32>(c.code_point));
    bool valid = c.valid;
    while (end < text.size()) {
      c = decode_utf8(text, end);
      if (c.code_point < 0x80 || rules.hasBoundaryBefore(static_cast<UChar32>(c.code_point))) break;
      source.append(static_cast<UChar32>(c.code_point));
      valid = valid && c.valid;
      ascii = false;
      end += c.length;
    }
    if (!ascii) {
      UErrorCode status = U_ZERO_ERROR;
      icu::UnicodeString result;
      rules.normalize(source, result, status);
      ROUX_CHECK(U_SUCCESS(status)) << "unicode: ICU failed to normalise: " << u_errorName(status);
      if (!valid || result != source) {
        if (begin > same) visit(same, begin, text.substr(same, begin - same));
        piece.clear();
        result.toUTF8String(piece);
        visit(begin, end, piece);
        same = end;
      }
    }
    begin = end;
  }
  if (begin > same) visit(same, begin, text.substr(same, begin - same));
}

std::string normalize(std::string_view text, UnicodeForm form) {
  std::string out;
  out.reserve(text.size());
  normalize_pieces(text, form, [&](size_t, size_t, std::string_view piece) { out.append(piece); });
  return out;
}

void for_each_grapheme(std::string_view text, const std::function<void(size_t, size_t)>& visit) {
  const auto ascii = [&](size_t i) { return static_cast<signed char>(text[i]) >= 0; };
  // Opening an iterator costs more than most texts: one for each thread, and none for ASCII.
  UErrorCode status = U_ZERO_ERROR;
  thread_local std::unique_ptr<icu::BreakIterator> breaks(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
  const auto check = [&] { ROUX_CHECK(U_SUCCESS(status)) << "unicode: graphemes: " << u_errorName(status); };
  check();
  for (size_t begin = 0; begin < text.size();) {
    // An ASCII character before another one stands alone, except for CR LF.
    if (ascii(begin) && text[begin] != '\r' && (begin + 1 == text.size() || ascii(begin + 1))) {
      visit(begin, begin + 1);
      ++begin;
      continue;
    }
    // A stretch up to the next place where two ASCII characters meet.
    size_t stretch = begin + 1;
    while (stretch < text.size() && !(ascii(stretch - 1) && ascii(stretch) && text[stretch - 1] != '\r'))
      ++stretch;
    UText source = UTEXT_INITIALIZER;
    utext_openUTF8(&source, text.data() + begin, static_cast<int64_t>(stretch - begin), &status);
    breaks->setText(&source, status);
    check();
    int32_t from = breaks->first();
    for (int32_t to = breaks->next(); to != icu::BreakIterator::DONE; from = to, to = breaks->next()) {
      visit(begin + from, begin + to);
    }
    utext_close(&source);
    begin = stretch;
  }
}

std::string_view unicode_version() { return U_UNICODE_VERSION; }

bool is_white_space(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }
bool is_letter(char32_t c) { return in_categories(c, U_GC_L_MASK); }
bool is_number(char32_t c) { return in_categories(c, U_GC_N_MASK); }
bool is_symbol(char32_t c) { return in_categories(c, U_GC_S_MASK); }
bool is_punctuation(char32_t c) { return in_categories(c, U_GC_P_MASK); }
bool is_mark(char32_t c) { return in_categories(c, U_GC_M_MASK); }
bool is_nonspacing_mark(char32_t c) { return in_categories(c, U_GC_MN_MASK); }
bool is_control_or_format(char32_t c) { return in_categories(c, U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK); }
int digit_value(char32_t c) { return u_charDigitValue(static_cast<UChar32>(c)); }

bool is_word_char(char32_t c) {
  return in_categories(c, U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK) ||
         u_isUAlphabetic(static_cast<UChar32>(c)) ||
         u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_JOIN_CONTROL);
}

std::string_view general_category(char32_t c) {
  // In the order of ICU's UCharCategory.
  static constexpr char kNames[] = "CnLuLlLtLmLoMnMeMcNdNlNoZsZlZpCcCfCoCsPdPsPePcPoSmScSkSoPiPf";
  return std::string_view(kNames).substr(2 * static_cast<size_t>(u_charType(static_cast<UChar32>(c))), 2);
}

int unicode_age(char32_t c) {
  UVersionInfo version;
  u_charAge(static_cast<UChar32>(c), version);
  return version[0];
}

void append_lowercase(char32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  } else if (c == 0x130) {  // the only character whose lower case is longer
    out->append("i\xCC\x87");
  } else {
    append_utf8(static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))), out);
  }
}

std::string lowercase(std::string_view text) {
  icu::UnicodeString s =
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  s.toLower(icu::Locale::getRoot());
  std::string out;
  s.toUTF8String(out);
  return out;
}

std::string_view script(char32_t c) {
  UErrorCode status = U_ZERO_ERROR;
  const UScriptCode code = uscript_getScript(static_cast<UChar32>(c), &status);
  const char* name = U_SUCCESS(status) ? uscript_getName(code) : nullptr;
  return name == nullptr ? "Unknown" : name;
}

std::vector<std::pair<std::string_view, double>> script_shares(std::string_view text) {
  std::map<std::string_view, double> counts;
  double total = 0;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    i += c.length;
    if (!is_letter(c.code_point) && !is_mark(c.code_point)) continue;
    const std::string_view name = script(c.code_point);
    if (name == "Common" || name == "Inherited") continue;
    counts[name] += 1;
    total += 1;
  }
  std::vector<std::pair<std::string_view, double>> shares(counts.begin(), counts.end());
  for (auto& share : shares) share.second /= total;
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return shares;
}

}  // namespace roux::kit
