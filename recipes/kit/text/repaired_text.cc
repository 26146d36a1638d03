#include "recipes/kit/text/repaired_text.h"

#include <algorithm>

#include "recipes/kit/text/utf8.h"

namespace roux::kit {
namespace {

constexpr uint32_t kWidth = 3;  // bytes of U+FFFD

}  // namespace

RepairedText::RepairedText(std::string_view original) {
  text_.reserve(original.size());
  size_t at = 0;
  while (true) {
    const size_t good = valid_utf8_prefix(original.substr(at));
    text_.append(original.substr(at, good));
    at += good;
    if (at == original.size()) return;
    const int length = decode_utf8(original, at).length;
    gaps_.push_back(
        {static_cast<uint32_t>(at), static_cast<uint32_t>(length), static_cast<uint32_t>(text_.size())});
    append_utf8(0xFFFD, &text_);
    at += length;
  }
}

Span RepairedText::to_original(Span span) const {
  const auto map = [&](uint32_t position, bool end) {
    // The last gap that begins at or before the position; for an end, before it.
    const auto after = std::partition_point(gaps_.begin(), gaps_.end(), [&](const Gap& gap) {
      return end ? gap.repaired < position : gap.repaired <= position;
    });
    if (after == gaps_.begin()) return position;
    const Gap& gap = *(after - 1);
    if (position >= gap.repaired + kWidth) {
      return gap.original + gap.length + (position - gap.repaired - kWidth);
    }
    return end ? gap.original + gap.length : gap.original;
  };
  return {map(span.begin, false), map(span.end, true)};
}

Span RepairedText::from_original(Span span) const {
  const auto map = [&](uint32_t position, bool end) {
    const auto after = std::partition_point(gaps_.begin(), gaps_.end(), [&](const Gap& gap) {
      return end ? gap.original < position : gap.original <= position;
    });
    if (after == gaps_.begin()) return position;
    const Gap& gap = *(after - 1);
    if (position >= gap.original + gap.length) {
      return gap.repaired + kWidth + (position - gap.original - gap.length);
    }
    return end ? gap.repaired + kWidth : gap.repaired;
  };
  return {map(span.begin, false), map(span.end, true)};
}

}  // namespace roux::kit
