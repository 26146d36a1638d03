#include "recipes/rephrasing/rephraser.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/text/ibm_model1.h"
#include "recipes/kit/text/sentences.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::rephrasing {
namespace {

constexpr double kSmallest = 1e-4;  // a translation that one direction has never seen

bool is_upper(std::string_view word) {
  return !word.empty() && kit::general_category(kit::decode_utf8(word, 0).code_point) == "Lu";
}

std::string capitalised(const std::string& word) {
  if (word.empty() || static_cast<unsigned char>(word[0]) >= 0x80) return word;
  std::string out = word;
  if (out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

bool ends_sentence(const std::string& mark) { return mark == "." || mark == "!" || mark == "?"; }

// The word without one of its characters, each of them; the word itself first.
std::vector<std::string> shortened(const std::string& word) {
  std::vector<std::string> all = {word};
  for (size_t at = 0; at < word.size();) {
    const auto length = static_cast<size_t>(kit::decode_utf8(word, at).length);
    all.push_back(word.substr(0, at) + word.substr(at + length));
    at += length;
  }
  return all;
}

}  // namespace

std::vector<size_t> best_monotone(const std::vector<std::vector<Option>>& options,
                                  const std::function<double(int32_t, int32_t)>& lm, int64_t beam) {
  ROUX_CHECK(beam >= 1) << "best_monotone: a beam of " << beam;
  struct Hypothesis {
    int32_t last;
    double score;
    size_t from, option;  // in the step before
  };
  std::vector<std::vector<Hypothesis>> steps = {{{Option::kNothing, 0, 0, 0}}};
  for (const std::vector<Option>& of_word : options) {
    ROUX_CHECK(!of_word.empty()) << "best_monotone: a word without options";
    std::vector<Hypothesis> next;
    for (size_t from = 0; from < steps.back().size(); ++from) {
      for (size_t o = 0; o < of_word.size(); ++o) {
        const Hypothesis& h = steps.back()[from];
        const Option& option = of_word[o];
        const bool none = option.word == Option::kNothing;
        const double score = h.score + option.score + (none ? 0 : lm(h.last, option.word));
        const int32_t last = none ? h.last : option.word;
        const auto same =
            std::find_if(next.begin(), next.end(), [&](const Hypothesis& n) { return n.last == last; });
        if (same == next.end()) {
          next.push_back({last, score, from, o});
        } else if (score > same->score) {
          *same = {last, score, from, o};
        }
      }
    }
    std::stable_sort(next.begin(), next.end(),
                     [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
    if (static_cast<int64_t>(next.size()) > beam) next.resize(static_cast<size_t>(beam));
    steps.push_back(std::move(next));
  }
  std::vector<size_t> chosen(options.size());
  size_t at = 0;  // the best of the last step
  for (size_t i = options.size(); i > 0; --i) {
    chosen[i - 1] = steps[i][at].option;
    at = steps[i][at].from;
  }
  return chosen;
}

Substitution::Substitution(const std::vector<std::pair<std::string, std::string>>& pairs,
                           const SubstitutionOptions& options)
    : options_(options), lm_({.order = 2, .vocab_size = 1}) {
  ROUX_CHECK(!pairs.empty()) << "a rephraser needs pairs of sentences";
  surfaces_ = {""};
  std::vector<std::map<std::string, int64_t>> spellings(1);
  const auto ids = [&](const std::string& text, std::vector<int64_t>& counts, bool spelling) {
    std::vector<int32_t> out;
    bool begins = true;
    for (const Piece& piece : pieces_of(text)) {
      if (!piece.is_word) {
        begins = begins || piece.text != ",";
        continue;
      }
      const std::string lower = kit::lowercase(piece.text);
      const auto [at, is_new] = ids_.emplace(lower, static_cast<int32_t>(surfaces_.size()));
      if (is_new) surfaces_.push_back(lower), spellings.emplace_back();
      const auto id = static_cast<size_t>(at->second);
      if (counts.size() <= id) counts.resize(id + 1);
      ++counts[id];
      if (spelling) spellings[id][piece.text] += begins ? 1 : 100;  // a sentence's first word says little
      begins = false;
      out.push_back(at->second);
    }
    return out;
  };
  std::vector<kit::SentencePair> forward, backward;
  for (const auto& [old_text, new_text] : pairs) {
    forward.push_back({ids(old_text, old_counts_, false), ids(new_text, new_counts_, true)});
    backward.push_back({forward.back().target, forward.back().source});
  }
  old_counts_.resize(surfaces_.size()), new_counts_.resize(surfaces_.size());
  for (size_t id = 1; id < surfaces_.size(); ++id) {
    int64_t most = 0;
    for (const auto& [spelling, count] : spellings[id])
      if (count > most) most = count, surfaces_[id] = spelling;
  }
  const kit::IbmModel1 to_new = kit::train_ibm_model1(forward, {.iterations = options.iterations});
  const kit::IbmModel1 to_old = kit::train_ibm_model1(backward, {.iterations = options.iterations});
  lm_ = stats::NgramLm({.order = 2, .vocab_size = static_cast<int64_t>(surfaces_.size())});
  std::vector<double> without(surfaces_.size(), 0.5), all(surfaces_.size(), 1);
  for (const kit::SentencePair& pair : forward) {
    lm_.add(pair.target);
    std::vector<bool> met(pair.source.size());
    for (const int64_t at : to_new.alignment(pair.source, pair.target))
      if (at >= 0) met[static_cast<size_t>(at)] = true;
    for (size_t i = 0; i < pair.source.size(); ++i) {
      const auto id = static_cast<size_t>(pair.source[i]);
      all[id] += 1, without[id] += met[i] ? 0 : 1;
    }
  }
  for (const auto& [old, targets] : to_new.table()) {
    if (old == kit::kEmptyWord) continue;
    const double none = without[static_cast<size_t>(old)] / all[static_cast<size_t>(old)];
    std::vector<Option>& options_here = options_of_[old];
    for (const auto& [target, t] : targets) {
      if (static_cast<int64_t>(options_here.size()) == options.translations) break;
      const double back = std::max(kSmallest, to_old.probability(old, target));
      options_here.push_back(
          {target, 0.5 * (std::log(std::max(kSmallest, t)) + std::log(back)) + std::log(1 - none)});
    }
    options_here.push_back({Option::kNothing, std::log(none) - options.nothing_cost});
  }
  for (size_t id = 1; id < surfaces_.size(); ++id) {
    if (old_counts_[id] < options_.min_count) continue;
    for (const std::string& shorter : shortened(kit::lowercase(surfaces_[id])))
      shortened_[shorter].push_back(static_cast<int32_t>(id));
  }
}

int32_t Substitution::id_of(const std::string& word) const {
  const auto found = ids_.find(word);
  return found == ids_.end() ? 0 : found->second;
}

std::vector<int32_t> Substitution::ids_of(std::string_view text) const {
  std::vector<int32_t> ids;
  for (const std::string& word : words_of(text)) ids.push_back(id_of(word));
  return ids;
}

// Without an option: the word stays as it is.
std::vector<Option> Substitution::options_of(const std::string& word) const {
  const int32_t id = id_of(word);
  std::vector<int32_t> olds;
  if (id > 0 && old_counts_[static_cast<size_t>(id)] > 0) {
    if (old_counts_[static_cast<size_t>(id)] < options_.min_count) return {};
    olds = {id};
  } else if (id == 0 && kit::count_chars(word) >= 4) {
    // The spelling step: known words that differ by one letter, or by two exchanged ones; the bigram model
    // chooses among what they become.
    for (const std::string& shorter : shortened(word)) {
      const auto found = shortened_.find(shorter);
      if (found == shortened_.end()) continue;
      for (const int32_t old : found->second)
        if (std::find(olds.begin(), olds.end(), old) == olds.end() && olds.size() < 8) olds.push_back(old);
    }
  }
  std::vector<Option> options;
  for (const int32_t old : olds) {
    const auto found = options_of_.find(old);
    if (found == options_of_.end()) continue;
    options.insert(options.end(), found->second.begin(), found->second.end() - (olds.size() > 1 ? 1 : 0));
  }
  return options;
}

std::string Substitution::surface(int32_t id, const Piece& old, bool begins) const {
  const std::string& spelling = surfaces_[static_cast<size_t>(id)];
  return begins || is_upper(old.text) ? capitalised(spelling) : spelling;
}

std::string Substitution::rewrite(std::string_view text) const {
  std::vector<Piece> pieces = pieces_of(text);
  std::vector<std::vector<Option>> options;
  std::vector<size_t> places;  // of words among the pieces
  std::vector<bool> copied;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].is_word) continue;
    const std::string lower = kit::lowercase(pieces[i].text);
    std::vector<Option> of_word = options_of(lower);
    copied.push_back(of_word.empty());
    if (of_word.empty()) of_word = {{id_of(lower), 0}};
    options.push_back(std::move(of_word));
    places.push_back(i);
  }
  const auto lm = [&](int32_t before, int32_t word) {
    const std::vector<int32_t> context = before < 0 ? std::vector<int32_t>{} : std::vector<int32_t>{before};
    return options_.lm_weight * std::log(lm_.probability(context, word));
  };
  const std::vector<size_t> chosen = best_monotone(options, lm, options_.beam);
  std::vector<Piece> out;
  size_t word = 0;
  bool begins = true;
  for (size_t i = 0; i < pieces.size(); ++i) {
    Piece piece = pieces[i];
    if (piece.is_word) {
      const Option& option = options[word][chosen[word]];
      const bool copy = copied[word];
      ++word;
      if (option.word == Option::kNothing) {
        // What follows stands in its place, on its line.
        if (i + 1 < pieces.size() && pieces[i + 1].is_word) pieces[i + 1].before = piece.before;
        continue;
      }
      piece.text =
          copy ? (begins ? capitalised(piece.text) : piece.text) : surface(option.word, piece, begins);
      begins = false;
    } else {
      begins = begins || ends_sentence(piece.text);
    }
    out.push_back(std::move(piece));
  }
  return text_of(out);
}

Answer Substitution::answer(const Prompt& prompt, uint64_t) const {
  const absl::StatusOr<Request> request = read_prompt(prompt);
  if (!request.ok() || request->style == Style::kHard || request->language == "es") return {};
  return styled(rewrite(request->passage), *request);
}

std::string short_sentences(std::string_view text) {
  std::vector<Piece> pieces = pieces_of(text);
  bool begins = false;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].is_word) {
      if (begins) pieces[i].text = capitalised(pieces[i].text);
      begins = false;
    } else if (pieces[i].text == ";" || pieces[i].text == ":") {
      pieces[i].text = ".", begins = true;
    }
  }
  return text_of(pieces);
}

