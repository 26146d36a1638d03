#include "recipes/kit/stats/minhash.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "recipes/kit/stats/random.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;

// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): every input bit reaches every output bit.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

uint64_t combine(uint64_t hash, uint64_t value) { return mix(hash + 0x9E3779B97F4A7C15u + mix(value)); }

// (a x + b) mod (2^61 - 1) through a 128-bit product.
uint64_t affine(uint64_t a, uint64_t x, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * x + b;
  uint64_t r = static_cast<uint64_t>(product & kPrime) + static_cast<uint64_t>(product >> 61);
  r = (r & kPrime) + (r >> 61);
  return r == kPrime ? 0 : r;
}

template <class T>
std::vector<uint64_t> shingles(std::span<const T> items, int64_t length, const char* name) {
  ROUX_CHECK(length >= 1) << name << ": length is " << length << ", needed >= 1";
  std::vector<uint64_t> hashes;
  if (items.empty()) return hashes;
  const size_t window = std::min(static_cast<size_t>(length), items.size());
  for (size_t begin = 0; begin + window <= items.size(); ++begin) {
    uint64_t hash = window;
    for (size_t i = begin; i < begin + window; ++i) hash = combine(hash, static_cast<uint64_t>(items[i]));
    hashes.push_back(hash);
  }
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  return hashes;
}

}  // namespace

std::vector<uint64_t> byte_shingles(std::string_view text, int64_t length) {
  return shingles(std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size()), length,
                  "byte_shingles");
}

std::vector<uint64_t> token_shingles(std::span<const int64_t> tokens, int64_t length) {
  return shingles(tokens, length, "token_shingles");
}

double jaccard(std::span<const uint64_t> a, std::span<const uint64_t> b) {
  if (a.empty() && b.empty()) return 1;
  int64_t common = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      ++common, ++i, ++j;
    } else {
      ++(a[i] < b[j] ? i : j);
    }
  }
  return static_cast<double>(common) /
         static_cast<double>(static_cast<int64_t>(a.size() + b.size()) - common);
}

MinHash::MinHash(int64_t hashes, uint64_t seed) {
  ROUX_CHECK(hashes >= 1) << "MinHash: hashes are " << hashes << ", needed >= 1";
  RandomStream random(seed);
  for (int64_t i = 0; i < hashes; ++i) {
    multipliers_.push_back(1 + static_cast<uint64_t>(random.below(static_cast<int64_t>(kPrime - 1))));
    offsets_.push_back(static_cast<uint64_t>(random.below(static_cast<int64_t>(kPrime))));
  }
}

std::vector<uint64_t> MinHash::signature(std::span<const uint64_t> shingles) const {
  std::vector<uint64_t> smallest(multipliers_.size(), std::numeric_limits<uint64_t>::max());
  for (uint64_t shingle : shingles) {
    const uint64_t x = shingle % kPrime;
    for (size_t i = 0; i < smallest.size(); ++i) {
      smallest[i] = std::min(smallest[i], affine(multipliers_[i], x, offsets_[i]));
    }
  }
  return smallest;
}

double estimate_jaccard(std::span<const uint64_t> a, std::span<const uint64_t> b) {
  ROUX_CHECK(a.size() == b.size() && !a.empty()) << "estimate_jaccard: signatures have " << a.size()
                                                 << " and " << b.size() << " entries, needed equal and >= 1";
  int64_t equal = 0;
  for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

LshIndex::LshIndex(int64_t bands, int64_t rows) : bands_(bands), rows_(rows) {
  ROUX_CHECK(bands >= 1 && rows >= 1)
      << "LshIndex: bands are " << bands << ", rows are " << rows << ", needed both >= 1";
  buckets_.resize(bands);
}

uint64_t LshIndex::bucket(int64_t band, std::span<const uint64_t> signature) const {
  uint64_t hash = static_cast<uint64_t>(band);
  for (int64_t i = band * rows_; i < (band + 1) * rows_; ++i) hash = combine(hash, signature[i]);
  return hash;
}

void LshIndex::add(int64_t id, std::span<const uint64_t> signature) {
  ROUX_CHECK(static_cast<int64_t>(signature.size()) >= bands_ * rows_)
      << "LshIndex: signature has " << signature.size() << " entries, needed at least " << bands_ * rows_;
  for (int64_t band = 0; band < bands_; ++band) buckets_[band][bucket(band, signature)].push_back(id);
}

std::vector<int64_t> LshIndex::candidates(std::span<const uint64_t> signature) const {
  ROUX_CHECK(static_cast<int64_t>(signature.size()) >= bands_ * rows_)
      << "LshIndex: signature has " << signature.size() << " entries, needed at least " << bands_ * rows_;
  std::vector<int64_t> ids;
  for (int64_t band = 0; band < bands_; ++band) {
    const auto it = buckets_[band].find(bucket(band, signature));
    if (it != buckets_[band].end()) ids.insert(ids.end(), it->second.begin(), it->second.end());
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

double LshIndex::collision_probability(double similarity) const {
  return 1 - std::pow(1 - std::pow(similarity, static_cast<double>(rows_)), static_cast<double>(bands_));
}

}  // namespace roux::stats
