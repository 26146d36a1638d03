#include "recipes/kit/text/unigram_lattice.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "recipes/kit/text/utf8.h"

namespace roux::kit::internal {
namespace {

constexpr double kUnknownPenalty = 10;  // below the least probable piece; SentencePiece's constant
constexpr double kImpossible = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  if (a == kImpossible) return b;
  const double most = std::max(a, b);
  return most + std::log1p(std::exp(std::min(a, b) - most));
}

}  // namespace

UnigramWord::UnigramWord(std::string word, double word_count, double word_last)
    : text(std::move(word)), count(word_count), last(word_last) {
  for (size_t at = 0; at < text.size();) {
    at += static_cast<size_t>(decode_utf8(text, at).length);
    starts.push_back(static_cast<int32_t>(at));
  }
}

UnigramPieces::UnigramPieces(ScoredPieces pieces, size_t longest)
    : pieces_(std::move(pieces)), longest_(longest) {
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < pieces_.size(); ++i) {
    ids_[pieces_[i].first] = static_cast<int32_t>(i);
    least = std::min(least, pieces_[i].second);
  }
  unknown_score_ = least - kUnknownPenalty;
}

// All pieces inside a word, by their beginning, then length. A character that is none counts for the first
// piece, as in SentencePiece, which numbers unknown text 0 here.
std::vector<UnigramPieces::Edge> UnigramPieces::lattice(const UnigramWord& word) const {
  std::vector<Edge> edges;
  for (size_t begin = 0; begin < word.size(); ++begin) {
    bool single = false;
    for (size_t end = begin + 1; end <= std::min(word.size(), begin + longest_); ++end) {
      const auto at = ids_.find(view(word.part(begin, end)));
      if (at == ids_.end()) continue;
      single = single || end == begin + 1;
      edges.push_back({static_cast<int32_t>(begin), static_cast<int32_t>(end), at->second,
                       pieces_[static_cast<size_t>(at->second)].second});
    }
    if (!single)
      edges.push_back({static_cast<int32_t>(begin), static_cast<int32_t>(begin + 1), 0, unknown_score_});
  }
  return edges;
}

void UnigramPieces::add_expected(const UnigramWord& word, std::vector<double>& expected) const {
  const std::vector<Edge> edges = lattice(word);
  std::vector<double> before(word.size() + 1, kImpossible), behind(word.size() + 1, kImpossible);
  before[0] = behind[word.size()] = 0;
  for (const auto& e : edges) before[e.end] = log_add(before[e.end], before[e.begin] + e.score);
  for (auto e = edges.rbegin(); e != edges.rend(); ++e)
    behind[e->begin] = log_add(behind[e->begin], behind[e->end] + e->score);
  for (const auto& e : edges)
    expected[e.id] += word.count * std::exp(before[e.begin] + e.score + behind[e.end] - behind[0]);
}

std::vector<int32_t> UnigramPieces::best_cut(const UnigramWord& word, bool split) const {
  const std::vector<Edge> edges = lattice(word);
  std::vector<double> best(word.size() + 1, kImpossible);
  std::vector<const Edge*> last(word.size() + 1, nullptr);
  best[0] = 0;
  for (const auto& e : edges) {
    if (split && e.begin == 0 && static_cast<size_t>(e.end) == word.size()) continue;
    if (best[e.begin] + e.score > best[e.end]) {
      best[e.end] = best[e.begin] + e.score;
      last[e.end] = &e;
    }
  }
  std::vector<int32_t> ids;
  for (size_t at = word.size(); at > 0; at = static_cast<size_t>(last[at]->begin)) {
    if (last[at] == nullptr) return {};
    ids.push_back(last[at]->id);
  }
  std::reverse(ids.begin(), ids.end());
  return ids;
}

}  // namespace roux::kit::internal
