// Sessions of networks: rows padded on the right over one cache.
#include <algorithm>
#include <utility>

#include "recipes/kit/decode/session.h"
#include "tensor/batch_invariant.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

class CachedSession : public DecodeSession {
 public:
  CachedSession(const LanguageModel& model, KVCache cache, LmInput input)
      : model_(model),
        device_(model.embedding_weight().device()),
        cache_(std::move(cache)),
        input_(std::move(input)) {}

  void extend(absl::Span<const Tokens> tokens) override {
    NoGradGuard no_grad;
    const auto rows = static_cast<int64_t>(tokens.size());
    ROUX_CHECK(rows == cache_.rows())
        << "extend: tokens for " << rows << " rows, there are " << cache_.rows();
    size_t longest = 0, shortest = rows > 0 ? tokens[0].size() : 0;
    for (const Tokens& row : tokens) {
      longest = std::max(longest, row.size());
      shortest = std::min(shortest, row.size());
    }
    hidden_ = Tensor(), where_.clear(), last_.clear();
    if (longest == 0) return;
    const auto width = static_cast<int64_t>(longest);
    Tokens ids(static_cast<size_t>(rows) * longest, 0), lengths;
    for (size_t row = 0; row < tokens.size(); ++row) {
      std::copy(tokens[row].begin(), tokens[row].end(), ids.begin() + static_cast<int64_t>(row * longest));
      lengths.push_back(static_cast<int32_t>(tokens[row].size()));
      for (size_t i = 0; i < tokens[row].size(); ++i) {
        where_.push_back(static_cast<int32_t>(row * longest + i));
      }
      if (!tokens[row].empty()) last_.push_back(where_.back());
    }
    LmInput in = input_;
    in.ids = tensor(ids, {rows, width}, device_);
    // A plan on meta cannot read lengths; its rows are all the longest.
    if (shortest < longest && device_.type != DeviceType::kMeta)
      in.lengths = tensor(lengths, {rows}, device_);
    in.cache = &cache_;
    const Tensor hidden = model_.hidden(in);
    input_.memory = Memory();  // its keys are in the cache now
    hidden_ = reshape(hidden, {rows * width, hidden.size(2)});
  }

  Tensor logits(absl::Span<const int64_t> tokens) const override {
    NoGradGuard no_grad;
    Tokens index;
    for (const int64_t token : tokens) {
      ROUX_CHECK(token >= 0 && token < static_cast<int64_t>(where_.size()))
          << "logits: behind token " << token << ", there are " << where_.size();
      index.push_back(where_[static_cast<size_t>(token)]);
    }
    const auto count = static_cast<int64_t>(index.size());
    if (count == 0) return empty({kF32, {0, model_.embedding_weight().size(0)}}, kCpu);
    const Tensor chosen = index_select(hidden_, 0, tensor(index, {count}, device_));
    const Tensor logits = cast(model_.project(chosen), kF32);
    if (device_.type == DeviceType::kMeta) return zeros(logits.shape());
    return to_device(logits, kCpu).contiguous();
  }

  void select(absl::Span<const int64_t> from) override {
    cache_.select_rows(from);
    hidden_ = Tensor(), where_.clear();
  }

  // Of the tokens of extend(), only the last of each row can be asked for now. No row gained none.
  void keep_last() {
    NoGradGuard no_grad;
    const auto count = static_cast<int64_t>(last_.size());
    hidden_ = index_select(hidden_, 0, tensor(last_, {count}, device_));
    where_.clear();
    for (int32_t i = 0; i < count; ++i) where_.push_back(i);
  }

 private:
  const LanguageModel& model_;
  Device device_;
  KVCache cache_;
  LmInput input_;
  Tensor hidden_;        // [N, D] of the last extend()
  Tokens where_, last_;  // its rows: of each token; of the last one of each row
};

std::vector<int64_t> first_rows(size_t count) {
  std::vector<int64_t> rows(count);
  for (size_t i = 0; i < count; ++i) rows[i] = static_cast<int64_t>(i);
  return rows;
}

