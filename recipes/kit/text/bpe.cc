#include "recipes/kit/text/bpe.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <queue>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {
namespace {

constexpr int32_t kNone = -1;
constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();
// Up to this many symbols a scan for the best pair beats the heap.
constexpr size_t kShortPiece = 48;

bool is_printable_byte(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

// GPT-2's alphabet: printable bytes stand for themselves, the other 68 are U+0100 and following, in order.
struct ByteAlphabet {
  std::array<char32_t, 256> to_char;
  std::array<int, 512> to_byte;
  ByteAlphabet() {
    to_byte.fill(-1);
    char32_t next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      to_char[byte] = is_printable_byte(byte) ? static_cast<char32_t>(byte) : next++;
      to_byte[to_char[byte]] = byte;
    }
  }
};

const ByteAlphabet& alphabet() {
  static const ByteAlphabet instance;
  return instance;
}

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

absl::string_view absl_view(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace

std::string byte_level_to_text(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) append_utf8(alphabet().to_char[static_cast<unsigned char>(c)], &text);
  return text;
}

std::optional<std::string> byte_level_from_text(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    if (!c.valid || c.code_point >= 512 || alphabet().to_byte[c.code_point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(alphabet().to_byte[c.code_point]));
    i += c.length;
  }
  return bytes;
}

std::optional<char> byte_of_token(std::string_view token) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return std::nullopt;
  if (digit(token[3]) < 0 || digit(token[4]) < 0) return std::nullopt;
  return static_cast<char>(digit(token[3]) * 16 + digit(token[4]));
}

std::string byte_token(unsigned char byte) {
  char name[8];
  std::snprintf(name, sizeof(name), "<0x%02X>", byte);
  return name;
}

absl::StatusOr<std::shared_ptr<const BpeModel>> BpeModel::from_merges(
    std::vector<std::string> tokens, absl::Span<const std::pair<std::string, std::string>> merges,
    BpeOptions options) {
  std::shared_ptr<BpeModel> model(new BpeModel(options));
  if (absl::Status s = model->set_tokens(std::move(tokens)); !s.ok()) return s;
  model->merges_.reserve(merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const auto& [left, right] = merges[i];
    const std::optional<int32_t> l = model->id(left), r = model->id(right), both = model->id(left + right);
    if (!l || !r || !both) {
      return absl::InvalidArgumentError(absl::StrCat("bpe: merge ", i, " (\"", left, "\" + \"", right,
                                                     "\"): ",
                                                     !l   ? left
                                                     : !r ? right
                                                          : left + right,
                                                     " is not in the vocabulary"));
    }
    // Of a merge listed twice the later one counts, as in the reference, which fills a map in order.
    model->merges_[pair_key(*l, *r)] = {static_cast<int32_t>(i), *both};
  }
  model->find_whole_tokens();
  return std::shared_ptr<const BpeModel>(std::move(model));
}

absl::StatusOr<std::shared_ptr<const BpeModel>> BpeModel::from_ranked_merges(
    std::vector<std::string> tokens, absl::Span<const BpeMerge> merges, BpeOptions options) {
  std::shared_ptr<BpeModel> model(new BpeModel(options));
  if (absl::Status s = model->set_tokens(std::move(tokens)); !s.ok()) return s;
  const auto known = [&](int32_t id) { return id >= 0 && id < model->vocab_size(); };
  for (const BpeMerge& merge : merges) {
    if (!known(merge.left) || !known(merge.right) || !known(merge.result)) {
      return absl::InvalidArgumentError(
          absl::StrCat("bpe: merge of ", merge.left, " and ", merge.right, " to ", merge.result,
                       " is outside of the vocabulary of ", model->vocab_size()));
    }
    model->merges_[pair_key(merge.left, merge.right)] = {merge.rank, merge.result};
  }
  model->find_whole_tokens();
  return std::shared_ptr<const BpeModel>(std::move(model));
}

absl::StatusOr<std::shared_ptr<const BpeModel>> BpeModel::from_scores(std::vector<std::string> tokens,
                                                                      absl::Span<const float> scores,
                                                                      BpeOptions options) {
  if (scores.size() != tokens.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("bpe: ", scores.size(), " scores for ", tokens.size(), " tokens"));
  }
  std::shared_ptr<BpeModel> model(new BpeModel(options));
  if (absl::Status s = model->set_tokens(std::move(tokens)); !s.ok()) return s;
  std::vector<int32_t> order;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!std::isnan(scores[i])) order.push_back(static_cast<int32_t>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return scores[a] > scores[b]; });
  std::vector<int32_t> rank(scores.size(), kNone);
  for (size_t i = 0; i < order.size(); ++i) {
    const bool tie = i > 0 && scores[order[i]] == scores[order[i - 1]];
    rank[order[i]] = tie ? rank[order[i - 1]] : static_cast<int32_t>(i);
  }
  model->add_merges_by_rank(rank);
  model->find_whole_tokens();
  return std::shared_ptr<const BpeModel>(std::move(model));
}

