#include "tensor/ops/rotary.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/rotary_tables.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"

namespace roux {

constinit KernelTable<RotaryKernel> rotary_embedding_kernels("rotary_embedding");
constinit GradSlot<RotarySaved> rotary_embedding_grad("rotary_embedding", "//autograd/rules");

namespace {

absl::StatusOr<TensorSpec> rotary_embedding_spec(const TensorSpec& x, const TensorSpec& cos,
                                                 const TensorSpec& sin) {
  const int rank = x.shape.rank(), table_rank = cos.shape.rank();
  if (!is_floating(x.dtype) || rank < 2) {
    return absl::InvalidArgumentError(absl::StrCat("x must be floating [..., T, d]: x is ", to_string(x)));
  }
  bool fits = cos == sin && cos.dtype == x.dtype && table_rank >= 2 && table_rank <= rank;
  for (int axis = 0; fits && axis < table_rank - 2; ++axis) {
    fits = cos.shape[axis] == 1 || cos.shape[axis] == x.shape[rank - table_rank + axis];
  }
  if (!fits || cos.shape[table_rank - 2] != x.shape[rank - 2] || cos.shape.back() < 1 ||
      cos.shape.back() > x.shape.back() / 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("cos and sin must be ", name(x.dtype), "[..., ", x.shape[rank - 2],
                     ", r/2] with leading axes that broadcast to those of x and 0 < r <= ", x.shape.back(),
                     ": x is ", to_string(x), ", cos is ", to_string(cos), ", sin is ", to_string(sin)));
  }
  return x;
}

Tensor with_dense_rows(const Tensor& x) {
  return x.numel() > 0 && x.strides().back() != 1 ? x.contiguous() : x;
}

// The frequencies of the r / 2 pairs, and what cos and sin are multiplied by.
struct Frequencies {
  std::vector<double> of_pair;
  double attention_factor = 1;
};

std::vector<double> powers(double theta, int64_t width) {
  std::vector<double> result;
  for (int64_t i = 0; i < width / 2; ++i) {
    result.push_back(std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(width)));
  }
  return result;
}

double ntk_theta(double theta, double factor, int64_t width) {
  const double r = static_cast<double>(width);
  return theta * std::pow(factor, r / (r - 2));
}

double yarn_attention_factor(const RopeScaling& s) {
  const auto m = [&](double scale) { return 0.1 * scale * std::log(s.factor) + 1; };
  if (s.attention_factor.has_value()) return *s.attention_factor;
  return s.mscale != 0 && s.mscale_all_dim != 0 ? m(s.mscale) / m(s.mscale_all_dim) : m(1);
}

void scale_yarn(const Rope& rope, int64_t width, Frequencies* frequencies) {
  const RopeScaling& s = rope.scaling;
  const double r = static_cast<double>(width);
  // The pair, not whole, that makes so many turns in L positions.
  const auto pair_of = [&](double turns) {
    const double length = static_cast<double>(s.original_max_position_embeddings);
    return r * std::log(length / (turns * 2 * M_PI)) / (2 * std::log(rope.theta));
  };
  double low = pair_of(s.beta_fast), high = pair_of(s.beta_slow);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, r - 1);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies->of_pair.size(); ++i) {
    const double stretched = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies->of_pair[i] *= stretched / s.factor + (1 - stretched);
  }
  frequencies->attention_factor = yarn_attention_factor(s);
}

void scale_llama3(const RopeScaling& s, Frequencies* frequencies) {
  for (double& frequency : frequencies->of_pair) {
    const double turns = static_cast<double>(s.original_max_position_embeddings) * frequency / (2 * M_PI);
    const double kept =
        std::clamp((turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor), 0.0, 1.0);
    frequency *= (1 - kept) / s.factor + kept;
  }
}

void scale_longrope(const RopeScaling& s, double length, Frequencies* frequencies) {
  const auto original = static_cast<double>(s.original_max_position_embeddings);
  const std::vector<double>& factors = length > original ? s.long_factor : s.short_factor;
  for (size_t i = 0; i < factors.size(); ++i) frequencies->of_pair[i] /= factors[i];
  frequencies->attention_factor =
      s.attention_factor.value_or(std::sqrt(1 + std::log(s.factor) / std::log(original)));
}

// length: the largest position + 1, read by kDynamicNtk and kLongRope.
Frequencies frequencies_of(const Rope& rope, int64_t width, double length) {
  const RopeScaling& s = rope.scaling;
  Frequencies result{powers(rope.theta, width)};
  switch (s.type) {
    case RopeType::kDefault:
      break;
    case RopeType::kLinear:
      for (double& frequency : result.of_pair) frequency /= s.factor;
      break;
    case RopeType::kNtk:
      result.of_pair = powers(ntk_theta(rope.theta, s.factor, width), width);
      break;
    case RopeType::kDynamicNtk: {
      const double original = static_cast<double>(s.original_max_position_embeddings);
      const double factor = s.factor * std::max(length / original, 1.0) - s.factor + 1;
      result.of_pair = powers(ntk_theta(rope.theta, factor, width), width);
      break;
    }
    case RopeType::kYarn:
      scale_yarn(rope, width, &result);
      break;
    case RopeType::kLlama3:
      scale_llama3(s, &result);
      break;
    case RopeType::kLongRope:
      scale_longrope(s, length, &result);
      break;
  }
  return result;
}

