#include "recipes/kit/data/span_corruption.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/windows.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// `count` of the numbers 0 .. n - 1, ascending, each set equally likely.
std::vector<int64_t> random_subset(int64_t n, int64_t count, stats::RandomStream& random) {
  std::vector<int64_t> subset;
  for (int64_t i = 0; i < n && count > 0; ++i) {
    if (random.below(n - i) >= count) continue;
    subset.push_back(i);
    --count;
  }
  return subset;
}

// A sum as `parts` positive numbers, each way equally likely: cuts at parts - 1 of the sum - 1 inner places.
std::vector<int64_t> random_composition(int64_t sum, int64_t parts, stats::RandomStream& random) {
  std::vector<int64_t> lengths;
  int64_t begin = 0;
  for (const int64_t cut : random_subset(sum - 1, parts - 1, random)) {
    lengths.push_back(cut + 1 - begin);
    begin = cut + 1;
  }
  lengths.push_back(sum - begin);
  return lengths;
}

void check_spans(const char* op, absl::Span<const TokenSpan> spans, size_t length) {
  int64_t end = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    ROUX_CHECK(spans[i].begin >= end && spans[i].begin < spans[i].end &&
               spans[i].end <= static_cast<int64_t>(length))
        << op << ": span " << i << " is " << spans[i].begin << " .. " << spans[i].end << " of " << length
        << " tokens, and the one before ends at " << end;
    end = spans[i].end;
  }
}

// Position of a token among the sentinels, or their number.
size_t sentinel_index(int32_t token, absl::Span<const int32_t> sentinels) {
  return static_cast<size_t>(std::find(sentinels.begin(), sentinels.end(), token) - sentinels.begin());
}

}  // namespace

std::vector<TokenSpan> sample_spans(int64_t length, const SpanOptions& options, stats::RandomStream& random) {
  ROUX_CHECK(length >= 2 && options.rate > 0 && options.rate < 1 && options.mean_length >= 1 &&
             options.max_spans >= 1)
      << "sample_spans: length " << length << ", rate " << options.rate << ", mean_length "
      << options.mean_length << ", max_spans " << options.max_spans
      << "; expected 2 or more, within (0, 1), 1 or more, 1 or more";
  const auto n = static_cast<double>(length);
  const int64_t masked = std::clamp<int64_t>(std::llround(options.rate * n), 1, length - 1);
  const int64_t count = std::clamp<int64_t>(std::llround(static_cast<double>(masked) / options.mean_length),
                                            1, std::min({masked, length - masked, options.max_spans}));
  const std::vector<int64_t> inside = random_composition(masked, count, random);
  const std::vector<int64_t> outside = random_composition(length - masked, count, random);
  std::vector<TokenSpan> spans;
  int64_t at = 0;
  for (size_t i = 0; i < inside.size(); ++i) {
    if (!options.starts_masked) at += outside[i];
    spans.push_back({at, at + inside[i]});
    at += inside[i];
    if (options.starts_masked) at += outside[i];
  }
  return spans;
}

std::vector<TokenSpan> sample_positions(int64_t length, double rate, stats::RandomStream& random) {
  ROUX_CHECK(length >= 1 && rate > 0 && rate <= 1)
      << "sample_positions: length " << length << ", rate " << rate << "; expected 1 or more, within (0, 1]";
  const int64_t count = std::clamp<int64_t>(std::llround(rate * static_cast<double>(length)), 1, length);
  std::vector<TokenSpan> spans;
  for (const int64_t i : random_subset(length, count, random)) spans.push_back({i, i + 1});
  return spans;
}

CorruptedTokens corrupt_spans(absl::Span<const int32_t> tokens, absl::Span<const TokenSpan> spans,
                              absl::Span<const int32_t> sentinels) {
  check_spans("corrupt_spans", spans, tokens.size());
  ROUX_CHECK(sentinels.size() > spans.size()) << "corrupt_spans: " << sentinels.size() << " sentinels for "
                                              << spans.size() << " spans, expected one more";
  for (size_t i = 0; i < sentinels.size(); ++i) {
    ROUX_CHECK(sentinel_index(sentinels[i], sentinels) == i)
        << "corrupt_spans: sentinel " << sentinels[i] << " is there twice";
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    ROUX_CHECK(sentinel_index(tokens[i], sentinels) == sentinels.size())
        << "corrupt_spans: token " << i << " is the sentinel " << tokens[i];
  }
  CorruptedTokens out;
  auto at = tokens.begin();
  for (size_t s = 0; s < spans.size(); ++s) {
    const auto begin = tokens.begin() + spans[s].begin, end = tokens.begin() + spans[s].end;
    out.input.insert(out.input.end(), at, begin);
    out.input.push_back(sentinels[s]);
    out.target.push_back(sentinels[s]);
    out.target.insert(out.target.end(), begin, end);
    at = end;
  }
  out.input.insert(out.input.end(), at, tokens.end());
  out.target.push_back(sentinels[spans.size()]);
  return out;
}

absl::StatusOr<std::vector<int32_t>> restore_spans(const CorruptedTokens& corrupted,
                                                   absl::Span<const int32_t> sentinels) {
  std::vector<std::vector<int32_t>> spans;
  bool closed = false;
  for (size_t i = 0; i < corrupted.target.size(); ++i) {
    const size_t index = sentinel_index(corrupted.target[i], sentinels);
    const bool is_sentinel = index < sentinels.size();
    if (closed || (is_sentinel ? index != spans.size() : spans.empty())) {
      return absl::InvalidArgumentError(absl::StrCat("restore_spans: target token ", i, " is ",
                                                     corrupted.target[i], ", which can't follow"));
    }
    if (is_sentinel) {
      spans.emplace_back();
      closed = index + 1 == sentinels.size();
    } else {
      spans.back().push_back(corrupted.target[i]);
    }
  }
  if (spans.empty() || !spans.back().empty()) {
    return absl::InvalidArgumentError("restore_spans: the target does not end with a sentinel");
  }
  std::vector<int32_t> text;
  size_t used = 0;
  for (size_t i = 0; i < corrupted.input.size(); ++i) {
    const size_t index = sentinel_index(corrupted.input[i], sentinels);
    if (index == sentinels.size()) {
      text.push_back(corrupted.input[i]);
      continue;
    }
    if (index != used || used + 1 >= spans.size()) {
      return absl::InvalidArgumentError(absl::StrCat("restore_spans: input token ", i, " is sentinel ", index,
                                                     " of ", spans.size() - 1, " spans"));
    }
    text.insert(text.end(), spans[used].begin(), spans[used].end());
    ++used;
  }
  if (used + 1 != spans.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("restore_spans: the target has ", spans.size() - 1, " spans, the input ", used));
  }
  return text;
}

MaskedTokens mask_tokens(absl::Span<const int32_t> tokens, absl::Span<const TokenSpan> spans, int32_t mask,
                         int64_t vocabulary, stats::RandomStream& random) {
  check_spans("mask_tokens", spans, tokens.size());
  ROUX_CHECK(vocabulary >= 1) << "mask_tokens: vocabulary is " << vocabulary << ", expected 1 or more";
  MaskedTokens out{{tokens.begin(), tokens.end()}, std::vector<int32_t>(tokens.size(), kIgnoreTarget)};
  for (const TokenSpan& span : spans) {
    for (int64_t i = span.begin; i < span.end; ++i) {
      out.target[i] = tokens[i];
      const int64_t draw = random.below(10);
      if (draw < 8) out.input[i] = mask;
      if (draw == 8) out.input[i] = static_cast<int32_t>(random.below(vocabulary));
    }
  }
  return out;
}

}  // namespace roux::kit