absl::StatusOr<std::shared_ptr<const BpeModel>> BpeModel::from_ranks(std::vector<std::string> byte_tokens) {
  std::shared_ptr<BpeModel> model(new BpeModel({.byte_level = true, .ignore_merges = true}));
  std::vector<int32_t> rank(byte_tokens.size(), kNone);
  for (std::string& token : byte_tokens) {
    rank[&token - byte_tokens.data()] =
        token.empty() ? kNone : static_cast<int32_t>(&token - byte_tokens.data());
    token = byte_level_to_text(token);
  }
  if (absl::Status s = model->set_tokens(std::move(byte_tokens)); !s.ok()) return s;
  model->add_merges_by_rank(rank);
  model->find_whole_tokens();
  return std::shared_ptr<const BpeModel>(std::move(model));
}

absl::Status BpeModel::set_tokens(std::vector<std::string> tokens) {
  tokens_ = std::move(tokens);
  if (tokens_.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return absl::InvalidArgumentError("bpe: the vocabulary has more than 2^31 tokens");
  }
  literal_.assign(tokens_.size(), false);
  ids_.reserve(tokens_.size());
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].empty()) continue;
    if (options_.byte_level) {
      if (std::optional<std::string> raw = byte_level_from_text(tokens_[i])) {
        tokens_[i] = *std::move(raw);
      } else {
        literal_[i] = true;  // an added token, or one that no text can produce
        literal_ids_.emplace(tokens_[i], static_cast<int32_t>(i));
        continue;
      }
    }
    const auto [at, fresh] = ids_.emplace(tokens_[i], static_cast<int32_t>(i));
    if (!fresh) {
      return absl::InvalidArgumentError(absl::StrCat("bpe: tokens ", at->second, " and ", i, " are both \"",
                                                     token(static_cast<int32_t>(i)), "\""));
    }
  }
  byte_ids_.fill(kNone);
  all_bytes_ = true;
  for (int byte = 0; byte < 256; ++byte) {
    const std::optional<int32_t> found =
        find(options_.byte_level ? std::string(1, static_cast<char>(byte)) : byte_token(byte));
    if (found && (options_.byte_level || options_.byte_fallback)) byte_ids_[byte] = *found;
    all_bytes_ = all_bytes_ && found.has_value();
  }
  return absl::OkStatus();
}

// Every way to cut a ranked token into two ranked tokens is a merge of that token's rank.
void BpeModel::add_merges_by_rank(absl::Span<const int32_t> rank) {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (rank[i] == kNone || literal_[i]) continue;
    const std::string_view token = tokens_[i];
    for (size_t cut = 1; cut < token.size(); ++cut) {
      const std::optional<int32_t> left = find(token.substr(0, cut));
      if (!left || (rank[*left] == kNone && cut > 1)) continue;
      const std::optional<int32_t> right = find(token.substr(cut));
      if (!right || (rank[*right] == kNone && token.size() - cut > 1)) continue;
      merges_[pair_key(*left, *right)] = {rank[i], static_cast<int32_t>(i)};
    }
  }
}

void BpeModel::find_whole_tokens() {
  whole_.assign(tokens_.size(), false);
  std::vector<Piece> symbols;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].empty() || literal_[i]) continue;
    if (options_.ignore_merges) {
      whole_[i] = true;
      continue;
    }
    symbols.clear();
    initial_symbols(tokens_[i], &symbols);
    merge(&symbols, 0);
    whole_[i] = symbols.size() == 1 && symbols[0].id == static_cast<int32_t>(i);
  }
}

std::optional<int32_t> BpeModel::find(std::string_view key) const {
  const auto at = ids_.find(absl_view(key));
  if (at == ids_.end()) return std::nullopt;
  return at->second;
}

std::optional<int32_t> BpeModel::id(std::string_view token) const {
  if (!options_.byte_level) return find(token);
  if (const std::optional<std::string> raw = byte_level_from_text(token)) return find(*raw);
  const auto at = literal_ids_.find(absl_view(token));
  if (at == literal_ids_.end()) return std::nullopt;
  return at->second;
}

std::string BpeModel::token(int32_t id) const {
  return options_.byte_level && !literal_[id] ? byte_level_to_text(tokens_[id]) : tokens_[id];
}

std::string BpeModel::bytes(int32_t id) const {
  const std::string& token = tokens_[id];
  if (!options_.byte_fallback) return token;
  const std::optional<char> byte = byte_of_token(token);
  return byte ? std::string(1, *byte) : token;
}

bool BpeModel::has_bytes(std::string_view text) const {
  if (!options_.byte_fallback) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return byte_ids_[static_cast<unsigned char>(c)] != kNone; });
}

void BpeModel::initial_symbols(std::string_view piece, std::vector<Piece>* out) const {
  bool unknown_before = false;
  for (uint32_t i = 0; i < piece.size();) {
    uint32_t length = 1;
    std::optional<int32_t> id;
    if (options_.byte_level) {
      const int32_t found = byte_ids_[static_cast<unsigned char>(piece[i])];
      if (found != kNone) id = found;
    } else {
      length = decode_utf8(piece, i).length;
      id = find(piece.substr(i, length));
    }
    bool unknown = false;
    if (id) {
      out->push_back({*id, i, i + length});
    } else if (has_bytes(piece.substr(i, length))) {
      for (uint32_t k = i; k < i + length; ++k) {
        out->push_back({byte_ids_[static_cast<unsigned char>(piece[k])], k, k + 1});
      }
    } else if (options_.unknown) {
      unknown = true;
      if (unknown_before && options_.fuse_unknown) {
        out->back().end = i + length;
      } else {
        out->push_back({*options_.unknown, i, i + length});
      }
    }  // without an unknown token the reference drops the text, and so do we
    unknown_before = unknown;
    i += length;
  }
}

