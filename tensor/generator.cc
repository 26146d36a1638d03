#include "tensor/generator.h"

#include "tensor/philox.h"

namespace roux {
namespace {

thread_local uint64_t current_stream = 0;

Tensor state_on(Device device, uint64_t seed, uint64_t base) {
  const Tensor state = empty({kI64, {2}}, device);
  const int64_t words[2] = {static_cast<int64_t>(seed), static_cast<int64_t>(base)};
  runtime(device.type).copy_from_host(state.raw_data(), words, sizeof words, device.index);
  return state;
}

uint64_t mixed(uint64_t seed, uint64_t stream) {
  const PhiloxWords words = philox(seed, ~uint64_t{0}, stream);
  return (static_cast<uint64_t>(words.word[1]) << 32) | words.word[0];
}

}  // namespace

RandomStreamGuard::RandomStreamGuard(uint64_t stream) : previous_(current_stream) { current_stream = stream; }
RandomStreamGuard::~RandomStreamGuard() { current_stream = previous_; }

RandomState Generator::next() {
  if (current_stream == 0) [[likely]]
    return {state_, increment_++};
  return {state_on(device_, mixed(seed_, current_stream), base_), increment_++};
}

void Generator::set_state(const GeneratorState& state) {
  seed_ = state.seed;
  base_ = state.offset;
  increment_ = 0;
  // A fresh tensor: draws already handed out (a checkpointed segment's, say) keep the state they were given.
  state_ = state_on(device_, seed_, base_);
}

void Generator::commit(int64_t replayed_draws) {
  base_ += static_cast<uint64_t>(increment_ + replayed_draws);
  increment_ = 0;
  // A dropout whose backward is still to come would replay other numbers.
  note_write(state_, "Generator::commit");
  const int64_t words[2] = {static_cast<int64_t>(seed_), static_cast<int64_t>(base_)};
  runtime(device_.type).copy_from_host(state_.raw_data(), words, sizeof words, device_.index);
}

Generator Generator::fork(uint64_t stream) const { return Generator(mixed(seed_, stream), device_); }

}  // namespace roux
