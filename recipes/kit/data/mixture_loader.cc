#include "recipes/kit/data/mixture_loader.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kTag[] = "roux-mixture-3";

absl::Status check_shares(const std::vector<double>& shares, size_t domains) {
  if (shares.size() != domains) {
    return absl::InvalidArgumentError(
        absl::StrCat("mixture: ", domains, " domains and ", shares.size(), " shares"));
  }
  double sum = 0;
  for (double share : shares) {
    if (!(share >= 0) || !std::isfinite(share)) {
      return absl::InvalidArgumentError(absl::StrCat("mixture: a share is ", share, ", must be 0 or more"));
    }
    sum += share;
  }
  if (!(sum > 0) || !std::isfinite(sum)) {
    return absl::InvalidArgumentError(absl::StrCat("mixture: the shares sum to ", sum));
  }
  return absl::OkStatus();
}

// Each domain shuffles with a seed of its own: equal domains do not come in equal order.
uint64_t seed_of(uint64_t seed, int64_t domain) {
  return seed + 0xD1B54A32D192ED03u * static_cast<uint64_t>(domain);
}

}  // namespace

absl::StatusOr<MixtureLoader> MixtureLoader::create(const std::vector<const WindowSet*>& domains,
                                                    const std::vector<double>& shares,
                                                    const BatchLoader::Options& options, MixtureOrder order) {
  if (domains.empty()) return absl::InvalidArgumentError("mixture: no domains");
  ROUX_RETURN_IF_ERROR(check_shares(shares, domains.size()));
  for (const WindowSet* domain : domains) {
    if (domain->length() != domains[0]->length()) {
      return absl::InvalidArgumentError(absl::StrCat("mixture: ", domain->source(), " has windows of ",
                                                     domain->length(), ", ", domains[0]->source(), " of ",
                                                     domains[0]->length()));
    }
  }
  ROUX_RETURN_IF_ERROR(
      BatchLoader::create(*domains[0], options).status());  // the same rules for batch and ranks
  return MixtureLoader(domains, shares, options, order);
}

MixtureLoader::MixtureLoader(const std::vector<const WindowSet*>& domains, const std::vector<double>& shares,
                             const BatchLoader::Options& options, MixtureOrder order)
    : domains_(domains),
      options_(options),
      order_(order),
      given_(shares),
      sampler_(shares, options.seed),
      taken_(domains.size(), 0) {
  for (const WindowSet* domain : domains) {
    fingerprint_ = fingerprint_ * 0x9E3779B97F4A7C15u + domain->fingerprint();
    const uint64_t seed = seed_of(options.seed, static_cast<int64_t>(sequences_.size()));
    sequences_.emplace_back(seed, domain->size(), options.shuffle);
  }
}

std::vector<MixtureLoader::Row> MixtureLoader::next_rows() {
  const int64_t slice = options_.global_batch / options_.world_size;
  const int64_t begin = options_.rank * slice;
  std::vector<Row> rows;
  rows.reserve(slice);
  // Every rank walks the whole batch: where it stands in a domain depends on what the others took.
  for (int64_t i = 0; i < options_.global_batch; ++i) {
    const int64_t domain = sampler_(next_sample_ + i);
    const int64_t in_turn = taken_[domain]++;
    if (i < begin || i >= begin + slice) continue;
    const int64_t sample = order_ == MixtureOrder::kInTurn ? in_turn : next_sample_ + i;
    rows.push_back({static_cast<int32_t>(domain), sequences_[domain].row(sample)});
  }
  next_sample_ += options_.global_batch;
  return rows;
}

MixtureBatch MixtureLoader::next() {
  const std::vector<Row> rows = next_rows();
  MixtureBatch batch;
  batch.tokens.length = domains_[0]->length();
  for (const Row& row : rows) {
    batch.tokens.append(domains_[row.domain]->batch({row.row}));
    batch.domain.push_back(row.domain);
  }
  return batch;
}

absl::Status MixtureLoader::set_shares(const std::vector<double>& shares) {
  ROUX_RETURN_IF_ERROR(check_shares(shares, domains_.size()));
  sampler_ = stats::MixtureSampler(shares, options_.seed);
  given_ = shares;
  return absl::OkStatus();
}

double MixtureLoader::epochs(int64_t domain) const {
  ROUX_CHECK(domain >= 0 && domain < static_cast<int64_t>(domains_.size()))
      << "mixture: domain is " << domain << " of " << domains_.size();
  return static_cast<double>(taken_[domain]) / static_cast<double>(domains_[domain]->size());
}

