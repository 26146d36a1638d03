#include "recipes/rephrasing/method.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/text/sentences.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "recipes/rephrasing/pieces.h"
#include "tensor/error.h"

namespace roux::rephrasing {
namespace {

using kit::Span;

// [begin, end) of the text as pieces that each fit, cut as late as possible.
std::vector<Span> hard_cuts(const std::string& text, Span piece, int64_t max_tokens,
                            const TokenCount& count) {
  const std::string_view all(text);
  const auto fits = [&](size_t begin, size_t end) {
    return count(all.substr(begin, end - begin)) <= max_tokens;
  };
  std::vector<Span> cuts;
  size_t begin = piece.begin;
  while (begin < piece.end) {
    if (fits(begin, piece.end)) {
      cuts.push_back({static_cast<uint32_t>(begin), piece.end});
      break;
    }
    size_t word_end = 0, next = 0, character_end = 0;
    for (size_t at = begin; at < piece.end;) {
      const kit::DecodedChar c = kit::decode_utf8(all, at);
      const size_t after = at + static_cast<size_t>(c.length);
      if (kit::is_white_space(c.code_point)) {
        if (!fits(begin, at)) break;
        if (at > begin) word_end = at;
      } else if (character_end == 0 || (word_end == 0 && fits(begin, after))) {
        character_end = after;
      } else if (word_end == 0) {
        break;
      }
      at = after;
    }
    const size_t end = word_end > 0 ? word_end : character_end;
    cuts.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    for (next = end; next < piece.end;) {
      const kit::DecodedChar c = kit::decode_utf8(all, next);
      if (!kit::is_white_space(c.code_point)) break;
      next += static_cast<size_t>(c.length);
    }
    begin = next;
  }
  return cuts;
}

struct Instruction {
  Style style;
  const char* replication;
  const char* english;
  const char* spanish;
};
constexpr Instruction kInstructions[] = {
    {Style::kEasy, "Rewrite the paragraph with a small vocabulary and very short sentences, for a toddler.",
     "Rewrite the text in very simple words and short sentences that a small child understands.",
     "Reescribe el texto con palabras muy sencillas y frases cortas que entienda un niño pequeño."},
    {Style::kMedium, "Rewrite the paragraph in diverse, high-quality language, as on Wikipedia.",
     "Rewrite the text in clear modern prose of high quality, in the style of an encyclopedia.",
     "Reescribe el texto en prosa clara y moderna de alta calidad, al estilo de una enciclopedia."},
    {Style::kHard, "Rewrite the paragraph in terse and abstruse language that only a scholar understands.",
     "Rewrite the text in terse, abstruse language as an erudite scholar would.",
     "Reescribe el texto en un lenguaje conciso y abstruso, como lo haría un erudito."},
    {Style::kQa, "Convert the paragraph into a conversation of several questions with their answers.",
     "Turn the text into pairs of the form \"Question: ... Answer: ...\".",
     "Convierte el texto en pares de la forma \"Pregunta: ... Respuesta: ...\"."},
};
// Whether the text begins (ends) with what is then cut off.
bool cut_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}
bool cut_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

constexpr char kSystem[] = "You are a helpful assistant that rewrites texts and keeps what they say.";
constexpr char kReplicationBreak[] = "\nParagraph:\n";
constexpr char kTextOpen[] = "\n<text>\n", kTextClose[] = "\n</text>";
// Between the instruction and the language's code in English, and the whole in Spanish.
constexpr char kLanguageEnglish[] = " The language of the text and of your answer is ";
constexpr char kMarksEnglish[] =
    ". Write nothing but the new text, between <rephrased> and </rephrased>, without an introduction.";
constexpr char kMarksSpanish[] =
    " Responde en español. Escribe solo el texto nuevo, entre <rephrased> y </rephrased>, sin introducción.";

bool starts_as_preamble(std::string_view line) {
  static constexpr const char* kStarts[] = {"here is",     "here's",    "here are",      "sure",
                                            "certainly",   "of course", "the rephrased", "aquí está",
                                            "aquí tienes", "claro"};
  const std::string lower = kit::lowercase(line);
  return lower.ends_with(":") && std::any_of(std::begin(kStarts), std::end(kStarts), [&](const char* start) {
           const std::string_view s(start);
           return lower.starts_with(s) && (lower.size() == s.size() || !absl::ascii_isalpha(lower[s.size()]));
         });
}

bool is_note(std::string_view line) {
  static constexpr const char* kStarts[] = {"note:", "nota:", "i hope this helps", "let me know if",
                                            "espero que esto ayude"};
  const std::string lower = kit::lowercase(line);
  return std::any_of(std::begin(kStarts), std::end(kStarts),
                     [&](const char* start) { return lower.starts_with(start); });
}

// Bytes of a list mark at the start: "- ", "* ", "12. "; 0: none.
size_t list_mark(std::string_view line) {
  if (line.starts_with("- ") || line.starts_with("* ")) return 2;
  size_t digits = 0;
  while (digits < line.size() && absl::ascii_isdigit(line[digits])) ++digits;
  return digits > 0 && digits <= 2 && line.substr(digits).starts_with(". ") ? digits + 2 : 0;
}

std::string unwrapped_once(std::string_view given) {
  std::vector<std::string> lines = absl::StrSplit(std::string(kit::strip(given)), '\n');
  if (lines.size() > 1 && starts_as_preamble(kit::strip(lines.front()))) lines.erase(lines.begin());
  if (lines.size() > 1 && is_note(kit::strip(lines.back()))) lines.pop_back();
  if (std::all_of(lines.begin(), lines.end(), [](const std::string& line) { return list_mark(line) > 0; }))
    for (std::string& line : lines) line.erase(0, list_mark(line));
  std::string text(kit::strip(absl::StrJoin(lines, "\n")));
  for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>{"\"", "\""}, {"“", "”"}}) {
    if (text.size() <= open.size() + close.size() || !text.starts_with(open) || !text.ends_with(close)) {
      continue;
    }
    const std::string inner = text.substr(open.size(), text.size() - open.size() - close.size());
    if (inner.find(open) == std::string::npos && inner.find(close) == std::string::npos) text = inner;
  }
  return text;
}

