#include "recipes/hmm_complexity/records.h"

#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/text/readers/jsonl.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/linalg.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::hmm_complexity {
namespace {

constexpr int64_t kLargest = 4096;  // rows and columns
constexpr int64_t kLargestFile = int64_t{1} << 28;

absl::Status bad(const std::string& where, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

absl::StatusOr<std::vector<double>> numbers(const JsonValue& list, const std::string& where) {
  if (!list.is_array() || list.items().empty()) return bad(where, "must be a list of numbers");
  if (static_cast<int64_t>(list.items().size()) > kLargest)
    return bad(where, absl::StrCat("has more than ", kLargest, " entries"));
  std::vector<double> out;
  for (const JsonValue& item : list.items()) {
    if (!item.is_number() || !std::isfinite(item.number())) return bad(where, "must be a list of numbers");
    out.push_back(item.number());
  }
  return out;
}

// A member as [rows, columns], or [columns] for rows = 0. Sizes of -1 are any.
absl::StatusOr<Tensor> table(const JsonValue& of, const char* key, int64_t rows, int64_t columns,
                             const std::string& in) {
  const std::string where = absl::StrCat(in, ": '", key, "'");
  const JsonValue* value = of.is_object() ? of.find(key) : nullptr;
  if (value == nullptr) return bad(where, "is missing");
  if (!value->is_array() || value->items().empty()) return bad(where, "must be a list that is not empty");
  std::vector<double> all;
  const JsonValue::Items lines = rows == 0 ? JsonValue::Items{*value} : value->items();
  if (static_cast<int64_t>(lines.size()) > kLargest)
    return bad(where, absl::StrCat("has more than ", kLargest, " rows"));
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string row = rows == 0 ? where : absl::StrCat(where, ", row ", i + 1);
    ROUX_ASSIGN_OR_RETURN(const std::vector<double> some, numbers(lines[i], row));
    if (columns < 0) columns = static_cast<int64_t>(some.size());
    if (static_cast<int64_t>(some.size()) != columns)
      return bad(row, absl::StrCat("has ", some.size(), " numbers, needed ", columns));
    all.insert(all.end(), some.begin(), some.end());
  }
  const auto found = static_cast<int64_t>(lines.size());
  if (rows > 0 && found != rows) return bad(where, absl::StrCat("has ", found, " rows, needed ", rows));
  return rows == 0 ? tensor(all, {columns}) : tensor(all, {found, columns});
}

absl::StatusOr<Tensor> distributions(const JsonValue& of, const char* key, int64_t rows, int64_t columns,
                                     const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const Tensor given, table(of, key, rows, columns, where));
  const Tensor total = sum(given, -1, true);
  if (amin(given).item() < 0 || amax(abs(total - 1.0)).item() > 1e-6)
    return bad(absl::StrCat(where, ": '", key, "'"), "each row must be a distribution: none below 0, sum 1");
  return given / total;
}

absl::StatusOr<DiscreteHmm> parse_hmm(const JsonValue& value, const std::string& where) {
  DiscreteHmm model;
  ROUX_ASSIGN_OR_RETURN(model.initial, distributions(value, "initial", 0, -1, where));
  const int64_t H = model.initial.size(0);
  ROUX_ASSIGN_OR_RETURN(model.transition, distributions(value, "transition", H, H, where));
  ROUX_ASSIGN_OR_RETURN(model.emission, distributions(value, "emission", H, -1, where));
  return model;
}

absl::StatusOr<double> number(const JsonValue& of, const char* key, double least, bool whole,
                              const std::string& in) {
  const JsonValue* value = of.find(key);
  const double x = value != nullptr && value->is_number() ? value->number() : std::nan("");
  if (!(x >= least && x <= 1e15) || (whole && x != std::floor(x)))
    return bad(absl::StrCat(in, ": '", key, "'"),
               absl::StrCat("must be a ", whole ? "whole " : "", "number of at least ", least));
  return x;
}

std::string rows_json(const Tensor& x) {  // [N, D]
  std::vector<std::string> rows;
  for (const Tensor& row : unbind(x, 0)) rows.push_back(kit::to_json(row.to_vector<double>()));
  return kit::json_list(rows);
}

