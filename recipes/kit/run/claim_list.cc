#include "recipes/kit/run/claim_list.h"

#include <utility>

namespace roux::kit {

ClaimList::ClaimList(std::vector<uint64_t> seeds, std::string scale)
    : seeds_(std::move(seeds)), scale_(std::move(scale)) {}

Claim& ClaimList::add(const std::string& text, const SeedValues& values, const Relation& relation,
                      const ClaimOptions& options) {
  return add({.text = text,
              .paper = options.paper,
              .measured = over_seeds(seeds_, values, options.bounds),
              .relation = relation,
              .scale = scale_,
              .asserted = options.asserted,
              .not_testable = options.not_testable});
}

Claim& ClaimList::add(const std::string& text, const std::function<SeedValues()>& values,
                      const Relation& relation, const ClaimOptions& options) {
  if (options.not_testable.empty()) return add(text, values(), relation, options);
  Claim& claim = untested(text, relation, options.not_testable, options.paper);
  claim.asserted = options.asserted;
  return claim;
}

Claim& ClaimList::add(const std::string& text, const std::function<double(size_t seed)>& value,
                      const Relation& relation, const ClaimOptions& options) {
  return add(
      text, [&] { return each_seed(seeds_.size(), value); }, relation, options);
}

Claim& ClaimList::untested(const std::string& text, const Relation& relation, const std::string& why,
                           std::optional<double> paper) {
  return add({.text = text, .paper = paper, .relation = relation, .scale = scale_, .not_testable = why});
}

Claim& ClaimList::add(Claim claim) { return claims_.emplace_back(std::move(claim)); }

}  // namespace roux::kit
