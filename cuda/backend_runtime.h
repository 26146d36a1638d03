// The DeviceRuntime of `cuda:N` over a Backend: one stream a device for everything that runs, a stream of its
// own for each capture, the caching allocator, fault slots and staged copies.
//
// A capture belongs to the thread that began it: launches of other threads run as usual meanwhile. In a
// capture nothing may be uploaded, read or waited for: a replay would read what the host had at that time
// from where nothing is any more. Each of these throws Error; the capture can be ended then as if nothing had
// been.
#ifndef ROUX_CUDA_BACKEND_RUNTIME_H_
#define ROUX_CUDA_BACKEND_RUNTIME_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/backend.h"
#include "cuda/caching_allocator.h"
#include "cuda/fault_board.h"
#include "cuda/staging.h"
#include "tensor/device.h"

namespace roux::cuda {

struct BackendOptions {
  bool caches = true;        // see CachingAllocator; ROUX_CUDA_NO_CACHE=1 turns it off
  bool synchronous = false;  // every launch waits: ROUX_CUDA_SYNC=1
};

class BackendRuntime final : public DeviceRuntime {
 public:
  BackendRuntime(Backend& backend, const BackendOptions& options) : backend_(backend), options_(options) {}

  int device_count() const override { return backend_.device_count(); }
  void* allocate(size_t bytes, int index) override;
  void deallocate(void* data, size_t bytes, int index) override;
  MemoryStats memory_stats(int index) const override { return device(index).allocator.stats(); }
  void reset_peak(int index) override { device(index).allocator.reset_peak(); }
  void copy(void* dst, const void* src, size_t bytes, int index) override;
  void copy_from_host(void* dst, const void* src, size_t bytes, int index) override;
  void copy_to_host(void* dst, const void* src, size_t bytes, int index) override;
  void fill_bytes(void* dst, int value, size_t bytes, int index) override;
  void synchronize(int index) override;
  std::unique_ptr<Event> make_event(int index) override;
  void begin_capture(int index) override;
  std::unique_ptr<CapturedGraph> end_capture(int index) override;

  // Makes a device the thread's; see tensor/enter_device.h.
  void enter_device(int index);
  // Of the thread's device.
  FaultBoard::Slot* open_fault_slot();
  void close_fault_slot(FaultBoard::Slot* slot, FaultBoard::Message message);
  // Launches on the thread's device. observe: nullptr, or told how long the kernel took, for which the launch
  // waits. In a capture nothing is waited for and nobody told. Throws Error naming the kernel.
  void launch(const KernelLaunch& launch, const std::function<void(double milliseconds)>* observe);

 private:
  class RuntimeEvent;
  class RuntimeGraph;
  struct DeviceState {
    DeviceState(Backend& backend, int index, bool caches)
        : stream(backend.make_stream(index)),
          allocator(backend, index, stream, caches),
          faults(backend, index, stream),
          staging(backend, index, stream) {}
    StreamHandle* stream;
    CachingAllocator allocator;
    FaultBoard faults;
    Staging staging;
    std::mutex mutex;
    std::map<const void*, size_t> dynamic_shared;  // what kernels were allowed so far
  };
  // Of one thread on one device.
  struct Capture {
    BackendRuntime* runtime;
    int index;
    StreamHandle* stream;
    std::shared_ptr<CachingAllocator::Pool> pool;
  };
  static thread_local Capture* capture_;

  DeviceState& device(int index) const;
  // The calling thread's capture on that device; nullptr: it captures none.
  Capture* capture_on(int index) const;
  CachingAllocator::Pool* pool_on(int index) const;
  StreamHandle* stream_of(int index) const;  // the capture's or the device's
  void refuse_in_capture(int index, const char* what) const;
  void check_launch(int error, const KernelLaunch& launch, const char* what);

  Backend& backend_;
  const BackendOptions options_;
  mutable std::mutex mutex_;
  mutable std::map<int, std::unique_ptr<DeviceState>> devices_;
};

}  // namespace roux::cuda

#endif  // ROUX_CUDA_BACKEND_RUNTIME_H_