absl::StatusOr<std::string> risk_row(const JsonValue& row, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const double n, number(row, "n", 1, true, where));
  ROUX_ASSIGN_OR_RETURN(const double D, number(row, "D", 1, true, where));
  ROUX_ASSIGN_OR_RETURN(const double p, number(row, "p", 0, true, where));
  ROUX_ASSIGN_OR_RETURN(const double signal, number(row, "signal", 0, false, where));
  ROUX_ASSIGN_OR_RETURN(const double noise, number(row, "noise", 0, false, where));
  if (p > D) return bad(where, "'p' is above 'D'");
  const auto in = static_cast<int64_t>(n), id = static_cast<int64_t>(D), ip = static_cast<int64_t>(p);
  const Risk risk = random_subset_risk(in, id, ip, signal, noise);
  return kit::JsonObject()
      .add("n", in)
      .add("D", id)
      .add("p", ip)
      .add("bias2", risk.bias2)
      .add("variance", risk.variance)
      .add("noise", risk.noise)
      .add("risk", risk.total())
      .add("finite", std::isfinite(risk.total()))
      .add("null_risk", signal + noise)
      .add("rises_from_zero", rises_from_zero(in, id, signal, noise))
      .add("largest_beats_none", largest_beats_none(in, id, signal, noise))
      .text();
}

absl::StatusOr<std::string> forward_row(const JsonValue& row, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const DiscreteHmm model, parse_hmm(row, where));
  ROUX_ASSIGN_OR_RETURN(const Tensor given, table(row, "sequence", 0, -1, where));
  const Tensor words = unsqueeze(given.to(kI64), 0);
  if (amax(abs(words.to(kF64) - given)).item() > 0) return bad(where, "'sequence' must be whole numbers");
  const Forward forward = forward_algorithm(model, words);
  return kit::JsonObject()
      .add_raw("filtered", rows_json(select(forward.filtered, 0, 0)))
      .add("log_likelihood", forward.log_likelihood.item())
      .add("next_word",
           next_word_distribution(model, select(forward.filtered, 1, given.size(0) - 1)).to_vector<double>())
      .text();
}

absl::StatusOr<std::string> kalman_row(const JsonValue& row, const std::string& where) {
  StateSpace model;
  ROUX_ASSIGN_OR_RETURN(model.A, table(row, "A", -1, -1, where));
  const int64_t D = model.A.size(0);
  if (model.A.size(1) != D) return bad(where, "'A' must be square");
  ROUX_ASSIGN_OR_RETURN(model.Q, table(row, "Q", D, D, where));
  if (amax(abs(model.Q - transpose(model.Q, 0, 1))).item() > 1e-9 ||
      amin(eigh(model.Q).values).item() < -1e-9)
    return bad(where, "'Q' must be a covariance: symmetric, no eigenvalue below 0");
  ROUX_ASSIGN_OR_RETURN(model.W, table(row, "W", -1, D, where));
  ROUX_ASSIGN_OR_RETURN(model.tau, number(row, "tau", 1e-9, false, where));
  ROUX_ASSIGN_OR_RETURN(const Tensor x, table(row, "x", -1, model.words(), where));
  const KalmanFilter filter = kalman_filter(model, x.size(0));
  return kit::JsonObject()
      .add_raw("means", rows_json(select(filtered_means(model, filter, unsqueeze(x, 0)), 0, 0)))
      .add_raw("covariance", rows_json(filter.P))
      .text();
}

}  // namespace

absl::StatusOr<DiscreteHmm> read_hmm(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, kit::read_text(path, kLargestFile));
  ROUX_ASSIGN_OR_RETURN(const JsonValue value, parse_json_value(text, path, {.unique_keys = true}));
  return parse_hmm(value, path);
}

absl::StatusOr<std::string> table_json(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(kit::JsonlReader reader, kit::JsonlReader::open(path));
  std::vector<std::string> rows;
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, reader.next());
    if (!more) break;
    const std::string where = absl::StrCat(path, ": line ", reader.line_number());
    const JsonValue& row = reader.value();
    if (!row.is_object()) return bad(where, "must be an object");
    const bool risk = row.find("p"), forward = row.find("transition"), kalman = row.find("A");
    if (risk + forward + kalman != 1)
      return bad(
          where,
          "must have one of 'p' (a risk), 'transition' (a discrete HMM) and 'A' (a linear-Gaussian one)");
    try {
      ROUX_ASSIGN_OR_RETURN(const std::string made, risk      ? risk_row(row, where)
                                                    : forward ? forward_row(row, where)
                                                              : kalman_row(row, where));
      rows.push_back(made);
    } catch (const Error& error) {  // a word outside the vocabulary, a singular matrix
      return bad(where, error.what());
    }
  }
  if (rows.empty()) return bad(path, "there is no row");
  return kit::JsonObject().add_raw("rows", kit::json_list(rows)).text() + "\n";
}

}  // namespace roux::hmm_complexity
