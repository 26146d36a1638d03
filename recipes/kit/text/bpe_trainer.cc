#include "recipes/kit/text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <queue>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

struct Word {
  std::vector<int32_t> symbols;
  int64_t count;
};

// A pair, how often it occurred when the entry was made, and the words in which it then appeared. A pair may
// have several entries with different words; entries whose count is outdated are renewed when they come up.
// This is the reference's bookkeeping, kept because it decides which pair is merged when a token can be made
// in two ways.
struct Entry {
  uint64_t pair;
  int64_t count;
  std::vector<uint32_t> words;
};

class Learner {
 public:
  Learner(std::vector<Word> words, std::vector<std::string> tokens)
      : words_(std::move(words)), tokens_(std::move(tokens)) {
    for (size_t i = 0; i < tokens_.size(); ++i) ids_.emplace(tokens_[i], static_cast<int32_t>(i));
  }

  void learn(size_t vocab_size, int64_t min_frequency, TrainedBpe* out) {
    count_pairs();
    std::vector<std::pair<int32_t, int32_t>> merges;
    while (tokens_.size() < vocab_size && !heap_.empty()) {
      const uint32_t index = heap_.top().index;
      heap_.pop();
      Entry& top = entries_[index];
      const int64_t now = counts_[top.pair];
      if (top.count != now) {
        top.count = now;
        push(index);
        continue;
      }
      if (top.count < 1 || min_frequency > top.count) break;
      const auto left = static_cast<int32_t>(top.pair >> 32);
      const auto right = static_cast<int32_t>(top.pair);
      std::string token = tokens_[left] + tokens_[right];
      const auto [at, fresh] = ids_.emplace(token, static_cast<int32_t>(tokens_.size()));
      const int32_t id = at->second;
      if (fresh) tokens_.push_back(std::move(token));
      merges.emplace_back(left, right);
      apply(left, right, id, std::move(top.words));
    }
    // A pair that was merged twice counts where it came last, as in the reference's map.
    absl::flat_hash_map<uint64_t, size_t> last;
    for (size_t i = 0; i < merges.size(); ++i) last[pair_key(merges[i].first, merges[i].second)] = i;
    for (size_t i = 0; i < merges.size(); ++i) {
      const auto [left, right] = merges[i];
      if (last[pair_key(left, right)] != i) continue;
      out->merges.emplace_back(byte_level_to_text(tokens_[left]), byte_level_to_text(tokens_[right]));
    }
    out->tokens.reserve(tokens_.size());
    for (const std::string& token : tokens_) out->tokens.push_back(byte_level_to_text(token));
  }

