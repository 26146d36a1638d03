// What the host logic of `cuda:N` needs from a driver: memory, streams, events, graphs, launches. Behind it
// stands CUDA (runtime.cc), or, in tests that need no GPU, a fake that checks how it is called
// (fake_backend.h). Nothing here names CUDA.
//
// Failures are thrown as Error, except where a method says otherwise. Methods may be called from any thread
// and leave the thread's device as it was, set_device alone excepted.
#ifndef ROUX_CUDA_BACKEND_H_
#define ROUX_CUDA_BACKEND_H_

#include <cstddef>
#include <string>

namespace roux::cuda {

// cudaStream_t, cudaEvent_t and cudaGraphExec_t.
struct StreamHandle;
struct EventHandle;
struct GraphHandle;

enum class CopyKind { kOnDevice, kFromHost, kToHost };

// One kernel launch. grid and block as x, y, z; arguments as cudaLaunchKernel takes them.
struct KernelLaunch {
  const void* kernel;
  const std::string* name;  // readable
  unsigned grid[3], block[3];
  size_t dynamic_shared;  // bytes per block
  void** arguments;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Without a driver or a device: 0, which is no error.
  virtual int device_count() = 0;
  // The device of this thread's launches.
  virtual int current_device() = 0;
  virtual void set_device(int index) = 0;

  // nullptr when there is none left. Legal while this thread captures.
  virtual void* allocate(int index, size_t bytes) = 0;
  // Waits for whoever still uses the memory.
  virtual void free(int index, void* data) noexcept = 0;
  // Page-locked memory of the host, never freed.
  virtual void* allocate_pinned(int index, size_t bytes) = 0;

  virtual StreamHandle* make_stream(int index) = 0;
  virtual void destroy_stream(int index, StreamHandle* stream) noexcept = 0;
  // Both return before the stream has done it, a copy from or to pageable host memory perhaps later.
  virtual void copy(int index, StreamHandle* stream, void* dst, const void* src, size_t bytes,
                    CopyKind kind) = 0;
  virtual void fill(int index, StreamHandle* stream, void* dst, int value, size_t bytes) = 0;
  virtual void synchronize(int index, StreamHandle* stream) = 0;

  virtual EventHandle* make_event(int index, bool timed) = 0;
  virtual void destroy_event(int index, EventHandle* event) noexcept = 0;
  virtual void record(int index, EventHandle* event, StreamHandle* stream) = 0;
  virtual void wait(int index, EventHandle* event, StreamHandle* stream) = 0;  // the stream waits
  virtual void synchronize(int index, EventHandle* event) = 0;                 // the host waits
  virtual double milliseconds(int index, EventHandle* begin, EventHandle* end) = 0;

  // What this thread does on the stream is recorded, not run. After end_capture the stream captures no
  // longer and nothing of the recording is left, whether it returns or throws.
  virtual void begin_capture(int index, StreamHandle* stream) = 0;
  virtual GraphHandle* end_capture(int index, StreamHandle* stream) = 0;
  virtual void destroy_graph(int index, GraphHandle* graph) noexcept = 0;
  virtual void replay(int index, GraphHandle* graph, StreamHandle* stream) = 0;

  // Both: 0, or CUDA's number of an error, which every later call reports again until clear_error().
  virtual int allow_dynamic_shared(const void* kernel, size_t bytes) = 0;
  virtual int launch(const KernelLaunch& launch, StreamHandle* stream) = 0;
  virtual std::string error_text(int error) = 0;
  virtual void clear_error() noexcept = 0;
};

// Makes a device the thread's for a scope.
class DeviceGuard {
 public:
  DeviceGuard(Backend& backend, int index) : backend_(backend), before_(backend.current_device()) {
    if (index != before_) backend_.set_device(index);
    changed_ = index != before_;
  }
  DeviceGuard(const DeviceGuard&) = delete;
  ~DeviceGuard() {
    if (changed_) backend_.set_device(before_);
  }

 private:
  Backend& backend_;
  int before_;
  bool changed_;
};

}  // namespace roux::cuda

#endif  // ROUX_CUDA_BACKEND_H_
