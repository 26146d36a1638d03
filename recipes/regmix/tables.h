// --table: the regression on the authors' published files, or on any of their form, in one folder.
//
//   train_mixture_1m.csv      index,train_the_pile_arxiv,...               weights of the domains
//   train_pile_loss_1m.csv    index,metric/the_pile_arxiv_val_loss,...     losses of the same indices
//   test_mixture_S.csv, test_pile_loss_S.csv                               S = 1m, 60m, 1B: those that are there
//
// Rows are joined on `index`, in whatever order; rows of one file alone are left out, and so are weights that
// not all files have. Weights stay as they are (rounded in the files), the same way in all of them.
#ifndef ROUX_RECIPES_REGMIX_TABLES_H_
#define ROUX_RECIPES_REGMIX_TABLES_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/stats/gradient_boosting.h"
#include "recipes/kit/stats/matrix.h"
#include "recipes/regmix/method.h"

namespace roux::regmix {

// Mixtures of one pair of files with their losses.
struct MeasuredSet {
  std::string name;                                   // "1m", "60m", "1B"
  std::vector<std::string> index;                     // [rows]
  stats::Matrix mixtures;                             // [rows, domains]
  std::map<std::string, std::vector<double>> losses;  // by target
  int64_t unpaired = 0;                               // rows of one of the two files alone, left out
};

struct PublishedTables {
  std::vector<std::string> domains;  // columns without "train_" and "the_pile_"
  std::vector<std::string> targets;  // columns without "metric/", "the_pile_" and "_val_loss"
  MeasuredSet train;
  std::vector<MeasuredSet> tests;
};

// Errors name file, line and column: NotFound for a file or column that is missing, InvalidArgument for what
// is no finite number, a negative weight, weights of a row that add up to more than 1.05 (per cent, counts),
// an index that comes twice, two columns of one domain or target, a training loss that is the same in all
// rows, a set of less than 8 rows to fit or 3 to test.
absl::StatusOr<PublishedTables> read_published(const std::string& folder);

// Shares of the domains in the Pile where all are its own (section 3.1; normalised), else the mean of the
// training mixtures.
Mixture prior_of(const PublishedTables& tables);

struct Quality {
  double spearman = 0;  // of predicted and measured losses; NaN where one does not vary
  double mean_squared_error = 0;
};
struct TargetFit {
  std::string target;
  std::map<std::string, std::map<std::string, Quality>> quality;  // "linear" and "trees", then the set
  std::vector<double> effects;                                    // a_j - sum_i p_i a_i of the linear fit
  stats::BoostedTrees trees;
};
TargetFit fit_target(const PublishedTables& tables, const std::string& target);
// Average of the 128 of 100,000 draws of Dirichlet(prior_of(tables)) whose loss the trees predict lowest.
Mixture best_mixture(const PublishedTables& tables, const TargetFit& fit);

// Spearman correlation of the losses of two sets at the mixtures that both have: how far the ranks of
// mixtures depend on the size. Nothing where less than 3 rows have one index and equal weights, or a set has
// no such losses.
std::optional<double> rank_invariance(const MeasuredSet& a, const MeasuredSet& b, const std::string& target);

// {<target>: {"linear": {<set>: Spearman}, "trees": ...}, ..., "best_mixture": {<domain>: weight}}; null for
// a Spearman that there is not.
std::string table_json(const PublishedTables& tables, const std::vector<TargetFit>& fits,
                       const Mixture& best_mixture);

}  // namespace roux::regmix

#endif  // ROUX_RECIPES_REGMIX_TABLES_H_
