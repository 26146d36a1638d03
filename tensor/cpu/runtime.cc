// The CPU's DeviceRuntime with a caching allocator, and meta's, which only counts.
//
// Blocks are cached by size class (64-byte steps to 1 kB, then eight classes per power of two, so at
// most 12.5 % is wasted). Small classes are cached per thread without a lock, the rest in one list under a
// mutex. A freed block may be reused by any thread. Nothing is given back to the system until an allocation
// fails.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tensor/device.h"
#include "tensor/error.h"

namespace roux {
namespace {

constexpr size_t kSmallStep = 64, kSmallLimit = 1024, kHugePage = size_t{2} << 20;
constexpr int kThreadCachedClasses = 16 + 6 * 8;  // up to 64 kB
constexpr int kClassCount = 16 + 54 * 8;
constexpr size_t kThreadCacheDepth = 64;  // blocks per class and thread

int size_class(size_t bytes) {
  if (bytes <= kSmallLimit) return static_cast<int>((bytes + kSmallStep - 1) / kSmallStep) - 1;
  const int log2 = std::bit_width(bytes - 1) - 1;  // 2^log2 < bytes <= 2^(log2 + 1)
  const size_t eighth = size_t{1} << (log2 - 3);
  const int step = static_cast<int>((bytes - (size_t{1} << log2) + eighth - 1) / eighth);  // 1..8
  return 16 + (log2 - 10) * 8 + step - 1;
}

size_t class_bytes(int size_class) {
  if (size_class < 16) return static_cast<size_t>(size_class + 1) * kSmallStep;
  const int log2 = (size_class - 16) / 8 + 10, step = (size_class - 16) % 8 + 1;
  return (size_t{1} << log2) + static_cast<size_t>(step) * (size_t{1} << (log2 - 3));
}

class Counter {
 public:
  void add(int64_t bytes) {
    allocations_.fetch_add(1, std::memory_order_relaxed);
    const int64_t now = current_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    int64_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }
  void remove(int64_t bytes) { current_.fetch_sub(bytes, std::memory_order_relaxed); }
  void reset_peak() { peak_ = current_.load(); }
  MemoryStats stats(int64_t reserved) const { return {current_, peak_, reserved, allocations_}; }

 private:
  std::atomic<int64_t> current_{0}, peak_{0}, allocations_{0};
};

class NoEvent final : public Event {
  void record() override {}
  void wait() override {}
  void synchronize() override {}
};

// Set when this thread's cache is gone: tensors in static storage are freed after it.
constinit thread_local bool thread_cache_ended = false;

using FreeLists = std::array<std::vector<void*>, kClassCount>;

class CpuRuntime final : public DeviceRuntime {
 public:
  void* allocate(size_t bytes, int) override {
    void* data = find(bytes);  // throws before anything is counted
    counter_.add(static_cast<int64_t>(bytes));
    return data;
  }

  void deallocate(void* data, size_t bytes, int) override {
    counter_.remove(static_cast<int64_t>(bytes));
    const int cls = size_class(bytes);
    if (cls < kThreadCachedClasses && !thread_cache_ended) {
      auto& list = thread_cache().lists[static_cast<size_t>(cls)];
      if (list.size() < kThreadCacheDepth) return list.push_back(data);
    }
    std::lock_guard<std::mutex> lock(mutex_);
    shared_[static_cast<size_t>(cls)].push_back(data);
  }

  MemoryStats memory_stats(int) const override { return counter_.stats(reserved_); }
  void reset_peak(int) override { counter_.reset_peak(); }
  void copy(void* dst, const void* src, size_t bytes, int) override { std::memcpy(dst, src, bytes); }
  void copy_from_host(void* dst, const void* src, size_t bytes, int) override {
    std::memcpy(dst, src, bytes);
  }
  void copy_to_host(void* dst, const void* src, size_t bytes, int) override { std::memcpy(dst, src, bytes); }
  void fill_bytes(void* dst, int value, size_t bytes, int) override { std::memset(dst, value, bytes); }
  void synchronize(int) override {}
  std::unique_ptr<Event> make_event(int) override { return std::make_unique<NoEvent>(); }
  void begin_capture(int) override {}
  std::unique_ptr<CapturedGraph> end_capture(int) override { return nullptr; }

