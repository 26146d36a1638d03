// Rotary position embedding (RoFormer): pair i of a head is rotated by position * frequency i, where
// frequency i = theta^(-2i/r) and r is the width that is rotated.                        [Su et al. 2021]
//
//   const Rotary tables = rotary({.theta = 500000}, head_dim, arange(0, T, 1, kI64));
//   q = rotary_embedding(q, tables), k = rotary_embedding(k, tables);
//
// nn/rotary.h keeps the tables of a model from one forward to the next.
#ifndef ROUX_TENSOR_OPS_ROTARY_H_
#define ROUX_TENSOR_OPS_ROTARY_H_

#include <optional>
#include <vector>

#include "tensor/tensor.h"

namespace roux {

enum class RopeType : uint8_t {  // rope_type of Hugging Face's config.json, where it has one
  kDefault,
  kLinear,      // "linear": positions / factor                                     [Chen et al. 2023]
  kNtk,         // theta * factor^(r / (r - 2)): the lowest frequency as kLinear has it, the highest as it is
  kDynamicNtk,  // "dynamic": as kNtk with factor * n / L - factor + 1, n the largest position + 1, from n = L
  kYarn,        // "yarn": by the turns that a pair makes in L positions            [Peng et al. 2023]
  kLlama3,      // "llama3": by the wavelength                                      [Llama 3.1]
  kLongRope,    // "longrope": by a factor for each pair, others beyond L positions [Ding et al. 2024; Phi-3]
};

// How trained frequencies are stretched to more positions. Field names and defaults are those of config.json;
// L is original_max_position_embeddings, needed by the last four types (for kDynamicNtk, config.json's
// max_position_embeddings).
struct RopeScaling {
  RopeType type = RopeType::kDefault;
  double factor = 1;  // at least 1
  int64_t original_max_position_embeddings = 0;
  // kYarn: pairs with more than beta_fast turns in L positions keep their frequency, those with fewer than
  // beta_slow get it divided by factor; in between a ramp over the pairs, its ends rounded outwards to whole
  // pairs if `truncate`. cos and sin are multiplied by attention_factor, so that the attention's scores are
  // by its square; where none is given it is m(mscale) / m(mscale_all_dim), or m(1) if one of these is 0,
  // with m(s) = 0.1 s ln(factor) + 1.
  double beta_fast = 32, beta_slow = 1;
  bool truncate = true;
  std::optional<double> attention_factor = {};
  double mscale = 0, mscale_all_dim = 0;
  // kLlama3: wavelengths above L / low_freq_factor are multiplied by factor, those below L / high_freq_factor
  // kept, frequencies in between interpolated linearly in L / wavelength.
  double low_freq_factor = 1, high_freq_factor = 4;
  // kLongRope: frequency i is divided by short_factor[i], or by long_factor[i] where a position is L or more:
  // r/2 factors above 0 each. cos and sin are multiplied by attention_factor; where none is given by sqrt(1 +
  // ln(factor) / ln(L)).
  std::vector<double> short_factor = {}, long_factor = {};

  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

struct Rope {
  double theta = 10000;  // rope_theta
  double fraction = 1;   // partial_rotary_factor: r = floor(fraction * head_dim), the first ones of a head
  bool interleaved = false;  // pairs (x[2i], x[2i + 1]) as in RoFormer and GPT-J, else (x[i], x[i + r/2])
  RopeScaling scaling = {};

  friend bool operator==(const Rope&, const Rope&) = default;
};

// cos and sin of position * frequency: [S, r/2], or [B, 1, S, r/2] with positions per row.
struct Rotary {
  Tensor cos, sin;
  bool interleaved = false;
};

// The tables of positions: [S], or [B, S] for positions per row; i32, i64 or floating (positions need not be
// whole: interpolation, chunk maps). head_dim: the width of a head. Angles are computed in f64 on the host,
// cos and sin rounded once to dtype (floating) and put on the device of positions. No gradient. Throws Error
// for positions of another rank or dtype, for r that is odd or 0, and for scaling without what its type
// needs.
Rotary rotary(const Rope& rope, int64_t head_dim, const Tensor& positions, DType dtype = kF32);

// With c and s from the tables, for each pair (a, b) of the first r elements of a head: (a c - b s, b c + a
// s); the other elements are kept. x: [..., T, d] floating; cos and sin: [T, r/2] or with leading axes that
// broadcast to x's, of x's dtype, r <= d. bf16 and f16 are computed in f32. Returns y like x. Throws Error on
// a shape or dtype mismatch. Differentiable to any order in x; cos and sin are constants.
Tensor rotary_embedding(const Tensor& x, const Rotary& tables);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ROTARY_H_
