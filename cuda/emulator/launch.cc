// launch() on the emulator.
#define ROUX_EMULATED 1
#include <chrono>
#include <cstring>
#include <memory>

#include "cuda/emulator/capture.h"
#include "cuda/emulator/report.h"
#include "cuda/emulator/scheduler.h"
#include "cuda/kernel.h"

namespace roux::emulated {
namespace {

LaunchObserver launch_observer = nullptr;

// The arguments of a launch, which the host's frame holds no longer when it is replayed. Plain bytes, as in
// CUDA.
struct Arguments {
  Arguments(const void* from, size_t bytes)
      : data(std::make_unique<std::max_align_t[]>(bytes / sizeof(std::max_align_t) + 1)) {
    std::memcpy(data.get(), from, bytes);
  }
  std::unique_ptr<std::max_align_t[]> data;
};

}  // namespace

void set_launch_observer(LaunchObserver observer) { launch_observer = observer; }

namespace internal {

void launch_kernel(const void* kernel, const LaunchConfig& config, void (*invoke)(const void* call),
                   const void* call, size_t bytes) {
  if (emulator::Recording* const recording = emulator::current_recording()) {
    const auto kept = std::make_shared<const Arguments>(call, bytes);
    recording->operations.push_back([=] {
      emulator::run_grid({kernel, invoke, kept->data.get(), bytes}, config.grid, config.block,
                         config.dynamic_shared);
    });
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  emulator::run_grid({kernel, invoke, call, bytes}, config.grid, config.block, config.dynamic_shared);
  if (launch_observer == nullptr) return;
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  launch_observer({emulator::function_name(kernel), config, time.count()});
}

}  // namespace internal
}  // namespace roux::emulated
