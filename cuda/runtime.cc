// The DeviceRuntime of `cuda:N`: one stream a device, a caching allocator ordered by it, events, captured
// graphs.
//
// Freed blocks are cached by size class and handed out again in stream order, so a free never waits. Blocks
// that a captured graph touches belong to it: they go back to the cache only when the graph is destroyed.
//
// Compiled, never run yet: no claim here is proven on a device (DESIGN section 6).
#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cuda/context.h"
#include "tensor/device.h"
#include "tensor/error.h"

namespace roux::cuda {
namespace {

void use_device(int index) { ROUX_CUDA(cudaSetDevice(index)); }

class CudaEvent final : public Event {
 public:
  CudaEvent() { ROUX_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~CudaEvent() override { cudaEventDestroy(event_); }
  void record() override { ROUX_CUDA(cudaEventRecord(event_, current_stream())); }
  void wait() override { ROUX_CUDA(cudaStreamWaitEvent(current_stream(), event_, 0)); }
  void synchronize() override { ROUX_CUDA(cudaEventSynchronize(event_)); }

 private:
  cudaEvent_t event_ = nullptr;
};

// Memory of one device. Size classes: multiples of an eighth of the power of two below, at least 512 bytes.
class Cache {
 public:
  static size_t room_for(size_t bytes) {
    const size_t step = std::max<size_t>(512, std::bit_floor(bytes) / 8);
    return (bytes + step - 1) / step * step;
  }

  void* allocate(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    const size_t room = room_for(bytes);
    void* data = take(room);
    if (data == nullptr) data = from_device(bytes, room);
    if (capturing_) captured_[data] = false;
    stats_.current += static_cast<int64_t>(bytes);
    stats_.peak = std::max(stats_.peak, stats_.current);
    ++stats_.allocations;
    return data;
  }

  void deallocate(void* data, size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    stats_.current -= static_cast<int64_t>(bytes);
    const size_t room = room_for(bytes);
    if (auto owner = owners_.find(data); owner != owners_.end() && !capturing_) {
      owner->second->push_back({data, room});  // a graph still writes there
      return;
    }
    free_[room].push_back(data);
    if (capturing_) captured_[data] = true;
  }

  void begin_capture() {
    std::lock_guard<std::mutex> lock(mutex_);
    capturing_ = true;
    captured_.clear();
  }

  using Blocks = std::vector<std::pair<void*, size_t>>;
  // Every block that was handed out or freed while capturing now belongs to the graph: blocks that are free
  // leave the cache, live ones join when they are freed.
  void end_capture(Blocks* blocks) {
    std::lock_guard<std::mutex> lock(mutex_);
    capturing_ = false;
    for (auto& [room, list] : free_) {
      auto kept =
          std::partition(list.begin(), list.end(), [&](void* data) { return captured_.count(data) == 0; });
      for (auto it = kept; it != list.end(); ++it) blocks->push_back({*it, room});
      list.erase(kept, list.end());
    }
    for (const auto& [data, freed] : captured_) owners_[data] = blocks;
    captured_.clear();
  }
  void end_graph(Blocks* blocks) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto it = owners_.begin(); it != owners_.end();)
      it = it->second == blocks ? owners_.erase(it) : std::next(it);
    for (const auto& [data, room] : *blocks) free_[room].push_back(data);
  }

  MemoryStats stats() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return stats_;
  }
  void reset_peak() {
    std::lock_guard<std::mutex> lock(mutex_);
    stats_.peak = stats_.current;
  }

 private:
  void* take(size_t room) {
    auto found = free_.find(room);
    if (found == free_.end() || found->second.empty()) return nullptr;
    void* data = found->second.back();
    found->second.pop_back();
    return data;
  }

  void* from_device(size_t bytes, size_t room) {
    cudaStreamCaptureMode mode =
        cudaStreamCaptureModeRelaxed;  // cudaMalloc is legal in a capture under this mode
    ROUX_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
    void* data = nullptr;
    cudaError_t status = cudaMalloc(&data, room);
    if (status == cudaErrorMemoryAllocation && !capturing_) {
      (void)cudaGetLastError();
      release_cached();
      status = cudaMalloc(&data, room);
    }
    ROUX_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      throw Error(absl::StrCat("out of memory: ", bytes, " bytes asked for, ", stats_.current,
                               " bytes are in live tensors on cuda, ", stats_.reserved, " reserved"));
    }
    ROUX_CUDA(status);
    stats_.reserved += static_cast<int64_t>(room);
    return data;
  }

  void release_cached() {
    ROUX_CUDA(cudaStreamSynchronize(current_stream()));
    for (auto& [room, list] : free_) {
      for (void* data : list) ROUX_CUDA(cudaFree(data));
      stats_.reserved -= static_cast<int64_t>(list.size() * room);
      list.clear();
    }
  }

  mutable std::mutex mutex_;
  MemoryStats stats_;
  std::map<size_t, std::vector<void*>> free_;  // by room, last freed first
  bool capturing_ = false;
  std::unordered_map<void*, bool> captured_;  // touched by the capture under way; true: freed last
  std::unordered_map<void*, Blocks*> owners_;
};

