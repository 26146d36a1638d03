#include "tests/golden/op_case.h"

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux::golden {
namespace {

DType dtype_named(const std::string& text) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (text == name(static_cast<DType>(i))) return static_cast<DType>(i);
  }
  throw Error(absl::StrCat("\"", text, "\" is no dtype"));
}

const JsonValue& member(const JsonValue& value, const char* key) {
  const JsonValue* found = value.find(key);
  if (found == nullptr) throw Error(absl::StrCat("\"", key, "\" is missing"));
  return *found;
}

long double number_of(const JsonValue& value) {
  if (value.is_integer()) return static_cast<long double>(value.integer());
  if (value.is_number()) return value.number();
  const std::string& text = value.string();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text != "inf" && text != "-inf") throw Error(absl::StrCat("\"", text, "\" is no number"));
  return text == "inf" ? HUGE_VAL : -HUGE_VAL;
}

Shape shape_of(const JsonValue& value) {
  Shape shape;
  for (const JsonValue& size : value.items()) shape.push_back(size.integer());
  return shape;
}

CaseValues values_from(const JsonValue& list, DType dtype, const Shape& shape) {
  CaseValues values{dtype, shape, {}};
  for (const JsonValue& item : list.items()) {
    const long double v = number_of(item);
    // f32 is written as the shortest decimal that f32 reads back.
    values.v.push_back(dtype == kF32 ? static_cast<float>(static_cast<double>(v)) : v);
  }
  if (static_cast<int64_t>(values.v.size()) != numel(shape)) {
    throw Error(absl::StrCat(values.v.size(), " values for ", to_string(shape)));
  }
  return values;
}

// The lists under `key`, each with the dtype and shape of one of `like`.
std::vector<CaseValues> lists(const JsonValue& value, const char* key, const std::vector<CaseValues>& like) {
  std::vector<CaseValues> result;
  const JsonValue::Items& items = member(value, key).items();
  if (items.size() != like.size()) throw Error(absl::StrCat("\"", key, "\" has ", items.size(), " lists"));
  for (size_t i = 0; i < items.size(); ++i) {
    result.push_back(values_from(items[i], like[i].dtype, like[i].shape));
  }
  return result;
}

OpCase case_from(const JsonValue& value) {
  OpCase c;
  c.name = member(value, "name").string();
  c.op = member(value, "op").string();
  c.opt = OpOptions(member(value, "opt"));
  for (const JsonValue& item : member(value, "in").items()) {
    const JsonValue::Items& parts = item.items();
    const CaseValues values =
        values_from(parts.at(3), dtype_named(parts.at(0).string()), shape_of(parts.at(1)));
    c.in.push_back({values, parts.at(2).string()});
  }
  for (const JsonValue& item : member(value, "out").items()) {
    const JsonValue::Items& parts = item.items();
    c.out.push_back(values_from(parts.at(2), dtype_named(parts.at(0).string()), shape_of(parts.at(1))));
  }
  if (value.find("wrt") == nullptr) return c;
  std::vector<CaseValues> variables;
  for (const JsonValue& index : member(value, "wrt").items()) {
    c.wrt.push_back(static_cast<int>(index.integer()));
    variables.push_back(c.in.at(static_cast<size_t>(index.integer())));
  }
  c.weight = lists(value, "weight", c.out);
  c.grad = lists(value, "grad", variables);
  if (value.find("weight2") == nullptr) return c;
  c.weight2 = lists(value, "weight2", variables);
  variables.insert(variables.end(), c.out.begin(), c.out.end());
  c.grad2 = lists(value, "grad2", variables);
  return c;
}

}  // namespace

const JsonValue& OpOptions::find(const char* name) const { return member(members_, name); }
bool OpOptions::flag(const char* name) const {
  if (!has(name)) return false;
  const JsonValue& value = find(name);
  return value.is_bool() ? value.boolean() : value.integer() != 0;
}
std::vector<int64_t> OpOptions::list(const char* name) const {
  std::vector<int64_t> result;
  for (const JsonValue& item : find(name).items()) result.push_back(item.integer());
  return result;
}

absl::StatusOr<OpCase> parse_op_case(const std::string& line, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue value, parse_json_value(line, where));
  try {
    OpCase c = case_from(value);
    const size_t begin = line.find("\"opt\":") + 6;
    c.opt_text = line.substr(begin, line.find(",\"in\":") - begin);
    return c;
  } catch (const std::exception& error) {  // Error, or an index beyond a list
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", error.what()));
  }
}

absl::StatusOr<std::vector<OpCase>> read_op_cases(const std::string& path) {
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::vector<OpCase> cases;
  std::string line;
  while (std::getline(in, line)) {
    ROUX_ASSIGN_OR_RETURN(OpCase c, parse_op_case(line, absl::StrCat(path, ":", cases.size() + 1)));
    cases.push_back(std::move(c));
  }
  return cases;
}

Tensor to_tensor(const CaseValues& values, Device device) {
  NoGradGuard no_grad;
  Tensor x;
  if (is_floating(values.dtype)) {
    x = tensor(std::vector<double>(values.v.begin(), values.v.end()), values.shape);
  } else {
    x = tensor(std::vector<int64_t>(values.v.begin(), values.v.end()), values.shape);
  }
  return to_device(cast(x, values.dtype), device);
}

Tensor to_tensor(const Input& input, Device device) {
  NoGradGuard no_grad;
  const Shape& shape = input.shape;
  Tensor x = to_tensor(static_cast<const CaseValues&>(input), kCpu);
  if (input.layout == "contiguous") return to_device(x, device);
  Shape around = shape;
  std::function<Tensor(const Tensor&)> cut;
  if (input.layout == "transposed") {
    std::swap(around[0], around[shape.rank() - 1]);
    cut = [](const Tensor& base) { return transpose(base, 0, -1); };
  } else if (input.layout == "step") {
    around[shape.rank() - 1] = 2 * shape.back() + 3;
    cut = [&](const Tensor& base) { return slice(base, -1, 2, 2 + 2 * shape.back(), 2); };
  } else if (input.layout == "expanded") {
    around[0] = 1;
    x = slice(x, 0, 0, 1);
    cut = [&](const Tensor& base) { return base; };
  } else if (input.layout == "padded") {
    around[shape.rank() - 1] = (shape.back() / 8 + 1) * 8;
    cut = [&](const Tensor& base) { return slice(base, -1, 0, shape.back()); };
  } else if (input.layout == "offset") {
    around = {numel(shape) + 2};
    cut = [&](const Tensor& base) { return view(slice(base, 0, 1, 1 + numel(shape)), shape); };
  } else {
    throw Error(absl::StrCat("\"", input.layout, "\" is no layout"));
  }
  const Tensor base = full(around, is_floating(input.dtype) ? std::nan("") : 77, input.dtype);
  copy_(cut(base), x);
  const Tensor result = cut(to_device(base, device));
  return input.layout == "expanded" ? expand(result, shape) : result;
}

CaseValues values_of(const Tensor& x) {
  CaseValues values{x.dtype(), x.shape(), {}};
  if (is_floating(x.dtype())) {
    const std::vector<double> v = x.to_vector<double>();
    values.v.assign(v.begin(), v.end());
  } else {
    const std::vector<int64_t> v = x.to_vector<int64_t>();
    values.v.assign(v.begin(), v.end());
  }
  return values;
}

}  // namespace roux::golden
