#include "nn/heads.h"

#include <cmath>
#include <limits>

#include "tensor/error.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/sequence.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

void check_hidden(const char* op, const Tensor& h, int64_t least) {
  ROUX_CHECK(h.dim() == 3 && h.size(1) >= least && is_floating(h.dtype()))
      << op << ": h is " << h.spec() << ", needed floating [B, T, D]" << (least > 0 ? " with T above 0" : "");
}

void check_lengths(const char* op, const Tensor& h, const Tensor& lengths, int64_t least) {
  check_hidden(op, h, least);
  ROUX_CHECK(!lengths.defined() || (lengths.shape() == Shape{h.size(0)} && is_integer(lengths.dtype())))
      << op << ": lengths is " << lengths.spec() << ", needed i32 or i64 [" << h.size(0) << "]";
}

}  // namespace

Tensor first_token(const Tensor& h) {
  check_hidden("first_token", h, 1);
  return select(h, 1, 0);
}

Tensor last_token(const Tensor& h, const Tensor& lengths) {
  check_lengths("last_token", h, lengths, 1);
  if (!lengths.defined()) return select(h, 1, -1);
  const int64_t rows = h.size(0), width = h.size(2);
  return squeeze(gather(h, 1, expand((lengths - 1).view({rows, 1, 1}), {rows, 1, width})), 1);
}

Tensor mean_of_tokens(const Tensor& h, const Tensor& lengths) {
  check_lengths("mean_of_tokens", h, lengths, 0);
  if (!lengths.defined()) return mean(h, 1);
  return masked_mean(h, unsqueeze(sequence_mask(lengths, h.size(1)), -1), 1);
}

Tensor pointer_logits(const Tensor& items, const Tensor& query, const Tensor& shown) {
  ROUX_CHECK(items.dim() >= 2 && query.dim() >= 1 && is_floating(items.dtype()) &&
             items.dtype() == query.dtype() && items.size(-1) == query.size(-1))
      << "pointer_logits: items is " << items.spec() << ", query is " << query.spec()
      << ", needed floating [..., N, D] and [..., D] of one dtype";
  const Tensor logits = squeeze(matmul(items, unsqueeze(query, -1)), -1);
  if (!shown.defined()) return logits;
  ROUX_CHECK(shown.dtype() == kBool) << "pointer_logits: shown is " << shown.spec() << ", needed bool";
  return masked_fill(logits, logical_not(shown), -std::numeric_limits<double>::infinity());
}

Tensor gaussian_scale(const Tensor& raw, double floor) {
  ROUX_CHECK(is_floating(raw.dtype())) << "gaussian_scale: raw is " << raw.spec() << ", needed floating";
  ROUX_CHECK(std::isfinite(floor) && floor >= 0)
      << "gaussian_scale: floor is " << floor << ", needed at least 0";
  return softplus(raw) + floor;
}

}  // namespace roux
