// Which devices' ways a run on meta takes: its workspaces and conversions are memory too (--plan).
#ifndef ROUX_TENSOR_PLANNED_DEVICE_H_
#define ROUX_TENSOR_PLANNED_DEVICE_H_

#include "tensor/device.h"

namespace roux {

// What kernels and workspaces are chosen by: `type` itself, and for meta the type that it stands for: kCpu
// unless set. Thread-safe.
DeviceType planned_device(DeviceType type);
// For the whole program, from now on. Throws Error for kMeta.
void set_planned_device(DeviceType type);

}  // namespace roux

#endif  // ROUX_TENSOR_PLANNED_DEVICE_H_