std::string MixtureLoader::position() const {
  auto hexadecimal = [](std::string* out, double share) { absl::StrAppendFormat(out, "%a", share); };
  return absl::StrCat(kTag, " seed=", options_.seed, " fingerprint=", fingerprint_,
                      " shuffle=", options_.shuffle ? 1 : 0, " global_batch=", options_.global_batch,
                      " by_position=", order_ == MixtureOrder::kByPosition ? 1 : 0,
                      " next_sample=", next_sample_, " taken=", absl::StrJoin(taken_, ","),
                      " shares=", absl::StrJoin(given_, ",", hexadecimal));
}

absl::Status MixtureLoader::restore(const std::string& position) {
  const std::vector<std::string> words = absl::StrSplit(position, ' ');
  const char* const names[] = {"seed=",        "fingerprint=", "shuffle=", "global_batch=",
                               "by_position=", "next_sample=", "taken=",   "shares="};
  std::vector<std::string> values;
  bool good = words.size() == std::size(names) + 1 && words[0] == kTag;
  for (size_t i = 0; good && i < std::size(names); ++i) {
    const std::string name = names[i];
    good = words[i + 1].rfind(name, 0) == 0;
    if (good) values.push_back(words[i + 1].substr(name.size()));
  }
  uint64_t seed = 0, fingerprint = 0;
  int64_t next_sample = 0, global_batch = 0;
  good = good && absl::SimpleAtoi(values[0], &seed) && absl::SimpleAtoi(values[1], &fingerprint) &&
         (values[2] == "0" || values[2] == "1") && absl::SimpleAtoi(values[3], &global_batch) &&
         (values[4] == "0" || values[4] == "1") && absl::SimpleAtoi(values[5], &next_sample) &&
         next_sample >= 0;
  std::vector<int64_t> taken;
  std::vector<double> shares;
  if (good) {
    for (const std::string& text : std::vector<std::string>(absl::StrSplit(values[6], ','))) {
      taken.push_back(0);
      good = good && absl::SimpleAtoi(text, &taken.back()) && taken.back() >= 0;
    }
    for (const std::string& text : std::vector<std::string>(absl::StrSplit(values[7], ','))) {
      char* end = nullptr;  // absl::SimpleAtod reads no hexadecimal
      shares.push_back(std::strtod(text.c_str(), &end));
      good = good && !text.empty() && end == text.c_str() + text.size();
    }
    good = good && taken.size() == shares.size() && check_shares(shares, shares.size()).ok();
  }
  if (!good) {
    return absl::InvalidArgumentError(
        absl::StrCat("mixture position '", position.substr(0, 200), "' is damaged: expected '", kTag,
                     " seed=N fingerprint=N shuffle=0|1 global_batch=N by_position=0|1 next_sample=N "
                     "taken=N,... shares=X,...'"));
  }
  if (seed != options_.seed) {
    return absl::FailedPreconditionError(
        absl::StrCat("mixture: position was saved with seed ", seed, ", this run has seed ", options_.seed));
  }
  if ((values[2] == "1") != options_.shuffle || global_batch != options_.global_batch) {
    return absl::FailedPreconditionError(absl::StrCat(
        "mixture: position was saved with shuffle=", values[2], " and global batch ", global_batch,
        ", this run has shuffle=", options_.shuffle ? 1 : 0, " and ", options_.global_batch));
  }
  if ((values[4] == "1") != (order_ == MixtureOrder::kByPosition)) {
    return absl::FailedPreconditionError(absl::StrCat("mixture: position was saved with by_position=",
                                                      values[4], ", this run takes rows in the other order"));
  }
  if (fingerprint != fingerprint_ || taken.size() != domains_.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat("mixture: position was saved with other data than these ", domains_.size(), " domains, ",
                     domains_[0]->source(), " first"));
  }
  if (std::accumulate(taken.begin(), taken.end(), int64_t{0}) != next_sample) {
    return absl::InvalidArgumentError(
        "mixture: position is damaged: rows taken do not add up to next_sample");
  }
  sampler_ = stats::MixtureSampler(shares, seed);
  given_ = std::move(shares);
  taken_ = std::move(taken);
  next_sample_ = next_sample;
  return absl::OkStatus();
}

}  // namespace roux::kit
