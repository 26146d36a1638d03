// What readers of checkpoints share.
#ifndef ROUX_NN_MODELS_CHECKPOINT_TOOLS_H_
#define ROUX_NN_MODELS_CHECKPOINT_TOOLS_H_

#include <cstring>
#include <string>
#include <utility>

#include "tensor/tensor.h"

namespace roux {

// "a.b.weight" -> "a.b", "weight".
inline std::pair<std::string, std::string> split_leaf(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return {"", name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

inline bool same_values(const Tensor& a, const Tensor& b) {
  if (!(a.spec() == b.spec())) return false;
  const Tensor x = a.to(kCpu).contiguous(), y = b.to(kCpu).contiguous();
  return x.bytes() == 0 || std::memcmp(x.raw_data(), y.raw_data(), x.bytes()) == 0;
}

}  // namespace roux

#endif  // ROUX_NN_MODELS_CHECKPOINT_TOOLS_H_
