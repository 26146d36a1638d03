#include <atomic>
#include <cstring>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "tensor/device.h"
#include "tests/ops/checks.h"

namespace roux::testing {
namespace {

constexpr size_t kGuard = 128;

class GuardedRuntime final : public DeviceRuntime {
 public:
  explicit GuardedRuntime(DeviceRuntime* real) : real_(real) {}

  void* allocate(size_t bytes, int index) override {
    char* base = static_cast<char*>(real_->allocate(bytes + 2 * kGuard, index));
    std::memset(base, 0xff, bytes + 2 * kGuard);  // all ones: NaN in every floating dtype
    return base + kGuard;
  }
  void deallocate(void* data, size_t bytes, int index) override {
    char* base = static_cast<char*>(data) - kGuard;
    check(base, "before", bytes);
    check(base + kGuard + bytes, "behind", bytes);
    real_->deallocate(base, bytes + 2 * kGuard, index);
  }
  MemoryStats memory_stats(int index) const override { return real_->memory_stats(index); }
  void reset_peak(int index) override { real_->reset_peak(index); }
  void copy(void* dst, const void* src, size_t bytes, int i) override { real_->copy(dst, src, bytes, i); }
  void copy_from_host(void* dst, const void* src, size_t bytes, int i) override {
    real_->copy_from_host(dst, src, bytes, i);
  }
  void copy_to_host(void* dst, const void* src, size_t bytes, int i) override {
    real_->copy_to_host(dst, src, bytes, i);
  }
  void fill_bytes(void* dst, int value, size_t bytes, int i) override {
    real_->fill_bytes(dst, value, bytes, i);
  }
  void synchronize(int index) override { real_->synchronize(index); }
  std::unique_ptr<Event> make_event(int index) override { return real_->make_event(index); }
  void begin_capture(int index) override { real_->begin_capture(index); }
  std::unique_ptr<CapturedGraph> end_capture(int index) override { return real_->end_capture(index); }

  std::string take_failure() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(failure_, "");
  }

 private:
  void check(const char* guard, const char* side, size_t bytes) {
    for (size_t i = 0; i < kGuard; ++i) {
      if (guard[i] == static_cast<char>(0xff)) continue;
      std::lock_guard<std::mutex> lock(mutex_);
      failure_ =
          absl::StrCat("a kernel wrote ", side, " an allocation of ", bytes, " bytes (guard byte ", i, ")");
      return;
    }
  }

  DeviceRuntime* real_;
  std::mutex mutex_;
  std::string failure_;
};

GuardedRuntime* guarded = nullptr;

}  // namespace

void install_guarded_runtime() {
  guarded = new GuardedRuntime(&runtime(DeviceType::kCpu));
  RegisterRuntime(DeviceType::kCpu, guarded);
}
std::string take_guard_failure() { return guarded ? guarded->take_failure() : ""; }

}  // namespace roux::testing
