#include "recipes/regmix/tables.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/stats/correlation.h"
#include "recipes/kit/stats/regression.h"
#include "recipes/kit/text/readers/csv.h"
#include "tensor/error.h"

namespace roux::regmix {
namespace {

using stats::Matrix;

constexpr int64_t kCandidates = 100'000, kBest = 128;  // section 3.4
constexpr int64_t kFewestToFit = 8, kFewestToTest = 3;
constexpr double kLargestSum = 1.05;  // the originals are rounded: 0.996 to 1.003
constexpr const char* kSizes[] = {"1m", "60m", "1B"};

// Token shares of the domains that have no rights reserved.                                    [section 3.1]
struct Share {
  const char* domain;
  double share;
};
constexpr Share kPile[] = {{"arxiv", .113285},
                           {"freelaw", .079609},
                           {"nih_exporter", .003913},
                           {"pubmed_central", .185376},
                           {"wikipedia_en", .051081},
                           {"dm_mathematics", .015963},
                           {"github", .101751},
                           {"philpapers", .003708},
                           {"stackexchange", .066529},
                           {"enron_emails", .001751},
                           {"gutenberg_pg_19", .027085},
                           {"pile_cc", .236869},
                           {"ubuntu_irc", .011843},
                           {"europarl", .007930},
                           {"hackernews", .008033},
                           {"pubmed_abstracts", .038826},
                           {"uspto_backgrounds", .046447}};

// A CSV file as numbers by index.
struct Records {
  std::string path;
  std::vector<std::string> columns;                 // without the index
  std::vector<std::string> order;                   // indices as they come,
  std::vector<int64_t> lines;                       // and their lines
  std::map<std::string, std::vector<double>> rows;  // by index
};

absl::StatusOr<Records> read_records(const std::string& path, bool negative) {
  ROUX_ASSIGN_OR_RETURN(kit::CsvReader csv, kit::CsvReader::open(path));
  Records records{.path = path};
  if (csv.columns().empty() || csv.columns()[0] != "index") {
    return absl::NotFoundError(absl::StrCat(path, ": the first column must be 'index', it is '",
                                            csv.columns().empty() ? "" : csv.columns()[0], "'"));
  }
  records.columns.assign(csv.columns().begin() + 1, csv.columns().end());
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, csv.next());
    if (!more) break;
    const std::string where = absl::StrCat(path, ": line ", csv.line_number());
    std::vector<double> row;
    for (size_t c = 1; c < csv.fields().size(); ++c) {
      double value = 0;
      const std::string& field = csv.fields()[c];
      if (!absl::SimpleAtod(field, &value) || !std::isfinite(value) || (value < 0 && !negative)) {
        return absl::InvalidArgumentError(absl::StrCat(where, ", column ", csv.columns()[c], ": '", field,
                                                       "' is no ", negative ? "finite number" : "weight"));
      }
      row.push_back(value);
    }
    const std::string index(absl::StripAsciiWhitespace(csv.fields()[0]));
    if (!records.rows.emplace(index, std::move(row)).second)
      return absl::InvalidArgumentError(absl::StrCat(where, ": index ", index, " comes twice"));
    records.order.push_back(index);
    records.lines.push_back(csv.line_number());
  }
  if (records.order.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": holds no row"));
  return records;
}

std::string plain(absl::string_view column, absl::string_view prefix, absl::string_view suffix) {
  absl::ConsumePrefix(&column, prefix);
  absl::ConsumePrefix(&column, "the_pile_");
  absl::ConsumeSuffix(&column, suffix);
  return std::string(column);
}

// Columns without what is around the name of a domain or target; InvalidArgument where two have one name.
absl::Status check_names(const Records& records, absl::string_view prefix, absl::string_view suffix) {
  std::map<std::string, std::string> seen;
  for (const std::string& column : records.columns) {
    const auto [other, fresh] = seen.emplace(plain(column, prefix, suffix), column);
    if (fresh) continue;
    return absl::InvalidArgumentError(absl::StrCat(records.path, ": columns ", other->second, " and ", column,
                                                   " are both of '", other->first, "'"));
  }
  return absl::OkStatus();
}

struct Pair {
  std::string name;
  Records mixtures, losses;
};

