#include "recipes/kit/eval/code_mixing.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "tensor/error.h"

namespace roux::kit {
namespace {

// The tags that are languages.
std::vector<int64_t> languages_of(absl::Span<const int64_t> tags, const char* function) {
  std::vector<int64_t> languages;
  for (size_t i = 0; i < tags.size(); ++i) {
    ROUX_CHECK(tags[i] >= kNeutral) << function << ": tag " << i << " is " << tags[i]
                                    << ", needed a language from 0 on or " << kNeutral;
    if (tags[i] != kNeutral) languages.push_back(tags[i]);
  }
  return languages;
}

std::map<int64_t, int64_t> counts_of(absl::Span<const int64_t> languages) {
  std::map<int64_t, int64_t> counts;
  for (const int64_t language : languages) ++counts[language];
  return counts;
}

}  // namespace

double code_mixing_index(absl::Span<const int64_t> tags) {
  const std::vector<int64_t> languages = languages_of(tags, "code_mixing_index");
  if (languages.empty()) return 0;
  int64_t most = 0;
  for (const auto& [language, count] : counts_of(languages)) most = std::max(most, count);
  return 100 * (1 - static_cast<double>(most) / static_cast<double>(languages.size()));
}

double m_index(absl::Span<const int64_t> tags, int64_t languages) {
  ROUX_CHECK(languages >= 2) << "m_index: there are " << languages << " languages, needed 2 or more";
  const std::vector<int64_t> own = languages_of(tags, "m_index");
  if (own.empty()) return 0;
  double squares = 0;
  for (const auto& [language, count] : counts_of(own)) {
    ROUX_CHECK(language < languages) << "m_index: a tag is " << language << ", needed below " << languages;
    const double share = static_cast<double>(count) / static_cast<double>(own.size());
    squares += share * share;
  }
  return (1 - squares) / (static_cast<double>(languages - 1) * squares);
}

double i_index(absl::Span<const int64_t> tags) {
  const std::vector<int64_t> languages = languages_of(tags, "i_index");
  if (languages.size() < 2) return 0;
  int64_t switches = 0;
  for (size_t i = 1; i < languages.size(); ++i) switches += languages[i] != languages[i - 1] ? 1 : 0;
  return static_cast<double>(switches) / static_cast<double>(languages.size() - 1);
}

double switch_point_fraction(absl::Span<const int64_t> tags) {
  languages_of(tags, "switch_point_fraction");
  if (tags.size() < 2) return 0;
  int64_t switches = 0;
  for (size_t i = 1; i < tags.size(); ++i)
    switches += tags[i] != kNeutral && tags[i - 1] != kNeutral && tags[i] != tags[i - 1] ? 1 : 0;
  return static_cast<double>(switches) / static_cast<double>(tags.size() - 1);
}

std::vector<int64_t> language_spans(absl::Span<const int64_t> tags) {
  const std::vector<int64_t> languages = languages_of(tags, "language_spans");
  std::vector<int64_t> spans;
  for (size_t i = 0; i < languages.size(); ++i) {
    if (i == 0 || languages[i] != languages[i - 1]) spans.push_back(0);
    ++spans.back();
  }
  return spans;
}

double burstiness(absl::Span<const int64_t> tags) {
  const std::vector<int64_t> spans = language_spans(tags);
  if (spans.empty()) return 0;
  const auto n = static_cast<double>(spans.size());
  double mean = 0, squares = 0;
  for (const int64_t span : spans) mean += static_cast<double>(span) / n;
  for (const int64_t span : spans)
    squares += (static_cast<double>(span) - mean) * (static_cast<double>(span) - mean);
  const double deviation = std::sqrt(squares / n);
  return (deviation - mean) / (deviation + mean);
}

}  // namespace roux::kit
