// Cases of tests/golden/ops.jsonl (written by ops.py): the inputs of one call and what PyTorch makes of them.
#ifndef ROUX_TESTS_GOLDEN_OP_CASE_H_
#define ROUX_TESTS_GOLDEN_OP_CASE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tensor/io/json_value.h"
#include "tensor/tensor.h"

namespace roux::golden {

// Values in row-major order; long double holds every i64 and every f64.
struct CaseValues {
  DType dtype = kF64;
  Shape shape;
  std::vector<long double> v;
};
struct Input : CaseValues {
  std::string layout;
};

// The members of a case's "opt": the arguments of the op that are no tensors.
class OpOptions {
 public:
  explicit OpOptions(JsonValue members = JsonValue(JsonValue::Members{})) : members_(std::move(members)) {}
  bool has(const char* name) const { return members_.find(name) != nullptr; }
  // Each throws Error when the member is missing, unless a default is given.
  double number(const char* name) const { return find(name).number(); }
  double number(const char* name, double missing) const { return has(name) ? number(name) : missing; }
  int64_t integer(const char* name) const { return find(name).integer(); }
  bool flag(const char* name) const;  // false when missing
  std::string text(const char* name) const { return find(name).string(); }
  std::string text(const char* name, const char* missing) const { return has(name) ? text(name) : missing; }
  std::vector<int64_t> list(const char* name) const;

 private:
  const JsonValue& find(const char* name) const;
  JsonValue members_;
};

struct OpCase {
  std::string name, op, opt_text;  // "softmax/03_f64_step", "softmax", {"axis":0}
  OpOptions opt;
  std::vector<Input> in;
  std::vector<CaseValues> out;
  std::vector<int> wrt;             // inputs that get a gradient; empty: forward alone
  std::vector<CaseValues> weight;   // grad_output of each result
  std::vector<CaseValues> grad;     // of <weight, out>, one for each of wrt
  std::vector<CaseValues> weight2;  // empty: no second order
  std::vector<CaseValues> grad2;    // of <weight2, grad>: to each of wrt, then to each weight
};

// One line of the file. InvalidArgument for anything that ops.py does not write.
absl::StatusOr<OpCase> parse_op_case(const std::string& line, const std::string& where);
absl::StatusOr<std::vector<OpCase>> read_op_cases(const std::string& path);

// The values as a tensor, contiguous.
Tensor to_tensor(const CaseValues& values, Device device);
// The same in the memory layout that the case names; what lies between the elements is NaN (77 for integers).
//   contiguous
//   transposed  the first and the last axis lie the other way round
//   step        every second element of the last axis, from the third on
//   expanded    stride 0 along the first axis
//   padded      rows cut from rows of a multiple of eight elements
//   offset      one element behind the start of the allocation
Tensor to_tensor(const Input& input, Device device);
CaseValues values_of(const Tensor& x);

}  // namespace roux::golden

#endif  // ROUX_TESTS_GOLDEN_OP_CASE_H_
