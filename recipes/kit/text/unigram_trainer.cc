#include "recipes/kit/text/unigram_trainer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/unigram_lattice.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// SentencePiece's constants.
constexpr double kLeastExpectedCount = 0.5;  // pieces expected less often are dropped
constexpr double kDesiredSurplus = 1.1;      // removal stops at so many times the size
constexpr double kCharacterStep = 0.0001;    // between characters that were dropped
constexpr char kSpace[] = "\xE2\x96\x81";

using Scored = internal::ScoredPieces;
using Pieces = internal::UnigramPieces;
using Word = internal::UnigramWord;
using internal::view;

// By score, the highest first, equal ones by bytes.
void sort_scored(Scored& pieces) {
  std::sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
}

double digamma(double x) {
  double sum = 0;
  for (; x < 10; x += 1) sum -= 1 / x;
  const double s = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x - s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s / 240)));
}

// One iteration of EM. The M-step is the variational one, exp(digamma(.)), which drops rare pieces [Liang &
// Klein 2007].
Pieces em_step(const Pieces& pieces, const std::vector<Word>& words, size_t longest) {
  std::vector<double> expected(pieces.size(), 0.0);
  for (const Word& word : words) pieces.add_expected(word, expected);
  Scored kept;
  double sum = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] < kLeastExpectedCount) continue;
    kept.emplace_back(pieces.all()[i].first, expected[i]);
    sum += expected[i];
  }
  const double log_sum = digamma(sum);
  for (auto& [piece, score] : kept) score = digamma(score) - log_sum;
  return {std::move(kept), longest};
}

// The pieces that remain, at most `size`. Each is priced by what the log likelihood of the words, cut
// their best way, loses if the piece is cut its second best way wherever it stands.
Pieces removed(const Pieces& pieces, const std::vector<Word>& words, size_t size, size_t longest) {
  std::vector<double> counts(pieces.size(), 0.0);
  double all_words = 0, sum = 0;
  for (const Word& word : words) {
    all_words += word.count;
    for (const int32_t id : pieces.best_cut(word, false)) counts[static_cast<size_t>(id)] += word.count;
  }
  for (const double count : counts) sum += count;
  const double log_sum = std::log(sum);
  Scored kept;
  std::vector<std::pair<double, size_t>> candidates;  // (-loss, index)
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (counts[i] == 0) continue;
    const Word piece(pieces.all()[i].first, 1, 0);
    const std::vector<int32_t> second = pieces.best_cut(piece, true);
    if (second.empty()) {  // a character
      kept.push_back(pieces.all()[i]);
      continue;
    }
    if (pieces.best_cut(piece, false).size() > 1) continue;
    const double log_with = std::log(counts[i]) - log_sum;
    const double log_sum_without = std::log(sum + counts[i] * (static_cast<double>(second.size()) - 1));
    double log_without = 0;
    for (const int32_t id : second)
      log_without += std::log(counts[static_cast<size_t>(id)] + counts[i]) - log_sum_without;
    candidates.emplace_back(-counts[i] / all_words * (log_with - log_without), i);
  }
  std::sort(candidates.begin(), candidates.end());
  for (const auto& [loss, i] : candidates) {
    if (kept.size() >= size) break;
    kept.push_back(pieces.all()[i]);
  }
  return {std::move(kept), longest};
}

// Characters by occurrence until they cover the text.
Scored covered_characters(const std::vector<Word>& words, double coverage) {
  absl::flat_hash_map<std::string, double> counts;
  double all = 0;
  for (const Word& word : words) {
    for (size_t i = 0; i < word.size(); ++i) counts[std::string(word.part(i, i + 1))] += word.count;
    all += word.count * static_cast<double>(word.size());
  }
  Scored characters(counts.begin(), counts.end());
  sort_scored(characters);
  double covered = 0;
  for (size_t i = 0; i < characters.size(); ++i) {
    if (covered / all >= coverage) {
      characters.resize(i);
      break;
    }
    covered += characters[i].second;
  }
  return characters;
}

