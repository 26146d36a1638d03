// The only way to start a kernel: launch(kernel, config, args...). It checks the launch for errors, names the
// kernel in traces and, when asked, times it. On the emulator it returns when the grid has run, and throws
// Error with everything the detectors found; on the device it returns at once, and faults surface at the next
// synchronisation (set ROUX_CUDA_SYNC=1 to find them at their launch).
//
// Included through cuda/kernel.h.
#ifndef ROUX_CUDA_LAUNCH_H_
#define ROUX_CUDA_LAUNCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "cuda/kernel.h"
#if ROUX_EMULATED
#include "cuda/emulator/scheduler.h"
#endif

namespace roux::ROUX_CUDA_NAMESPACE {

struct LaunchConfig {
  dim3 grid;
  dim3 block;
  size_t dynamic_shared = 0;  // bytes per block
};

// What an observer is told after each launch. milliseconds: host time on the emulator; on the device the
// kernel's time from events, which makes every launch synchronous while an observer is set.
struct LaunchRecord {
  const std::string& kernel;
  const LaunchConfig& config;
  double milliseconds;
};
using LaunchObserver = void (*)(const LaunchRecord& record);
void set_launch_observer(LaunchObserver observer);  // nullptr: none

// Blocks of `block` threads that cover n items, at least one.
inline unsigned blocks_for(int64_t n, int64_t block) {
  return static_cast<unsigned>(n <= 0 ? 1 : (n + block - 1) / block);
}

namespace internal {
#if ROUX_EMULATED
// invoke(call) runs the kernel once, on the calling thread; the arguments lie in [call, call + bytes).
void launch_kernel(const void* kernel, const LaunchConfig& config, void (*invoke)(const void* call),
                   const void* call, size_t bytes);
#else
void launch_kernel(const void* kernel, const LaunchConfig& config, void** arguments);
#endif
}  // namespace internal

template <class... Params, class... Args>
void launch(void (*kernel)(Params...), const LaunchConfig& config, Args&&... args) {
  static_assert(sizeof...(Params) == sizeof...(Args), "launch: the kernel takes another number of arguments");
  const void* address = reinterpret_cast<const void*>(kernel);
#if ROUX_EMULATED
  const auto call = [kernel, ... bound = static_cast<Params>(args)] { kernel(bound...); };
  internal::launch_kernel(
      address, config, [](const void* data) { (*static_cast<decltype(&call)>(data))(); }, &call,
      sizeof(call));
#else
  [address, &config](Params... bound) {
    void* arguments[] = {const_cast<void*>(static_cast<const void*>(&bound))..., nullptr};
    internal::launch_kernel(address, config, arguments);
  }(static_cast<Params>(args)...);
#endif
}

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_LAUNCH_H_
