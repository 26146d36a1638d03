#include "recipes/kit/decode/combine.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "tensor/error.h"
#include "tensor/grad_mode.h"

namespace roux::kit {
namespace {

class CombinedSession : public DecodeSession {
 public:
  CombinedSession(std::vector<std::unique_ptr<DecodeSession>> sessions, int64_t vocabulary,
                  CombineLogits combine)
      : sessions_(std::move(sessions)), vocabulary_(vocabulary), combine_(std::move(combine)) {}

  void extend(absl::Span<const Tokens> tokens) override {
    for (const auto& session : sessions_) session->extend(tokens);
  }
  Tensor logits(absl::Span<const int64_t> tokens) const override {
    NoGradGuard no_grad;
    std::vector<Tensor> all;
    for (const auto& session : sessions_) all.push_back(session->logits(tokens).slice(1, 0, vocabulary_));
    Tensor one = combine_(all);
    const TensorSpec needed{kF32, {static_cast<int64_t>(tokens.size()), vocabulary_}};
    ROUX_CHECK(one.spec() == needed) << "combined: combine returns " << one.spec() << ", needed " << needed;
    return one.contiguous();
  }
  void select(absl::Span<const int64_t> from) override {
    for (const auto& session : sessions_) session->select(from);
  }

 private:
  std::vector<std::unique_ptr<DecodeSession>> sessions_;
  int64_t vocabulary_;
  CombineLogits combine_;
};

struct Part {
  DecodeModel model;
  std::function<Tokens(const Tokens&)> wrap;
  Tokens prompt(const Tokens& own) const { return wrap ? wrap(own) : own; }
};

}  // namespace

DecodeModel combined(std::vector<DecodeModel> models, CombineLogits combine,
                     std::vector<std::function<Tokens(const Tokens&)>> wrap) {
  ROUX_CHECK(!models.empty() && (wrap.empty() || wrap.size() == models.size()))
      << "combined: " << models.size() << " models and " << wrap.size()
      << " wraps, needed a model or more, and no wrap or one for each";
  const int64_t vocabulary = models[0].vocabulary;
  std::optional<int64_t> context;  // in tokens behind the prompt: what the models' prompts take may differ
  const auto parts = std::make_shared<std::vector<Part>>();
  for (size_t i = 0; i < models.size(); ++i) {
    ROUX_CHECK(models[i].vocabulary >= vocabulary)
        << "combined: model " << i << " has " << models[i].vocabulary << " tokens, the first has "
        << vocabulary;
    if (models[i].context) context = std::max(context.value_or(0), *models[i].context);
    parts->push_back({std::move(models[i]), wrap.empty() ? nullptr : std::move(wrap[i])});
  }
  // As if all had the largest context: a model with a smaller one counts the difference as taken.
  const auto taken = [parts, context](const Tokens& prompt) {
    int64_t most = 0;
    for (const Part& part : *parts) {
      if (!part.model.context) continue;
      most = std::max(most, *context - *part.model.context + part.model.taken(part.prompt(prompt)));
    }
    return most;
  };
  return {
      .vocabulary = vocabulary,
      .context = context,
      .taken = taken,
      .beginning = [parts](const Tokens& p) { return (*parts)[0].model.beginning((*parts)[0].prompt(p)); },
      .start = [parts, vocabulary, combine = std::move(combine)](
                   absl::Span<const Tokens> prompts, int64_t rows,
                   int64_t new_tokens) -> std::unique_ptr<DecodeSession> {
        std::vector<std::unique_ptr<DecodeSession>> sessions;
        for (const Part& part : *parts) {
          std::vector<Tokens> own;
          for (const Tokens& prompt : prompts) own.push_back(part.prompt(prompt));
          sessions.push_back(part.model.start(own, rows, new_tokens));
        }
        return std::make_unique<CombinedSession>(std::move(sessions), vocabulary, combine);
      }};
}

}  // namespace roux::kit
