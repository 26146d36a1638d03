// launch(), streams and names on the CUDA device.
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

constexpr int kMaxDevices = 64;
constexpr size_t kStaticSharedLimit = 48 * 1024;  // more must be asked for per kernel

LaunchObserver launch_observer = nullptr;
thread_local const std::string* last = nullptr;

bool synchronous() {
  static const bool on = [] {
    const char* text = std::getenv("ROUX_CUDA_SYNC");
    return text != nullptr && std::string(text) != "0";
  }();
  return on;
}

}  // namespace

void check(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  std::string text =
      absl::StrCat("cuda: ", call, " failed at ", file, ":", line, ": ", cudaGetErrorString(status));
  if (last != nullptr) {
    absl::StrAppend(&text, "; the last kernel launched was ", *last,
                    synchronous() ? "" : " (ROUX_CUDA_SYNC=1 finds the kernel that failed)");
  }
  throw Error(text);
}

cudaStream_t current_stream() {
  static std::mutex mutex;
  static cudaStream_t streams[kMaxDevices] = {};
  int device = 0;
  ROUX_CUDA(cudaGetDevice(&device));
  std::lock_guard<std::mutex> lock(mutex);
  if (streams[device] == nullptr) {
    ROUX_CUDA(cudaStreamCreateWithFlags(&streams[device], cudaStreamNonBlocking));
  }
  return streams[device];
}

const std::string& kernel_name(const void* kernel) {
  static std::mutex mutex;
  static auto* names = new std::map<const void*, std::string>;
  std::lock_guard<std::mutex> lock(mutex);
  std::string& name = (*names)[kernel];
  if (name.empty()) {
    const char* mangled = nullptr;
    if (cudaFuncGetName(&mangled, kernel) != cudaSuccess || mangled == nullptr) mangled = "kernel";
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
  const cudaStream_t stream = current_stream();
  if (config.dynamic_shared > kStaticSharedLimit) {
    ROUX_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(config.dynamic_shared)));
  }
  nvtxRangePushA(name.c_str());
  cudaEvent_t begin = nullptr, end = nullptr;
  if (launch_observer != nullptr) {
    ROUX_CUDA(cudaEventCreate(&begin));
    ROUX_CUDA(cudaEventCreate(&end));
    ROUX_CUDA(cudaEventRecord(begin, stream));
  }
  const cudaError_t status =
      cudaLaunchKernel(kernel, config.grid, config.block, arguments, config.dynamic_shared, stream);
  nvtxRangePop();
  check(status, "cudaLaunchKernel", __FILE__, __LINE__);
  if (synchronous()) ROUX_CUDA(cudaStreamSynchronize(stream));
  if (launch_observer == nullptr) return;
  float milliseconds = 0;
  ROUX_CUDA(cudaEventRecord(end, stream));
  ROUX_CUDA(cudaEventSynchronize(end));
  ROUX_CUDA(cudaEventElapsedTime(&milliseconds, begin, end));
  ROUX_CUDA(cudaEventDestroy(begin));
  ROUX_CUDA(cudaEventDestroy(end));
  launch_observer({name, config, milliseconds});
}

}  // namespace internal

}  // namespace roux::cuda
