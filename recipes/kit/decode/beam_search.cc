#include "recipes/kit/decode/beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/softmax.h"

namespace roux::kit {
namespace {

struct Running {
  Tokens tokens;
  double log_prob = 0;
};
struct Candidate {
  double log_prob;
  size_t parent;  // among the prompt's running texts
  int32_t token;
};
bool comes_first(const Candidate& a, const Candidate& b) {
  if (a.log_prob != b.log_prob) return a.log_prob > b.log_prob;
  return a.parent != b.parent ? a.parent < b.parent : a.token < b.token;
}

// The search behind one prompt.
class Search {
 public:
  Search(size_t prompt_index, Tokens beginning, int64_t most, const BeamOptions& options)
      : prompt_index_(prompt_index),
        beginning_(std::move(beginning)),
        most_(most),
        options_(&options),
        running_(1) {}

  const std::vector<Running>& running() const { return running_; }  // none: over
  std::vector<Beam> found() const { return found_; }

  // log_probs [running, V], which the rules change. Returns for each text that goes on its parent's index.
  std::vector<size_t> step(absl::Span<float> log_probs, size_t vocabulary);

 private:
  std::vector<Candidate> candidates(absl::Span<float> log_probs, size_t vocabulary) const;
  double penalty(int64_t length) const;
  bool can_improve() const;
  void add(Beam beam);