int64_t checked_width(const Rope& rope, int64_t head_dim) {
  const RopeScaling& s = rope.scaling;
  const int64_t width = static_cast<int64_t>(rope.fraction * static_cast<double>(head_dim));
  ROUX_CHECK(width > 0 && width % 2 == 0 && rope.fraction <= 1)
      << "rotary: head_dim is " << head_dim << ", fraction " << rope.fraction
      << ": the rotated width must be even, above 0 and at most head_dim, it is " << width;
  ROUX_CHECK(rope.theta > 1) << "rotary: theta is " << rope.theta << ", needed above 1";
  ROUX_CHECK(std::isfinite(s.factor) && s.factor >= 1)
      << "rotary: scaling.factor is " << s.factor << ", needed at least 1";
  ROUX_CHECK(s.type < RopeType::kDynamicNtk || s.original_max_position_embeddings > 0)
      << "rotary: scaling.original_max_position_embeddings is " << s.original_max_position_embeddings
      << ", needed above 0";
  ROUX_CHECK(s.type != RopeType::kYarn || (s.beta_slow > 0 && s.beta_fast >= s.beta_slow))
      << "rotary: scaling.beta_fast is " << s.beta_fast << ", beta_slow is " << s.beta_slow
      << ", needed beta_fast >= beta_slow > 0";
  ROUX_CHECK(s.type != RopeType::kLlama3 || s.high_freq_factor > s.low_freq_factor)
      << "rotary: scaling.low_freq_factor is " << s.low_freq_factor << ", high_freq_factor is "
      << s.high_freq_factor << ", needed high_freq_factor > low_freq_factor";
  const auto pairs = static_cast<size_t>(width / 2);
  const auto fits = [&](const std::vector<double>& factors) {
    return factors.size() == pairs && *std::min_element(factors.begin(), factors.end()) > 0;
  };
  ROUX_CHECK(s.type != RopeType::kLongRope || (fits(s.short_factor) && fits(s.long_factor)))
      << "rotary: scaling has " << s.short_factor.size() << " short and " << s.long_factor.size()
      << " long factors, needed " << pairs << " above 0 each";
  return width;
}

}  // namespace

Rotary rotary(const Rope& rope, int64_t head_dim, const Tensor& positions, DType dtype) {
  const Device device = common_device("rotary", {positions});
  const int64_t pairs = checked_width(rope, head_dim) / 2;
  const DType kind = positions.dtype();
  ROUX_CHECK((is_floating(kind) || kind == kI32 || kind == kI64) &&
             (positions.dim() == 1 || positions.dim() == 2))
      << "rotary: positions must be [S] or [B, S], i32, i64 or floating: positions is " << positions.spec();
  ROUX_CHECK(is_floating(dtype)) << "rotary: dtype must be floating, got " << name(dtype);
  Shape shape = positions.shape();
  if (shape.rank() == 2) shape.insert(1, 1);
  shape.push_back(pairs);
  if (device == kMeta) return {empty({dtype, shape}, kMeta), empty({dtype, shape}, kMeta), rope.interleaved};
  const std::vector<double> at = positions.to_vector<double>();
  const double last = at.empty() ? 0 : *std::max_element(at.begin(), at.end());
  const Frequencies frequencies = frequencies_of(rope, 2 * pairs, last + 1);
  const Tensor cos = empty({kF64, shape}), sin = empty({kF64, shape});
  double *const to_cos = cos.data<double>(), *const to_sin = sin.data<double>();
  constexpr int64_t kGrain = 1024;  // sines and cosines of a task
  parallel_for(0, positions.numel(), std::max<int64_t>(1, kGrain / pairs), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * pairs; i < end * pairs; ++i) {
      const double angle =
          at[static_cast<size_t>(i / pairs)] * frequencies.of_pair[static_cast<size_t>(i % pairs)];
      to_cos[i] = std::cos(angle) * frequencies.attention_factor;
      to_sin[i] = std::sin(angle) * frequencies.attention_factor;
    }
  });
  return {cast(cos, dtype).to(device), cast(sin, dtype).to(device), rope.interleaved};
}

Tensor rotary_embedding(const Tensor& x, const Rotary& tables) {
  const Tensor &cos = tables.cos, &sin = tables.sin;
  common_device("rotary_embedding", {x, cos, sin});
  Tensor y = empty(or_throw(rotary_embedding_spec(x.spec(), cos.spec(), sin.spec()), "rotary_embedding"),
                   x.device());
  rotary_embedding_kernels.run(x, with_dense_rows(x), with_dense_rows(cos), with_dense_rows(sin),
                               tables.interleaved, y);
  return rotary_embedding_grad.record({x}, y, [&] { return RotarySaved{cos, sin, tables.interleaved}; });
}

}  // namespace roux
