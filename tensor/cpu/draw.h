// The words of one draw in strips that vectorise, for kernels that draw.
#ifndef ROUX_TENSOR_CPU_DRAW_H_
#define ROUX_TENSOR_CPU_DRAW_H_

#include "tensor/philox.h"
#include "tensor/tensor.h"

namespace roux::cpu {

struct Draw {
  uint64_t seed = 0, offset = 0;
  Draw() = default;
  Draw(const Tensor& state, int64_t increment) {
    const int64_t* words = state.data<const int64_t>();
    seed = static_cast<uint64_t>(words[0]);
    offset = static_cast<uint64_t>(words[1] + increment);
  }
  PhiloxWords block(int64_t index) const { return philox(seed, offset, static_cast<uint64_t>(index)); }
};

// kDrawLanes blocks side by side: the loops over lanes vectorise, and the quadrants of sine and cosine are
// then selected without branches (a mispredicted branch costs more than the rest).
constexpr int kDrawLanes = 16;
constexpr int64_t kDrawStrip = 4 * kDrawLanes;  // elements

// What a strip becomes. Each is called with the words of kDrawLanes blocks, word i of block l in words[i][l],
// and fills element 4 l + i of the strip. This one: in [0, 1).
struct UnitUniform {
  using Value = float;
  ROUX_ALWAYS_INLINE void operator()(const uint32_t (&words)[4][kDrawLanes], float* values) const {
    for (int l = 0; l < kDrawLanes; ++l) {
      for (int i = 0; i < 4; ++i) values[4 * l + i] = philox_uniform(words[i][l]);
    }
  }
};

template <class Make>
ROUX_ALWAYS_INLINE void make_strip(const Draw& draw, int64_t first_block, const Make& make,
                                   typename Make::Value* values) {
  uint32_t words[4][kDrawLanes];
  for (int l = 0; l < kDrawLanes; ++l) {
    const PhiloxWords block = draw.block(first_block + l);
    for (int i = 0; i < 4; ++i) words[i][l] = block.word[i];
  }
  make(words, values);
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_DRAW_H_
