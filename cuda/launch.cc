// launch() and names of kernels on the CUDA device.
#include <cxxabi.h>
#include <nvtx3/nvToolsExt.h>

#include <cstdlib>
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "cuda/context.h"
#include "cuda/kernel.h"
#include "tensor/error.h"

namespace roux::cuda {
namespace {

LaunchObserver launch_observer = nullptr;
thread_local const std::string* last = nullptr;

}  // namespace

bool synchronous_launches() {
  static const bool on = [] {
    const char* text = std::getenv("ROUX_CUDA_SYNC");
    return text != nullptr && std::string(text) != "0";
  }();
  return on;
}

void check(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // else the next call would report it again
  std::string text =
      absl::StrCat("cuda: ", call, " failed at ", file, ":", line, ": ", cudaGetErrorString(status));
  if (last != nullptr) {
    absl::StrAppend(&text, "; the last kernel launched was ", *last,
                    synchronous_launches() ? "" : " (ROUX_CUDA_SYNC=1 finds the kernel that failed)");
  }
  throw Error(text);
}

const std::string& kernel_name(const void* kernel) {
  static std::mutex mutex;
  static auto* names = new std::map<const void*, std::string>;
  std::lock_guard<std::mutex> lock(mutex);
  std::string& name = (*names)[kernel];
  if (name.empty()) {
    const char* mangled = nullptr;
    if (cudaFuncGetName(&mangled, kernel) != cudaSuccess || mangled == nullptr) {
      (void)cudaGetLastError();
      mangled = "kernel";
    }
    char* readable = abi::__cxa_demangle(mangled, nullptr, nullptr, nullptr);
    name = readable != nullptr ? readable : mangled;
    std::free(readable);
  }
  return name;
}

const std::string& last_kernel() {
  static const std::string none;
  return last != nullptr ? *last : none;
}

void set_launch_observer(LaunchObserver observer) { launch_observer = observer; }

namespace internal {

void launch_kernel(const void* kernel, const LaunchConfig& config, void** arguments) {
  const std::string& name = kernel_name(kernel);
  last = &name;
  const KernelLaunch launch{kernel,
                            &name,
                            {config.grid.x, config.grid.y, config.grid.z},
                            {config.block.x, config.block.y, config.block.z},
                            config.dynamic_shared,
                            arguments};
  const std::function<void(double)> observe = [&](double milliseconds) {
    launch_observer({name, config, milliseconds});
  };
  struct Range {
    explicit Range(const char* text) { nvtxRangePushA(text); }
    ~Range() { nvtxRangePop(); }
  } range(name.c_str());
  cuda_runtime().launch(launch, launch_observer != nullptr ? &observe : nullptr);
}

}  // namespace internal

}  // namespace roux::cuda
