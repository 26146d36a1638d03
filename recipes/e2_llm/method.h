// E^2-LLM (Liu et al. 2024, arXiv 2401.06951): one fine-tuning on rows of R tokens for many windows. Each row
// draws a scale g and an offset t, and its rotary positions are
//
//   p_m = (m + t_m) / g,   t_m = 0 for the first 4 tokens, else t,   g ~ U{1..G_max}, t ~ U{0..(g - 1) R}
//
// Real positions per row are LmInput::positions; a window of R' tokens is read with g = R' / R and t = 0, the
// weights unchanged. Rotary scores depend on p_m - p_n alone, so that t moves the first tokens only: without
// them it would change nothing.
//
// U{0..(g - 1) R}, the uniform draws and the 4 tokens are ours, not checked against the paper's text. Bad
// arguments throw roux::Error.
#ifndef ROUX_RECIPES_E2_LLM_METHOD_H_
#define ROUX_RECIPES_E2_LLM_METHOD_H_

#include <cstdint>
#include <vector>

#include "recipes/kit/stats/random.h"
#include "tensor/ops/rotary.h"
#include "tensor/tensor.h"

namespace roux::e2_llm {

inline constexpr int64_t kSinks = 4;  // first tokens that keep their place (attention sinks)

// T = floor((g - 1) R): the largest index R - 1 + T, divided by g, is below R. g >= 1, R >= 1.
int64_t largest_offset(double g, int64_t R);

// What rows of training draw from.
struct Augmentation {
  std::vector<double> scales = {1};  // g, each equally likely
  bool offsets = false;              // t ~ U{0..T(g)}; false: 0
  int64_t sinks = kSinks;
};
// g ~ U{1..g_max}, with offsets.
Augmentation e2_augmentation(int64_t g_max);

struct Draw {
  double g = 1;
  int64_t t = 0;
};
// Takes two uniforms whatever the augmentation, so that augmentations share their draws where they agree.
Draw draw_row(const Augmentation& augmentation, int64_t R, stats::RandomStream& random);

// p_m of m = 0 .. length - 1. g >= 1, t >= 0, sinks >= 0.
std::vector<double> positions(const Draw& draw, int64_t length, int64_t sinks);
// The same of several rows, f32 [rows, length].
Tensor position_table(const std::vector<Draw>& rows, int64_t length, int64_t sinks, Device device);

// The scale of a window: R' / R, at least 1.
double window_scale(int64_t window, int64_t R);
// The dynamic rule: the smallest whole scale that covers `length` tokens, max(1, ceil(length / R)).
double smallest_scale(int64_t length, int64_t R);

// Rotary frequencies stretched by s = R' / L without any training, of what is compared: kLinear (position
// interpolation), kNtk (b' = b s^(d / (d - 2))), kDynamicNtk (`s` is ignored, that of the length that is read
// is taken), kYarn. `rope` is that of training, in a window of L.
Rope stretched(Rope rope, RopeType type, double s, int64_t L);

// Which share of the distances delta / g, delta = 0 .. window - 1, of a window that is read with g lies
// within 0.5 / g of one seen in training on rows of R tokens. with_sinks: also distances between the first
// tokens and the rest; without them the offset adds none.
double angle_coverage(const Augmentation& training, int64_t R, int64_t window, double g, bool with_sinks);

}  // namespace roux::e2_llm

#endif  // ROUX_RECIPES_E2_LLM_METHOD_H_
