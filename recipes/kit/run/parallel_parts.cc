#include "recipes/kit/run/parallel_parts.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "recipes/kit/run/machine.h"
#include "tensor/free_memory.h"

namespace roux::kit {
namespace {

int64_t with_buffers(int64_t bytes) { return bytes + bytes / 10; }

}  // namespace

int64_t free_for_parts(Device device) {
  if (device.type == DeviceType::kCuda) return free_memory(device);
  return available_memory("/proc", "/sys/fs/cgroup");
}

bool one_part_fits(const PartMemory& memory) {
  return memory.free < 0 || with_buffers(memory.part) <= memory.free;
}

int parallel_parts(int wanted, Device device, const PartMemory& memory) {
  if (device.type == DeviceType::kCuda) return 1;
  if (memory.part <= 0 || memory.free < 0) return std::max(wanted, 1);
  const int64_t fit = memory.free / with_buffers(memory.part);
  return static_cast<int>(std::clamp<int64_t>(wanted, 1, std::max<int64_t>(fit, 1)));
}

std::string bytes_text(int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value >= 1e3 * (1 << 20)) return absl::StrFormat("%.3g GiB", value / (1 << 30));
  return absl::StrFormat("%.3g MiB", value / (1 << 20));
}

}  // namespace roux::kit
