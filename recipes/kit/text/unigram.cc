#include "recipes/kit/text/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {
namespace {

constexpr double kUnknownPenalty = 10;  // below the least probable token; SentencePiece's constant

}  // namespace

absl::StatusOr<std::shared_ptr<const UnigramModel>> UnigramModel::build(std::vector<std::string> tokens,
                                                                        std::vector<double> scores,
                                                                        UnigramOptions options) {
  const size_t size = tokens.size();
  if (size == 0 || size > static_cast<size_t>(std::numeric_limits<int32_t>::max()) || scores.size() != size) {
    return absl::InvalidArgumentError(
        absl::StrCat("unigram: ", scores.size(), " scores for ", size, " tokens"));
  }
  if (options.unknown && (*options.unknown < 0 || *options.unknown >= static_cast<int64_t>(size))) {
    return absl::InvalidArgumentError(absl::StrCat("unigram: the unknown token is ", *options.unknown,
                                                   ", but there are ", size, " tokens"));
  }
  std::shared_ptr<UnigramModel> model(new UnigramModel);
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < size; ++i) {
    if (tokens[i].empty() || !std::isfinite(scores[i])) {
      return absl::InvalidArgumentError(
          absl::StrCat("unigram: token ", i, " \"", tokens[i], "\" is empty or has score ", scores[i]));
    }
    least = std::min(least, scores[i]);
    model->ids_[tokens[i]] = static_cast<int32_t>(i);
  }
  model->unknown_score_ = least - kUnknownPenalty;
  model->options_ = options;
  model->tokens_ = std::move(tokens);
  model->scores_ = std::move(scores);
  model->sorted_.reserve(model->ids_.size());
  for (const auto& [token, id] : model->ids_) {
    model->sorted_.push_back(id);
    ++model->first_byte_[static_cast<unsigned char>(token[0]) + 1];
  }
  std::sort(model->sorted_.begin(), model->sorted_.end(),
            [&](int32_t a, int32_t b) { return model->tokens_[a] < model->tokens_[b]; });
  for (size_t byte = 0; byte < 256; ++byte) model->first_byte_[byte + 1] += model->first_byte_[byte];
  return std::shared_ptr<const UnigramModel>(std::move(model));
}

std::optional<int32_t> UnigramModel::id(std::string_view token) const {
  const auto at = ids_.find(absl::string_view(token.data(), token.size()));
  if (at == ids_.end()) return std::nullopt;
  return at->second;
}

std::string UnigramModel::bytes(int32_t id) const {
  const std::optional<char> byte = options_.byte_fallback ? byte_of_token(tokens_[id]) : std::nullopt;
  return byte ? std::string(1, *byte) : tokens_[id];
}

// Narrows the range of tokens that begin like the text, byte by byte.
template <class Visit>
void UnigramModel::prefixes(std::string_view text, Visit visit) const {
  const auto first = static_cast<unsigned char>(text[0]);
  auto low = sorted_.begin() + first_byte_[first];
  auto high = sorted_.begin() + first_byte_[first + 1];
  for (size_t length = 1; low != high; ++length) {
    // The shortest token of the range stands first.
    if (tokens_[*low].size() == length) {
      visit(length, *low);
      ++low;
    }
    if (length == text.size()) return;
    const auto byte = static_cast<unsigned char>(text[length]);
    const auto at = [&](int32_t id) { return static_cast<unsigned char>(tokens_[id][length]); };
    low = std::partition_point(low, high, [&](int32_t id) { return at(id) < byte; });
    high = std::partition_point(low, high, [&](int32_t id) { return at(id) == byte; });
  }
}

std::vector<UnigramModel::Node> UnigramModel::best_paths(std::string_view piece) const {
  std::vector<Node> nodes(piece.size() + 1);
  const auto offer = [&](size_t end, const Node& node) {
    if (nodes[end].start < 0 || node.score > nodes[end].score) nodes[end] = node;
  };
  for (size_t start = 0; start < piece.size();) {
    const double score = nodes[start].score;
    const auto from = static_cast<int32_t>(start);
    const auto width = static_cast<size_t>(decode_utf8(piece, start).length);
    bool single = false;
    prefixes(piece.substr(start), [&](size_t length, int32_t id) {
      offer(start + length, {score + scores_[id], from, id});
      single = single || length == width;
    });
    if (!single) offer(start + width, {score + unknown_score_, from, options_.unknown.value_or(-1)});
    start += width;
  }
  return nodes;
}

// The token of a stretch of text, or what stands for unknown text.
void UnigramModel::append(std::string_view piece, uint32_t begin, uint32_t end,
                          std::vector<Piece>* out) const {
  if (const auto found = id(piece.substr(begin, end - begin))) {
    out->push_back({*found, begin, end});
    return;
  }
  if (options_.byte_fallback) {
    const size_t first = out->size();
    for (uint32_t i = begin; i < end; ++i) {
      const auto byte = id(byte_token(static_cast<unsigned char>(piece[i])));
      if (!byte) break;
      out->push_back({*byte, i, i + 1});
    }
    if (out->size() - first == end - begin) return;
    out->resize(first);
  }
  if (options_.unknown) out->push_back({*options_.unknown, begin, end});
}

void UnigramModel::encode(std::string_view piece, std::vector<Piece>* out) const {
  if (piece.empty()) return;
  const std::vector<Node> nodes = best_paths(piece);
  std::vector<Piece> path;  // backwards; runs of unknown text are one
  for (auto end = static_cast<int32_t>(piece.size()); end > 0; end = nodes[end].start) {
    const Node& node = nodes[end];
    const bool unknown = node.id == options_.unknown.value_or(-1);
    if (unknown && !path.empty() && path.back().id == node.id) {
      path.back().begin = static_cast<uint32_t>(node.start);
    } else {
      path.push_back({node.id, static_cast<uint32_t>(node.start), static_cast<uint32_t>(end)});
    }
  }
  for (auto at = path.rbegin(); at != path.rend(); ++at) append(piece, at->begin, at->end, out);
}

}  // namespace roux::kit
