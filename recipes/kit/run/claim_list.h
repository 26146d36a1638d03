// The claims of a recipe, one after the other, from a number of each seed.
//
//   ClaimList claims(run.seeds(), "0.08M parameters, 0.3 MB");
//   claims.add("the method ends lower than the baseline: loss, difference",
//              minus(loss("method"), loss("baseline")), below(0), {.asserted = true});
//   claims.add("it ends level with twice the steps: loss, relative difference",    // computed only if testable
//              [&] { return relative(loss("method"), loss("twice")); }, within(-0.01, 0.01),
//              {.not_testable = twice ? "" : "it was not trained; --arms=all"});
//   claims.untested("a judge prefers it: share of wins", above(0.5), "there is no judge here");
//   return run.claim_all(claims.all());
//
// Nothing is judged and no Run is needed before the last line.
#ifndef ROUX_RECIPES_KIT_RUN_CLAIM_LIST_H_
#define ROUX_RECIPES_KIT_RUN_CLAIM_LIST_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "recipes/kit/run/claims.h"
#include "recipes/kit/run/seed_values.h"

namespace roux::kit {

// What most claims leave as it is; see Claim and over_seeds.
struct ClaimOptions {
  bool asserted = false;
  std::optional<double> paper = {};
  std::string not_testable = {};
  Bounds bounds = {};  // of the quantity
};

class ClaimList {
 public:
  // `scale`: of all claims.
  ClaimList(std::vector<uint64_t> seeds, std::string scale);

  // A claim about over_seeds(values), with the errors of that; measured also where it is not testable. It may
  // be changed until the next call: claims.add(...).scale = "other sizes".
  Claim& add(const std::string& text, const SeedValues& values, const Relation& relation,
             const ClaimOptions& options = {});
  // Values that there may be only where the claim is testable: else the function is not called, and nothing
  // measured.
  Claim& add(const std::string& text, const std::function<SeedValues()>& values, const Relation& relation,
             const ClaimOptions& options = {});
  // The same as a number of each seed, by the seed's position (each_seed).
  Claim& add(const std::string& text, const std::function<double(size_t seed)>& value,
             const Relation& relation, const ClaimOptions& options = {});
  // What cannot be measured here at all, and why.
  Claim& untested(const std::string& text, const Relation& relation, const std::string& why,
                  std::optional<double> paper = {});
  // Any other: over items, exact.
  Claim& add(Claim claim);

  const std::vector<Claim>& all() const { return claims_; }

 private:
  std::vector<uint64_t> seeds_;
  std::string scale_;
  std::vector<Claim> claims_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CLAIM_LIST_H_
