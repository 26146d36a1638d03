#include "recipes/kit/eval/entity_spans.h"

#include <set>
#include <tuple>

#include "tensor/error.h"

namespace roux::kit {
namespace {

using SpanSet = std::set<std::tuple<int64_t, int64_t, std::string>>;

SpanSet set_of(const std::vector<EntitySpan>& spans) {
  SpanSet set;
  for (const EntitySpan& span : spans) set.emplace(span.begin, span.end, span.type);
  return set;
}

}  // namespace

std::vector<EntitySpan> entity_spans(absl::Span<const std::string> tags) {
  std::vector<EntitySpan> spans;
  bool open = false;
  for (size_t i = 0; i < tags.size(); ++i) {
    const std::string& tag = tags[i];
    if (tag == "O") {
      open = false;
      continue;
    }
    ROUX_CHECK(tag.size() > 2 && (tag[0] == 'B' || tag[0] == 'I') && tag[1] == '-')
        << "entity_spans: tag " << i << " is \"" << tag << "\", expected O, B-type or I-type";
    const auto at = static_cast<int64_t>(i);
    if (tag[0] == 'B' || !open || tag.compare(2, std::string::npos, spans.back().type) != 0) {
      spans.push_back({at, at, tag.substr(2)});
    }
    spans.back().end = at + 1;
    open = true;
  }
  return spans;
}

PrecisionRecall entity_scores(absl::Span<const std::vector<EntitySpan>> truth,
                              absl::Span<const std::vector<EntitySpan>> predicted) {
  ROUX_CHECK(truth.size() == predicted.size())
      << "entity_scores: " << truth.size() << " and " << predicted.size() << " texts";
  size_t hits = 0, in_truth = 0, in_predicted = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    const SpanSet wanted = set_of(truth[i]), given = set_of(predicted[i]);
    for (const auto& span : given) hits += wanted.count(span);
    in_truth += wanted.size();
    in_predicted += given.size();
  }
  const auto share = [](size_t part, size_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  };
  return {share(hits, in_predicted), share(hits, in_truth), share(2 * hits, in_truth + in_predicted)};
}

}  // namespace roux::kit