std::set<std::vector<std::string>> ngrams(const std::vector<std::string>& words, size_t n) {
  std::set<std::vector<std::string>> set;
  for (size_t i = 0; i + n <= words.size(); ++i)
    set.emplace(words.begin() + static_cast<int64_t>(i), words.begin() + static_cast<int64_t>(i + n));
  return set;
}

}  // namespace

absl::StatusOr<Split> split_passages(const std::string& document, const std::string& language,
                                     int64_t max_tokens, const TokenCount& count) {
  ROUX_CHECK(max_tokens >= 1) << "split_passages: a passage needs a token";
  ROUX_ASSIGN_OR_RETURN(const std::vector<Span> sentences, kit::split_sentences(document, language));
  std::vector<Span> packed;
  for (const Span& sentence : sentences) {
    if (!packed.empty()) {
      const std::string_view joined =
          std::string_view(document).substr(packed.back().begin, sentence.end - packed.back().begin);
      if (count(joined) <= max_tokens) {
        packed.back().end = sentence.end;
        continue;
      }
    }
    const std::vector<Span> cuts = hard_cuts(document, sentence, max_tokens, count);
    packed.insert(packed.end(), cuts.begin(), cuts.end());
  }
  Split split;
  size_t at = 0;
  for (const Span& span : packed) {
    split.passages.push_back(
        {document.substr(at, span.begin - at), document.substr(span.begin, span.end - span.begin)});
    at = span.end;
  }
  split.tail = document.substr(at);
  return split;
}

std::string merge_passages(const Split& split, const std::vector<std::optional<std::string>>& rewritten,
                           Policy policy) {
  ROUX_CHECK(rewritten.size() == split.passages.size())
      << "merge_passages: " << rewritten.size() << " answers for " << split.passages.size() << " passages";
  std::string merged;
  bool first = true;
  for (size_t i = 0; i < rewritten.size(); ++i) {
    if (!rewritten[i] && policy == Policy::kDropDocument) return "";
    if (!rewritten[i] && policy == Policy::kDropPassage) continue;
    if (!first || i == 0) merged += split.passages[i].before;
    merged += rewritten[i] ? *rewritten[i] : split.passages[i].text;
    first = false;
  }
  return first ? "" : merged + split.tail;
}

const char* style_name(Style style) {
  constexpr std::array kNames = {"easy", "medium", "hard", "qa"};
  return kNames[static_cast<size_t>(style)];
}

Prompt build_prompt(Style style, Template form, const std::string& language, const std::string& passage) {
  const Instruction& instruction = kInstructions[static_cast<size_t>(style)];
  if (form == Template::kReplication)
    return {kSystem, absl::StrCat(instruction.replication, kReplicationBreak, passage)};
  const std::string asked =
      language == "es" ? absl::StrCat(instruction.spanish, kMarksSpanish)
                       : absl::StrCat(instruction.english, kLanguageEnglish, language, kMarksEnglish);
  return {kSystem, absl::StrCat(asked, kTextOpen, passage, kTextClose)};
}