std::string questions(const std::string& text, const std::string& language) {
  const auto sentences = kit::split_sentences(text, language);
  if (!sentences.ok()) return "";
  std::vector<std::string> pairs;
  for (const kit::Span& span : *sentences) {
    const std::string sentence = text.substr(span.begin, span.end - span.begin);
    std::string subject;
    for (const std::string& word : words_of(sentence))
      if (kit::count_chars(word) > kit::count_chars(subject)) subject = word;
    if (subject.empty()) continue;
    pairs.push_back(language == "es"
                        ? absl::StrCat("Pregunta: ¿Qué se dice de ", subject, "? Respuesta: ", sentence)
                        : absl::StrCat("Question: What is said about ", subject, "? Answer: ", sentence));
  }
  std::string all;
  for (const std::string& pair : pairs) absl::StrAppend(&all, all.empty() ? "" : "\n", pair);
  return all;
}

Answer styled(const std::string& rewritten, const Request& request) {
  std::string text = rewritten;
  if (request.style == Style::kEasy) text = short_sentences(text);
  if (request.style == Style::kQa) text = questions(text, request.language.empty() ? "en" : request.language);
  if (request.form == Template::kOptimised) text = absl::StrCat(kOpen, "\n", text, "\n", kClose);
  return {text};
}

const char* fault_name(Fault fault) {
  constexpr const char* kNames[] = {"none", "truncated", "preamble and note", "other language", "empty"};
  return kNames[static_cast<size_t>(fault)];
}

Fault Faulty::fault_of(uint64_t key) const {
  stats::RandomStream random(seed_, key);
  if (random.uniform() >= rate_) return Fault::kNone;
  return kFaults[random.below(static_cast<int64_t>(std::size(kFaults)))];
}

Answer Faulty::answer(const Prompt& prompt, uint64_t key) const {
  Answer answer = inner_.answer(prompt, key);
  switch (fault_of(key)) {
    case Fault::kNone:
      return answer;
    case Fault::kEmpty:
      return {};
    case Fault::kOtherLanguage:
      return {foreign_[key % foreign_.size()]};
    case Fault::kPreamble:
      return {absl::StrCat("Here is the text:\n", clean(answer).text, "\nNote: I kept all names.")};
    case Fault::kTruncated: {
      size_t half = answer.text.size() / 2;
      while (half > 0 && (static_cast<unsigned char>(answer.text[half]) & 0xC0) == 0x80) --half;
      return {answer.text.substr(0, half), false};
    }
  }
  return answer;
}

}  // namespace roux::rephrasing
