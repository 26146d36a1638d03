#include "recipes/kit/text/charsmap.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/unicode.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {
namespace {

constexpr size_t kLongestGrapheme = 5;  // bytes of the longest grapheme that is looked up as a whole

uint32_t read_u32(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i]));
  };
  return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

// Bits of a unit of the double array (darts-clone).
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t value(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t label(uint32_t unit) { return unit & 0x800000FF; }
uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

// Characters of `to` in place of bytes [begin, end): one comes from each character, further ones from the
// last.
void replace(std::string_view current, size_t begin, size_t end, std::string_view to,
             AlignedText::Rewriter* rewriter) {
  size_t from = begin;
  size_t next = begin + decode_utf8(current, begin).length;
  for (size_t i = 0; i < to.size();) {
    const size_t length = decode_utf8(to, i).length;
    rewriter->emit(to.substr(i, length), from, next);
    i += length;
    if (next < end) {
      from = next;
      next += decode_utf8(current, next).length;
    }
  }
}

}  // namespace

absl::StatusOr<Charsmap> Charsmap::parse(std::string_view bytes) {
  if (bytes.size() < 4) return absl::InvalidArgumentError("charsmap: shorter than its 4 bytes of length");
  const size_t trie = read_u32(bytes, 0);
  if (trie % 4 != 0 || trie == 0 || trie > bytes.size() - 4) {
    return absl::InvalidArgumentError(absl::StrCat("charsmap: byte 0: the trie has ", trie,
                                                   " bytes, of which ", bytes.size() - 4, " are there"));
  }
  Charsmap map;
  map.units_.reserve(trie / 4);
  for (size_t at = 4; at < 4 + trie; at += 4) map.units_.push_back(read_u32(bytes, at));
  map.replacements_ = std::string(bytes.substr(4 + trie));
  if (const size_t valid = valid_utf8_prefix(map.replacements_); valid < map.replacements_.size()) {
    return absl::InvalidArgumentError(absl::StrCat("charsmap: byte ", 4 + trie + valid, ": not UTF-8"));
  }
  return map;
}

absl::Status Charsmap::check() const {
  const auto fail = [](size_t unit, const char* what) {
    return absl::InvalidArgumentError(
        absl::StrCat("charsmap: byte ", 4 + 4 * unit, ": the trie leads ", what));
  };
  // A node's children stand at node ^ byte. Every node is visited once, so that a trie in circles ends.
  std::vector<bool> seen(units_.size(), false);
  std::vector<size_t> open;
  const auto visit = [&](size_t unit) {
    const size_t node = unit ^ offset(units_[unit]);
    if ((node | 0xFF) >= units_.size()) return fail(unit, "out of itself");
    if (has_leaf(units_[unit]) && value(units_[node]) >= replacements_.size()) {
      return fail(unit, "beyond the replacements");
    }
    if (!seen[node]) open.push_back(node);
    seen[node] = true;
    return absl::OkStatus();
  };
  absl::Status status = visit(0);
  while (status.ok() && !open.empty()) {
    const size_t node = open.back();
    open.pop_back();
    for (uint32_t byte = 0; byte < 256 && status.ok(); ++byte) {
      if (label(units_[node ^ byte]) == byte) status = visit(node ^ byte);
    }
  }
  if (status.ok() && (replacements_.empty() || replacements_.back() != '\0')) {
    return absl::InvalidArgumentError("charsmap: the last replacement has no end");
  }
  return status;
}

std::optional<std::string_view> Charsmap::find(std::string_view text) const {
  size_t node = offset(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return std::nullopt;
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) return std::nullopt;
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) return std::nullopt;
    const size_t begin = value(units_[node]);
    if (begin >= replacements_.size()) return std::nullopt;
    const size_t end = replacements_.find('\0', begin);
    // A rule may point into the middle of a character only if it is damaged.
    const std::string_view result = std::string_view(replacements_).substr(begin, end - begin);
    return is_valid_utf8(result) ? std::optional<std::string_view>(result) : std::nullopt;
  }
  return std::nullopt;
}

Normalizer::Step charsmap_step(Charsmap charsmap) {
  return [map = std::make_shared<const Charsmap>(std::move(charsmap))](AlignedText* text) {
    const std::string current = text->text();
    AlignedText::Rewriter rewriter(text);
    for_each_grapheme(current, [&](size_t begin, size_t end) {
      const std::string_view grapheme = std::string_view(current).substr(begin, end - begin);
      if (grapheme.size() <= kLongestGrapheme) {
        if (const auto to = map->find(grapheme)) return replace(current, begin, end, *to, &rewriter);
      }
      for (size_t i = begin; i < end;) {
        const size_t length = decode_utf8(current, i).length;
        if (const auto to = map->find(std::string_view(current).substr(i, length))) {
          replace(current, i, i + length, *to, &rewriter);
        } else {
          rewriter.copy(i, i + length);
        }
        i += length;
      }
    });
    rewriter.finish();
  };
}

}  // namespace roux::kit