// Characters, and the longer parts of words that come twice or more and go on in different ways (the inner
// nodes of the texts' suffix tree), scored by occurrences times length. A word is followed by the next one's
// "▁", or by the end of its text.
Pieces seed(const std::vector<Word>& words, const Scored& characters, const UnigramTrainerOptions& options) {
  struct Found {
    double count = 0;
    std::string_view next;  // what followed last
    bool branches = false;
    double length = 0;
  };
  absl::flat_hash_map<std::string, double> covered(characters.begin(), characters.end());
  absl::flat_hash_map<absl::string_view, Found> parts;
  const auto longest = static_cast<size_t>(options.max_piece_length);
  const auto add = [&](const Word& word, std::string_view behind, double count) {
    const auto known = [&](size_t i) { return covered.contains(view(word.part(i, i + 1))); };
    for (size_t begin = 0; begin < word.size() && count > 0; ++begin) {
      for (size_t end = begin + 1; end <= std::min(word.size(), begin + longest) && known(end - 1); ++end) {
        if (end == begin + 1) continue;
        Found& found = parts[view(word.part(begin, end))];
        std::string_view next = behind;
        if (end < word.size()) next = known(end) ? word.part(end, end + 1) : std::string_view("?");
        found.branches = found.branches || (found.count > 0 && next != found.next);
        found.next = next;
        found.length = static_cast<double>(end - begin);
        found.count += count;
      }
    }
  };
  for (const Word& word : words) {
    add(word, kSpace, word.count - word.last);
    add(word, "", word.last);
  }
  Scored candidates;
  for (const auto& [part, found] : parts) {
    if (found.branches) candidates.emplace_back(std::string(part), found.count * found.length);
  }
  sort_scored(candidates);
  Scored pieces = characters;
  for (auto& candidate : candidates) {
    if (static_cast<int64_t>(pieces.size()) >= options.seed_size) break;
    pieces.push_back(std::move(candidate));
  }
  double sum = 0;
  for (const auto& [piece, score] : pieces) sum += score;
  for (auto& [piece, score] : pieces) score = std::log(score) - std::log(sum);
  return {std::move(pieces), longest};
}

// Every covered character, then the best pieces, up to `size`.
Scored final_pieces(const Pieces& pieces, const Scored& characters, size_t size) {
  absl::flat_hash_map<std::string, double> scores(pieces.all().begin(), pieces.all().end());
  double least = 0, step = 0;
  for (const auto& [piece, score] : pieces.all()) least = std::min(least, score);
  Scored kept;
  absl::flat_hash_map<std::string, double> taken;
  for (const auto& [character, count] : characters) {
    const auto at = scores.find(character);
    double score = least + step;
    if (at != scores.end()) score = at->second;
    if (at == scores.end()) step += kCharacterStep;
    kept.emplace_back(character, score);
    taken.emplace(character, score);
  }
  Scored sorted = pieces.all();
  sort_scored(sorted);
  for (const auto& piece : sorted) {
    if (kept.size() >= size) break;
    if (!taken.contains(piece.first)) kept.push_back(piece);
  }
  sort_scored(kept);
  return kept;
}

absl::Status check(const UnigramTrainerOptions& options, bool any_words) {
  const auto wrong = [](const auto&... what) {
    return absl::InvalidArgumentError(absl::StrCat("unigram_trainer: ", what...));
  };
  if (!any_words) return wrong("there is no text");
  if (!(options.character_coverage > 0 && options.character_coverage <= 1))
    return wrong("character_coverage is ", options.character_coverage, ", needed above 0 and at most 1");
  if (!(options.shrinking_factor > 0 && options.shrinking_factor < 1))
    return wrong("shrinking_factor is ", options.shrinking_factor, ", needed inside (0, 1)");
  if (options.max_piece_length < 1 || options.num_sub_iterations < 1 || options.seed_size < 1)
    return wrong("max_piece_length is ", options.max_piece_length, ", num_sub_iterations ",
                 options.num_sub_iterations, ", seed_size ", options.seed_size, ", needed 1 or more");
  const std::vector<std::string>& special = options.special_tokens;
  for (auto at = special.begin(); at != special.end(); ++at) {
    if (at->empty() || std::find(special.begin(), at, *at) != at)
      return wrong("special token \"", *at, "\" is empty or comes twice");
  }
  if (std::find(special.begin(), special.end(), options.unknown) == special.end())
    return wrong("the unknown token \"", options.unknown, "\" is no special token");
  return absl::OkStatus();
}

PreTokenizer words_with_space() {
  PreTokenizer pre_tokenizer;
  pre_tokenizer.add(split_chars_step(is_white_space, SplitBehavior::kRemoved));
  pre_tokenizer.add(metaspace_step(kSpace, PrependScheme::kAlways, true));
  return pre_tokenizer;
}

}  // namespace

