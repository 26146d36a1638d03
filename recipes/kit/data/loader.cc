#include "recipes/kit/data/loader.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kPositionTag[] = "roux-loader-2";

// splitmix64 [Steele, Lea, Flood 2014]: output i of a stream is a mix of start + (i + 1) * golden ratio.
class SplitMix {
 public:
  explicit SplitMix(uint64_t state) : state_(state) {}

  uint64_t next() { return mix(state_ += 0x9E3779B97F4A7C15u); }

  // Uniform in 0 .. bound-1 without bias: multiply-shift with rejection [Lemire 2019].
  uint64_t below(uint64_t bound) {
    unsigned __int128 product = static_cast<unsigned __int128>(next()) * bound;
    if (static_cast<uint64_t>(product) < bound) {
      const uint64_t threshold = (0 - bound) % bound;
      while (static_cast<uint64_t>(product) < threshold)
        product = static_cast<unsigned __int128>(next()) * bound;
    }
    return static_cast<uint64_t>(product >> 64);
  }

  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace

std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, int64_t rows) {
  ROUX_CHECK(epoch >= 0 && rows >= 0)
      << "epoch_order: negative argument: epoch is " << epoch << ", rows is " << rows;
  std::vector<int64_t> order(rows);
  for (int64_t i = 0; i < rows; ++i) order[i] = i;
  // Seed and epoch pass through the mixer one after the other: neighbouring seeds and epochs share no stream.
  SplitMix random(SplitMix::mix(SplitMix::mix(seed + 0x9E3779B97F4A7C15u) + static_cast<uint64_t>(epoch)));
  for (int64_t i = rows - 1; i > 0; --i)
    std::swap(order[i], order[random.below(static_cast<uint64_t>(i) + 1)]);
  return order;
}

int64_t EpochSequence::row(int64_t sample) {
  if (!shuffle_) return sample % rows_;
  if (epoch_ != sample / rows_) {
    epoch_ = sample / rows_;
    order_ = epoch_order(seed_, epoch_, rows_);
  }
  return order_[sample % rows_];
}

std::string LoaderPosition::to_string() const {
  return absl::StrCat(kPositionTag, " seed=", seed, " fingerprint=", fingerprint,
                      " shuffle=", shuffle ? 1 : 0, " global_batch=", global_batch,
                      " next_sample=", next_sample);
}

absl::StatusOr<LoaderPosition> LoaderPosition::from_string(const std::string& text) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  const char* const names[] = {"seed=", "fingerprint=", "shuffle=", "global_batch=", "next_sample="};
  uint64_t values[5] = {};
  bool good = words.size() == 6 && words[0] == kPositionTag;
  for (size_t i = 0; good && i < 5; ++i) {
    const std::string name = names[i];
    good = words[i + 1].rfind(name, 0) == 0 && absl::SimpleAtoi(words[i + 1].substr(name.size()), &values[i]);
  }
  const auto largest = static_cast<uint64_t>(INT64_MAX);
  if (!good || values[2] > 1 || values[3] > largest || values[4] > largest) {
    return absl::InvalidArgumentError(absl::StrCat("loader position '", text.substr(0, 200),
                                                   "' is damaged: expected '", kPositionTag,
                                                   " seed=N fingerprint=N shuffle=0|1 global_batch=N "
                                                   "next_sample=N'"));
  }
  return LoaderPosition{values[0], values[1], values[2] == 1, static_cast<int64_t>(values[3]),
                        static_cast<int64_t>(values[4])};
}

absl::Status check_loader_options(const BatchLoader::Options& options) {
  if (options.world_size < 1 || options.rank < 0 || options.rank >= options.world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("loader: rank is ", options.rank, " of world size ", options.world_size));
  }
  if (options.global_batch < 1 || options.global_batch % options.world_size != 0) {
    return absl::InvalidArgumentError(absl::StrCat("loader: global batch is ", options.global_batch,
                                                   ", must be a positive multiple of the world size ",
                                                   options.world_size));
  }
  return absl::OkStatus();
}

absl::StatusOr<BatchLoader> BatchLoader::create(const WindowSet& windows, const Options& options) {
  ROUX_RETURN_IF_ERROR(check_loader_options(options));
  return BatchLoader(windows, options);
}

BatchLoader::BatchLoader(const WindowSet& windows, const Options& options)
    : windows_(&windows),
      options_(options),
      fingerprint_(windows.fingerprint()),
      sequence_(options.seed, windows.size(), options.shuffle) {}

std::vector<int64_t> BatchLoader::next_rows() {
  std::vector<int64_t> rows(rows_per_rank());
  const int64_t begin = next_sample_ + options_.rank * rows_per_rank();
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = sequence_.row(begin + static_cast<int64_t>(i));
  next_sample_ += options_.global_batch;
  return rows;
}

std::vector<int64_t> BatchLoader::peek_global_rows() {
  std::vector<int64_t> rows(options_.global_batch);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = sequence_.row(next_sample_ + static_cast<int64_t>(i));
  return rows;
}

absl::Status BatchLoader::restore(const LoaderPosition& position) {
  if (position.seed != options_.seed) {
    return absl::FailedPreconditionError(absl::StrCat("loader: position was saved with seed ", position.seed,
                                                      ", this run has seed ", options_.seed));
  }
  if (position.fingerprint != fingerprint_) {
    return absl::FailedPreconditionError(
        absl::StrCat("loader: position was saved with other data or another window "
                     "length than ",
                     windows_->source(), " with windows of ", windows_->length()));
  }
  if (position.shuffle != options_.shuffle) {
    return absl::FailedPreconditionError(
        absl::StrCat("loader: position was saved ", position.shuffle ? "with" : "without",
                     " shuffle, this run has ", options_.shuffle ? "it" : "none"));
  }
  if (position.global_batch != options_.global_batch) {
    return absl::FailedPreconditionError(absl::StrCat("loader: position was saved with global batch ",
                                                      position.global_batch, ", this run has ",
                                                      options_.global_batch));
  }
  if (position.next_sample < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("loader: position is negative: ", position.next_sample));
  }
  next_sample_ = position.next_sample;
  return absl::OkStatus();
}

absl::Status BatchLoader::restore(const std::string& text) {
  ROUX_ASSIGN_OR_RETURN(const LoaderPosition position, LoaderPosition::from_string(text));
  return restore(position);
}

}  // namespace roux::kit