const BpeModel::Target* BpeModel::target(int32_t left, int32_t right) const {
  const auto at = merges_.find(pair_key(left, right));
  return at == merges_.end() ? nullptr : &at->second;
}

void BpeModel::merge(std::vector<Piece>* symbols, size_t first) const {
  if (symbols->size() - first <= kShortPiece) {
    merge_short(symbols, first);
  } else {
    merge_long(symbols, first);
  }
}

void BpeModel::merge_short(std::vector<Piece>* symbols, size_t first) const {
  Piece* s = symbols->data() + first;
  size_t count = symbols->size() - first;
  if (count < 2) return;
  std::array<const Target*, kShortPiece> targets;  // of the pair (i, i + 1)
  for (size_t i = 0; i + 1 < count; ++i) targets[i] = target(s[i].id, s[i + 1].id);
  while (true) {
    const Target* best = nullptr;
    size_t at = 0;
    for (size_t i = 0; i + 1 < count; ++i) {
      if (targets[i] != nullptr && (best == nullptr || targets[i]->rank < best->rank))
        best = targets[i], at = i;
    }
    if (best == nullptr) break;
    s[at].id = best->result;
    s[at].end = s[at + 1].end;
    --count;
    for (size_t i = at + 1; i < count; ++i) {
      s[i] = s[i + 1];
      targets[i - 1] = targets[i];
    }
    if (at + 1 < count) targets[at] = target(s[at].id, s[at + 1].id);
    if (at > 0) targets[at - 1] = target(s[at - 1].id, s[at].id);
  }
  symbols->resize(first + count);
}

// A linked list of symbols and a heap of (rank, position); heap entries that no longer hold are skipped.
void BpeModel::merge_long(std::vector<Piece>* symbols, size_t first) const {
  Piece* s = symbols->data() + first;
  const auto count = static_cast<uint32_t>(symbols->size() - first);
  constexpr uint32_t kEnd = kNoRank;
  std::vector<uint32_t> next(count), previous(count), rank(count, kNoRank);
  std::vector<uint64_t> entries;
  entries.reserve(count);
  const auto rank_at = [&](uint32_t i) {
    const Target* t = next[i] == kEnd ? nullptr : target(s[i].id, s[next[i]].id);
    rank[i] = t == nullptr ? kNoRank : static_cast<uint32_t>(t->rank);
    return rank[i] != kNoRank;
  };
  const auto entry = [&](uint32_t i) { return static_cast<uint64_t>(rank[i]) << 32 | i; };
  for (uint32_t i = 0; i < count; ++i) {
    next[i] = i + 1 < count ? i + 1 : kEnd;
    previous[i] = i > 0 ? i - 1 : kEnd;
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (rank_at(i)) entries.push_back(entry(i));
  }
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> heap(std::greater<>(),
                                                                            std::move(entries));
  while (!heap.empty()) {
    const auto i = static_cast<uint32_t>(heap.top());
    const auto r = static_cast<uint32_t>(heap.top() >> 32);
    heap.pop();
    if (rank[i] != r) continue;
    const uint32_t gone = next[i];
    s[i].id = target(s[i].id, s[gone].id)->result;
    s[i].end = s[gone].end;
    next[i] = next[gone];
    if (next[i] != kEnd) previous[next[i]] = i;
    rank[gone] = kNoRank;
    s[gone].id = kNone;
    if (rank_at(i)) heap.push(entry(i));
    if (previous[i] != kEnd && rank_at(previous[i])) heap.push(entry(previous[i]));
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i != kEnd; i = next[i]) s[kept++] = s[i];
  symbols->resize(first + kept);
}

void BpeModel::encode(std::string_view piece, std::vector<Piece>* out) const {
  if (piece.empty()) return;
  const auto at = ids_.find(absl_view(piece));
  if (at != ids_.end() && whole_[at->second]) {
    out->push_back({at->second, 0, static_cast<uint32_t>(piece.size())});
    return;
  }
  const size_t first = out->size();
  initial_symbols(piece, out);
  merge(out, first);
}

std::vector<BpeMerge> BpeModel::merges() const {
  std::vector<BpeMerge> all;
  all.reserve(merges_.size());
  for (const auto& [key, t] : merges_) {
    all.push_back(
        {static_cast<int32_t>(key >> 32), static_cast<int32_t>(key & 0xFFFFFFFFu), t.result, t.rank});
  }
  std::sort(all.begin(), all.end(), [](const BpeMerge& a, const BpeMerge& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.left != b.left ? a.left < b.left : a.right < b.right;
  });
  return all;
}

}  // namespace roux::kit
