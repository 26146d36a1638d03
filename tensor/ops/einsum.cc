#include "tensor/ops/einsum.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/tables.h"

namespace roux {
namespace {

// Letters, and for the axes of "..." -1 for the last one, -2 for the one before ...
using Labels = std::vector<int>;

std::string label_name(int label) {
  return label < 0 ? absl::StrCat("axis ", label, " of ...")
                   : absl::StrCat("'", std::string(1, static_cast<char>(label)), "'");
}
bool has(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}
int position(const Labels& labels, int label) {
  return static_cast<int>(std::find(labels.begin(), labels.end(), label) - labels.begin());
}

// The labels of a term, where "..." stands for `ellipsis` axes.
absl::StatusOr<Labels> labels_of(absl::string_view term, int ellipsis) {
  Labels labels;
  bool seen = false;
  for (size_t i = 0; i < term.size(); ++i) {
    if (absl::ascii_isalpha(static_cast<unsigned char>(term[i]))) {
      labels.push_back(term[i]);
    } else if (term.substr(i, 3) == "..." && !seen) {
      for (int k = -ellipsis; k < 0; ++k) labels.push_back(k);
      seen = true;
      i += 2;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("term \"", term, "\" is no list of letters with at most one \"...\""));
    }
  }
  return labels;
}

struct Operand {
  Tensor x;
  Labels labels;  // one for each axis of x, all different

  int64_t size(int label) const { return x.shape()[position(labels, label)]; }
  void drop(int label) {
    const int axis = position(labels, label);
    x = x.shape()[axis] == 1 ? squeeze(x, axis) : sum(x, axis);
    labels.erase(labels.begin() + axis);
  }
  // x with the axes of those labels in that order.
  Tensor ordered(const Labels& order) const {
    Dims axes;
    for (int label : order) axes.push_back(position(labels, label));
    return permute(x, absl::MakeConstSpan(axes.begin(), axes.end()));
  }
};

// Takes the diagonal where a label stands twice.
absl::StatusOr<Operand> without_repeats(Tensor x, Labels labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto again = std::find(labels.begin() + static_cast<int64_t>(i) + 1, labels.end(), labels[i]);
    if (again == labels.end()) continue;
    const int64_t j = again - labels.begin();
    if (x.size(static_cast<int64_t>(i)) != x.size(j)) {
      return absl::InvalidArgumentError(
          absl::StrCat("sizes of ", label_name(labels[i]), " differ in ", to_string(x.spec())));
    }
    const int label = labels[i];
    x = diagonal(x, 0, static_cast<int64_t>(i), j);
    labels.erase(again);
    labels.erase(labels.begin() + static_cast<int64_t>(i));
    labels.push_back(label);
    i = static_cast<size_t>(-1);
  }
  return Operand{x, labels};
}

int64_t product_of_sizes(const Operand& a, const Labels& labels) {
  int64_t product = 1;
  for (int label : labels) product *= a.size(label);
  return product;
}
Labels joined(const Labels& a, const Labels& b, const Labels& c = {}) {
  Labels all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return all;
}

// The sum over all labels of a and b that are not needed.
Operand contracted(Operand a, Operand b, const std::set<int>& needed) {
  for (int label : Labels(a.labels)) {  // one that is stretched belongs to the other operand alone
    if (!has(b.labels, label) || a.size(label) == b.size(label)) continue;
    (a.size(label) == 1 ? a : b).drop(label);
  }
  for (int label : Labels(a.labels)) {
    if (!has(b.labels, label) && !needed.count(label)) a.drop(label);
  }
  for (int label : Labels(b.labels)) {
    if (!has(a.labels, label) && !needed.count(label)) b.drop(label);
  }
  Labels batch, inner, rows, columns;
  for (int label : a.labels) {
    (!has(b.labels, label) ? rows : needed.count(label) ? batch : inner).push_back(label);
  }
  for (int label : b.labels) {
    if (!has(a.labels, label)) columns.push_back(label);
  }
  Shape result, left, right;
  for (int label : batch) result.push_back(a.size(label));
  left = right = result;
  for (int label : rows) result.push_back(a.size(label));
  for (int label : columns) result.push_back(b.size(label));
  const Labels labels = joined(batch, rows, columns);
  if (inner.empty()) {
    for (int label : rows) {
      left.push_back(a.size(label));
      right.push_back(1);
    }
    for (int label : columns) {
      left.push_back(1);
      right.push_back(b.size(label));
    }
    return {reshape(a.ordered(joined(batch, rows)), left) * reshape(b.ordered(joined(batch, columns)), right),
            labels};
  }
  left.push_back(product_of_sizes(a, rows));
  left.push_back(product_of_sizes(a, inner));
  right.push_back(product_of_sizes(b, inner));
  right.push_back(product_of_sizes(b, columns));
  const Tensor y = matmul(reshape(a.ordered(joined(batch, rows, inner)), left),
                          reshape(b.ordered(joined(batch, inner, columns)), right));
  return {reshape(y, result), labels};
}