void UnigramTrainer::add(std::string_view text) {
  static const PreTokenizer& pre_tokenizer = *new PreTokenizer(words_with_space());
  AlignedText aligned(replace_invalid_utf8(text));
  Count* last = nullptr;
  for (const Span& span : pre_tokenizer.split(&aligned, SplitText::Place::kStart)) {
    const absl::string_view word(aligned.text().data() + span.begin, span.end - span.begin);
    auto at = counts_.find(word);
    if (at == counts_.end()) at = counts_.emplace(std::string(word), Count()).first;
    ++at->second.all;
    last = &at->second;  // read behind the loop alone, when no insertion moves it any more
  }
  if (last != nullptr) ++last->last;
}

absl::StatusOr<TrainedUnigram> UnigramTrainer::train(const UnigramTrainerOptions& options) const {
  ROUX_RETURN_IF_ERROR(check(options, !counts_.empty()));
  std::vector<Word> words;
  for (const auto& [text, count] : counts_)
    words.emplace_back(text, static_cast<double>(count.all), static_cast<double>(count.last));
  std::sort(words.begin(), words.end(), [](const Word& a, const Word& b) { return a.text < b.text; });
  const Scored characters = covered_characters(words, options.character_coverage);
  const int64_t room = options.vocab_size - static_cast<int64_t>(options.special_tokens.size());
  if (room < static_cast<int64_t>(characters.size())) {
    return absl::InvalidArgumentError(absl::StrCat("unigram_trainer: vocab_size is ", options.vocab_size,
                                                   ", needed at least ", options.special_tokens.size(),
                                                   " special tokens and ", characters.size(), " characters"));
  }
  const auto longest = static_cast<size_t>(options.max_piece_length);
  const auto desired = static_cast<size_t>(static_cast<double>(options.vocab_size) * kDesiredSurplus);
  Pieces pieces = seed(words, characters, options);
  for (;;) {
    for (int64_t i = 0; i < options.num_sub_iterations && pieces.size() > 0; ++i)
      pieces = em_step(pieces, words, longest);
    if (pieces.size() == 0)
      return absl::InvalidArgumentError("unigram_trainer: no piece comes often enough in so short a text");
    if (pieces.size() <= desired) break;
    const auto smaller = static_cast<size_t>(options.shrinking_factor * static_cast<double>(pieces.size()));
    pieces = removed(pieces, words, std::max(desired, smaller), longest);
  }
  const Scored kept = final_pieces(pieces, characters, static_cast<size_t>(room));
  if (static_cast<int64_t>(kept.size()) < room) {
    return absl::InvalidArgumentError(absl::StrCat("unigram_trainer: vocab_size is ", options.vocab_size,
                                                   ", but the text has only ", kept.size(), " pieces beside ",
                                                   options.special_tokens.size(), " special tokens"));
  }
  TrainedUnigram trained;
  trained.special_tokens = trained.tokens = options.special_tokens;
  trained.scores.assign(trained.tokens.size(), 0.0);
  trained.unknown = static_cast<int32_t>(
      std::find(trained.tokens.begin(), trained.tokens.end(), options.unknown) - trained.tokens.begin());
  for (const auto& [piece, score] : kept) {
    trained.tokens.push_back(piece);
    trained.scores.push_back(score);
  }
  return trained;
}

std::string trained_unigram_json(const TrainedUnigram& trained) {
  using nlohmann::json;
  json vocab = json::array(), added = json::array();
  for (size_t i = 0; i < trained.tokens.size(); ++i)
    vocab.push_back(json::array({trained.tokens[i], trained.scores[i]}));
  for (size_t i = 0; i < trained.special_tokens.size(); ++i) {
    added.push_back({{"id", i},
                     {"content", trained.special_tokens[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const json metaspace = {
      {"type", "Metaspace"}, {"replacement", kSpace}, {"prepend_scheme", "always"}, {"split", true}};
  const json root = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "Sequence"}, {"pretokenizers", json::array({{{"type", "WhitespaceSplit"}}, metaspace})}}},
      {"post_processor", nullptr},
      {"decoder", metaspace},
      {"model",
       {{"type", "Unigram"}, {"unk_id", trained.unknown}, {"vocab", vocab}, {"byte_fallback", false}}}};
  return root.dump();
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> unigram_tokenizer(const TrainedUnigram& trained,
                                                                   const std::string& name) {
  return parse_tokenizer_json(trained_unigram_json(trained), name);
}

}  // namespace roux::kit