Tokens joined(const Tokens& a, const Tokens& b) {
  Tokens both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

// Of what all begin with, but at most all tokens of the shortest but its last.
int64_t common_beginning(absl::Span<const Tokens> rows) {
  size_t common = rows[0].size() - 1;
  for (const Tokens& row : rows) {
    common = std::min(common, row.size() - 1);
    common = static_cast<size_t>(
        std::mismatch(rows[0].begin(), rows[0].begin() + static_cast<int64_t>(common), row.begin()).first -
        rows[0].begin());
  }
  return static_cast<int64_t>(common);
}

std::vector<Tokens> behind(absl::Span<const Tokens> rows, int64_t begin) {
  std::vector<Tokens> rest;
  for (const Tokens& row : rows) rest.emplace_back(row.begin() + begin, row.end());
  return rest;
}

int64_t longest(absl::Span<const Tokens> rows) {
  size_t most = 0;
  for (const Tokens& row : rows) most = std::max(most, row.size());
  return static_cast<int64_t>(most);
}

// Keys and values of tokens, of one row.
KeyValues key_values(const LanguageModel& model, const LmInput& input, const Tokens& tokens) {
  NoGradGuard no_grad;
  const auto count = static_cast<int64_t>(tokens.size());
  KVCache cache = model.make_cache(1, count);
  LmInput in = input;
  in.ids = tensor(tokens, {1, count}, model.embedding_weight().device());
  in.cache = &cache;
  model.hidden(in);
  return cache.view();
}

// More tokens than these are worth a forward of their own, to be computed once.
constexpr int64_t kWorthSharing = 16;

std::unique_ptr<DecodeSession> start_lm(const LanguageModel& model, const LmDecodeOptions& options,
                                        const KeyValues& prefix, absl::Span<const Tokens> prompts,
                                        int64_t rows, int64_t new_tokens) {
  ROUX_CHECK(!prompts.empty() && static_cast<int64_t>(prompts.size()) <= rows)
      << "decode: " << prompts.size() << " prompts for " << rows << " rows";
  for (size_t i = 0; i < prompts.size(); ++i) {
    ROUX_CHECK(!prompts[i].empty()) << "decode: prompt " << i << " has no tokens, needed one or more";
  }
  std::vector<Tokens> own(prompts.begin(), prompts.end());
  LmInput input = options.input;
  const bool alike = batch_invariant(), free = !input.prefix.defined() && !input.core && !alike;
  if (!options.prefix.empty() && alike) {
    for (Tokens& row : own) row = joined(options.prefix, row);
  } else if (!options.prefix.empty()) {
    input.prefix = prefix;
  }
  int64_t common = common_beginning(own);
  if (common < kWorthSharing) common = 0;
  if (common > 0 && rows > 1 && free && options.prefix.empty()) {
    input.prefix = key_values(model, input, Tokens(own[0].begin(), own[0].begin() + common));
    own = behind(own, common);
    common = 0;
  }
  auto session =
      std::make_unique<CachedSession>(model, model.make_cache(rows, longest(own) + new_tokens), input);
  if (common > 0 && own.size() > 1) {
    session->select(std::vector<int64_t>{0});
    session->extend(std::vector<Tokens>{Tokens(own[0].begin(), own[0].begin() + common)});
    session->select(std::vector<int64_t>(own.size(), 0));
    session->extend(behind(own, common));
  } else {
    session->select(first_rows(own.size()));
    session->extend(own);
  }
  session->keep_last();
  return session;
}

std::unique_ptr<DecodeSession> start_encoder_decoder(const EncoderDecoder& model, const Tokens& start,
                                                     absl::Span<const Tokens> sources, int64_t rows,
                                                     int64_t new_tokens) {
  NoGradGuard no_grad;
  const int64_t width = longest(sources);
  const auto count = static_cast<int64_t>(sources.size());
  ROUX_CHECK(count > 0 && count <= rows) << "decode: " << count << " prompts for " << rows << " rows";
  const Device device = model.embedding_weight().device();
  Tokens ids, lengths;
  for (size_t i = 0; i < sources.size(); ++i) {
    ROUX_CHECK(!sources[i].empty()) << "decode: prompt " << i << " has no tokens, needed one or more";
    ids.insert(ids.end(), sources[i].begin(), sources[i].end());
    ids.resize((i + 1) * static_cast<size_t>(width), 0);
    lengths.push_back(static_cast<int32_t>(sources[i].size()));
  }
  LmInput input;
  input.memory =
      model.encode({.ids = tensor(ids, {count, width}, device), .lengths = tensor(lengths, {count}, device)});
  auto session = std::make_unique<CachedSession>(
      model, model.make_cache(rows, static_cast<int64_t>(start.size()) + new_tokens), input);
  session->select(first_rows(sources.size()));
  session->extend(std::vector<Tokens>(sources.size(), start));
  session->keep_last();
  return session;
}

}  // namespace

DecodeModel decode_model(const LanguageModel& model, LmDecodeOptions options) {
  KeyValues prefix;
  if (!options.prefix.empty()) {
    ROUX_CHECK(!options.input.prefix.defined())
        << "decode_model: both tokens and key-values as a prefix: one of them";
    prefix = key_values(model, options.input, options.prefix);
  }
  const auto before = static_cast<int64_t>(options.prefix.size()) +
                      (options.input.prefix.defined() ? options.input.prefix.k[0].size(2) : 0);
  return {.vocabulary = model.embedding_weight().size(0),
          .context = model.context_length(),
          .taken = [before](const Tokens& p) { return before + static_cast<int64_t>(p.size()); },
          .beginning = [prefix = options.prefix](const Tokens& p) { return joined(prefix, p); },
          .start =
              [&model, options = std::move(options), prefix](absl::Span<const Tokens> prompts, int64_t rows,
                                                             int64_t new_tokens) {
                return start_lm(model, options, prefix, prompts, rows, new_tokens);
              }};
}

DecodeModel decode_model(const EncoderDecoder& model, Tokens start) {
  ROUX_CHECK(!start.empty()) << "decode_model: an encoder-decoder's rows need a first token";
  const auto taken = static_cast<int64_t>(start.size());
  return {.vocabulary = model.embedding_weight().size(0),
          .context = model.context_length(),
          .taken = [taken](const Tokens&) { return taken; },
          .beginning = [start](const Tokens&) { return start; },
          .start =
              [&model, start = std::move(start)](absl::Span<const Tokens> sources, int64_t rows,
                                                 int64_t new_tokens) {
                return start_encoder_decoder(model, start, sources, rows, new_tokens);
              }};
}

}  // namespace roux::kit