struct Equation {
  std::vector<Labels> terms;
  Labels output;
};

absl::StatusOr<Equation> parse(absl::string_view equation, absl::Span<const Tensor> operands) {
  const std::string text = absl::StrReplaceAll(equation, {{" ", ""}});
  const size_t arrow = text.find("->");
  const std::vector<std::string> terms = absl::StrSplit(text.substr(0, arrow), ',');
  if (terms.size() != operands.size()) {
    return absl::InvalidArgumentError(absl::StrCat("equation \"", equation, "\" has ", terms.size(),
                                                   " terms, got ", operands.size(), " operands"));
  }
  Equation result;
  int ellipsis = 0;
  std::map<int, int> count;  // of letters in all terms
  for (size_t i = 0; i < terms.size(); ++i) {
    ROUX_ASSIGN_OR_RETURN(const Labels letters, labels_of(terms[i], 0));
    const int rest = operands[i].dim() - static_cast<int>(letters.size());
    const bool open = absl::StrContains(terms[i], "...");
    if (rest < 0 || (rest > 0 && !open)) {
      return absl::InvalidArgumentError(absl::StrCat("term \"", terms[i], "\" has ", letters.size(),
                                                     " letters, operands[", i, "] is ",
                                                     to_string(operands[i].spec())));
    }
    ROUX_ASSIGN_OR_RETURN(Labels labels, labels_of(terms[i], rest));
    ellipsis = std::max(ellipsis, open ? rest : 0);
    for (int letter : letters) ++count[letter];
    result.terms.push_back(std::move(labels));
  }
  if (arrow == std::string::npos) {
    for (int k = -ellipsis; k < 0; ++k) result.output.push_back(k);
    for (const auto& [letter, times] : count) {
      if (times == 1) result.output.push_back(letter);
    }
    return result;
  }
  ROUX_ASSIGN_OR_RETURN(result.output, labels_of(text.substr(arrow + 2), ellipsis));
  for (int label : result.output) {
    if (label >= 0 && count.count(label) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("the output of \"", equation, "\" has ", label_name(label), ", which no term has"));
    }
    if (std::count(result.output.begin(), result.output.end(), label) > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("the output of \"", equation, "\" has ", label_name(label), " twice"));
    }
  }
  return result;
}

// Sizes of one label are equal or 1.
absl::Status check_sizes(absl::Span<const Operand> operands) {
  std::map<int, int64_t> sizes;
  for (const Operand& operand : operands) {
    for (int label : operand.labels) {
      int64_t& size = sizes.emplace(label, 1).first->second;
      const int64_t here = operand.size(label);
      if (here != size && here != 1 && size != 1) {
        return absl::InvalidArgumentError(absl::StrCat("sizes of ", label_name(label), " differ: ", size,
                                                       " and ", here, ", needed equal ones or 1"));
      }
      if (here != 1) size = here;
    }
  }
  return absl::OkStatus();
}

}  // namespace

Tensor einsum(absl::string_view equation, absl::Span<const Tensor> operands) {
  ROUX_CHECK(!operands.empty()) << "einsum: needs at least one operand";
  for (const Tensor& x : operands) {
    common_device("einsum", {operands[0], x});
    ROUX_CHECK(is_floating(x.dtype()) && x.dtype() == operands[0].dtype())
        << "einsum: operands must have the same floating dtype: they are " << operands[0].spec() << " and "
        << x.spec();
  }
  const Equation parsed = or_throw(parse(equation, operands), "einsum");
  std::vector<Operand> factors;
  for (size_t i = 0; i < operands.size(); ++i) {
    factors.push_back(or_throw(without_repeats(operands[i], parsed.terms[i]), "einsum"));
  }
  const absl::Status sizes = check_sizes(factors);
  if (!sizes.ok()) throw_error(sizes, "einsum");
  Operand result = factors[0];
  for (size_t i = 1; i < factors.size(); ++i) {
    std::set<int> needed(parsed.output.begin(), parsed.output.end());
    for (size_t later = i + 1; later < factors.size(); ++later) {
      needed.insert(factors[later].labels.begin(), factors[later].labels.end());
    }
    result = contracted(result, factors[i], needed);
  }
  for (int label : Labels(result.labels)) {
    if (!has(parsed.output, label)) result.drop(label);
  }
  return result.ordered(parsed.output);
}

}  // namespace roux
