#include "recipes/kit/chat/kept_cache.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux::kit {

// Reads and extends what its KeptCache holds.
class KeptCache::Session : public DecodeSession {
 public:
  explicit Session(KeptCache& kept) : kept_(kept) {}

  void extend(absl::Span<const Tokens> tokens) override {
    ROUX_CHECK(tokens.size() == 1) << "extend: tokens for " << tokens.size() << " rows, there is 1";
    const NoGradGuard no_grad;
    const Tokens& row = tokens[0];
    const auto count = static_cast<int64_t>(row.size());
    hidden_ = Tensor();
    if (count == 0) return;
    const Device device = kept_.model_.embedding_weight().device();
    hidden_ =
        kept_.model_.hidden({.ids = tensor(row, {1, count}, device), .cache = &kept_.cache_}).squeeze(0);
    kept_.tokens_.insert(kept_.tokens_.end(), row.begin(), row.end());
  }

  Tensor logits(absl::Span<const int64_t> tokens) const override {
    const NoGradGuard no_grad;
    const int64_t there = hidden_.defined() ? hidden_.size(0) : 0;
    Tokens index;
    for (const int64_t token : tokens) {
      ROUX_CHECK(token >= 0 && token < there) << "logits: behind token " << token << ", there are " << there;
      index.push_back(static_cast<int32_t>(token));
    }
    const auto count = static_cast<int64_t>(index.size());
    if (count == 0) return empty({kF32, {0, kept_.model_.embedding_weight().size(0)}}, kCpu);
    const Tensor chosen = index_select(hidden_, 0, tensor(index, {count}, hidden_.device()));
    return to_device(cast(kept_.model_.project(chosen), kF32), kCpu).contiguous();
  }

  void select(absl::Span<const int64_t> from) override {
    ROUX_CHECK(from.size() == 1 && from[0] == 0) << "select: a kept cache has one row, needed {0}";
    hidden_ = Tensor();
  }

  // The prompt's logits are those behind its last token.
  void keep_last() { hidden_ = hidden_.slice(0, hidden_.size(0) - 1, hidden_.size(0)); }

 private:
  KeptCache& kept_;
  Tensor hidden_;  // [T, D] of the last extend()
};

KeptCache::KeptCache(const LanguageModel& model, int64_t capacity)
    : model_(model), cache_(model.make_cache(1, capacity)) {}

void KeptCache::clear() {
  cache_.set_lengths(std::vector<int64_t>{0});
  tokens_.clear();
}

DecodeModel KeptCache::model() {
  return {.vocabulary = model_.embedding_weight().size(0),
          .context = cache_.capacity(),
          .taken = [](const Tokens& prompt) { return static_cast<int64_t>(prompt.size()); },
          .beginning = [](const Tokens& prompt) { return prompt; },
          .start = [this](absl::Span<const Tokens> prompts, int64_t rows,
                          int64_t) -> std::unique_ptr<DecodeSession> {
            ROUX_CHECK(prompts.size() == 1 && rows == 1)
                << "decode: " << prompts.size() << " prompts and " << rows
                << " rows with a kept cache, needed one of each";
            const Tokens& prompt = prompts[0];
            ROUX_CHECK(!prompt.empty()) << "decode: prompt 0 has no tokens, needed one or more";
            const auto begin = std::chrono::steady_clock::now();
            // The last token is computed in any case: its logits are wanted.
            const auto common = std::min(tokens_.size(), prompt.size() - 1);
            const auto kept =
                std::mismatch(prompt.begin(), prompt.begin() + static_cast<int64_t>(common), tokens_.begin())
                    .first -
                prompt.begin();
            cache_.set_lengths(std::vector<int64_t>{kept});
            tokens_.resize(static_cast<size_t>(kept));
            auto session = std::make_unique<Session>(*this);
            session->extend(std::vector<Tokens>{Tokens(prompt.begin() + kept, prompt.end())});
            session->keep_last();
            last_prompt_ = {kept, static_cast<int64_t>(prompt.size()) - kept,
                            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()};
            return session;
          }};
}

}  // namespace roux::kit