 private:
  void* find(size_t bytes) {
    if (bytes > physical_memory()) out_of_memory(bytes);
    const int cls = size_class(bytes);
    if (cls < kThreadCachedClasses && !thread_cache_ended) {
      if (void* data = pop(thread_cache().lists[static_cast<size_t>(cls)])) return data;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (void* data = pop(shared_[static_cast<size_t>(cls)])) return data;
    }
    return from_system(bytes, class_bytes(cls));
  }
  static void* pop(std::vector<void*>& list) {
    if (list.empty()) return nullptr;
    void* data = list.back();
    list.pop_back();
    return data;
  }
  // A kernel that overcommits would grant more than there is and stop the program later.
  static size_t physical_memory() {
    static const size_t bytes =
        static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
  }
  [[noreturn]] void out_of_memory(size_t asked) const {
    throw Error(absl::StrCat("out of memory: ", asked, " bytes asked for, ", memory_stats(0).current,
                             " bytes are in live tensors on cpu"));
  }

  // A thread's blocks go to the shared lists when it ends.
  struct ThreadCache {
    FreeLists lists;
    CpuRuntime* owner = nullptr;
    ~ThreadCache() {
      thread_cache_ended = true;
      if (owner == nullptr) return;
      std::lock_guard<std::mutex> lock(owner->mutex_);
      for (size_t cls = 0; cls < lists.size(); ++cls) {
        owner->shared_[cls].insert(owner->shared_[cls].end(), lists[cls].begin(), lists[cls].end());
      }
    }
  };
  ThreadCache& thread_cache() {
    thread_local ThreadCache cache;
    cache.owner = this;
    return cache;
  }

  void* from_system(size_t asked, size_t bytes) {
    const bool huge = bytes >= 2 * kHugePage;
    void* data = nullptr;
    for (int attempt = 0; attempt < 2 && data == nullptr; ++attempt) {
      if (posix_memalign(&data, huge ? kHugePage : 64, bytes) != 0) data = nullptr;
      if (data == nullptr) release_cached();
    }
    if (data == nullptr) out_of_memory(asked);
    if (huge) madvise(data, bytes, MADV_HUGEPAGE);
    reserved_ += static_cast<int64_t>(bytes);
    return data;
  }

  void release_cached() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (size_t cls = 0; cls < shared_.size(); ++cls) {
      for (void* data : shared_[cls]) std::free(data);
      reserved_ -= static_cast<int64_t>(shared_[cls].size() * class_bytes(static_cast<int>(cls)));
      shared_[cls].clear();
    }
  }

  Counter counter_;
  std::atomic<int64_t> reserved_{0};
  std::mutex mutex_;
  FreeLists shared_;
};

class MetaRuntime final : public DeviceRuntime {
 public:
  void* allocate(size_t bytes, int) override {
    counter_.add(static_cast<int64_t>(bytes));
    return nullptr;
  }
  void deallocate(void*, size_t bytes, int) override { counter_.remove(static_cast<int64_t>(bytes)); }
  MemoryStats memory_stats(int) const override { return counter_.stats(0); }
  void reset_peak(int) override { counter_.reset_peak(); }
  void copy(void*, const void*, size_t, int) override {}
  void copy_from_host(void*, const void*, size_t, int) override {}
  void copy_to_host(void*, const void*, size_t, int) override {
    throw Error("copy_to_host: a tensor on meta has no values");
  }
  void fill_bytes(void*, int, size_t, int) override {}
  void synchronize(int) override {}
  std::unique_ptr<Event> make_event(int) override { return std::make_unique<NoEvent>(); }
  void begin_capture(int) override {}
  std::unique_ptr<CapturedGraph> end_capture(int) override { return nullptr; }

 private:
  Counter counter_;
};

// Never destroyed: tensors in static storage may outlive any destructor order.
const RegisterRuntime kCpuRuntime(DeviceType::kCpu, new CpuRuntime);
const RegisterRuntime kMetaRuntime(DeviceType::kMeta, new MetaRuntime);

}  // namespace
}  // namespace roux
