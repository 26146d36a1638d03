#include "recipes/diachronic_lm/study.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/sources/wordnet.h"
#include "recipes/kit/data/text_domain.h"
#include "recipes/kit/run/named_texts.h"
#include "recipes/kit/text/bpe_trainer.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::diachronic_lm {
namespace {

constexpr uint64_t kDataSeed = 42;  // the paper's, of paragraphs; here of all that is drawn from the data
constexpr size_t kPairs = 10, kControls = 100, kLaterWords = 24, kFrames = 12, kContextWords = 12;
constexpr int64_t kFrequent = 5;  // a word that a model may know

std::string cleaned(const std::string& text) {
  return kit::normalize(absl::StrReplaceAll(text, {{"\xE2\x80\x98", "'"},
                                                   {"\xE2\x80\x99", "'"},
                                                   {"\xE2\x80\x9C", "\""},
                                                   {"\xE2\x80\x9D", "\""},
                                                   {"\xE2\x80\x94", " - "}}),
                        kit::UnicodeForm::kNfkc);
}

int64_t word_count(const std::string& text) { return static_cast<int64_t>(kit::split_words(text).size()); }

// Letters a to z, four at least.
bool is_plain(std::string_view word) {
  return word.size() >= 4 &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

// A domain's or a file's, as a part's name may have it.
std::string slice_name(std::string name) {
  for (const char* of : {"bible_", "commentary_"})
    if (absl::StartsWith(name, of)) name = name.substr(std::string(of).size());
  for (char& c : name)
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  return name;
}

// Random paragraphs, cut into splits; where the text is short, all budgets shrink alike.
absl::StatusOr<Slice> slice_of_text(const Config& c, const kit::NamedText& text) {
  Slice slice{.name = slice_name(text.name)};
  const std::string plain = cleaned(text.text);
  slice.whole = count_words(plain);
  const std::vector<std::string> paragraphs = paragraphs_of(plain);
  const std::vector<int64_t> order = kit::epoch_order(kDataSeed, 0, static_cast<int64_t>(paragraphs.size()));
  std::vector<int64_t> words, budgets = {c.train_words, c.test_words, c.dev_words, c.base_words};
  for (const int64_t i : order) words.push_back(word_count(paragraphs[static_cast<size_t>(i)]));
  const int64_t have = std::accumulate(words.begin(), words.end(), int64_t{0});
  const int64_t want = std::accumulate(budgets.begin(), budgets.end(), int64_t{0});
  if (have < want)
    for (int64_t& budget : budgets) budget = budget * have / want;
  const std::vector<std::vector<int64_t>> parts = split_paragraphs(words, budgets);
  const std::array<std::string*, 4> into = {&slice.train, &slice.test, &slice.dev, &slice.base};
  for (size_t p = 0; p < into.size(); ++p) {
    for (const int64_t i : parts[p])
      absl::StrAppend(into[p], paragraphs[static_cast<size_t>(order[static_cast<size_t>(i)])], "\n");
    if (word_count(*into[p]) < 3 * c.decoder.length) {
      return absl::InvalidArgumentError(absl::StrCat(text.name, ": ", have,
                                                     " words are too few: a split has ", word_count(*into[p]),
                                                     " of the ", 3 * c.decoder.length, " that it needs"));
    }
  }
  return slice;
}

absl::StatusOr<std::shared_ptr<const kit::Tokenizer>> train_tokenizer(const std::string& text,
                                                                      int64_t vocab) {
  const std::vector<std::string> patterns = {kit::kGpt2Pattern};
  ROUX_ASSIGN_OR_RETURN(kit::PreTokenizer pre, kit::pattern_pre_tokenizer(patterns));
  kit::BpeTrainer trainer(std::move(pre));
  trainer.add(text);
  ROUX_ASSIGN_OR_RETURN(const kit::TrainedBpe trained,
                        trainer.train({.vocab_size = static_cast<int32_t>(vocab),
                                       .min_frequency = 2,
                                       .special_tokens = {"<pad>", "<s>", "</s>"}}));
  return kit::byte_level_tokenizer(trained, patterns, "trained here");
}

// Words of which WordNet has more than twice as many senses as nouns as it has others, and no function words.
absl::StatusOr<std::set<std::string>> nouns_of(const kit::SourceOptions& options, kit::Run& run) {
  ROUX_ASSIGN_OR_RETURN(const auto synsets, kit::wordnet_synsets("nvar", options));
  ROUX_RETURN_IF_ERROR(run.uses(synsets.from));
  std::map<std::string, int64_t> balance;
  for (const kit::Synset& synset : synsets.value)
    for (const std::string& word : synset.words) balance[word] += synset.part == 'n' ? 1 : -2;
  std::set<std::string> nouns;
  for (const auto& [word, senses] : balance)
    if (senses > 0 && is_plain(word)) nouns.insert(word);
  for (const char* word : {"might", "must", "thou", "while", "till", "midst", "self", "about", "over", "then",
                           "there", "through", "such", "being", "having", "none", "here", "mine"})
    nouns.erase(word);
  return nouns;
}

// Plain words that are seldom written with a capital.
Counts common_words(std::string_view text) {
  Counts all, capital;
  for (const Word& word : words_of(text)) ++all[word.text], capital[word.text] += word.capital;
  std::erase_if(all, [&](const auto& entry) {
    return !is_plain(entry.first) || 2 * capital[entry.first] > entry.second;
  });
  return all;
}

int64_t count_of(const Counts& counts, std::string_view word) {
  const auto found = counts.find(word);
  return found == counts.end() ? 0 : found->second;
}

// Nouns that both periods use; of ten pairs that are neighbours in frequency the words are exchanged in late
// slices. All that is drawn is the same for all seeds.
void plant(const std::set<std::string>& nouns, World& world) {
  std::array<Counts, 2> train, test;  // early, late
  for (size_t s = 0; s < world.slices.size(); ++s) {
    const size_t period = s >= world.late ? 1 : 0;
    for (const auto& [word, count] : common_words(world.slices[s].train)) train[period][word] += count;
    for (const auto& [word, count] : common_words(world.slices[s].test)) test[period][word] += count;
  }
  std::vector<std::pair<int64_t, std::string>> eligible;
  for (const std::string& noun : nouns) {
    bool usable = true;
    for (const size_t period : {0U, 1U})
      usable = usable && count_of(train[period], noun) >= 2 * kFrequent && count_of(test[period], noun) >= 3;
    usable =
        usable && !(noun.back() == 's' && nouns.contains(noun.substr(0, noun.size() - 1)));  // its plural
    if (usable) eligible.emplace_back(-count_of(train[1], noun), noun);
  }
  std::sort(eligible.begin(), eligible.end());
  stats::RandomStream random(kDataSeed, 0);
  const std::vector<int64_t> twos =
      stats::random_permutation(static_cast<int64_t>(eligible.size() / 2), random);
  for (size_t k = 0; k < twos.size(); ++k) {
    const auto first = static_cast<size_t>(2 * twos[k]);
    for (const size_t i : {first, first + 1}) {
      if (k < std::min(kPairs, twos.size() / 2)) world.planted.push_back(eligible[i].second);
      if (world.nouns.size() < world.planted.size() + kControls) world.nouns.push_back(eligible[i].second);
    }
  }
  std::vector<std::pair<std::string, std::string>> exchanged;
  for (size_t i = 0; i < world.planted.size(); i += 2)
    exchanged.emplace_back(world.planted[i], world.planted[i + 1]);
  for (size_t s = world.late; s < world.slices.size(); ++s) {
    Slice& slice = world.slices[s];
    for (std::string* part : {&slice.train, &slice.test, &slice.dev, &slice.base})
      *part = exchange_words(*part, exchanged, random);
  }
}

// Later words: the base's text has them, the whole texts of the slice and of those before it do not.
void add_frames(World& world) {
  const Counts base = common_words(world.base_text);
  Counts seen;  // by the slice's whole text and those before it
  for (size_t s = 0; s + 1 < world.slices.size(); ++s) {
    const Slice& slice = world.slices[s];
    for (const auto& [word, count] : slice.whole) seen[word] += count;
    const Counts own = common_words(slice.train);
    std::vector<std::pair<int64_t, std::string>> later;
    for (const auto& [word, count] : base)
      if (count >= kFrequent && count_of(seen, word) == 0) later.emplace_back(-count, word);
    std::sort(later.begin(), later.end());
    Frames frames;
    std::set<std::string> used;
    for (const auto& [minus_count, word] : later) {
      std::pair<double, std::string> best{1e9, ""};
      for (const auto& [other, count] : own) {
        const int64_t in_base = count_of(base, other);
        if (count < kFrequent || in_base < kFrequent || used.contains(other)) continue;
        const double longer = static_cast<double>(other.size()) - static_cast<double>(word.size());
        const double rarer = std::log(static_cast<double>(in_base) / static_cast<double>(-minus_count));
        best = std::min(best, {10 * std::abs(longer) + std::abs(rarer), other});
      }
      if (best.second.empty() || frames.own_and_later.size() == kLaterWords) break;
      used.insert(best.second);
      frames.own_and_later.emplace_back(best.second, word);
    }
    const std::vector<Word> words = words_of(slice.test);
    for (size_t f = 0; f < kFrames && words.size() > kContextWords; ++f) {
      const size_t w = kContextWords + f * (words.size() - kContextWords) / kFrames,
                   begin = words[w - kContextWords].begin;
      frames.contexts.emplace_back(
          absl::StripTrailingAsciiWhitespace(slice.test.substr(begin, words[w].begin - begin)));
    }
    world.frames.push_back(std::move(frames));
  }
}

}  // namespace

std::vector<std::string> paragraphs_of(const std::string& text) {
  std::vector<std::string> paragraphs;
  for (const absl::string_view block : absl::StrSplit(text, "\n\n")) {
    std::vector<absl::string_view> words;
    const auto end = [&] {
      if (!words.empty()) paragraphs.push_back(absl::StrJoin(words, " "));
      words.clear();
    };
    for (const absl::string_view word :
         absl::StrSplit(block, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty())) {
      words.push_back(word);
      if (words.size() >= 100 && (word.back() == '.' || word.back() == '?' || word.back() == '!')) end();
    }
    end();
  }
  return paragraphs;
}

absl::Status Config::check() const {
  ROUX_RETURN_IF_ERROR(decoder.check());
  if (decoder.heads % kv_heads != 0)
    return absl::InvalidArgumentError(
        absl::StrCat("kv_heads=", kv_heads, ": must divide heads=", decoder.heads));
  if (rank > decoder.hidden)
    return absl::InvalidArgumentError(absl::StrCat("rank=", rank, ": at most hidden=", decoder.hidden));
  if (slices.size() < 3) return absl::InvalidArgumentError("--slices needs three text domains at least");
  return absl::OkStatus();
}

absl::StatusOr<World> load_world(const Config& c, kit::Run& run) {
  World world;
  if (run.planning()) {
    for (const std::string& name : c.slices) world.slices.push_back({.name = slice_name(name)});
    return world;
  }
  const std::string& data = run.options().data;
  std::vector<kit::NamedText> texts, modern;
  if (data.empty()) {
    ROUX_ASSIGN_OR_RETURN(texts, kit::named_texts(run, c.slices, c.excerpts));
    ROUX_ASSIGN_OR_RETURN(modern, kit::named_texts(run, c.modern, c.excerpts));
  } else {
    ROUX_ASSIGN_OR_RETURN(texts, kit::folder_domains(data));
    if (texts.size() < 3) {
      return absl::InvalidArgumentError(
          absl::StrCat(data, ": texts or folders of three slices are needed, there are ", texts.size()));
    }
  }
  kit::SourceOptions options = run.source_options();
  options.excerpt = c.excerpts;
  ROUX_ASSIGN_OR_RETURN(const std::set<std::string> nouns, nouns_of(options, run));
  for (const kit::NamedText& text : texts) {
    ROUX_ASSIGN_OR_RETURN(Slice slice, slice_of_text(c, text));
    for (const Slice& other : world.slices) {
      if (other.name == slice.name)
        return absl::InvalidArgumentError(absl::StrCat("two slices are called '", slice.name, "'"));
    }
    world.slices.push_back(std::move(slice));
  }
  world.late = world.slices.size() / 2;
  plant(nouns, world);
  for (Slice& slice : world.slices) {
    slice.counts = count_words(slice.train);
    slice.test_words = words_of(slice.test);
    ROUX_ASSIGN_OR_RETURN(slice.tokenizer, train_tokenizer(slice.train, c.vocab));
    world.base_text += slice.base;
    run.print(absl::StrCat(slice.name, ": words to train ", word_count(slice.train), ", test ",
                           word_count(slice.test), ", tune ", word_count(slice.dev), ", base ",
                           word_count(slice.base), "\n"));
  }
  for (const kit::NamedText& text : modern) {
    ROUX_ASSIGN_OR_RETURN(const Slice slice, slice_of_text(c, text));
    world.base_text += slice.base;
  }
  ROUX_ASSIGN_OR_RETURN(world.shared, train_tokenizer(world.base_text, c.vocab));
  add_frames(world);
  run.print(absl::StrCat(
      "Each slice is one author or translation (in --data: what you put there): period and author are "
      "confounded.\nExchanged from ",
      world.slices[world.late].name, " on: ", absl::StrJoin(world.planted, " "), "; other nouns ",
      world.nouns.size() - world.planted.size(), "\n"));
  for (size_t s = 0; s < world.frames.size(); ++s) {
    const auto format = [](std::string* out, const auto& pair) {
      absl::StrAppend(out, pair.second, "/", pair.first);
    };
    run.print(absl::StrCat("Later words than ", world.slices[s].name, "'s / its own: ",
                           absl::StrJoin(world.frames[s].own_and_later, " ", format), "\n"));
  }
  return world;
}

}  // namespace roux::diachronic_lm
