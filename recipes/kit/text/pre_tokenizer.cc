#include "recipes/kit/text/pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

struct Part {
  Span span;
  bool matched;
};

// The piece as a gapless list of matches and gaps.
void cut(const Regex& pattern, std::string_view text, Span piece, std::vector<Span>* matches,
         std::vector<Part>* parts) {
  matches->clear();
  const absl::Status status = pattern.find_all(text, piece, matches);
  ROUX_CHECK(status.ok()) << "pre_tokenizer: " << status.ToString();
  uint32_t done = piece.begin;
  for (const Span& match : *matches) {
    if (match.begin > done) parts->push_back({{done, match.begin}, false});
    parts->push_back({match, true});
    done = match.end;
  }
  if (done < piece.end) parts->push_back({{done, piece.end}, false});
}

void join(const std::vector<Part>& parts, SplitBehavior behavior, std::vector<Span>* out) {
  const size_t first = out->size();
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    const bool follows = i > 0;
    bool extend = false;
    switch (behavior) {
      case SplitBehavior::kRemoved:
        if (part.matched) continue;
        break;
      case SplitBehavior::kIsolated:
        break;
      case SplitBehavior::kContiguous:
        extend = follows && parts[i - 1].matched == part.matched;
        break;
      case SplitBehavior::kMergedWithPrevious:
        extend = follows && part.matched && !parts[i - 1].matched;
        break;
      case SplitBehavior::kMergedWithNext:
        extend = follows && parts[i - 1].matched && !part.matched;
        break;
    }
    if (extend && out->size() > first) {
      out->back().end = part.span.end;
    } else {
      out->push_back(part.span);
    }
  }
}

}  // namespace

std::vector<Span> PreTokenizer::split(AlignedText* text, SplitText::Place place) const {
  SplitText split{text, place, {}};
  if (!text->text().empty()) split.pieces.push_back({0, static_cast<uint32_t>(text->text().size())});
  for (const Step& step : steps_) step(&split);
  return std::move(split.pieces);
}

PreTokenizer::Step split_step(Regex pattern, SplitBehavior behavior, bool invert) {
  return [pattern = std::move(pattern), behavior, invert](SplitText* split) {
    const std::string& text = split->text->text();
    std::vector<Span> result, matches;
    std::vector<Part> parts;
    result.reserve(text.size() / 4 + 1);
    for (const Span& piece : split->pieces) {
      parts.clear();
      cut(pattern, text, piece, &matches, &parts);
      if (invert) {
        for (Part& part : parts) part.matched = !part.matched;
      }
      join(parts, behavior, &result);
    }
    split->pieces = std::move(result);
  };
}

PreTokenizer::Step split_chars_step(bool (*matches)(char32_t), SplitBehavior behavior) {
  return [matches, behavior](SplitText* split) {
    const std::string& text = split->text->text();
    std::vector<Span> result;
    std::vector<Part> parts;
    for (const Span& piece : split->pieces) {
      parts.clear();
      for (uint32_t i = piece.begin; i < piece.end;) {
        const DecodedChar c = decode_utf8(text, i);
        const Span span{i, i + static_cast<uint32_t>(c.length)};
        const bool matched = matches(c.code_point);
        if (!matched && !parts.empty() && !parts.back().matched) {
          parts.back().span.end = span.end;
        } else {
          parts.push_back({span, matched});
        }
        i = span.end;
      }
      join(parts, behavior, &result);
    }
    split->pieces = std::move(result);
  };
}

PreTokenizer::Step prefix_space_step() {
  return [](SplitText* split) {
    const std::string current = split->text->text();
    AlignedText::Rewriter rewriter(split->text);
    std::vector<Span> result;
    uint32_t size = 0;
    for (const Span& piece : split->pieces) {
      const uint32_t begin = size;
      const bool continued = split->place == SplitText::Place::kContinued && piece.begin == 0;
      if (current[piece.begin] != ' ' && !continued) {
        rewriter.emit(" ", piece.begin, piece.begin + decode_utf8(current, piece.begin).length);
        ++size;
      }
      rewriter.copy(piece.begin, piece.end);
      size += piece.end - piece.begin;
      result.push_back({begin, size});
    }
    rewriter.finish();
    split->pieces = std::move(result);
  };
}

