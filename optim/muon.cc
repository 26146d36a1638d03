#include "optim/muon.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "optim/composed.h"
#include "tensor/error.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

double scale_of(const Tensor& param, MuonScale scale) {
  const auto rows = static_cast<double>(param.shape()[0]), columns = static_cast<double>(param.shape()[1]);
  if (scale == MuonScale::kOriginal) return std::sqrt(std::max(1.0, rows / columns));
  return 0.2 * std::sqrt(std::max(rows, columns));
}

std::vector<ParamGroup> matrices(std::vector<ParamGroup> groups) {
  for (const ParamGroup& group : groups) {
    for (const auto& [name, param] : group.params) {
      ROUX_CHECK(param.dim() == 2) << "optimizer: parameter " << name << " is " << param.spec()
                                   << ", needed rank 2 for Muon; give others to AdamW";
    }
  }
  return groups;
}

}  // namespace

Muon::Muon(std::vector<ParamGroup> groups, const MuonOptions& options)
    : Optimizer(
          matrices(std::move(groups)),
          [](const TensorSpec& param) {
            return StateSpecs{{"momentum_buffer", param}};
          },
          Update::kWhole),
      options_(options) {
  optim::check_below_1("momentum", options.momentum);
  optim::check_at_least_0("weight_decay", options.weight_decay);
  ROUX_CHECK(options.newton_schulz_steps >= 1)
      << "optimizer: newton_schulz_steps is " << options.newton_schulz_steps << ", needed at least 1";
}

void Muon::update(const Group& group, const std::vector<std::vector<Tensor>>& lists, const Tensor& scalars) {
  const double momentum = options_.momentum;
  const double weight_decay = group.weight_decay.value_or(options_.weight_decay);
  for (size_t i = 0; i < lists[0].size(); ++i) {
    const Tensor &p = lists[0][i], &buffer = lists[2][i];
    const Tensor g = optim::true_grad(p, lists[1][i], 0, scalars);
    const Tensor average = buffer * momentum + g * (1 - momentum);
    optim::assign(buffer, average, scalars);
    const Tensor direction = newton_schulz(
        options_.nesterov ? average * momentum + g * (1 - momentum) : average, options_.newton_schulz_steps);
    const Tensor lr = optim::scalar_of(scalars, kLearningRate, p.dtype()) * group.lr_scale;
    optim::assign(p, p * (1 - lr * weight_decay) - direction * (lr * scale_of(p, options_.scale)), scalars);
  }
}

Tensor newton_schulz(const Tensor& x, int steps) {
  ROUX_CHECK(x.dim() == 2) << "newton_schulz: x is " << x.spec() << ", needed rank 2";
  const bool tall = x.shape()[0] > x.shape()[1];
  Tensor y = tall ? x.transpose(0, 1) : x;
  y = y / clamp(sqrt(sum(y * y)), 1e-7, std::numeric_limits<double>::infinity());
  for (int i = 0; i < steps; ++i) {
    const Tensor a = matmul(y, y.transpose(0, 1));
    y = y * 3.4445 + matmul(a * -4.775 + matmul(a, a) * 2.0315, y);
  }
  return tall ? y.transpose(0, 1) : y;
}

}  // namespace roux
