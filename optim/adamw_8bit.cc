#include "optim/adamw_8bit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "optim/composed.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/order.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr int64_t kBlock = 256, kLeastElements = 4096;

int64_t blocks_of(int64_t elements) { return (elements + kBlock - 1) / kBlock; }

class DynamicMap {
 public:
  DynamicMap(bool is_signed, Device device) {
    std::vector<float> values{0, 1};
    for (int decade = 0; decade < 7; ++decade) {
      const int steps = 1 << (is_signed ? decade : decade + 1);
      for (int i = 0; i < steps; ++i) {
        values.push_back(static_cast<float>(std::pow(10.0, decade - 6) * (0.1 + 0.9 * (i + 0.5) / steps)));
        if (is_signed) values.push_back(-values.back());
      }
    }
    std::sort(values.begin(), values.end());
    std::vector<float> midpoints;
    for (size_t i = 1; i < values.size(); ++i) midpoints.push_back((values[i - 1] + values[i]) * 0.5f);
    zero_ = std::find(values.begin(), values.end(), 0.0f) - values.begin();
    values_ = tensor(values, {static_cast<int64_t>(values.size())}, device);
    midpoints_ = tensor(midpoints, {static_cast<int64_t>(midpoints.size())}, device);
  }

  // Of codes and absmax.
  Tensor decode(const Tensor& codes, const Tensor& absmax) const {
    const Tensor units = index_select(values_, 0, codes.reshape({codes.numel()}).to(kI64));
    return (units * spread(absmax, codes.numel())).reshape(codes.shape());
  }
  // Codes and absmax.
  std::pair<Tensor, Tensor> encode(const Tensor& x) const {
    const int64_t n = x.numel(), blocks = blocks_of(n);
    const Tensor flat = x.reshape({n});
    const Tensor padded =
        n == blocks * kBlock ? flat : cat({flat, zeros({blocks * kBlock - n}, kF32, x.device())}, 0);
    const Tensor absmax = amax(abs(padded.reshape({blocks, kBlock})), 1);
    const Tensor scale = where(gt(absmax, 0), absmax, ones_like(absmax));
    const Tensor nearest = searchsorted(midpoints_, flat / spread(scale, n));
    // Where only values of at least 0 occur, this changes nothing.
    const Tensor keep_sign = lt(flat, 0).to(kI64) * eq(nearest, zero_).to(kI64);
    return {(nearest - keep_sign).to(kU8).reshape(x.shape()), absmax};
  }

 private:
  // A number a block as one an element.
  static Tensor spread(const Tensor& of_blocks, int64_t elements) {
    return of_blocks.unsqueeze(1).expand({of_blocks.numel(), kBlock}).reshape({-1}).slice(0, 0, elements);
  }

  Tensor values_, midpoints_;
  int64_t zero_;
};

}  // namespace

AdamW8bit::AdamW8bit(std::vector<ParamGroup> groups, const AdamWOptions& options)
    : Optimizer(std::move(groups),
                [](const TensorSpec& param) {
                  const TensorSpec count{kF64, {1}};
                  if (param.dtype != kF32 || numel(param.shape) < kLeastElements) {
                    return StateSpecs{{kOwnSteps, count}, {"exp_avg", param}, {"exp_avg_sq", param}};
                  }
                  const TensorSpec codes{kU8, param.shape}, absmax{kF32, {blocks_of(numel(param.shape))}};
                  return StateSpecs{{kOwnSteps, count},
                                    {"exp_avg", codes},
                                    {"exp_avg_sq", codes},
                                    {"exp_avg_absmax", absmax},
                                    {"exp_avg_sq_absmax", absmax}};
                }),
      options_(options) {
  options.check("optimizer");
}

void AdamW8bit::update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
                       const Tensor& scalars) {
  AdamWOptions options = options_;
  options.lr_scale = group.lr_scale;
  options.weight_decay = group.weight_decay.value_or(options_.weight_decay);
  if (lists.size() == 5) return adamw_(lists[0], lists[1], lists[3], lists[4], lists[2], scalars, options);
  const DynamicMap with_sign(true, scalars.device()), without_sign(false, scalars.device());
  for (size_t i = 0; i < lists[0].size(); ++i) {
    const Tensor exp_avg = with_sign.decode(lists[3][i], lists[5][i]);
    const Tensor exp_avg_sq = without_sign.decode(lists[4][i], lists[6][i]);
    adamw_({lists[0][i]}, {lists[1][i]}, {exp_avg}, {exp_avg_sq}, {lists[2][i]}, scalars, options);
    const auto [codes, absmax] = with_sign.encode(exp_avg);
    const auto [codes_sq, absmax_sq] = without_sign.encode(exp_avg_sq);
    optim::assign(lists[3][i], codes, scalars);
    optim::assign(lists[4][i], codes_sq, scalars);
    optim::assign(lists[5][i], absmax, scalars);
    optim::assign(lists[6][i], absmax_sq, scalars);
  }
}

}  // namespace roux