  size_t prompt_index_;
  Tokens beginning_;  // for rules
  int64_t most_;      // tokens
  const BeamOptions* options_;
  std::vector<Running> running_;
  std::vector<Beam> found_;  // ended, the best first
};

double Search::penalty(int64_t length) const {
  const auto n = static_cast<double>(length);
  return std::pow(options_->penalty == LengthPenalty::kPower ? n : (5 + n) / 6, options_->length_penalty);
}

// The continuations that are worth looking at, the best first: `beams` of them go on even if as many others
// end with each of the stop tokens.
std::vector<Candidate> Search::candidates(absl::Span<float> log_probs, size_t vocabulary) const {
  const auto ends = std::max<size_t>(1, options_->stop_tokens.size());
  const size_t most = (1 + ends) * static_cast<size_t>(options_->beams);
  std::vector<Candidate> best;
  for (size_t i = 0; i < running_.size(); ++i) {
    const absl::Span<float> row = log_probs.subspan(i * vocabulary, vocabulary);
    for (const float value : row) {
      ROUX_CHECK(!std::isnan(value)) << "beam_search: prompt " << prompt_index_ << ", position "
                                     << running_[i].tokens.size() << ": the model's logits are not finite";
    }
    const RowSoFar so_far{prompt_index_, beginning_, running_[i].tokens};
    for (const TokenRule& rule : options_->rules) rule(so_far, row);
    for (size_t id = 0; id < vocabulary; ++id) {
      const Candidate next{running_[i].log_prob + row[id], i, static_cast<int32_t>(id)};
      if (next.log_prob == -std::numeric_limits<double>::infinity()) continue;
      if (best.size() == most && !comes_first(next, best.front())) continue;
      if (best.size() == most) {
        std::pop_heap(best.begin(), best.end(), comes_first);
        best.pop_back();
      }
      best.push_back(next);
      std::push_heap(best.begin(), best.end(), comes_first);  // the worst in front
    }
  }
  std::sort_heap(best.begin(), best.end(), comes_first);
  return best;
}

void Search::add(Beam beam) {
  const auto worse = [&](const Beam& other) { return other.score < beam.score; };
  found_.insert(std::find_if(found_.begin(), found_.end(), worse), std::move(beam));
  if (static_cast<int64_t>(found_.size()) > options_->beams) found_.pop_back();
}

bool Search::can_improve() const {
  if (running_.empty()) return false;
  if (static_cast<int64_t>(found_.size()) < options_->beams) return true;
  if (options_->stop == BeamStop::kFirstEnded) return false;
  const bool at_end = options_->stop == BeamStop::kNoBetterEver && options_->length_penalty > 0;
  const int64_t length = at_end ? most_ : static_cast<int64_t>(running_[0].tokens.size());
  return running_[0].log_prob / penalty(length) > found_.back().score;
}

std::vector<size_t> Search::step(absl::Span<float> log_probs, size_t vocabulary) {
  const std::vector<Candidate> best = candidates(log_probs, vocabulary);
  ROUX_CHECK(!best.empty() || !found_.empty()) << "beam_search: prompt " << prompt_index_ << ", position "
                                               << running_[0].tokens.size() << ": the rules leave no token";
  std::vector<Running> next;
  std::vector<size_t> parents;
  const auto beams = static_cast<size_t>(options_->beams);
  for (size_t rank = 0; rank < best.size(); ++rank) {
    const Candidate& candidate = best[rank];
    const bool stops =
        std::count(options_->stop_tokens.begin(), options_->stop_tokens.end(), candidate.token) > 0;
    Running text = running_[candidate.parent];
    text.tokens.push_back(candidate.token);
    text.log_prob = candidate.log_prob;
    const auto length = static_cast<int64_t>(text.tokens.size());
    if (stops || length == most_) {
      if (rank < beams) add({std::move(text.tokens), text.log_prob, text.log_prob / penalty(length)});
    } else if (next.size() < beams) {
      next.push_back(std::move(text));
      parents.push_back(candidate.parent);
    }
  }
  running_ = std::move(next);
  if (!can_improve()) running_.clear(), parents.clear();
  return parents;
}

void search_together(const DecodeModel& model, std::vector<Search>& searches,
                     absl::Span<const Tokens> prompts, int64_t beams, int64_t new_tokens) {
  const auto session = model.start(prompts, static_cast<int64_t>(searches.size()) * beams, new_tokens);
  const auto width = static_cast<size_t>(model.vocabulary);
  for (size_t rows = searches.size(); rows > 0;) {
    std::vector<int64_t> all(rows), from;
    std::iota(all.begin(), all.end(), 0);
    const Tensor log_probs = log_softmax(session->logits(all), -1);
    const absl::Span<float> values(log_probs.data<float>(), rows * width);
    size_t row = 0;
    std::vector<Tokens> next;
    for (Search& search : searches) {
      const size_t count = search.running().size();
      if (count == 0) continue;
      for (const size_t parent : search.step(values.subspan(row * width, count * width), width)) {
        from.push_back(static_cast<int64_t>(row + parent));
      }
      for (const Running& text : search.running()) next.push_back({text.tokens.back()});
      row += count;
    }
    rows = next.size();
    if (rows == 0) return;
    session->select(from);
    session->extend(next);
  }
}

}  // namespace

std::vector<std::vector<Beam>> beam_search(const DecodeModel& model, absl::Span<const Tokens> prompts,
                                           const BeamOptions& options) {
  ROUX_CHECK(options.beams > 0 && options.max_tokens > 0 && options.rows >= options.beams)
      << "beam_search: beams is " << options.beams << ", max_tokens " << options.max_tokens << ", rows "
      << options.rows << ", needed beams and max_tokens above 0, and rows for the beams";
  ROUX_CHECK(options.best > 0 && options.best <= options.beams)
      << "beam_search: best is " << options.best << ", needed 1 to " << options.beams << " beams";
  NoGradGuard no_grad;
  for (size_t i = 0; i < prompts.size(); ++i) internal::check_prompt("beam_search", model, i, prompts[i], 1);
  std::vector<std::vector<Beam>> all;
  const auto together = static_cast<size_t>(options.rows / options.beams);
  for (size_t begin = 0; begin < prompts.size(); begin += together) {
    const absl::Span<const Tokens> part = prompts.subspan(begin, together);
    std::vector<Search> searches;
    int64_t new_tokens = 0;
    for (size_t i = 0; i < part.size(); ++i) {
      int64_t most = options.max_tokens;
      if (model.context) most = std::min(most, *model.context - model.taken(part[i]));
      new_tokens = std::max(new_tokens, most);
      searches.emplace_back(begin + i, model.beginning(part[i]), most, options);
    }
    search_together(model, searches, part, options.beams, new_tokens);
    for (const Search& search : searches) {
      all.push_back(search.found());
      all.back().resize(std::min(all.back().size(), static_cast<size_t>(options.best)));
    }
  }
  return all;
}

}  // namespace roux::kit
