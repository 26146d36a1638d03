#include "recipes/kit/eval/porter_stemmer.h"

#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {
namespace {

bool ends_with(std::string_view word, std::string_view end) {
  return word.size() >= end.size() && word.substr(word.size() - end.size()) == end;
}

std::string_view without(std::string_view word, size_t count) { return word.substr(0, word.size() - count); }

std::string replaced(std::string_view word, std::string_view end, std::string_view by) {
  return std::string(without(word, end.size())).append(by);
}

// Consonants: all but a, e, i, o, u and a y that follows a consonant.
std::vector<bool> consonants(std::string_view word) {
  std::vector<bool> flags;
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    const bool vowel = c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
    flags.push_back(c == 'y' ? i == 0 || !flags[i - 1] : !vowel);
  }
  return flags;
}

// Porter's m: how often a consonant follows a vowel.
int measure(std::string_view stem) {
  const std::vector<bool> flags = consonants(stem);
  int m = 0;
  for (size_t i = 1; i < flags.size(); ++i) m += flags[i] && !flags[i - 1] ? 1 : 0;
  return m;
}

bool has_vowel(std::string_view stem) {
  for (const bool consonant : consonants(stem)) {
    if (!consonant) return true;
  }
  return false;
}

bool ends_in_double_consonant(std::string_view word) {
  return word.size() >= 2 && word[word.size() - 1] == word[word.size() - 2] && consonants(word).back();
}

// Porter's *o: consonant, vowel, consonant other than w, x, y; or a word of vowel and consonant.
bool ends_in_short_syllable(std::string_view word) {
  const std::vector<bool> flags = consonants(word);
  const size_t n = word.size();
  if (n == 2) return !flags[0] && flags[1];
  return n >= 3 && flags[n - 3] && !flags[n - 2] && flags[n - 1] && word[n - 1] != 'w' &&
         word[n - 1] != 'x' && word[n - 1] != 'y';
}

using Rule = std::pair<std::string_view, std::string_view>;  // ending, what replaces it

// Applies the first rule whose ending fits, if its stem has a measure above `least`.
std::string apply(const std::string& word, absl::Span<const Rule> rules, int least) {
  for (const auto& [end, by] : rules) {
    if (!ends_with(word, end)) continue;
    return measure(without(word, end.size())) > least ? replaced(word, end, by) : word;
  }
  return word;
}

// Plurals.
std::string step_1a(const std::string& word) {
  if (ends_with(word, "ies")) return replaced(word, "ies", word.size() == 4 ? "ie" : "i");
  if (ends_with(word, "sses")) return replaced(word, "sses", "ss");
  return ends_with(word, "ss") || !ends_with(word, "s") ? word : replaced(word, "s", "");
}

// -ed and -ing.
std::string step_1b(const std::string& word) {
  if (ends_with(word, "ied")) return replaced(word, "ied", word.size() == 4 ? "ie" : "i");
  if (ends_with(word, "eed")) {
    return measure(without(word, 3)) > 0 ? replaced(word, "eed", "ee") : word;
  }
  std::string stem;
  if (ends_with(word, "ed") && has_vowel(without(word, 2))) {
    stem = without(word, 2);
  } else if (ends_with(word, "ing") && has_vowel(without(word, 3))) {
    stem = without(word, 3);
  } else {
    return word;
  }
  for (const std::string_view end : {"at", "bl", "iz"}) {
    if (ends_with(stem, end)) return stem + "e";
  }
  if (ends_in_double_consonant(stem)) {
    const char last = stem.back();
    if (last != 'l' && last != 's' && last != 'z') stem.pop_back();
    return stem;
  }
  return measure(stem) == 1 && ends_in_short_syllable(stem) ? stem + "e" : stem;
}

std::string step_1c(const std::string& word) {
  if (word.size() < 3 || word.back() != 'y') return word;
  return consonants(without(word, 1)).back() ? replaced(word, "y", "i") : word;
}

std::string step_2(const std::string& word) {
  if (ends_with(word, "alli") && measure(without(word, 4)) > 0) return step_2(replaced(word, "alli", "al"));
  static constexpr Rule kRules[] = {
      {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
      {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
      {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
      {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
      {"fulli", "ful"}};
  // "logi" keeps its l in the stem, so that "geology" has a measure above 0.
  if (ends_with(word, "logi")) return measure(without(word, 3)) > 0 ? replaced(word, "logi", "log") : word;
  return apply(word, kRules, 0);
}

std::string step_3(const std::string& word) {
  static constexpr Rule kRules[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                                    {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
  return apply(word, kRules, 0);
}

std::string step_4(const std::string& word) {
  static constexpr Rule kBefore[] = {{"al", ""},    {"ance", ""}, {"ence", ""}, {"er", ""},
                                     {"ic", ""},    {"able", ""}, {"ible", ""}, {"ant", ""},
                                     {"ement", ""}, {"ment", ""}, {"ent", ""}};
  static constexpr Rule kAfter[] = {{"ou", ""},  {"ism", ""}, {"ate", ""}, {"iti", ""},
                                    {"ous", ""}, {"ive", ""}, {"ize", ""}};
  for (const auto& [end, by] : kBefore) {
    if (ends_with(word, end)) return apply(word, kBefore, 1);
  }
  if (ends_with(word, "ion")) {
    const std::string_view stem = without(word, 3);
    return measure(stem) > 1 && (stem.back() == 's' || stem.back() == 't') ? std::string(stem) : word;
  }
  return apply(word, kAfter, 1);
}

// A final e, and one l of two.
std::string step_5(std::string word) {
  if (ends_with(word, "e")) {
    const std::string_view stem = without(word, 1);
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_in_short_syllable(stem))) word.pop_back();
  }
  if (ends_with(word, "ll") && measure(without(word, 1)) > 1) word.pop_back();
  return word;
}

}  // namespace

std::string porter_stem(std::string_view word) {
  static constexpr Rule kIrregular[] = {
      {"sky", "sky"},        {"skies", "sky"},       {"dying", "die"},        {"lying", "lie"},
      {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
      {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
      {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"}};
  for (const auto& [form, stem] : kIrregular) {
    if (word == form) return std::string(stem);
  }
  if (word.size() <= 2) return std::string(word);
  return step_5(step_4(step_3(step_2(step_1c(step_1b(step_1a(std::string(word))))))));
}

}  // namespace roux::kit
