#include "recipes/kit/text/ngram_features.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace roux::kit {
namespace {

void check_range(const NgramRange& range) {
  ROUX_CHECK(range.min_n >= 1 && range.min_n <= range.max_n)
      << "n-gram features: min_n is " << range.min_n << ", max_n " << range.max_n
      << "; expected 1 <= min_n <= max_n";
}

// Calls visit for each n-gram, its words joined by U+0000.
template <class Visit>
void for_each_ngram(absl::Span<const std::string_view> words, const NgramRange& range, Visit visit) {
  std::string ngram;
  for (size_t begin = 0; begin < words.size(); ++begin) {
    ngram.clear();
    for (int n = 1; n <= range.max_n && begin + n <= words.size(); ++n) {
      if (n > 1) ngram += '\0';
      ngram += words[begin + n - 1];
      if (n >= range.min_n) visit(absl::string_view(ngram));
    }
  }
}

uint64_t fnv1a(absl::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

// Sorts by index and adds up equal ones.
SparseVector collected(std::vector<int64_t> indices) {
  std::sort(indices.begin(), indices.end());
  SparseVector vector;
  for (const int64_t index : indices) {
    if (vector.empty() || vector.back().first != index) vector.emplace_back(index, 0);
    vector.back().second += 1;
  }
  return vector;
}

}  // namespace

SparseVector hashed_ngrams(absl::Span<const std::string_view> words, const NgramRange& range,
                           int64_t buckets) {
  check_range(range);
  ROUX_CHECK(buckets >= 1) << "hashed_ngrams: buckets is " << buckets << ", expected 1 or more";
  std::vector<int64_t> indices;
  for_each_ngram(words, range, [&](absl::string_view ngram) {
    indices.push_back(static_cast<int64_t>(fnv1a(ngram) % static_cast<uint64_t>(buckets)));
  });
  return collected(std::move(indices));
}

double dot(const SparseVector& a, const SparseVector& b) {
  double sum = 0;
  for (auto i = a.begin(), k = b.begin(); i != a.end() && k != b.end();) {
    if (i->first == k->first) {
      sum += i++->second * k++->second;
    } else if (i->first < k->first) {
      ++i;
    } else {
      ++k;
    }
  }
  return sum;
}

double cosine_similarity(const SparseVector& a, const SparseVector& b) {
  const double lengths = std::sqrt(dot(a, a)) * std::sqrt(dot(b, b));
  return lengths == 0 ? 0 : dot(a, b) / lengths;
}

TfIdf::TfIdf(absl::Span<const Words> documents, const NgramRange& range) : range_(range) {
  check_range(range);
  ROUX_CHECK(!documents.empty()) << "TfIdf: there are no documents";
  std::vector<size_t> last_document;  // that an n-gram was seen in
  for (size_t d = 0; d < documents.size(); ++d) {
    for_each_ngram(documents[d], range, [&](absl::string_view ngram) {
      const auto [at, is_new] = indices_.try_emplace(ngram, size());
      if (is_new) {
        weights_.push_back(1);
        last_document.push_back(d);
      } else if (last_document[static_cast<size_t>(at->second)] != d) {
        weights_[static_cast<size_t>(at->second)] += 1;
        last_document[static_cast<size_t>(at->second)] = d;
      }
    });
  }
  for (double& w : weights_) w = std::log((1 + static_cast<double>(documents.size())) / (1 + w)) + 1;
}

SparseVector TfIdf::operator()(absl::Span<const std::string_view> words) const {
  std::vector<int64_t> indices;
  for_each_ngram(words, range_, [&](absl::string_view ngram) {
    if (const auto at = indices_.find(ngram); at != indices_.end()) indices.push_back(at->second);
  });
  SparseVector vector = collected(std::move(indices));
  for (auto& [index, value] : vector) value *= weights_[static_cast<size_t>(index)];
  const double length = std::sqrt(dot(vector, vector));
  for (auto& [index, value] : vector) value /= length;
  return vector;
}

}  // namespace roux::kit