class CudaGraph final : public CapturedGraph {
 public:
  CudaGraph(cudaGraph_t graph, Cache* cache, std::unique_ptr<Cache::Blocks> blocks, std::vector<int> faults)
      : cache_(cache), blocks_(std::move(blocks)), faults_(std::move(faults)) {
    const cudaError_t status = cudaGraphInstantiate(&executable_, graph, 0);
    cudaGraphDestroy(graph);
    ROUX_CUDA(status);
  }
  ~CudaGraph() override {
    cudaGraphExecDestroy(executable_);
    cache_->end_graph(blocks_.get());
    release_faults(faults_);
  }
  void replay() override { ROUX_CUDA(cudaGraphLaunch(executable_, current_stream())); }

 private:
  cudaGraphExec_t executable_ = nullptr;
  Cache* cache_;
  std::unique_ptr<Cache::Blocks> blocks_;
  std::vector<int> faults_;
};

class CudaRuntime final : public DeviceRuntime {
 public:
  // Without a driver or a device there are none: that is no error, the program runs on the CPU.
  int device_count() const override {
    static const int count = [] {
      int found = 0;
      if (cudaGetDeviceCount(&found) != cudaSuccess) found = 0;
      (void)cudaGetLastError();
      return found;
    }();
    return count;
  }
  void* allocate(size_t bytes, int index) override {
    use_device(index);
    return cache(index).allocate(bytes);
  }
  void deallocate(void* data, size_t bytes, int index) override { cache(index).deallocate(data, bytes); }
  MemoryStats memory_stats(int index) const override { return cache(index).stats(); }
  void reset_peak(int index) override { cache(index).reset_peak(); }

  void copy(void* dst, const void* src, size_t bytes, int index) override {
    use_device(index);
    ROUX_CUDA(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, current_stream()));
  }
  void copy_from_host(void* dst, const void* src, size_t bytes, int index) override {
    use_device(index);
    ROUX_CUDA(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyHostToDevice, current_stream()));
  }
  void copy_to_host(void* dst, const void* src, size_t bytes, int index) override {
    use_device(index);
    ROUX_CUDA(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToHost, current_stream()));
    ROUX_CUDA(cudaStreamSynchronize(current_stream()));
    throw_faults();
  }
  void fill_bytes(void* dst, int value, size_t bytes, int index) override {
    use_device(index);
    ROUX_CUDA(cudaMemsetAsync(dst, value, bytes, current_stream()));
  }
  void synchronize(int index) override {
    use_device(index);
    ROUX_CUDA(cudaStreamSynchronize(current_stream()));
    throw_faults();
  }
  std::unique_ptr<Event> make_event(int index) override {
    use_device(index);
    return std::make_unique<CudaEvent>();
  }

  void begin_capture(int index) override {
    use_device(index);
    cache(index).begin_capture();
    begin_fault_capture();
    ROUX_CUDA(cudaStreamBeginCapture(current_stream(), cudaStreamCaptureModeThreadLocal));
  }
  std::unique_ptr<CapturedGraph> end_capture(int index) override {
    use_device(index);
    auto blocks = std::make_unique<Cache::Blocks>();
    cudaGraph_t graph = nullptr;
    const cudaError_t status = cudaStreamEndCapture(current_stream(), &graph);
    cache(index).end_capture(blocks.get());
    std::vector<int> faults = end_fault_capture();
    ROUX_CUDA(status);
    return std::make_unique<CudaGraph>(graph, &cache(index), std::move(blocks), std::move(faults));
  }

 private:
  Cache& cache(int index) const {
    static std::mutex mutex;
    static std::map<int, Cache>* caches = new std::map<int, Cache>;  // tensors may outlive main()
    std::lock_guard<std::mutex> lock(mutex);
    return (*caches)[index];
  }
};

const RegisterRuntime kCudaRuntime(DeviceType::kCuda, new CudaRuntime);

}  // namespace
}  // namespace roux::cuda
