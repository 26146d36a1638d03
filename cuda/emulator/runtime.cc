// The DeviceRuntime of the `emulated` device: allocations between red zones, copies that the detectors know
// of. Nothing is asynchronous here, and nothing is cached: a freed tensor's bytes must stay detectable.
#include <algorithm>
#include <cstring>
#include <mutex>

#include "cuda/emulator/memory.h"
#include "tensor/device.h"
#include "tensor/error.h"

namespace roux::emulator {
namespace {

class NoEvent final : public Event {
  void record() override {}
  void wait() override {}
  void synchronize() override {}
};

class EmulatedRuntime final : public DeviceRuntime {
 public:
  void* allocate(size_t bytes, int) override {
    void* data = allocate_global(bytes);
    std::lock_guard<std::mutex> lock(mutex_);
    ROUX_CHECK(data != nullptr) << "out of memory: " << bytes << " bytes asked for, " << stats_.current
                                << " bytes are in live tensors on emulated, which has " << kGlobalBytes;
    stats_.current += static_cast<int64_t>(bytes);
    stats_.peak = std::max(stats_.peak, stats_.current);
    ++stats_.allocations;
    return data;
  }
  void deallocate(void* data, size_t bytes, int) override {
    deallocate_global(data);
    std::lock_guard<std::mutex> lock(mutex_);
    stats_.current -= static_cast<int64_t>(bytes);
  }
  MemoryStats memory_stats(int) const override {
    std::lock_guard<std::mutex> lock(mutex_);
    MemoryStats stats = stats_;
    stats.reserved = stats.current;
    return stats;
  }
  void reset_peak(int) override {
    std::lock_guard<std::mutex> lock(mutex_);
    stats_.peak = stats_.current;
  }

  void copy(void* dst, const void* src, size_t bytes, int) override {
    host_access(src, bytes, false, "copy");
    host_access(dst, bytes, true, "copy");
    std::memmove(dst, src, bytes);
  }
  void copy_from_host(void* dst, const void* src, size_t bytes, int) override {
    host_access(dst, bytes, true, "copy_from_host");
    std::memcpy(dst, src, bytes);
  }
  void copy_to_host(void* dst, const void* src, size_t bytes, int) override {
    host_access(src, bytes, false, "copy_to_host");
    std::memcpy(dst, src, bytes);
  }
  void fill_bytes(void* dst, int value, size_t bytes, int) override {
    host_access(dst, bytes, true, "fill_bytes");
    std::memset(dst, value, bytes);
  }

  void synchronize(int) override {}
  std::unique_ptr<Event> make_event(int) override { return std::make_unique<NoEvent>(); }
  void begin_capture(int) override {}
  std::unique_ptr<CapturedGraph> end_capture(int) override { return nullptr; }

 private:
  mutable std::mutex mutex_;
  MemoryStats stats_;
};

// Never destroyed: tensors in static storage may outlive any destructor order.
const RegisterRuntime kEmulatedRuntime(DeviceType::kEmulated, new EmulatedRuntime);

}  // namespace
}  // namespace roux::emulator
