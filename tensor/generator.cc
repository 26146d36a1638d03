#include "tensor/generator.h"

#include "tensor/philox.h"

namespace roux {

void Generator::set_state(const GeneratorState& state) {
  seed_ = state.seed;
  base_ = state.offset;
  increment_ = 0;
  // A fresh tensor: draws already handed out (a checkpointed segment's, say) keep the state they were given.
  state_ = empty({kI64, {2}}, device_);
  const int64_t words[2] = {static_cast<int64_t>(seed_), static_cast<int64_t>(base_)};
  runtime(device_.type).copy_from_host(state_.raw_data(), words, sizeof words, device_.index);
}

void Generator::commit(int64_t replayed_draws) {
  base_ += static_cast<uint64_t>(increment_ + replayed_draws);
  increment_ = 0;
  // A dropout whose backward is still to come would replay other numbers.
  note_write(state_, "Generator::commit");
  const int64_t words[2] = {static_cast<int64_t>(seed_), static_cast<int64_t>(base_)};
  runtime(device_.type).copy_from_host(state_.raw_data(), words, sizeof words, device_.index);
}

Generator Generator::fork(uint64_t stream) const {
  const PhiloxWords words = philox(seed_, ~uint64_t{0}, stream);
  return Generator((static_cast<uint64_t>(words.word[1]) << 32) | words.word[0], device_);
}

}  // namespace roux
