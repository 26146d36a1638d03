#include "nn/moe.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/arrange.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/order.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// How often each expert was chosen.
std::vector<int64_t> loads(const Tensor& chosen, int64_t experts) {
  std::vector<int64_t> counts(static_cast<size_t>(experts), 0);
  if (chosen.device().type == DeviceType::kMeta) {
    for (int64_t i = 0; i < chosen.numel(); ++i) ++counts[static_cast<size_t>(i % experts)];
    return counts;
  }
  for (const int64_t expert : chosen.to_vector<int64_t>()) ++counts[static_cast<size_t>(expert)];
  return counts;
}

}  // namespace

MixtureOfExperts::MixtureOfExperts(const TransformerConfig& config, int64_t layer, const Init& init)
    : moe_(*config.moe),
      layer_(layer),
      gate_(config.hidden_size, moe_.experts, false, init),
      experts_(moe_.experts,
               [&](int64_t) { return std::make_unique<Mlp>(config, layer, moe_.width, init); }) {
  register_module("gate", gate_);
  register_module("experts", experts_);
  if (moe_.shared_width > 0) {
    shared_expert_ = std::make_unique<Mlp>(config, layer, moe_.shared_width, init);
    register_module("shared_expert", *shared_expert_);
  }
  if (moe_.shared_gate) {
    shared_expert_gate_ = std::make_unique<Linear>(config.hidden_size, 1, false, init);
    register_module("shared_expert_gate", *shared_expert_gate_);
  }
}

Tensor MixtureOfExperts::forward(const Tensor& x, const Pass& pass) const {
  const Tensor rows = reshape(x, {x.numel() / x.size(-1), x.size(-1)});
  const Tensor logits = gate_(rows);
  const Tensor probabilities =
      pass.taps(Site::kRouter, layer_, softmax(cast(logits, x.dtype() == kF64 ? kF64 : kF32), -1));
  Pass experts;  // without taps, which see all tokens of a layer: no expert has these
  experts.generator = pass.generator, experts.dropout_scale = pass.dropout_scale;
  Tensor y = routed(rows, probabilities, experts);
  if (shared_expert_) {
    const Tensor shared = (*shared_expert_)(rows, experts);
    y = y + (shared_expert_gate_ ? sigmoid((*shared_expert_gate_)(rows)) * shared : shared);
  }
  return reshape(y, x.shape());
}

Tensor MixtureOfExperts::routed(const Tensor& rows, const Tensor& probabilities, const Pass& experts) const {
  const int64_t n = rows.size(0), d = rows.size(1), k = moe_.per_token;
  const Ordered top = topk(probabilities, k);  // [N, k]
  Tensor weights = top.values;
  if (moe_.renormalise) weights = weights / sum(weights, -1, true);
  if (moe_.scale != 1) weights = weights * moe_.scale;

  const Tensor chosen = reshape(top.indices, {n * k});
  const Tensor order = argsort(chosen);  // by expert, then by token
  const Tensor token = index_select(repeat_interleave(arange(0, n, 1, kI64, rows.device()), k, 0), 0, order);
  const Tensor grouped = index_select(rows, 0, token);
  const std::vector<int64_t> counts = loads(chosen, moe_.experts);
  std::vector<Tensor> parts;
  int64_t begin = 0;
  for (size_t e = 0; e < counts.size(); ++e) {
    const int64_t end = begin + counts[e];
    if (end > begin || grad_mode_enabled())
      parts.push_back(experts_[e](slice(grouped, 0, begin, end), experts));
    begin = end;
  }
  if (parts.empty()) return rows;  // no tokens
  const Tensor by_token = reshape(index_select(cat(parts, 0), 0, argsort(order)), {n, k, d});
  return sum(by_token * unsqueeze(cast(weights, rows.dtype()), 2), 1);
}

std::string MixtureOfExperts::pretty_print() const {
  return absl::StrCat("MixtureOfExperts, ", moe_.per_token, " of ", moe_.experts, " x ", moe_.width,
                      moe_.shared_width > 0 ? absl::StrCat(" and ", moe_.shared_width, " shared") : "");
}

Tensor load_balance_loss(absl::Span<const Tensor> probabilities, int64_t per_token, const Tensor& mask) {
  Tensor counts, sums, tokens;
  const auto add = [](Tensor* total, const Tensor& x) { *total = total->defined() ? *total + x : x; };
  int64_t experts = 0;
  for (const Tensor& p : probabilities) {
    if (!p.defined()) continue;
    ROUX_CHECK(p.dim() == 2 && is_floating(p.dtype()) && (experts == 0 || p.size(1) == experts))
        << "load_balance_loss: probabilities is " << p.spec() << ", needed floating [N, "
        << (experts == 0 ? "E" : std::to_string(experts)) << "]";
    experts = p.size(1);
    ROUX_CHECK(per_token >= 1 && per_token <= experts)
        << "load_balance_loss: per_token is " << per_token << ", there are " << experts << " experts";
    ROUX_CHECK(!mask.defined() || mask.numel() == p.size(0))
        << "load_balance_loss: mask is " << mask.spec() << ", needed one element for each row of "
        << p.spec();
    const Tensor counted = mask.defined() ? cast(ne(reshape(mask, {-1}), 0), p.dtype())
                                          : ones({p.size(0)}, p.dtype(), p.device());
    const Tensor chosen = topk(p.detach(), per_token).indices;
    add(&counts, scatter_add({experts}, 0, reshape(chosen, {-1}), repeat_interleave(counted, per_token, 0)));
    add(&sums, sum(p * unsqueeze(counted, 1), 0));
    add(&tokens, sum(counted));
  }
  ROUX_CHECK(counts.defined()) << "load_balance_loss: no layer has routing probabilities";
  return sum(counts / tokens * (sums / tokens)) * static_cast<double>(experts);
}

}  // namespace roux
