// Stackful coroutines on Boost.Context (5 ns a switch), annotated for AddressSanitizer. (--config=tsan builds
// no emulated kernels.)
#ifndef ROUX_CUDA_EMULATOR_FIBER_H_
#define ROUX_CUDA_EMULATOR_FIBER_H_

#include <cstddef>

namespace roux::emulator {

// A fiber's stack and saved context. start() runs entry(data) on it until it calls yield(); resume()
// continues. A fiber may be left suspended for ever: start() makes a fresh one on the same stack.
class Fiber {
 public:
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Called by the scheduler. entry must end with yield() and not be resumed.
  void start(void (*entry)(void*), void* data);
  void resume();
  // Called on the fiber: back to the scheduler.
  void yield();

  // The stack is reserved at the first start. skew staggers stack tops, so that fibers do not share cache
  // sets.
  void reserve(size_t skew);
  const char* stack_low() const { return stack_low_; }
  const char* stack_high() const { return stack_high_; }

 private:
  struct Entry;
  void* context_ = nullptr;    // of the fiber while suspended
  void* scheduler_ = nullptr;  // of the scheduler while the fiber runs
  char* stack_low_ = nullptr;
  char* stack_high_ = nullptr;
  void (*entry_)(void*) = nullptr;
  void* data_ = nullptr;
  void* fake_stack_ = nullptr;  // of the sanitizer
  const void* scheduler_stack_ = nullptr;
  size_t scheduler_stack_bytes_ = 0;
};

}  // namespace roux::emulator

#endif  // ROUX_CUDA_EMULATOR_FIBER_H_
