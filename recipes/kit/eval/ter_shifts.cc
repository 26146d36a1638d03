#include "recipes/kit/eval/ter_shifts.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "tensor/error.h"

namespace roux::kit {
namespace {

// Tercom's and sacreBLEU's limits; scores depend on them.
constexpr int64_t kMaxShiftSize = 10, kMaxShiftDistance = 50, kMaxCandidates = 1000;
constexpr double kBeamWidth = 25;

enum class Edit : uint8_t { kNone, kSubstitute, kDrop, kAdd };  // kDrop: a word of the hypothesis is too many

struct Cell {
  int32_t cost;
  Edit edit;
};

// Edit distances from hypotheses of one length to a reference, near the diagonal only. Rows stay valid for
// the words that the next hypothesis has in common with the last one.
class BeamedTable {
 public:
  BeamedTable(size_t hypothesis_length, const Symbols& reference)
      : reference_(reference),
        width_(reference.size() + 1),
        cells_((hypothesis_length + 1) * width_, Cell{kFar, Edit::kNone}) {
    for (size_t j = 0; j < width_; ++j) cells_[j] = {static_cast<int32_t>(j), Edit::kAdd};
  }

  int64_t distance(const Symbols& hypothesis) {
    size_t same = 0;
    while (same < last_.size() && last_[same] == hypothesis[same]) ++same;
    if (last_.empty() || same < hypothesis.size()) {
      for (size_t i = same + 1; i <= hypothesis.size(); ++i) fill_row(hypothesis, i);
      last_ = hypothesis;
    }
    return cells_.back().cost;
  }

  // Edits of the last hypothesis from the start to the end.
  std::vector<Edit> edits() const {
    std::vector<Edit> path;
    size_t i = last_.size(), j = reference_.size();
    while (i > 0 || j > 0) {
      const Cell& cell = cells_[i * width_ + j];
      ROUX_INVARIANT(cell.cost < kFar);
      path.push_back(cell.edit);
      if (cell.edit != Edit::kAdd) --i;
      if (cell.edit != Edit::kDrop) --j;
    }
    std::reverse(path.begin(), path.end());
    return path;
  }

 private:
  static constexpr int32_t kFar = 1 << 29;

  void fill_row(const Symbols& hypothesis, size_t i) {
    const double ratio = static_cast<double>(reference_.size()) / static_cast<double>(hypothesis.size());
    const double beam = kBeamWidth < ratio / 2 ? std::ceil(ratio / 2 + kBeamWidth) : kBeamWidth;
    const double diagonal = std::floor(static_cast<double>(i) * ratio);
    const auto begin = static_cast<size_t>(std::max(0.0, diagonal - beam));
    auto end = static_cast<size_t>(std::min(static_cast<double>(width_), diagonal + beam));
    if (i == hypothesis.size()) end = width_;
    Cell* row = &cells_[i * width_];
    const Cell* above = row - width_;
    std::fill(row, row + width_, Cell{kFar, Edit::kNone});
    for (size_t j = begin; j < end; ++j) {
      // Of equal costs the first: Tercom's order, seen from the reference.
      if (j == 0) {
        row[0] = {above[0].cost + 1, Edit::kDrop};
        continue;
      }
      const bool equal = hypothesis[i - 1] == reference_[j - 1];
      Cell best{kFar, Edit::kNone};
      const auto offer = [&](int32_t cost, Edit edit) {
        if (cost < best.cost) best = {cost, edit};
      };
      offer(above[j - 1].cost + (equal ? 0 : 1), equal ? Edit::kNone : Edit::kSubstitute);
      offer(above[j].cost + 1, Edit::kDrop);
      offer(row[j - 1].cost + 1, Edit::kAdd);
      row[j] = best;
    }
  }

