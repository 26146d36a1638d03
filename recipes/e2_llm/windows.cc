#include "recipes/e2_llm/windows.h"

#include <algorithm>
#include <functional>
#include <numbers>

#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/reduce.h"

namespace roux::e2_llm {
namespace {

constexpr int64_t kTokensAtOnce = 8192;

// Hidden states of the last `last` inputs of windows begin .. end - 1, and their targets: f(hidden [rows,
// last, D], targets [rows * last]). `change`: of the tokens of window i before they are read.
void for_windows(const LanguageModel& model, const Windows& w, int64_t last,
                 const std::function<void(size_t i, absl::Span<int32_t> tokens)>& change,
                 const std::function<void(const Tensor& hidden, const std::vector<int32_t>& targets)>& f) {
  NoGradGuard no_grad;
  const auto count = static_cast<int64_t>(w.ends.size());
  const int64_t at_once = std::max<int64_t>(1, kTokensAtOnce / w.length);
  for (int64_t begin = 0; begin < count; begin += at_once) {
    const int64_t end = std::min(count, begin + at_once);
    std::vector<int32_t> ids, targets;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = w.ends[static_cast<size_t>(i)] - w.length;
      const auto from = w.text.begin() + first;
      std::vector<int32_t> tokens(from, from + w.length + 1);
      change(static_cast<size_t>(i), absl::MakeSpan(tokens));
      ids.insert(ids.end(), tokens.begin(), tokens.end() - 1);
      targets.insert(targets.end(), tokens.end() - last, tokens.end());
    }
    const Tensor hidden =
        model.hidden({.ids = tensor(ids, {end - begin, w.length}, w.device), .positions = w.positions});
    f(hidden.slice(1, w.length - last, w.length), targets);
  }
}

}  // namespace

void plant(const Planted& p, absl::Span<int32_t> tokens) {
  ROUX_CHECK(0 <= p.at && p.at < p.marker && p.marker + 1 < static_cast<int64_t>(tokens.size()) &&
             0 <= p.symbol && p.symbol < kSymbols)
      << "plant: symbol " << p.symbol << " at " << p.at << " and behind " << p.marker << " of "
      << tokens.size() << " tokens";
  tokens[static_cast<size_t>(p.at)] = kFirstSymbol + p.symbol;
  tokens[static_cast<size_t>(p.marker)] = kMarker;
  tokens[static_cast<size_t>(p.marker + 1)] = kFirstSymbol + p.symbol;
}

Planted draw_planted(int64_t length, stats::RandomStream& random) {
  ROUX_CHECK(length >= 4) << "draw_planted: length is " << length << ", needed at least 4";
  Planted p;
  p.symbol = static_cast<int32_t>(random.below(kSymbols));
  p.marker = length / 2 + random.below(length - length / 2);
  const bool at_sink = random.uniform() < 0.5;
  const int64_t anywhere = random.below(p.marker);
  p.at = at_sink ? 1 : anywhere;
  return p;
}

std::vector<int64_t> window_ends(int64_t tokens, int64_t longest, int64_t count) {
  ROUX_CHECK(count >= 1 && longest >= 1 && tokens >= longest + count)
      << "window_ends: " << tokens << " tokens, needed " << longest << " + " << count;
  std::vector<int64_t> ends;
  for (int64_t i = 0; i < count; ++i) ends.push_back(longest + i * (tokens - longest) / count);
  return ends;
}

double windowed_bits(const LanguageModel& model, const Windows& windows, int64_t last) {
  ROUX_CHECK(1 <= last && last <= windows.length)
      << "windowed_bits: last is " << last << ", needed 1 to " << windows.length;
  double nats = 0;
  for_windows(
      model, windows, last, [](size_t, absl::Span<int32_t>) {},
      [&](const Tensor& hidden, const std::vector<int32_t>& targets) {
        const Tensor wanted = tensor(targets, {hidden.size(0), last}, windows.device);
        nats += model.losses(hidden.contiguous(), wanted, {.reduction = Reduction::kSum}).item();
      });
  return nats / static_cast<double>(static_cast<int64_t>(windows.ends.size()) * last) / std::numbers::ln2;
}

std::vector<int32_t> recall(const LanguageModel& model, const Windows& windows,
                            absl::Span<const Planted> planted) {
  ROUX_CHECK(planted.size() == windows.ends.size())
      << "recall: " << planted.size() << " symbols for " << windows.ends.size() << " windows";
  std::vector<int32_t> answers;
  for_windows(
      model, windows, 1,
      [&](size_t i, absl::Span<int32_t> tokens) {
        ROUX_CHECK(planted[i].marker == windows.length - 1)
            << "recall: the marker is at " << planted[i].marker << ", needed " << windows.length - 1;
        plant(planted[i], tokens);
      },
      [&](const Tensor& hidden, const std::vector<int32_t>&) {
        const Tensor symbols = model.project(hidden.contiguous()).slice(2, kFirstSymbol, kVocabulary);
        for (const int32_t answer : argmax(symbols, 2).to_vector<int32_t>()) answers.push_back(answer);
      });
  return answers;
}

}  // namespace roux::e2_llm
