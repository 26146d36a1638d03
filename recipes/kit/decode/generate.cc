#include "recipes/kit/decode/generate.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/softmax.h"
#include "tensor/parallel.h"

namespace roux::kit {
namespace {

// One row that is still written.
struct Row {
  Generation* out;
  int64_t most;      // tokens
  Tokens beginning;  // for rules
  std::optional<TextStream> stream;
  bool ended = false;
};

class Batch {
 public:
  Batch(const DecodeModel& model, absl::Span<const Tokens> prompts, const GenerateOptions& options)
      : model_(model), prompts_(prompts), options_(options) {}

  // `out`: the samples of each prompt side by side.
  void run(absl::Span<Generation* const> out);

 private:
  std::vector<Row*> running();
  std::vector<int32_t> choose(const Tensor& logits);
  Tensor ruled(const Tensor& logits);
  double uniform(const Row& row) const;
  void accept(Row& row, int32_t token, double log_prob) const;
  void drop_ended(DecodeSession& session);

  const DecodeModel& model_;
  absl::Span<const Tokens> prompts_;
  const GenerateOptions& options_;
  std::vector<Row> rows_;
};

// 0 .. count - 1.
std::vector<int64_t> first(size_t count) {
  std::vector<int64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

std::vector<Row*> Batch::running() {
  std::vector<Row*> rows;
  for (Row& row : rows_) {
    if (!row.ended) rows.push_back(&row);
  }
  return rows;
}

// The logits of the running rows, after the rules.
Tensor Batch::ruled(const Tensor& logits) {
  if (options_.rules.empty()) return logits;
  const Tensor changed = empty(logits.spec(), kCpu);
  copy_(changed, logits);
  const auto width = static_cast<size_t>(model_.vocabulary);
  float* data = changed.data<float>();
  for (const Row* row : running()) {
    const RowSoFar so_far{static_cast<size_t>(row->out->prompt), row->beginning, row->out->tokens};
    for (const TokenRule& rule : options_.rules) rule(so_far, absl::MakeSpan(data, width));
    data += width;
  }
  return changed;
}

double Batch::uniform(const Row& row) const {
  const auto prompt = static_cast<size_t>(row.out->prompt);
  return keyed_uniform(options_.seed, options_.keys.empty() ? prompt : options_.keys[prompt],
                       static_cast<uint64_t>(row.out->sample), row.out->tokens.size());
}

// A token for each running row; -1 where none can be chosen.
std::vector<int32_t> Batch::choose(const Tensor& logits) {
  const Sampling& sampling = options_.sampling;
  const auto width = static_cast<size_t>(model_.vocabulary);
  Tensor values = ruled(logits);
  if (sampling.temperature > 0) {
    values = softmax(sampling.temperature == 1 ? values : values * (1 / sampling.temperature), -1);
  }
  const std::vector<Row*> rows = running();
  std::vector<int32_t> tokens(rows.size());
  float* const data = values.data<float>();
  parallel_for(0, static_cast<int64_t>(rows.size()), 1, [&](int64_t begin, int64_t) {
    const auto i = static_cast<size_t>(begin);
    const absl::Span<float> row(data + i * width, width);
    if (sampling.temperature == 0) {
      tokens[i] = most_probable(row);
    } else {
      cut(sampling, row);
      tokens[i] = draw(row, uniform(*rows[i]));
    }
  });
  return tokens;
}

void Batch::accept(Row& row, int32_t token, double log_prob) const {
  Generation& out = *row.out;
  const auto where = [&] {
    return absl::StrCat("generate: prompt ", out.prompt, ", sample ", out.sample, ", position ",
                        out.tokens.size());
  };
  // NaN or inf among the logits makes every log-probability NaN.
  ROUX_CHECK(!std::isnan(log_prob)) << where() << ": the model's logits are not finite";
  ROUX_CHECK(token >= 0) << where() << ": the rules leave no token";
  out.tokens.push_back(token);
  out.log_probs.push_back(log_prob);
  const bool stops = std::count(options_.stop_tokens.begin(), options_.stop_tokens.end(), token) > 0;
  std::string text;
  if (row.stream && !stops) text = row.stream->push(token);
  row.ended =
      stops || (row.stream && row.stream->stopped()) || static_cast<int64_t>(out.tokens.size()) == row.most;
  if (row.ended && row.stream) text += row.stream->finish();
  if (row.ended) {
    out.stop = stops                                 ? Generation::kToken
               : row.stream && row.stream->stopped() ? Generation::kString
                                                     : Generation::kLength;
  }
  out.text += text;
  if (options_.on_text && (row.ended || !text.empty())) options_.on_text(out, text);
}

// Ended rows are computed along until a quarter has ended, since dropping them moves the memory of others.
void Batch::drop_ended(DecodeSession& session) {
  std::vector<int64_t> kept;
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (!rows_[i].ended) kept.push_back(static_cast<int64_t>(i));
  }
  if (4 * kept.size() > 3 * rows_.size()) return;
  session.select(kept);
  std::vector<Row> rows;
  for (const int64_t i : kept) rows.push_back(std::move(rows_[static_cast<size_t>(i)]));
  rows_ = std::move(rows);
}

void Batch::run(absl::Span<Generation* const> out) {
  std::vector<Tokens> started;
  std::vector<int64_t> from;  // of each row
  int64_t new_tokens = 0;
  for (Generation* generation : out) {
    const Tokens& prompt = prompts_[static_cast<size_t>(generation->prompt)];
    Row row{generation, options_.max_tokens, model_.beginning(prompt), {}};
    if (model_.context) row.most = std::min(row.most, *model_.context - model_.taken(prompt));
    if (options_.text) row.stream.emplace(options_.text, options_.stop_strings);
    new_tokens = std::max(new_tokens, row.most);
    if (rows_.empty() || rows_.back().out->prompt != generation->prompt) started.push_back(prompt);
    from.push_back(static_cast<int64_t>(started.size()) - 1);
    rows_.push_back(std::move(row));
  }
  const auto session = model_.start(started, static_cast<int64_t>(out.size()), new_tokens);
  // The samples of a prompt begin with the same logits.
  Tensor logits = index_select(session->logits(first(started.size())), 0,
                               tensor(from, {static_cast<int64_t>(from.size())}));
  session->select(from);
  for (;;) {
    const std::vector<int32_t> tokens = choose(logits);
    std::vector<int32_t> looked_up = tokens;
    for (int32_t& token : looked_up) token = std::max(token, 0);
    const std::vector<double> log_probs =
        gather(log_softmax(logits, -1), 1, tensor(looked_up, {logits.size(0), 1})).to_vector<double>();
    const std::vector<Row*> rows = running();
    for (size_t i = 0; i < rows.size(); ++i) accept(*rows[i], tokens[i], log_probs[i]);
    const size_t left = running().size();
    if (left == 0) return;
    drop_ended(*session);
    std::vector<Tokens> next;
    for (const Row& row : rows_) next.push_back(row.ended ? Tokens() : Tokens{row.out->tokens.back()});
    session->extend(next);
    logits = session->logits(first(left));
  }
}

void check_options(const DecodeModel& model, absl::Span<const Tokens> prompts,
                   const GenerateOptions& options) {
  check(options.sampling);
  ROUX_CHECK(options.max_tokens > 0 && options.samples > 0 && options.rows > 0)
      << "generate: max_tokens is " << options.max_tokens << ", samples " << options.samples << ", rows "
      << options.rows << ", each needed above 0";
  ROUX_CHECK(options.keys.empty() || options.keys.size() == prompts.size())
      << "generate: " << options.keys.size() << " keys for " << prompts.size() << " prompts";
  ROUX_CHECK(options.text || (options.stop_strings.empty() && !options.on_text))
      << "generate: stop_strings and on_text need `text`, which turns tokens into it";
  for (size_t i = 0; i < prompts.size(); ++i) internal::check_prompt("generate", model, i, prompts[i], 1);
}

}  // namespace

std::vector<Generation> generate(const DecodeModel& model, absl::Span<const Tokens> prompts,
                                 const GenerateOptions& options) {
  check_options(model, prompts, options);
  NoGradGuard no_grad;
  std::vector<Generation> all(prompts.size() * static_cast<size_t>(options.samples));
  // Prompts of like length stand together, for little padding; the samples of one side by side.
  std::vector<size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return prompts[a].size() < prompts[b].size(); });
  std::vector<Generation*> rows;
  for (const size_t prompt : order) {
    for (int64_t sample = 0; sample < options.samples; ++sample) {
      rows.push_back(&all[prompt * static_cast<size_t>(options.samples) + static_cast<size_t>(sample)]);
      rows.back()->prompt = static_cast<int64_t>(prompt);
      rows.back()->sample = sample;
    }
  }
  // Whole prompts, where their samples fit.
  const auto most = static_cast<size_t>(
      options.samples < options.rows ? options.rows / options.samples * options.samples : options.rows);
  for (size_t begin = 0; begin < rows.size(); begin += most) {
    Batch(model, prompts, options).run(absl::MakeConstSpan(rows).subspan(begin, most));
  }
  return all;
}

}  // namespace roux::kit
