// Errors of ops that are made of others: the caller reads the name that was called.
#ifndef ROUX_TENSOR_OPS_ON_BEHALF_H_
#define ROUX_TENSOR_OPS_ON_BEHALF_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "tensor/error.h"

namespace roux {

// What an op called within says, as `op` would: `op` in the place of its name, and its arguments' names
// (whole words, first of each pair) replaced by op's. A missing kernel keeps the name of the op that lacks
// it.
using ArgumentNames = std::vector<std::pair<absl::string_view, absl::string_view>>;
std::string said_by(const char* op, const ArgumentNames& names, absl::string_view message);

// fn(), an Error of which is said by `op`. Errors that a GPU finds later, in values, keep the inner name.
template <class Fn>
auto on_behalf(const char* op, const ArgumentNames& names, const Fn& fn) {
  try {
    return fn();
  } catch (const Error& error) {
    throw Error(said_by(op, names, error.what()));
  }
}

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ON_BEHALF_H_
