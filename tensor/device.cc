#include "tensor/device.h"

#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tensor/enter_device.h"
#include "tensor/error.h"

namespace roux {
namespace {
constinit DeviceRuntime* runtimes[kDeviceTypeCount] = {};
constinit EnterDevice* enter[kDeviceTypeCount] = {};
}  // namespace

const char* name(DeviceType type) {
  static constexpr const char* kNames[kDeviceTypeCount] = {"cpu", "cuda", "emulated", "meta"};
  return kNames[static_cast<int>(type)];
}

std::string to_string(Device device) {
  if (device.type == DeviceType::kCuda) return absl::StrCat("cuda:", static_cast<int>(device.index));
  return name(device.type);
}
std::ostream& operator<<(std::ostream& out, Device device) { return out << to_string(device); }

absl::StatusOr<Device> parse_device(const std::string& text) {
  for (Device device : {kCpu, kEmulated, kMeta, Device{DeviceType::kCuda, 0}}) {
    if (text == name(device.type)) return device;
  }
  int index = 0;
  if (text.rfind("cuda:", 0) == 0 && absl::SimpleAtoi(text.substr(5), &index) && index >= 0 && index < 64) {
    return Device{DeviceType::kCuda, static_cast<int8_t>(index)};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown device \"", text, "\": expected cpu, cuda, cuda:N, emulated or meta"));
}

DeviceRuntime& runtime(DeviceType type) {
  DeviceRuntime* found = runtimes[static_cast<int>(type)];
  ROUX_CHECK(found != nullptr) << "device " << name(type) << " is not available in this program: link "
                               << (type == DeviceType::kCuda       ? "//cuda (built with --config=cuda)"
                                   : type == DeviceType::kEmulated ? "//cuda"
                                                                   : "//tensor/cpu");
  return *found;
}
int device_count(DeviceType type) {
  const DeviceRuntime* found = runtimes[static_cast<int>(type)];
  return found == nullptr ? 0 : found->device_count();
}

RegisterRuntime::RegisterRuntime(DeviceType type, DeviceRuntime* runtime) {
  runtimes[static_cast<int>(type)] = runtime;
}

void set_enter_device(DeviceType type, EnterDevice* function) { enter[static_cast<int>(type)] = function; }
void enter_device(Device device) {
  if (EnterDevice* const function = enter[static_cast<int>(device.type)]) function(device.index);
}

MemoryStats memory_stats(Device device) { return runtime(device.type).memory_stats(device.index); }
void reset_peak_memory(Device device) { runtime(device.type).reset_peak(device.index); }
void synchronize(Device device) { runtime(device.type).synchronize(device.index); }

}  // namespace roux
