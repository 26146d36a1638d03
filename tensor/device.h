// Devices, and the runtime that each device type plugs in.
//
//   cpu        the host
//   cuda:N     an NVIDIA GPU
//   emulated   the CUDA kernels' own source, run on the host by cuda/emulator
//   meta       shapes without data: allocations are counted, kernels are not called, reading a value throws
//
// Upper layers use only DeviceRuntime and never a CUDA name. Runtimes are registered before main() runs and
// read-only afterwards; their methods are thread-safe.
#ifndef ROUX_TENSOR_DEVICE_H_
#define ROUX_TENSOR_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace roux {

enum class DeviceType : uint8_t { kCpu, kCuda, kEmulated, kMeta };
inline constexpr int kDeviceTypeCount = 4;

struct Device {
  DeviceType type = DeviceType::kCpu;
  int8_t index = 0;
};
inline bool operator==(Device a, Device b) { return a.type == b.type && a.index == b.index; }
inline constexpr Device kCpu{DeviceType::kCpu, 0};
inline constexpr Device kMeta{DeviceType::kMeta, 0};
inline constexpr Device kEmulated{DeviceType::kEmulated, 0};

const char* name(DeviceType type);
std::string to_string(Device device);  // "cpu", "cuda:0", "emulated", "meta"
std::ostream& operator<<(std::ostream& out, Device device);
// Parses what to_string prints ("cuda" means "cuda:0"). Says which names exist otherwise.
absl::StatusOr<Device> parse_device(const std::string& text);

// Bytes handed out by a device's allocator. `current` counts live tensors, `peak` its maximum since
// reset_peak(), `reserved` what the allocator holds from the system (live plus cached).
struct MemoryStats {
  int64_t current = 0;
  int64_t peak = 0;
  int64_t reserved = 0;
  int64_t allocations = 0;  // calls since the start
};

// A recorded sequence of launches that can be replayed without its host code (a CUDA graph).
class CapturedGraph {
 public:
  virtual ~CapturedGraph() = default;
  virtual void replay() = 0;
};

class Event {
 public:
  virtual ~Event() = default;
  virtual void record() = 0;       // on the current stream
  virtual void wait() = 0;         // the current stream waits for it
  virtual void synchronize() = 0;  // the host waits for it
};

class DeviceRuntime {
 public:
  virtual ~DeviceRuntime() = default;

  // How many devices of this type the machine has.
  virtual int device_count() const { return 1; }

  // 64-byte aligned (256 on cuda) memory, contents undefined. Throws Error when there is none left. bytes >
  // 0.
  virtual void* allocate(size_t bytes, int index) = 0;
  virtual void deallocate(void* data, size_t bytes, int index) = 0;
  virtual MemoryStats memory_stats(int index) const = 0;
  virtual void reset_peak(int index) = 0;

  // Copies in stream order. Host pointers are pageable host memory; copy_to_host returns after the copy is
  // done.
  virtual void copy(void* dst, const void* src, size_t bytes, int index) = 0;
  virtual void copy_from_host(void* dst, const void* src, size_t bytes, int index) = 0;
  virtual void copy_to_host(void* dst, const void* src, size_t bytes, int index) = 0;
  virtual void fill_bytes(void* dst, int value, size_t bytes, int index) = 0;

  // Waits for everything launched so far; asynchronous kernel errors are thrown here.
  virtual void synchronize(int index) = 0;
  virtual std::unique_ptr<Event> make_event(int index) = 0;
  // Between the two calls launches are recorded, not run. A device without graphs returns nullptr from
  // end_capture, and the launches ran as usual.
  virtual void begin_capture(int index) = 0;
  virtual std::unique_ptr<CapturedGraph> end_capture(int index) = 0;
};

// The runtime of a device type; throws Error naming the library to link when none is registered.
DeviceRuntime& runtime(DeviceType type);
// Devices of a type that this program can use on this machine; 0 when its runtime is not linked.
int device_count(DeviceType type);

struct RegisterRuntime {
  RegisterRuntime(DeviceType type, DeviceRuntime* runtime);
};

MemoryStats memory_stats(Device device);
void reset_peak_memory(Device device);
void synchronize(Device device);

}  // namespace roux

#endif  // ROUX_TENSOR_DEVICE_H_