absl::StatusOr<Request> read_prompt(const Prompt& prompt) {
  std::string_view text = prompt.user;
  for (const Instruction& instruction : kInstructions) {
    Request request{.style = instruction.style};
    std::string_view rest = text;
    if (cut_prefix(rest, instruction.replication) && cut_prefix(rest, kReplicationBreak)) {
      request.form = Template::kReplication, request.passage = std::string(rest);
      return request;
    }
    rest = text;
    if (cut_prefix(rest, instruction.spanish) && cut_prefix(rest, kMarksSpanish)) {
      request.language = "es";
    } else {
      rest = text;
      if (!cut_prefix(rest, instruction.english) || !cut_prefix(rest, kLanguageEnglish)) continue;
      const size_t end = rest.find(kMarksEnglish);
      if (end == std::string_view::npos) continue;
      request.language = std::string(rest.substr(0, end));
      rest.remove_prefix(end + std::string_view(kMarksEnglish).size());
    }
    if (!cut_prefix(rest, kTextOpen) || !cut_suffix(rest, kTextClose)) continue;
    request.passage = std::string(rest);
    return request;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no instruction of this recipe: '", kit::excerpt(prompt.user), "'"));
}

std::string strip_wrapping(std::string_view text) {
  std::string now(kit::strip(text));
  for (;;) {
    std::string next = unwrapped_once(now);
    if (next == now) return now;
    now = std::move(next);
  }
}

Cleaned clean(const Answer& answer) {
  std::string_view text = answer.text;
  const std::string_view open(kOpen), close(kClose);
  const size_t first = text.find(open);
  const size_t end = text.find(close, first == std::string_view::npos ? 0 : first);
  const bool closed = end != std::string_view::npos;
  Cleaned cleaned{.truncated = !closed && (first != std::string_view::npos || !answer.ended)};
  if (closed) text = text.substr(0, end);
  const size_t last = text.rfind(open);
  if (last != std::string_view::npos) text.remove_prefix(last + open.size());
  cleaned.text = strip_wrapping(text);
  return cleaned;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const Piece& piece : pieces_of(text)) {
    if (piece.is_word) words.push_back(kit::lowercase(piece.text));
  }
  return words;
}

double ngram_overlap(std::string_view source, std::string_view output, size_t n) {
  const std::set<std::vector<std::string>> known = ngrams(words_of(source), n);
  const std::vector<std::string> words = words_of(output);
  if (n == 0 || words.size() < n) return 0;
  size_t found = 0;
  const size_t all = words.size() - n + 1;
  for (size_t i = 0; i < all; ++i)
    found +=
        known.count({words.begin() + static_cast<int64_t>(i), words.begin() + static_cast<int64_t>(i + n)});
  return static_cast<double>(found) / static_cast<double>(all);
}

double content_overlap(std::string_view source, std::string_view output) {
  const auto content = [](std::string_view text) {
    std::set<std::string> set;
    for (const std::string& word : words_of(text))
      if (kit::count_chars(word) >= 4) set.insert(word);
    return set;
  };
  const std::set<std::string> needed = content(source), there = content(output);
  if (needed.empty()) return 1;
  const auto found =
      std::count_if(needed.begin(), needed.end(), [&](const std::string& w) { return there.count(w); });
  return static_cast<double>(found) / static_cast<double>(needed.size());
}

double type_token_ratio(std::string_view text) {
  const std::vector<std::string> words = words_of(text);
  if (words.empty()) return 0;
  return static_cast<double>(std::set<std::string>(words.begin(), words.end()).size()) /
         static_cast<double>(words.size());
}

double fact_fidelity(std::string_view source, std::string_view output) {
  std::set<std::string> facts, there;
  bool begins = true;  // a sentence, a line or a quotation
  for (const Piece& piece : pieces_of(source)) {
    const char32_t initial = kit::decode_utf8(piece.text, 0).code_point;
    begins = begins || piece.before.find('\n') != std::string::npos;
    if (!piece.is_word) {
      begins = begins || std::u32string_view(U".!?:…¿¡\"“”‘’'").find(initial) != std::u32string_view::npos;
      continue;
    }
    if (kit::is_number(initial) || (!begins && kit::general_category(initial) == "Lu"))
      facts.insert(piece.text);
    begins = false;
  }
  for (const Piece& piece : pieces_of(output)) there.insert(piece.text);
  if (facts.empty()) return 1;
  const auto found =
      std::count_if(facts.begin(), facts.end(), [&](const std::string& f) { return there.count(f); });
  return static_cast<double>(found) / static_cast<double>(facts.size());
}

bool too_short(std::string_view source, std::string_view output) {
  return 3 * words_of(output).size() < words_of(source).size();
}

bool too_long(std::string_view source, std::string_view output) {
  return words_of(output).size() > 2 * words_of(source).size();
}

std::vector<kit::Rule<Candidate>> filters(const std::string& language,
                                          const kit::LanguageIdentifier& identifier, const Limits& limits) {
  return {{"empty", [](const Candidate& c) { return words_of(c.output.text).empty(); }},
          {"truncated", [](const Candidate& c) { return c.output.truncated; }},
          {"wrong language",
           [language, &identifier](const Candidate& c) {
             return identifier.identify(c.output.text).language != language;
           }},
          {"too short", [](const Candidate& c) { return too_short(c.source, c.output.text); }},
          {"too long", [](const Candidate& c) { return too_long(c.source, c.output.text); }},
          {"near copy",
           [limits](const Candidate& c) {
             return ngram_overlap(c.source, c.output.text, static_cast<size_t>(limits.n)) > limits.near_copy;
           }},
          {"off topic", [limits](const Candidate& c) {
             return content_overlap(c.source, c.output.text) < limits.off_topic;
           }}};
}

}  // namespace roux::rephrasing