  const Symbols& reference_;
  size_t width_;
  std::vector<Cell> cells_;
  Symbols last_;
};

// For each word of the reference the last word of the hypothesis that is aligned with it or precedes it, and
// for both the number of words in error before each position.
struct Alignment {
  std::vector<int64_t> position;
  std::vector<int64_t> hypothesis_errors{0}, reference_errors{0};
};

Alignment alignment_of(const std::vector<Edit>& edits) {
  Alignment a;
  int64_t at = -1;
  for (const Edit edit : edits) {
    const int64_t error = edit == Edit::kNone ? 0 : 1;
    if (edit != Edit::kAdd) {
      ++at;
      a.hypothesis_errors.push_back(a.hypothesis_errors.back() + error);
    }
    if (edit != Edit::kDrop) {
      a.position.push_back(at);
      a.reference_errors.push_back(a.reference_errors.back() + error);
    }
  }
  return a;
}

// The words [begin, begin + length) moved to before position `target` of the whole; a target inside or just
// behind moves them by as much.
Symbols moved(const Symbols& words, int64_t begin, int64_t length, int64_t target) {
  Symbols out = words;
  const auto at = [&](int64_t i) { return out.begin() + i; };
  if (target < begin) {
    std::rotate(at(target), at(begin), at(begin + length));
  } else {
    const int64_t end = target > begin + length ? target : length + target;
    std::rotate(at(begin), at(begin + length), at(std::min<int64_t>(end, static_cast<int64_t>(out.size()))));
  }
  return out;
}

struct Move {
  // Tercom's order: the most gained, the longest, the first, the nearest to the start.
  std::tuple<int64_t, int64_t, int64_t, int64_t> rank;
  Symbols words;
};

class MoveSearch {
 public:
  MoveSearch(const Symbols& words, const Symbols& reference, BeamedTable* table, int64_t* candidates)
      : words_(words), reference_(reference), table_(table), candidates_(candidates) {
    before_ = table->distance(words);
    alignment_ = alignment_of(table->edits());
  }

  // The best move with what it gains, or words without a move. The search ends at kMaxCandidates.
  Move run() {
    for (int64_t h = 0; h < size(words_); ++h) {
      for (int64_t r = 0; r < size(reference_); ++r) {
        if (std::abs(r - h) > kMaxShiftDistance) continue;
        for (int64_t length = 1; length <= kMaxShiftSize; ++length) {
          if (h + length > size(words_) || r + length > size(reference_)) break;
          if (words_[h + length - 1] != reference_[r + length - 1]) break;
          if (!worth_trying(h, r, length)) continue;
          try_targets(h, r, length);
          if (*candidates_ >= kMaxCandidates) return best_;
        }
      }
    }
    return best_;
  }

 private:
  static int64_t size(const Symbols& s) { return static_cast<int64_t>(s.size()); }

  // Only words in error move, only to where the reference is not met, and not within themselves.
  bool worth_trying(int64_t h, int64_t r, int64_t length) const {
    const auto errors = [length](const std::vector<int64_t>& sums, int64_t begin) {
      return sums[begin + length] - sums[begin];
    };
    if (errors(alignment_.hypothesis_errors, h) == 0 || errors(alignment_.reference_errors, r) == 0)
      return false;
    return alignment_.position[r] < h || alignment_.position[r] >= h + length;
  }

  void try_targets(int64_t h, int64_t r, int64_t length) {
    int64_t last = -1;
    for (int64_t offset = -1; offset < length; ++offset) {
      const int64_t target = r + offset == -1 ? 0 : alignment_.position[r + offset] + 1;
      if (target == last) continue;
      last = target;
      Symbols words = moved(words_, h, length, target);
      const std::tuple<int64_t, int64_t, int64_t, int64_t> rank{before_ - table_->distance(words), length, -h,
                                                                -target};
      ++*candidates_;
      if (best_.words.empty() || rank > best_.rank) best_ = {rank, std::move(words)};
    }
  }

  const Symbols& words_;
  const Symbols& reference_;
  BeamedTable* table_;
  int64_t* candidates_;
  int64_t before_ = 0;
  Alignment alignment_;
  Move best_;
};

}  // namespace

int64_t translation_edits(const Symbols& hypothesis, const Symbols& reference) {
  if (reference.empty()) return static_cast<int64_t>(hypothesis.size());
  if (hypothesis.empty()) return static_cast<int64_t>(reference.size());
  BeamedTable table(hypothesis.size(), reference);
  Symbols words = hypothesis;
  int64_t moves = 0, candidates = 0;
  while (true) {
    Move best = MoveSearch(words, reference, &table, &candidates).run();
    if (candidates >= kMaxCandidates || best.words.empty() || std::get<0>(best.rank) <= 0) break;
    words = std::move(best.words);
    ++moves;
  }
  return moves + table.distance(words);
}

}  // namespace roux::kit