absl::StatusOr<Pair> read_pair(const std::string& folder, const std::string& kind, const std::string& size) {
  const auto file = [&](const char* what) { return absl::StrCat(folder, "/", kind, what, size, ".csv"); };
  Pair pair{.name = size};
  ROUX_ASSIGN_OR_RETURN(pair.mixtures, read_records(file("_mixture_"), false));
  ROUX_ASSIGN_OR_RETURN(pair.losses, read_records(file("_pile_loss_"), true));
  ROUX_RETURN_IF_ERROR(check_names(pair.mixtures, "train_", ""));
  ROUX_RETURN_IF_ERROR(check_names(pair.losses, "metric/", "_val_loss"));
  return pair;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Rows that both files of a pair have, in the order of the mixtures; of the weights `columns`.
absl::StatusOr<MeasuredSet> join(const Pair& pair, const std::vector<std::string>& columns, int64_t fewest) {
  std::vector<size_t> places;
  for (const std::string& column : columns) {
    places.push_back(
        static_cast<size_t>(std::find(pair.mixtures.columns.begin(), pair.mixtures.columns.end(), column) -
                            pair.mixtures.columns.begin()));
  }
  MeasuredSet set{.name = pair.name};
  std::vector<double> values;
  int64_t rows = 0;
  for (size_t i = 0; i < pair.mixtures.order.size(); ++i) {
    const std::string& index = pair.mixtures.order[i];
    const auto losses = pair.losses.rows.find(index);
    if (losses == pair.losses.rows.end()) continue;
    ++rows;
    set.index.push_back(index);
    double sum = 0;
    for (const size_t place : places) {
      values.push_back(pair.mixtures.rows.at(index)[place]);
      sum += values.back();
    }
    if (sum > kLargestSum) {
      return absl::InvalidArgumentError(absl::StrCat(pair.mixtures.path, ": line ", pair.mixtures.lines[i],
                                                     ": the weights add up to ", sum,
                                                     "; they must be shares, at most 1 in all"));
    }
    for (size_t c = 0; c < pair.losses.columns.size(); ++c)
      set.losses[plain(pair.losses.columns[c], "metric/", "_val_loss")].push_back(losses->second[c]);
  }
  if (rows < fewest) {
    return absl::InvalidArgumentError(absl::StrCat(pair.mixtures.path, " and ", pair.losses.path, ": have ",
                                                   rows, " indices in common, ", fewest,
                                                   " or more are needed"));
  }
  set.unpaired = static_cast<int64_t>(pair.mixtures.order.size() + pair.losses.order.size()) - 2 * rows;
  set.mixtures = Matrix(rows, static_cast<int64_t>(columns.size()), std::move(values));
  return set;
}

}  // namespace

absl::StatusOr<PublishedTables> read_published(const std::string& folder) {
  ROUX_ASSIGN_OR_RETURN(const Pair train, read_pair(folder, "train", "1m"));
  std::vector<Pair> tests;
  for (const char* size : kSizes) {
    std::error_code error;
    const bool there = std::filesystem::exists(absl::StrCat(folder, "/test_mixture_", size, ".csv"), error) ||
                       std::filesystem::exists(absl::StrCat(folder, "/test_pile_loss_", size, ".csv"), error);
    if (!there) continue;
    ROUX_ASSIGN_OR_RETURN(tests.emplace_back(), read_pair(folder, "test", size));
  }
  std::vector<std::string> columns = train.mixtures.columns;
  for (const Pair& test : tests)
    std::erase_if(columns, [&](const std::string& c) { return !holds(test.mixtures.columns, c); });
  if (columns.empty()) {
    return absl::NotFoundError(
        absl::StrCat(train.mixtures.path, ": no weight column that all test files of the folder have too"));
  }
  if (train.losses.columns.empty())
    return absl::NotFoundError(absl::StrCat(train.losses.path, ": no column of losses"));
  PublishedTables tables;
  for (const std::string& column : columns) tables.domains.push_back(plain(column, "train_", ""));
  for (const std::string& c : train.losses.columns)
    tables.targets.push_back(plain(c, "metric/", "_val_loss"));
  ROUX_ASSIGN_OR_RETURN(tables.train, join(train, columns, kFewestToFit));
  for (size_t t = 0; t < tables.targets.size(); ++t) {
    const std::vector<double>& losses = tables.train.losses.at(tables.targets[t]);
    if (std::equal(losses.begin() + 1, losses.end(), losses.begin())) {
      return absl::InvalidArgumentError(absl::StrCat(train.losses.path, ": column ", train.losses.columns[t],
                                                     ": is ", losses[0],
                                                     " in all rows, there is nothing to fit"));
    }
  }
  for (const Pair& test : tests) {
    ROUX_ASSIGN_OR_RETURN(tables.tests.emplace_back(), join(test, columns, kFewestToTest));
  }
  return tables;
}

