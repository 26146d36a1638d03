// Where a thread's next launches go, on device types that have more than one device and one current device a
// thread (CUDA). An op allocates its result or notes what it writes (tensor.h) right before it launches: both
// make the tensor's device the thread's.
#ifndef ROUX_TENSOR_ENTER_DEVICE_H_
#define ROUX_TENSOR_ENTER_DEVICE_H_

#include "tensor/device.h"

namespace roux {

using EnterDevice = void(int index);
// For runtimes, before main(): what makes a device of this type the thread's. nullptr: nothing to do.
void set_enter_device(DeviceType type, EnterDevice* enter);
void enter_device(Device device);

}  // namespace roux

#endif  // ROUX_TENSOR_ENTER_DEVICE_H_
