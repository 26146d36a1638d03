// For tests of kernels: arrays on the emulated device, and the text that a launch throws.
#ifndef ROUX_CUDA_EMULATOR_TESTING_H_
#define ROUX_CUDA_EMULATOR_TESTING_H_

#include <cstring>
#include <string>
#include <vector>

#include "cuda/emulator/memory.h"
#include "cuda/emulator/scheduler.h"
#include "tensor/error.h"

namespace roux::emulator {

// n elements of T, uninitialised or copied from a vector.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t n) : size_(n), data_(static_cast<T*>(allocate_global(n * sizeof(T)))) {}
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    std::memcpy(data_, values.data(), values.size() * sizeof(T));
    host_access(data_, values.size() * sizeof(T), true, "copy");
  }
  DeviceArray(const DeviceArray&) = delete;
  ~DeviceArray() { deallocate_global(data_); }

  T* data() const { return data_; }
  std::vector<T> to_host() const { return std::vector<T>(data_, data_ + size_); }

 private:
  size_t size_;
  T* data_;
};

// What run() throws; empty when it does not throw.
template <class Run>
std::string error_of(Run run) {
  try {
    run();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

class ScheduleScope {
 public:
  explicit ScheduleScope(Schedule schedule) : saved_(emulator::schedule()) { set_schedule(schedule); }
  ScheduleScope(const ScheduleScope&) = delete;
  ~ScheduleScope() { set_schedule(saved_); }

 private:
  Schedule saved_;
};

// The three kinds of order, for kernels whose result must not depend on it.
inline std::vector<Schedule> all_schedules() {
  return {{Schedule::kForward, 0}, {Schedule::kReverse, 0}, {Schedule::kShuffled, 7}};
}

}  // namespace roux::emulator

#endif  // ROUX_CUDA_EMULATOR_TESTING_H_
