#include "tensor/planned_device.h"

#include <atomic>

#include "tensor/error.h"

namespace roux {
namespace {
constinit std::atomic<DeviceType> stands_for = DeviceType::kCpu;
}  // namespace

DeviceType planned_device(DeviceType type) {
  return type == DeviceType::kMeta ? stands_for.load(std::memory_order_relaxed) : type;
}

void set_planned_device(DeviceType type) {
  ROUX_CHECK(type != DeviceType::kMeta) << "set_planned_device: meta cannot stand for itself";
  stands_for = type;
}

}  // namespace roux
