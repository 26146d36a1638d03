// Words cut into the pieces of a unigram model under training: the inside of unigram_trainer.cc.
#ifndef ROUX_RECIPES_KIT_TEXT_UNIGRAM_LATTICE_H_
#define ROUX_RECIPES_KIT_TEXT_UNIGRAM_LATTICE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace roux::kit::internal {

inline absl::string_view view(std::string_view text) { return {text.data(), text.size()}; }

struct UnigramWord {
  UnigramWord(std::string text, double count, double last);
  std::string_view part(size_t begin, size_t end) const {
    return std::string_view(text).substr(static_cast<size_t>(starts[begin]),
                                         static_cast<size_t>(starts[end] - starts[begin]));
  }
  size_t size() const { return starts.size() - 1; }  // characters

  std::string text;
  double count = 0;
  double last = 0;                    // of these, how often it ended a text
  std::vector<int32_t> starts = {0};  // of each character, and the end
};

using ScoredPieces = std::vector<std::pair<std::string, double>>;

// Pieces with log probabilities, of `longest` characters or fewer.
class UnigramPieces {
 public:
  UnigramPieces(ScoredPieces pieces, size_t longest);
  size_t size() const { return pieces_.size(); }
  const ScoredPieces& all() const { return pieces_; }

  // Adds word.count times the expected number of each piece in the word.
  void add_expected(const UnigramWord& word, std::vector<double>& expected) const;
  // The ids of the most probable cut, without the piece from end to end if `split`; empty if there is none.
  std::vector<int32_t> best_cut(const UnigramWord& word, bool split) const;

 private:
  struct Edge {
    int32_t begin, end;  // characters
    int32_t id;
    double score;
  };
  std::vector<Edge> lattice(const UnigramWord& word) const;

  ScoredPieces pieces_;
  size_t longest_;
  absl::flat_hash_map<std::string, int32_t> ids_;
  double unknown_score_ = 0;
};

}  // namespace roux::kit::internal

#endif  // ROUX_RECIPES_KIT_TEXT_UNIGRAM_LATTICE_H_
