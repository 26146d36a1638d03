#include "recipes/kit/eval/edit_distance.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace roux::kit {
namespace {

// Numbers the symbols that it is given 1, 2, 3, ...; 0 stands for all others. Small symbols (ASCII, token
// numbers of a sentence) need no hashing.
class Numbering {
 public:
  int32_t add(int32_t symbol) {
    int32_t& number = is_small(symbol) ? small_[symbol] : others_[symbol];
    if (number == 0) number = ++count_;
    return number;
  }
  int32_t find(int32_t symbol) const {
    if (is_small(symbol)) return small_[symbol];
    const auto at = others_.find(symbol);
    return at == others_.end() ? 0 : at->second;
  }
  size_t size() const { return static_cast<size_t>(count_) + 1; }

 private:
  static bool is_small(int32_t symbol) { return static_cast<uint32_t>(symbol) < 256; }
  std::array<int32_t, 256> small_ = {};
  absl::flat_hash_map<int32_t, int32_t> others_;
  int32_t count_ = 0;
};

// For each symbol of a pattern the positions where it stands, as bits of 64-bit words.
class Positions {
 public:
  explicit Positions(absl::Span<const int32_t> pattern) : words_((pattern.size() + 63) / 64) {
    Symbols rows;
    rows.reserve(pattern.size());
    for (const int32_t symbol : pattern) rows.push_back(numbers_.add(symbol));
    bits_.resize(numbers_.size() * words_, 0);
    for (size_t i = 0; i < rows.size(); ++i) {
      bits_[static_cast<size_t>(rows[i]) * words_ + i / 64] |= uint64_t{1} << (i % 64);
    }
  }
  size_t words() const { return words_; }
  const uint64_t* row(int32_t symbol) const {
    return &bits_[static_cast<size_t>(numbers_.find(symbol)) * words_];
  }

 private:
  Numbering numbers_;
  size_t words_;
  std::vector<uint64_t> bits_;
};

// Equal symbols at both ends change no distance.
void trim_ends(absl::Span<const int32_t>* a, absl::Span<const int32_t>* b) {
  while (!a->empty() && !b->empty() && a->front() == b->front()) a->remove_prefix(1), b->remove_prefix(1);
  while (!a->empty() && !b->empty() && a->back() == b->back()) a->remove_suffix(1), b->remove_suffix(1);
}

}  // namespace

int64_t edit_distance(absl::Span<const int32_t> a, absl::Span<const int32_t> b) {
  trim_ends(&a, &b);
  if (a.size() > b.size()) std::swap(a, b);
  if (a.empty()) return static_cast<int64_t>(b.size());
  // Column j of the table, as differences of neighbours going down: bits of `up` are +1, of `down` -1.
  const Positions positions(a);
  std::vector<uint64_t> up(positions.words(), ~uint64_t{0}), down(positions.words(), 0);
  const uint64_t last = uint64_t{1} << ((a.size() - 1) % 64);
  auto distance = static_cast<int64_t>(a.size());
  for (const int32_t symbol : b) {
    const uint64_t* equal_row = positions.row(symbol);
    uint64_t carry_up = 1, carry_down = 0;  // the top row grows by one each column
    for (size_t w = 0; w < positions.words(); ++w) {
      uint64_t equal = equal_row[w];
      const uint64_t vertical = equal | down[w];
      equal |= carry_down;
      const uint64_t diagonal = (((equal & up[w]) + up[w]) ^ up[w]) | equal;
      uint64_t right_up = down[w] | ~(diagonal | up[w]), right_down = up[w] & diagonal;
      if (w + 1 == positions.words()) {
        if (right_up & last) ++distance;
        if (right_down & last) --distance;
      }
      const uint64_t next_up = right_up >> 63, next_down = right_down >> 63;
      right_up = (right_up << 1) | carry_up;
      right_down = (right_down << 1) | carry_down;
      up[w] = right_down | ~(vertical | right_up);
      down[w] = right_up & vertical;
      carry_up = next_up;
      carry_down = next_down;
    }
  }
  return distance;
}

int64_t damerau_distance(absl::Span<const int32_t> a, absl::Span<const int32_t> b) {
  trim_ends(&a, &b);
  const size_t width = b.size() + 2;
  const auto far = static_cast<int32_t>(a.size() + b.size());
  // table[i + 1][j + 1] is the distance of a[0, i) and b[0, j); row and column 0 are out of reach.
  std::vector<int32_t> table((a.size() + 2) * width, far);
  const auto at = [&](size_t i, size_t j) -> int32_t& { return table[i * width + j]; };
  for (size_t i = 0; i <= a.size(); ++i) at(i + 1, 1) = static_cast<int32_t>(i);
  for (size_t j = 0; j <= b.size(); ++j) at(1, j + 1) = static_cast<int32_t>(j);
  Numbering numbers;
  for (const int32_t symbol : a) numbers.add(symbol);
  Symbols columns;
  for (const int32_t symbol : b) columns.push_back(numbers.find(symbol));
  std::vector<size_t> last_row(numbers.size(), 0);  // the last i where a[i - 1] was the symbol; 0: none
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t last_match = 0;  // the last j where b[j - 1] was a[i - 1]
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t row = last_row[columns[j - 1]], column = last_match;
      int32_t substituted = at(i, j) + 1;
      if (a[i - 1] == b[j - 1]) substituted = at(i, j), last_match = j;
      const int32_t swapped = at(row, column) + static_cast<int32_t>((i - row - 1) + 1 + (j - column - 1));
      at(i + 1, j + 1) = std::min({substituted, at(i + 1, j) + 1, at(i, j + 1) + 1, swapped});
    }
    last_row[numbers.find(a[i - 1])] = i;
  }
  return at(a.size() + 1, b.size() + 1);
}

int64_t alignment_distance(absl::Span<const int32_t> a, absl::Span<const int32_t> b) {
  std::vector<int64_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = static_cast<int64_t>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), row[j - 1] + 1, above[j] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row.back();
}

int64_t longest_common_subsequence(absl::Span<const int32_t> a, absl::Span<const int32_t> b) {
  const size_t whole = a.size();
  trim_ends(&a, &b);
  const auto trimmed = static_cast<int64_t>(whole - a.size());
  if (a.size() > b.size()) std::swap(a, b);
  if (a.empty()) return trimmed;
  // A zero bit i: the best length grows by one at row i of the current column.
  const Positions positions(a);
  std::vector<uint64_t> steps(positions.words(), ~uint64_t{0});
  for (const int32_t symbol : b) {
    const uint64_t* equal = positions.row(symbol);
    uint64_t carry = 0;
    for (size_t w = 0; w < positions.words(); ++w) {
      const uint64_t hit = steps[w] & equal[w];
      const uint64_t partial = steps[w] + hit;
      const uint64_t sum = partial + carry;
      carry = (partial < hit || sum < partial) ? 1 : 0;
      steps[w] = sum | (steps[w] & ~equal[w]);
    }
  }
  int64_t length = 0;
  for (size_t w = 0; w < positions.words(); ++w) {
    const size_t rows = std::min<size_t>(64, a.size() - 64 * w);
    const uint64_t used = rows == 64 ? ~uint64_t{0} : (uint64_t{1} << rows) - 1;
    length += std::popcount(~steps[w] & used);
  }
  return trimmed + length;
}

}  // namespace roux::kit
