// Generator: the state of a random stream. An op that draws takes one, and the same seed with the same
// sequence of calls gives the same numbers on every device; a saved state resumes exactly.
//
//   Generator generator(7);
//   Tensor w = normal({64, 64}, 0, 0.02, generator);
//
// Kernels get a pointer to the state (i64[2] on the generator's device: seed, base) and a constant increment:
// word block b of a draw is philox(seed, base + increment, b). A captured step therefore replays with new
// numbers once commit() has moved the base on. A generator belongs to one thread; fork() makes independent
// streams for ranks and purposes.
#ifndef ROUX_TENSOR_GENERATOR_H_
#define ROUX_TENSOR_GENERATOR_H_

#include <cstdint>

#include "tensor/tensor.h"

namespace roux {

struct GeneratorState {
  uint64_t seed = 0;
  uint64_t offset = 0;  // draws so far
};
inline bool operator==(const GeneratorState& a, const GeneratorState& b) {
  return a.seed == b.seed && a.offset == b.offset;
}

// What one draw hands to its kernel.
struct RandomState {
  Tensor state;       // i64[2]: seed, base
  int64_t increment;  // offset of the draw = base + increment
};

class Generator {
 public:
  explicit Generator(uint64_t seed = 0, Device device = kCpu) : device_(device) { set_state({seed, 0}); }

  Device device() const { return device_; }
  GeneratorState state() const { return {seed_, base_ + static_cast<uint64_t>(increment_)}; }
  void set_state(const GeneratorState& state);
  RandomState next();
  // Moves the base past the draws made so far (once a step; after a replay pass the draws of the captured
  // step).
  void commit(int64_t replayed_draws = 0);
  // An independent stream: the seed is mixed with `stream` by one Philox block.
  Generator fork(uint64_t stream) const;

 private:
  Device device_;
  Tensor state_;
  uint64_t seed_ = 0, base_ = 0;
  int64_t increment_ = 0;
};

// While it lives, draws of this thread's generators are those of their fork(stream), counted as their own: a
// rank that computes its share of a batch drops out other units than its neighbour, and all generators stand
// alike afterwards. Stream 0 is the generator itself. May be nested.
class RandomStreamGuard {
 public:
  explicit RandomStreamGuard(uint64_t stream);
  ~RandomStreamGuard();
  RandomStreamGuard(const RandomStreamGuard&) = delete;
  RandomStreamGuard& operator=(const RandomStreamGuard&) = delete;

 private:
  uint64_t previous_;
};

}  // namespace roux

#endif  // ROUX_TENSOR_GENERATOR_H_
