#include "recipes/salt/bigram.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/nearest_name.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/stats/samplers.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux::salt {
namespace {

constexpr double kDelta = 0.05;
constexpr double kLargest = 1e15;  // of a file: counts and their sums keep their digits
constexpr const char* kKeys[] = {"counts", "teacher", "alpha", "n", "omega"};

// Sum of pi_c f(c) over contexts.
template <class F>
double over_contexts(const BigramWorld& world, F f) {
  double sum = 0;
  for (size_t c = 0; c < world.context.size(); ++c) sum += world.context[c] * f(c);
  return sum;
}

absl::Status bad(const std::string& where, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

// A list of numbers from 0 to kLargest.
absl::StatusOr<std::vector<double>> numbers(const JsonValue& value, const std::string& what, bool whole,
                                            const std::string& where) {
  std::vector<double> out;
  for (const JsonValue& item : value.is_array() ? value.items() : JsonValue::Items{}) {
    const bool fits = whole ? item.is_integer() : item.is_number() && std::isfinite(item.number());
    if (fits && item.number() >= 0 && item.number() <= kLargest) out.push_back(item.number());
  }
  if (out.empty() || out.size() != value.items().size()) {
    return bad(where,
               absl::StrCat(what, " must be a list of ", whole ? "whole " : "", "numbers from 0 to 1e15"));
  }
  return out;
}

// The same, or a single number.
absl::StatusOr<std::vector<double>> number_or_numbers(const JsonValue& value, const std::string& what,
                                                      bool whole, const std::string& where) {
  const bool fits = whole ? value.is_integer() : value.is_number();
  if (fits && value.number() >= 0 && value.number() <= kLargest) return std::vector<double>{value.number()};
  return numbers(value, what, whole, where);
}

// A square table of counts.
absl::StatusOr<std::vector<std::vector<double>>> counts_of(const JsonValue& value, const std::string& key,
                                                           const std::string& where) {
  std::vector<std::vector<double>> rows;
  for (const JsonValue& item : value.is_array() ? value.items() : JsonValue::Items{}) {
    const std::string row = absl::StrCat("row ", rows.size() + 1, " of '", key, "'");
    ROUX_ASSIGN_OR_RETURN(rows.emplace_back(), numbers(item, row, /*whole=*/true, where));
    if (rows.back().size() != value.items().size()) {
      return bad(where,
                 absl::StrCat(row, " has ", rows.back().size(), " counts, needed ", value.items().size()));
    }
  }
  if (rows.size() < 2)
    return bad(where, absl::StrCat("'", key, "' must be a list of at least 2 rows of counts"));
  return rows;
}

double total(const std::vector<double>& counts) { return std::accumulate(counts.begin(), counts.end(), 0.0); }

Distribution shares_of(std::vector<double> counts) {
  const double sum = total(counts);
  for (double& count : counts) count /= sum;
  return counts;
}

}  // namespace

Distribution mix(const Distribution& p, const Distribution& q, double omega) {
  Distribution out(p.size());
  for (size_t v = 0; v < p.size(); ++v) out[v] = (1 - omega) * p[v] + omega * q[v];
  return out;
}

double squared_bias(const Distribution& p, const Distribution& q) {
  double sum = 0;
  for (size_t v = 0; v < p.size(); ++v) sum += (q[v] - p[v]) * (q[v] - p[v]);
  return sum;
}

double one_hot_variance(const Distribution& p, double n_c) {
  double squares = 0;
  for (const double share : p) squares += share * share;
  return (1 - squares) / n_c;
}

double squared_risk(double b, double v, double omega) {
  return omega * omega * b + (1 - omega) * (1 - omega) * v;
}

double best_omega(double b, double v) {
  ROUX_CHECK(b >= 0 && v >= 0 && b + v > 0)
      << "best_omega: b is " << b << ", v " << v << ", needed at least 0 and not both 0";
  return v / (b + v);
}

double total_variation(const Distribution& p, const Distribution& q) {
  double sum = 0;
  for (size_t v = 0; v < p.size(); ++v) sum += std::abs(p[v] - q[v]);
  return sum / 2;
}

double kl_divergence(const Distribution& p, const Distribution& q) {
  double sum = 0;
  for (size_t v = 0; v < p.size(); ++v) sum += p[v] > 0 ? p[v] * std::log(p[v] / q[v]) : 0;
  return sum;
}

double BigramWorld::mean_squared_bias() const {
  return over_contexts(*this, [&](size_t c) { return squared_bias(truth[c], teacher[c]); });
}

double BigramWorld::mean_one_hot_variance(double n) const {
  return over_contexts(*this, [&](size_t c) { return one_hot_variance(truth[c], n * context[c]); });
}

double BigramWorld::mean_total_variation() const {
  return over_contexts(*this, [&](size_t c) { return total_variation(truth[c], teacher[c]); });
}

BigramWorld peaked_and_flat(int64_t classes, double smoothing, uint64_t seed) {
  ROUX_CHECK(classes >= 2 && smoothing >= 0 && smoothing <= 1)
      << "peaked_and_flat: classes are " << classes << ", smoothing " << smoothing;
  stats::RandomStream random(seed);
  const auto count = static_cast<size_t>(classes);
  const Distribution flat(count, 1 / static_cast<double>(classes));
  BigramWorld world{.context = flat, .truth = {}, .teacher = {}};
  for (size_t c = 0; c < count; ++c) {
    const stats::ZipfSampler zipf(classes, c < count / 2 ? 2 : 0.3);
    const std::vector<int64_t> order = stats::random_permutation(classes, random);
    Distribution p(count);
    for (size_t v = 0; v < count; ++v) p[v] = zipf.probability(order[v] + 1);
    world.teacher.push_back(mix(p, flat, smoothing));
    world.truth.push_back(std::move(p));
  }
  return world;
}

LossMoments loss_moments(const BigramWorld& world, const std::vector<Distribution>& table, double omega) {
  // The mean over classes of each context first, so that the variance is a sum of squares.
  std::vector<Distribution> losses;
  for (size_t c = 0; c < table.size(); ++c) {
    double soft = 0;
    for (size_t v = 0; v < table[c].size(); ++v) soft -= world.teacher[c][v] * std::log(table[c][v]);
    Distribution of_context(table[c].size());
    for (size_t v = 0; v < of_context.size(); ++v)
      of_context[v] = -(1 - omega) * std::log(table[c][v]) + omega * soft;
    losses.push_back(std::move(of_context));
  }
  const auto expectation = [&](const auto& f) {
    return over_contexts(world, [&](size_t c) {
      double sum = 0;
      for (size_t v = 0; v < losses[c].size(); ++v) sum += world.truth[c][v] * f(losses[c][v]);
      return sum;
    });
  };
  LossMoments out;
  out.mean = expectation([](double loss) { return loss; });
  out.variance = expectation([&](double loss) { return (loss - out.mean) * (loss - out.mean); });
  return out;
}

std::vector<std::vector<Distribution>> smoothed_tables(const BigramWorld& world) {
  std::vector<std::vector<Distribution>> tables;
  for (int tenths = 0; tenths <= 10; ++tenths) {
    std::vector<Distribution> table;
    for (const Distribution& p : world.truth) {
      const Distribution flat(p.size(), 1 / static_cast<double>(p.size()));
      table.push_back(mix(p, flat, tenths == 0 ? 0.01 : tenths / 10.0));
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

RiskBound risk_bound(const BigramWorld& world, const std::vector<std::vector<Distribution>>& tables,
                     double omega, int64_t n, double delta) {
  ROUX_CHECK(!tables.empty() && n >= 1 && delta > 0 && delta < 1)
      << "risk_bound: " << tables.size() << " tables, n is " << n << ", delta " << delta;
  double largest = 0, variance = 0;
  for (const std::vector<Distribution>& table : tables) {
    for (const Distribution& row : table)
      largest = std::max(largest, -std::log(*std::min_element(row.begin(), row.end())));
    variance = std::max(variance, loss_moments(world, table, omega).variance);
  }
  const double log_class = std::log(2 * static_cast<double>(tables.size()) / delta);
  const auto samples = static_cast<double>(n);
  return {
      .bias = 2 * omega * largest * world.mean_total_variation(),
      .variance = 2 * (std::sqrt(2 * variance * log_class / samples) + largest * log_class / (3 * samples))};
}

absl::StatusOr<BigramTable> parse_bigram_table(const std::string& json, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue file, parse_json_value(json, where, {.unique_keys = true}));
  if (!file.is_object())
    return bad(where, R"(needs an object {"counts": [...], "n": [...], "omega": [...]})");
  for (const auto& [key, value] : file.members()) {
    const std::string& name = key;  // bindings cannot be captured
    if (std::none_of(std::begin(kKeys), std::end(kKeys), [&](const char* known) { return name == known; })) {
      return bad(where, absl::StrCat("'", name, "' is unknown",
                                     kit::did_you_mean(name, {std::begin(kKeys), std::end(kKeys)}, "")));
    }
  }
  for (const char* key : {"counts", "n", "omega"}) {
    if (file.find(key) == nullptr) return bad(where, absl::StrCat("'", key, "' is missing"));
  }
  const JsonValue *teacher = file.find("teacher"), *alpha = file.find("alpha");
  if (teacher != nullptr && alpha != nullptr) {
    return bad(where, "the teacher is given by 'teacher' or made with 'alpha', not both");
  }
  if (alpha != nullptr && !(alpha->is_number() && alpha->number() > 0 && alpha->number() <= kLargest)) {
    return bad(where, "'alpha' must be a number above 0, at most 1e15");
  }
  ROUX_ASSIGN_OR_RETURN(const auto counts, counts_of(*file.find("counts"), "counts", where));
  std::vector<std::vector<double>> taught = counts;
  if (teacher != nullptr) {
    ROUX_ASSIGN_OR_RETURN(taught, counts_of(*teacher, "teacher", where));
    if (taught.size() != counts.size()) {
      return bad(where, absl::StrCat("'teacher' has ", taught.size(), " rows, 'counts' ", counts.size()));
    }
  } else {
    for (std::vector<double>& row : taught)
      for (double& count : row) count += alpha == nullptr ? 1 : alpha->number();
  }
  BigramTable out;
  ROUX_ASSIGN_OR_RETURN(const std::vector<double> n,
                        number_or_numbers(*file.find("n"), "'n'", /*whole=*/true, where));
  for (const double samples : n) {
    if (samples < 1) return bad(where, "'n' must be at least 1");
    out.n.push_back(static_cast<int64_t>(samples));
  }
  ROUX_ASSIGN_OR_RETURN(out.omega, number_or_numbers(*file.find("omega"), "'omega'", /*whole=*/false, where));
  for (const double omega : out.omega) {
    if (omega > 1) return bad(where, absl::StrCat("'omega' must lie in [0, 1], one is ", omega));
  }
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0,
                                     [](double sum, const auto& row) { return sum + total(row); });
  if (all == 0) return bad(where, "'counts' are all 0");
  for (size_t c = 0; c < counts.size(); ++c) {
    if (total(counts[c]) == 0) continue;
    if (total(taught[c]) == 0) {
      return bad(where, absl::StrCat("row ", c + 1, " of 'teacher' is all 0, but that context occurs"));
    }
    out.world.context.push_back(total(counts[c]) / all);
    out.world.truth.push_back(shares_of(counts[c]));
    out.world.teacher.push_back(shares_of(taught[c]));
  }
  return out;
}

std::vector<BigramRisk> bigram_risks(const BigramTable& table) {
  const std::vector<std::vector<Distribution>> tables = smoothed_tables(table.world);
  const double b = table.world.mean_squared_bias();
  std::vector<BigramRisk> risks;
  for (const int64_t n : table.n) {
    const double v = table.world.mean_one_hot_variance(static_cast<double>(n));
    const double best = b + v > 0 ? best_omega(b, v) : 0;  // without any error each omega is as good
    for (const double omega : table.omega) {
      risks.push_back({n, omega, v, squared_risk(b, v, omega), best, squared_risk(b, v, best),
                       risk_bound(table.world, tables, omega, n, kDelta)});
    }
  }
  return risks;
}

std::string risks_json(const std::vector<BigramRisk>& risks) {
  std::vector<std::string> rows;
  for (const BigramRisk& r : risks) {
    kit::JsonObject row;
    row.add("n", r.n).add("omega", r.omega).add("one_hot", r.one_hot).add("distilled", r.distilled);
    row.add("best_omega", r.best_omega).add("best_risk", r.best_risk);
    rows.push_back(row.add("bias_bound", r.bound.bias).add("variance_bound", r.bound.variance).text());
  }
  return kit::JsonObject().add("delta", kDelta).add_raw("risks", kit::json_list(rows)).text() + "\n";
}

}  // namespace roux::salt
