// The DeviceRuntime of the `emulated` device: allocations between red zones, copies that the detectors know
// of, captures (capture.h). Nothing is asynchronous here but what a replay finds wrong, which the next wait
// or read throws, and nothing is cached: a freed tensor's bytes must stay detectable.
#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cuda/emulator/capture.h"
#include "cuda/emulator/memory.h"
#include "tensor/device.h"
#include "tensor/error.h"

namespace roux::emulator {
namespace {

class NoEvent final : public Event {
  void record() override {}
  void wait() override {}
  void synchronize() override { refuse_in_capture("waited for"); }
};

// What a replay found wrong and nobody was told yet.
class PendingFault {
 public:
  void set(const std::string& text) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (text_.empty()) text_ = text;
  }
  void throw_if_any() {
    std::unique_lock<std::mutex> lock(mutex_);
    const std::string text = std::exchange(text_, "");
    lock.unlock();
    if (!text.empty()) throw Error(text);
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

// Which blocks belong to which graph.
class GraphMemory {
 public:
  void own(void* data, const Recording& recording) {
    std::lock_guard<std::mutex> lock(mutex_);
    owners_[data] = recording.blocks;
  }
  // A block is freed while the thread captures `recording` (or nullptr). True when a graph keeps it.
  bool keeps(void* data, const Recording* recording) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::shared_ptr<GraphBlocks> keeper;
    if (const auto found = owners_.find(data); found != owners_.end()) {
      keeper = found->second.lock();
      if (keeper == nullptr) owners_.erase(found);
    }
    if (keeper != nullptr && recording != nullptr && keeper != recording->blocks) {
      recording->blocks->others.push_back(keeper);
    }
    if (keeper == nullptr && recording != nullptr) keeper = recording->blocks;
    if (keeper == nullptr) return false;
    keeper->freed.push_back(data);
    return true;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<void*, std::weak_ptr<GraphBlocks>> owners_;
};

class EmulatedGraph final : public CapturedGraph {
 public:
  EmulatedGraph(std::unique_ptr<Recording> recording, PendingFault& fault)
      : recording_(std::move(recording)), fault_(fault) {}
  void replay() override {
    refuse_in_capture("replayed");
    for (const auto& operation : recording_->operations) operation();
    for (const auto& fault : recording_->faults) {
      const std::string text = fault();
      if (!text.empty()) fault_.set(text);
    }
  }

 private:
  std::unique_ptr<Recording> recording_;
  PendingFault& fault_;
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
    if (current_recording() != nullptr) graph_memory_.own(data, *current_recording());
    return data;
  }
  void deallocate(void* data, size_t bytes, int) override {
    if (!graph_memory_.keeps(data, current_recording())) deallocate_global(data);
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
    run_or_record([=] {
      host_access(src, bytes, false, "copy");
      host_access(dst, bytes, true, "copy");
      std::memmove(dst, src, bytes);
    });
  }
  void copy_from_host(void* dst, const void* src, size_t bytes, int) override {
    refuse_in_capture("uploaded");
    host_access(dst, bytes, true, "copy_from_host");
    std::memcpy(dst, src, bytes);
  }
  void copy_to_host(void* dst, const void* src, size_t bytes, int) override {
    refuse_in_capture("read");
    fault_.throw_if_any();
    host_access(src, bytes, false, "copy_to_host");
    std::memcpy(dst, src, bytes);
  }
  void fill_bytes(void* dst, int value, size_t bytes, int) override {
    run_or_record([=] {
      host_access(dst, bytes, true, "fill_bytes");
      std::memset(dst, value, bytes);
    });
  }

  void synchronize(int) override {
    refuse_in_capture("waited for");
    fault_.throw_if_any();
  }
  std::unique_ptr<Event> make_event(int) override { return std::make_unique<NoEvent>(); }
  void begin_capture(int) override {
    ROUX_CHECK(current_recording() == nullptr) << "emulated: this thread captures already";
    set_current_recording(new Recording);
  }
  std::unique_ptr<CapturedGraph> end_capture(int) override {
    std::unique_ptr<Recording> recording(current_recording());
    ROUX_CHECK(recording != nullptr) << "emulated: this thread captures nothing";
    set_current_recording(nullptr);
    return std::make_unique<EmulatedGraph>(std::move(recording), fault_);
  }

 private:
  template <class Work>
  static void run_or_record(const Work& work) {
    if (current_recording() != nullptr) {
      current_recording()->operations.emplace_back(work);
    } else {
      work();
    }
  }

  mutable std::mutex mutex_;
  MemoryStats stats_;
  GraphMemory graph_memory_;
  PendingFault fault_;
};

// Never destroyed: tensors in static storage may outlive any destructor order.
const RegisterRuntime kEmulatedRuntime(DeviceType::kEmulated, new EmulatedRuntime);

}  // namespace
}  // namespace roux::emulator