PreTokenizer::Step metaspace_step(std::string replacement, PrependScheme prepend, bool split_words) {
  return [replacement = std::move(replacement), prepend, split_words](SplitText* split) {
    const std::string current = split->text->text();
    AlignedText::Rewriter rewriter(split->text);
    std::vector<Span> result;
    uint32_t size = 0;
    bool first = split->place == SplitText::Place::kStart;
    const auto mark = [&](size_t begin, size_t end) {
      rewriter.emit(replacement, begin, end);
      size += static_cast<uint32_t>(replacement.size());
    };
    for (const Span& piece : split->pieces) {
      uint32_t begin = size;
      const std::string_view text = std::string_view(current).substr(piece.begin, piece.end - piece.begin);
      const bool marked = text.substr(0, 1) == " " || text.substr(0, replacement.size()) == replacement;
      if (!marked && (prepend == PrependScheme::kAlways || (prepend == PrependScheme::kFirst && first))) {
        mark(piece.begin, piece.begin + decode_utf8(current, piece.begin).length);
      }
      first = false;
      for (uint32_t i = piece.begin; i < piece.end;) {
        const bool space = current[i] == ' ';
        const bool is_mark = space || current.compare(i, replacement.size(), replacement) == 0;
        if (is_mark && split_words && size > begin && i > piece.begin) {
          result.push_back({begin, size});
          begin = size;
        }
        if (space) {
          mark(i, i + 1);
          ++i;
        } else {
          const int length = decode_utf8(current, i).length;
          rewriter.copy(i, i + length);
          size += length;
          i += length;
        }
      }
      if (size > begin) result.push_back({begin, size});
    }
    rewriter.finish();
    split->pieces = std::move(result);
  };
}

const char kGpt2Pattern[] = R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

const char kLlama3Pattern[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+)"
    R"(|\s+(?!\S)|\s+)";
const char kQwen2Pattern[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+)"
    R"(|\s+(?!\S)|\s+)";
const char kQwen35Pattern[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char kTekkenPattern[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char kGpt4oPattern[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char kDeepseekCjk[] = "[\xE4\xB8\x80-\xE9\xBE\xA5\xE3\x81\x80-\xE3\x82\x9F\xE3\x82\xA0-\xE3\x83\xBF]+";
const char kDeepseekPattern[] =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

struct NamedPatterns {
  const char* name;
  std::vector<std::string> patterns;
};

const std::vector<NamedPatterns>& named_patterns() {
  static const auto& table = *new std::vector<NamedPatterns>{
      {"gpt-2", {kGpt2Pattern}},
      {"gpt2", {kGpt2Pattern}},
      {"smollm", {R"(\p{N})", kGpt2Pattern}},
      {"starcoder", {R"(\p{N})", kGpt2Pattern}},
      {"llama-bpe", {kLlama3Pattern}},
      {"llama3", {kLlama3Pattern}},
      {"qwen2", {kQwen2Pattern}},
      {"gpt-4o", {kGpt4oPattern}},
      {"llama4", {kGpt4oPattern}},
      {"tekken", {kTekkenPattern}},
      {"qwen35", {kQwen35Pattern}},
      {"deepseek-v3", {R"(\p{N}{1,3})", kDeepseekCjk, kDeepseekPattern}},
  };
  return table;
}

}  // namespace

std::vector<std::string> pre_tokenizer_patterns(std::string_view name) {
  for (const NamedPatterns& entry : named_patterns()) {
    if (name == entry.name) return entry.patterns;
  }
  return {};
}

std::string pre_tokenizer_names() {
  std::string names;
  for (const NamedPatterns& entry : named_patterns())
    absl::StrAppend(&names, names.empty() ? "" : ", ", entry.name);
  return names;
}

}  // namespace roux::kit