Mixture prior_of(const PublishedTables& tables) {
  std::vector<double> shares;
  for (const std::string& domain : tables.domains) {
    const auto found =
        std::find_if(std::begin(kPile), std::end(kPile), [&](const Share& s) { return domain == s.domain; });
    if (found != std::end(kPile)) shares.push_back(found->share);
  }
  if (shares.size() == tables.domains.size()) return proportional(shares);
  const Matrix& x = tables.train.mixtures;
  // A domain of which no mixture has anything: hardly drawn.
  shares.assign(tables.domains.size(), 1e-6);
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < x.cols; ++j) shares[static_cast<size_t>(j)] += x(i, j);
  }
  return proportional(shares);
}

TargetFit fit_target(const PublishedTables& tables, const std::string& target) {
  const Matrix& x = tables.train.mixtures;
  const std::vector<double>& y = tables.train.losses.at(target);
  const stats::LinearModel linear = fit_linear(x, y);
  TargetFit fit{.target = target, .trees = fit_trees(x, y)};
  for (const MeasuredSet& test : tables.tests) {
    const auto measured = test.losses.find(target);
    if (measured == test.losses.end()) continue;
    const auto judge = [&](const char* model, const std::vector<double>& predicted) {
      fit.quality[model][test.name] = {stats::spearman(predicted, measured->second).coefficient,
                                       stats::mean_squared_error(measured->second, predicted)};
    };
    judge("linear", stats::predict(linear, test.mixtures));
    judge("trees", stats::predict(fit.trees, test.mixtures));
  }
  const Mixture prior = prior_of(tables);
  double mean = 0;
  for (size_t j = 0; j < prior.size(); ++j) mean += prior[j] * linear.weights[j];
  for (const double weight : linear.weights) fit.effects.push_back(weight - mean);
  return fit;
}

Mixture best_mixture(const PublishedTables& tables, const TargetFit& fit) {
  const Matrix candidates = draw_candidates(prior_of(tables), kCandidates, 0);
  return average_of_best(candidates, stats::predict(fit.trees, candidates), kBest);
}

std::optional<double> rank_invariance(const MeasuredSet& a, const MeasuredSet& b, const std::string& target) {
  const auto of_a = a.losses.find(target), of_b = b.losses.find(target);
  if (of_a == a.losses.end() || of_b == b.losses.end()) return std::nullopt;
  std::vector<double> x, y;
  for (size_t i = 0; i < a.index.size(); ++i) {
    const size_t j =
        static_cast<size_t>(std::find(b.index.begin(), b.index.end(), a.index[i]) - b.index.begin());
    if (j == b.index.size()) continue;
    const auto row_a = a.mixtures.row(static_cast<int64_t>(i)),
               row_b = b.mixtures.row(static_cast<int64_t>(j));
    if (!std::equal(row_a.begin(), row_a.end(), row_b.begin())) continue;
    x.push_back(of_a->second[i]), y.push_back(of_b->second[j]);
  }
  if (x.size() < 3) return std::nullopt;
  return stats::spearman(x, y).coefficient;
}

std::string table_json(const PublishedTables& tables, const std::vector<TargetFit>& fits,
                       const Mixture& best_mixture) {
  kit::JsonObject all, best;
  for (const TargetFit& fit : fits) {
    kit::JsonObject models;
    for (const char* model : {"linear", "trees"}) {
      kit::JsonObject sets;
      if (const auto quality = fit.quality.find(model); quality != fit.quality.end()) {
        for (const auto& [set, values] : quality->second) sets.add(set, values.spearman);
      }
      models.add_raw(model, sets.text());
    }
    all.add_raw(fit.target, models.text());
  }
  for (size_t j = 0; j < best_mixture.size(); ++j) best.add(tables.domains[j], best_mixture[j]);
  return all.add_raw("best_mixture", best.text()).text(kit::JsonObject::kPretty) + "\n";
}

}  // namespace roux::regmix
