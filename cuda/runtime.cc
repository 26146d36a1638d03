// CUDA behind the host logic of `cuda:N` (backend_runtime.h).
//
// Compiled, never run yet: no claim here is proven on a device (DESIGN section 6).
#include <cstdlib>
#include <string>

#include "cuda/context.h"
#include "tensor/enter_device.h"
#include "tensor/error.h"

namespace roux::cuda {
namespace {

cudaStream_t native(StreamHandle* stream) { return reinterpret_cast<cudaStream_t>(stream); }
cudaEvent_t native(EventHandle* event) { return reinterpret_cast<cudaEvent_t>(event); }
cudaGraphExec_t native(GraphHandle* graph) { return reinterpret_cast<cudaGraphExec_t>(graph); }

// For destructors: a context that is gone, at the program's end, is no error.
void ignore(cudaError_t status) {
  if (status != cudaSuccess) (void)cudaGetLastError();
}

class CudaBackend final : public Backend {
 public:
  int device_count() override {
    static const int count = [] {
      int found = 0;
      if (cudaGetDeviceCount(&found) != cudaSuccess) found = 0;
      (void)cudaGetLastError();
      return found;
    }();
    return count;
  }
  int current_device() override {
    int index = 0;
    ROUX_CUDA(cudaGetDevice(&index));
    return index;
  }
  void set_device(int index) override { ROUX_CUDA(cudaSetDevice(index)); }

  void* allocate(int index, size_t bytes) override {
    const DeviceGuard guard(*this, index);
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;  // under it cudaMalloc is legal in a capture
    ROUX_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, bytes);
    ROUX_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      return nullptr;
    }
    ROUX_CUDA(status);
    return data;
  }
  void free(int index, void* data) noexcept override {
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    ignore(cudaThreadExchangeStreamCaptureMode(&mode));
    int before = index;
    ignore(cudaGetDevice(&before));
    ignore(cudaSetDevice(index));
    ignore(cudaFree(data));
    ignore(cudaSetDevice(before));
    ignore(cudaThreadExchangeStreamCaptureMode(&mode));
  }
  void* allocate_pinned(int index, size_t bytes) override {
    const DeviceGuard guard(*this, index);
    void* data = nullptr;
    ROUX_CUDA(cudaHostAlloc(&data, bytes, cudaHostAllocPortable));
    return data;
  }

  StreamHandle* make_stream(int index) override {
    const DeviceGuard guard(*this, index);
    cudaStream_t stream = nullptr;
    ROUX_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return reinterpret_cast<StreamHandle*>(stream);
  }
  void destroy_stream(int, StreamHandle* stream) noexcept override {
    ignore(cudaStreamDestroy(native(stream)));
  }
  void copy(int index, StreamHandle* stream, void* dst, const void* src, size_t bytes,
            CopyKind kind) override {
    const DeviceGuard guard(*this, index);
    const cudaMemcpyKind direction = kind == CopyKind::kOnDevice   ? cudaMemcpyDeviceToDevice
                                     : kind == CopyKind::kFromHost ? cudaMemcpyHostToDevice
                                                                   : cudaMemcpyDeviceToHost;
    ROUX_CUDA(cudaMemcpyAsync(dst, src, bytes, direction, native(stream)));
  }
  void fill(int index, StreamHandle* stream, void* dst, int value, size_t bytes) override {
    const DeviceGuard guard(*this, index);
    ROUX_CUDA(cudaMemsetAsync(dst, value, bytes, native(stream)));
  }
  void synchronize(int index, StreamHandle* stream) override {
    const DeviceGuard guard(*this, index);
    ROUX_CUDA(cudaStreamSynchronize(native(stream)));
  }

  EventHandle* make_event(int index, bool timed) override {
    const DeviceGuard guard(*this, index);
    cudaEvent_t event = nullptr;
    ROUX_CUDA(cudaEventCreateWithFlags(&event, timed ? cudaEventDefault : cudaEventDisableTiming));
    return reinterpret_cast<EventHandle*>(event);
  }
  void destroy_event(int, EventHandle* event) noexcept override { ignore(cudaEventDestroy(native(event))); }
  void record(int index, EventHandle* event, StreamHandle* stream) override {
    const DeviceGuard guard(*this, index);
    ROUX_CUDA(cudaEventRecord(native(event), native(stream)));
  }
  void wait(int index, EventHandle* event, StreamHandle* stream) override {
    const DeviceGuard guard(*this, index);
    ROUX_CUDA(cudaStreamWaitEvent(native(stream), native(event), 0));
  }
  void synchronize(int index, EventHandle* event) override {
    const DeviceGuard guard(*this, index);
    ROUX_CUDA(cudaEventSynchronize(native(event)));
  }
  double milliseconds(int index, EventHandle* begin, EventHandle* end) override {
    const DeviceGuard guard(*this, index);
    float time = 0;
    ROUX_CUDA(cudaEventElapsedTime(&time, native(begin), native(end)));
    return time;
  }

  void begin_capture(int index, StreamHandle* stream) override {
    const DeviceGuard guard(*this, index);
    ROUX_CUDA(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal));
  }
  GraphHandle* end_capture(int index, StreamHandle* stream) override {
    const DeviceGuard guard(*this, index);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaError_t status = cudaStreamEndCapture(native(stream), &graph);
    if (status == cudaSuccess) status = cudaGraphInstantiate(&executable, graph, 0);
    if (graph != nullptr) ignore(cudaGraphDestroy(graph));
    ROUX_CUDA(status);
    return reinterpret_cast<GraphHandle*>(executable);
  }
  void destroy_graph(int, GraphHandle* graph) noexcept override {
    ignore(cudaGraphExecDestroy(native(graph)));
  }
  void replay(int index, GraphHandle* graph, StreamHandle* stream) override {
    const DeviceGuard guard(*this, index);
    ROUX_CUDA(cudaGraphLaunch(native(graph), native(stream)));
  }

  int allow_dynamic_shared(const void* kernel, size_t bytes) override {
    return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  }
  int launch(const KernelLaunch& l, StreamHandle* stream) override {
    return cudaLaunchKernel(l.kernel, dim3(l.grid[0], l.grid[1], l.grid[2]),
                            dim3(l.block[0], l.block[1], l.block[2]), l.arguments, l.dynamic_shared,
                            native(stream));
  }
  std::string error_text(int error) override { return cudaGetErrorString(static_cast<cudaError_t>(error)); }
  void clear_error() noexcept override { (void)cudaGetLastError(); }
};

bool caching() {
  const char* text = std::getenv("ROUX_CUDA_NO_CACHE");
  return text == nullptr || std::string(text) == "0";
}

}  // namespace

BackendRuntime& cuda_runtime() {
  // Never destroyed: tensors may outlive main().
  static auto* runtime =
      new BackendRuntime(*new CudaBackend, {.caches = caching(), .synchronous = synchronous_launches()});
  return *runtime;
}

namespace {
const RegisterRuntime kCudaRuntime(DeviceType::kCuda, &cuda_runtime());
const struct RegisterEnterDevice {
  RegisterEnterDevice() {
    set_enter_device(DeviceType::kCuda, [](int index) { cuda_runtime().enter_device(index); });
  }
} kEnterDevice;
}  // namespace

}  // namespace roux::cuda
