#include "recipes/kit/data/index_loader.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kTag[] = "roux-index-1";

}  // namespace

absl::StatusOr<IndexLoader> IndexLoader::create(int64_t size, const BatchLoader::Options& options) {
  if (size < 1)
    return absl::InvalidArgumentError(absl::StrCat("loader: size is ", size, ", must be 1 or more"));
  ROUX_RETURN_IF_ERROR(check_loader_options(options));
  return IndexLoader(size, options);
}

std::vector<int64_t> IndexLoader::next(int64_t global_batch) {
  ROUX_CHECK(global_batch >= 1 && global_batch % options_.world_size == 0)
      << "loader: global batch is " << global_batch << ", must be a positive multiple of the world size "
      << options_.world_size;
  std::vector<int64_t> indices(global_batch / options_.world_size);
  int64_t sample = next_sample_ + options_.rank * static_cast<int64_t>(indices.size());
  for (int64_t& index : indices) index = sequence_.row(sample++);
  next_sample_ += global_batch;
  return indices;
}

std::string IndexLoader::position() const {
  return absl::StrCat(kTag, " seed=", options_.seed, " size=", size_, " shuffle=", options_.shuffle ? 1 : 0,
                      " next_sample=", next_sample_);
}

absl::Status IndexLoader::restore(const std::string& position) {
  const std::vector<std::string> words = absl::StrSplit(position, " next_sample=");
  const std::string own = this->position();
  int64_t next_sample = 0;
  if (words.size() != 2 || words[0].rfind(absl::StrCat(kTag, " "), 0) != 0 ||
      !absl::SimpleAtoi(words[1], &next_sample) || next_sample < 0) {
    return absl::InvalidArgumentError(absl::StrCat("loader position '", position.substr(0, 200),
                                                   "' is damaged: expected one like '", own, "'"));
  }
  if (words[0] != own.substr(0, own.find(" next_sample="))) {
    return absl::FailedPreconditionError(
        absl::StrCat("loader: position was saved as '", position, "', this run is at '", own, "'"));
  }
  next_sample_ = next_sample;
  return absl::OkStatus();
}

}  // namespace roux::kit
