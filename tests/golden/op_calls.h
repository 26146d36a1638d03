// How each op of a golden case is called, and how exact its results must be.
#ifndef ROUX_TESTS_GOLDEN_OP_CALLS_H_
#define ROUX_TESTS_GOLDEN_OP_CALLS_H_

#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/golden/op_case.h"

namespace roux::golden {

using Tensors = std::vector<Tensor>;
using Call = std::function<Tensors(const Tensors& in, const OpOptions& opt)>;

enum class Exactness {
  kExact,    // moves, selects and compares: every bit
  kRounded,  // one formula per element, without cancellation
  kSummed,   // sums: the order of additions is open, and terms cancel
  kCentred,  // sums of x - mean(x): the mean is rounded at the size of x
  kSolved,   // matrices: rounding times a condition number of up to a hundred
  kDrawn,    // made in f32, whatever the dtype
};

struct OpCalls {
  Exactness exactness;
  std::vector<std::pair<std::string, Call>> twins;  // the op and, where there is one, its composed form
};

// What is called, by the name of the op.
class OpTable {
 public:
  // fn and the composed form return a Tensor or Tensors.
  template <class Fn>
  void add(const std::string& op, Exactness exactness, Fn fn) {
    calls_[op] = {exactness, {{op, as_call(fn)}}};
  }
  template <class Fn, class Composed>
  void add(const std::string& op, Exactness exactness, Fn fn, Composed composed) {
    calls_[op] = {exactness, {{op, as_call(fn)}, {op + "_composed", as_call(composed)}}};
  }
  const std::map<std::string, OpCalls>& calls() const { return calls_; }

 private:
  template <class Fn>
  static Call as_call(Fn fn) {
    if constexpr (std::is_same_v<std::invoke_result_t<Fn, const Tensors&, const OpOptions&>, Tensor>) {
      return [fn](const Tensors& in, const OpOptions& opt) { return Tensors{fn(in, opt)}; };
    } else {
      return fn;
    }
  }
  std::map<std::string, OpCalls> calls_;
};

void add_math_calls(OpTable& table);  // of ops that compute
void add_data_calls(OpTable& table);  // of ops that place, view, make or update
void add_loss_calls(OpTable& table);
void add_linalg_calls(OpTable& table);
const std::map<std::string, OpCalls>& op_calls();

}  // namespace roux::golden

#endif  // ROUX_TESTS_GOLDEN_OP_CALLS_H_