 private:
  struct Top {
    int64_t count;
    uint64_t pair;
    uint32_t index;
    // The larger count first, then the smaller pair.
    bool operator<(const Top& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void push(uint32_t index) { heap_.push({entries_[index].count, entries_[index].pair, index}); }

  void add_entry(uint64_t pair, std::vector<uint32_t> words) {
    const int64_t count = counts_[pair];
    if (count <= 0) return;
    entries_.push_back({pair, count, std::move(words)});
    push(static_cast<uint32_t>(entries_.size() - 1));
  }

  void count_pairs() {
    absl::flat_hash_map<uint64_t, std::vector<uint32_t>> where;
    for (size_t w = 0; w < words_.size(); ++w) {
      const std::vector<int32_t>& s = words_[w].symbols;
      for (size_t i = 0; i + 1 < s.size(); ++i) {
        const uint64_t key = pair_key(s[i], s[i + 1]);
        counts_[key] += words_[w].count;
        note(&where[key], static_cast<uint32_t>(w));
      }
    }
    for (auto& [pair, words] : where) add_entry(pair, std::move(words));
  }

  // Words come in ascending order, so a word already noted is the last one.
  static void note(std::vector<uint32_t>* words, uint32_t word) {
    if (words->empty() || words->back() != word) words->push_back(word);
  }

  void apply(int32_t left, int32_t right, int32_t id, std::vector<uint32_t> words) {
    absl::flat_hash_map<uint64_t, std::vector<uint32_t>> where;
    std::sort(words.begin(), words.end());
    for (const uint32_t w : words) {
      std::vector<int32_t>& s = words_[w].symbols;
      const int64_t count = words_[w].count;
      size_t kept = 0;
      for (size_t i = 0; i < s.size();) {
        if (i + 1 >= s.size() || s[i] != left || s[i + 1] != right) {
          s[kept++] = s[i++];
          continue;
        }
        if (kept > 0) {
          counts_[pair_key(s[kept - 1], left)] -= count;
          counts_[pair_key(s[kept - 1], id)] += count;
          note(&where[pair_key(s[kept - 1], id)], w);
        }
        if (i + 2 < s.size()) {
          counts_[pair_key(right, s[i + 2])] -= count;
          counts_[pair_key(id, s[i + 2])] += count;
          note(&where[pair_key(id, s[i + 2])], w);
        }
        s[kept++] = id;
        i += 2;
      }
      s.resize(kept);
    }
    for (auto& [pair, list] : where) add_entry(pair, std::move(list));
  }

  std::vector<Word> words_;
  std::vector<std::string> tokens_;  // bytes; special tokens stand aside (see train)
  absl::flat_hash_map<std::string, int32_t> ids_;
  absl::flat_hash_map<uint64_t, int64_t> counts_;
  std::vector<Entry> entries_;
  std::priority_queue<Top> heap_;
};

}  // namespace

void BpeTrainer::add(std::string_view text) {
  AlignedText aligned(replace_invalid_utf8(text));
  for (const Span& span : pre_tokenizer_.split(&aligned, SplitText::Place::kStart)) {
    const absl::string_view piece(aligned.text().data() + span.begin, span.end - span.begin);
    auto at = counts_.find(piece);
    if (at == counts_.end()) at = counts_.emplace(std::string(piece), 0).first;
    ++at->second;
  }
}

absl::StatusOr<TrainedBpe> BpeTrainer::train(const BpeTrainerOptions& options) const {
  TrainedBpe out;
  for (const std::string& token : options.special_tokens) {
    const bool again =
        std::find(out.special_tokens.begin(), out.special_tokens.end(), token) != out.special_tokens.end();
    if (token.empty() || again) {
      return absl::InvalidArgumentError(
          absl::StrCat("bpe_trainer: special token \"", token, "\" is empty or comes twice"));
    }
    out.special_tokens.push_back(token);
  }
  // The alphabet in the order of the characters that stand for the bytes.
  std::array<bool, 256> used = {};
  used.fill(options.full_alphabet);
  for (const auto& [piece, count] : counts_) {
    for (const char c : piece) used[static_cast<unsigned char>(c)] = true;
  }
  std::vector<std::pair<char32_t, int>> alphabet;
  for (int byte = 0; byte < 256; ++byte) {
    if (!used[byte]) continue;
    alphabet.emplace_back(
        decode_utf8(byte_level_to_text(std::string(1, static_cast<char>(byte))), 0).code_point, byte);
  }
  std::sort(alphabet.begin(), alphabet.end());
  const size_t specials = out.special_tokens.size();
  if (options.vocab_size < 0 || static_cast<size_t>(options.vocab_size) < specials + alphabet.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("bpe_trainer: vocab_size is ", options.vocab_size, ", but ", specials,
                     " special tokens and ", alphabet.size(), " bytes need ", specials + alphabet.size()));
  }
  // Learned without the special tokens, whose ids come first: the order of ids among the others is the same.
  std::vector<std::string> tokens;
  std::array<int32_t, 256> id_of = {};
  for (const auto& [character, byte] : alphabet) {
    id_of[byte] = static_cast<int32_t>(tokens.size());
    tokens.push_back(std::string(1, static_cast<char>(byte)));
  }
  std::vector<std::pair<std::string, int64_t>> sorted(counts_.begin(), counts_.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<Word> words;
  words.reserve(sorted.size());
  for (const auto& [piece, count] : sorted) {
    Word word{{}, count};
    for (const char c : piece) word.symbols.push_back(id_of[static_cast<unsigned char>(c)]);
    words.push_back(std::move(word));
  }
  Learner learner(std::move(words), std::move(tokens));
  learner.learn(static_cast<size_t>(options.vocab_size) - specials, options.min_frequency, &out);
  out.tokens.insert(out.tokens.begin(), out.special_tokens.begin(), out.special_tokens.end());
  return out;
}

absl::StatusOr<PreTokenizer> pattern_pre_tokenizer(const std::vector<std::string>& patterns) {
  PreTokenizer pre_tokenizer;
  for (const std::string& pattern : patterns) {
    ROUX_ASSIGN_OR_RETURN(Regex regex, Regex::compile(pattern));
    pre_tokenizer.add(split_step(std::move(regex), SplitBehavior::kIsolated, false));
  }
  return pre_tokenizer;
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> byte_level_tokenizer(
    const TrainedBpe& trained, const std::vector<std::string>& patterns, const std::string& name) {
  TokenizerParts parts;
  parts.name = name;
  ROUX_ASSIGN_OR_RETURN(parts.pre_tokenizer, pattern_pre_tokenizer(patterns));
  std::vector<std::string> tokens = trained.tokens;
  for (size_t i = 0; i < trained.special_tokens.size(); ++i) {
    AddedToken token;
    token.content = trained.special_tokens[i];
    token.id = static_cast<int32_t>(i);
    parts.added_tokens.push_back(std::move(token));
    tokens[i].clear();  // special tokens are added tokens alone: no text becomes one by merging
  }
  ROUX_ASSIGN_OR_RETURN(parts.model, BpeModel::from_merges(std::move(tokens), trained.merges, {}));
  return Tokenizer::build(std::move(parts));
}

std::string trained_tokenizer_json(const TrainedBpe& trained, const std::vector<std::string>& patterns) {
  using nlohmann::json;
  json vocab = json::object(), merges = json::array(), added = json::array(), steps = json::array();
  for (size_t i = 0; i < trained.tokens.size(); ++i) vocab[trained.tokens[i]] = i;
  for (const auto& [left, right] : trained.merges) merges.push_back(left + " " + right);
  for (size_t i = 0; i < trained.special_tokens.size(); ++i) {
    added.push_back({{"id", i},
                     {"content", trained.special_tokens[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  for (const std::string& pattern : patterns) {
    steps.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  const json bytes = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  steps.push_back(bytes);
  const json root = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}},
                     {"post_processor", nullptr},
                     {"decoder", bytes},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"vocab", vocab},
                       {"merges", merges}}}};
  return root.dump();
}

}  // namespace roux::kit
