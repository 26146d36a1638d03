#include "recipes/kit/decode/session.h"

#include <utility>

#include "tensor/error.h"
#include "tensor/ops/creation.h"

namespace roux::kit {
namespace {

// Tokens are all that is remembered.
class FunctionSession : public DecodeSession {
 public:
  using Next = std::function<void(absl::Span<const int32_t>, absl::Span<float>)>;
  FunctionSession(int64_t vocabulary, const Next& next, absl::Span<const Tokens> prompts, int64_t rows)
      : vocabulary_(vocabulary), most_rows_(rows), next_(next), rows_(prompts.begin(), prompts.end()) {
    for (size_t row = 0; row < rows_.size(); ++row) ends_.emplace_back(row, rows_[row].size());
  }

  void extend(absl::Span<const Tokens> tokens) override {
    ROUX_CHECK(tokens.size() == rows_.size())
        << "extend: tokens for " << tokens.size() << " rows, there are " << rows_.size();
    ends_.clear();
    for (size_t row = 0; row < rows_.size(); ++row) {
      for (const int32_t token : tokens[row]) {
        rows_[row].push_back(token);
        ends_.emplace_back(row, rows_[row].size());
      }
    }
  }

  Tensor logits(absl::Span<const int64_t> tokens) const override {
    const auto count = static_cast<int64_t>(tokens.size());
    Tensor logits = empty({kF32, {count, vocabulary_}}, kCpu);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t token = tokens[static_cast<size_t>(i)];
      ROUX_CHECK(token >= 0 && token < static_cast<int64_t>(ends_.size()))
          << "logits: behind token " << token << ", there are " << ends_.size();
      const auto [row, length] = ends_[static_cast<size_t>(token)];
      next_(absl::MakeConstSpan(rows_[row]).first(length),
            absl::MakeSpan(logits.data<float>() + i * vocabulary_, static_cast<size_t>(vocabulary_)));
    }
    return logits;
  }

  void select(absl::Span<const int64_t> from) override {
    ROUX_CHECK(static_cast<int64_t>(from.size()) <= most_rows_)
        << "select: " << from.size() << " rows, started for " << most_rows_;
    std::vector<Tokens> rows;
    for (const int64_t row : from) {
      ROUX_CHECK(row >= 0 && row < static_cast<int64_t>(rows_.size()))
          << "select: row " << row << ", there are " << rows_.size();
      rows.push_back(rows_[static_cast<size_t>(row)]);
    }
    rows_ = std::move(rows);
    ends_.clear();
  }

 private:
  int64_t vocabulary_, most_rows_;
  Next next_;
  std::vector<Tokens> rows_;
  std::vector<std::pair<size_t, size_t>> ends_;  // of the last tokens: row, and length with it
};

}  // namespace

DecodeModel decode_model(int64_t vocabulary, FunctionSession::Next next) {
  return {.vocabulary = vocabulary,
          .taken = [](const Tokens& prompt) { return static_cast<int64_t>(prompt.size()); },
          .beginning = [](const Tokens& prompt) { return prompt; },
          .start = [vocabulary, next = std::move(next)](absl::Span<const Tokens> prompts, int64_t rows,
                                                        int64_t) -> std::unique_ptr<DecodeSession> {
            return std::make_unique<FunctionSession>(vocabulary, next, prompts, rows);
          }};
}

void internal::check_prompt(const char* op, const DecodeModel& model, size_t index, const Tokens& prompt,
                            int64_t new_tokens) {
  ROUX_CHECK(!prompt.empty()) << op << ": prompt " << index << " has no tokens, needed one or more";
  if (!model.context) return;
  const int64_t taken = model.taken(prompt);
  ROUX_CHECK(taken + new_tokens <= *model.context)
      << op << ": prompt " << index << " takes " << taken << " tokens of the model's context of "
      << *model.context << ", needed room for " << new_tokens << " more";
}

}  // namespace roux::kit
