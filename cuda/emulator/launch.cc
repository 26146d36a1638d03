// launch() on the emulator.
#define ROUX_EMULATED 1
#include <chrono>

#include "cuda/emulator/report.h"
#include "cuda/emulator/scheduler.h"
#include "cuda/kernel.h"

namespace roux::emulated {
namespace {
LaunchObserver launch_observer = nullptr;
}

void set_launch_observer(LaunchObserver observer) { launch_observer = observer; }

namespace internal {

void launch_kernel(const void* kernel, const LaunchConfig& config, void (*invoke)(const void* call),
                   const void* call, size_t bytes) {
  const auto start = std::chrono::steady_clock::now();
  emulator::run_grid({kernel, invoke, call, bytes}, config.grid, config.block, config.dynamic_shared);
  if (launch_observer == nullptr) return;
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  launch_observer({emulator::function_name(kernel), config, time.count()});
}

}  // namespace internal
}  // namespace roux::emulated
