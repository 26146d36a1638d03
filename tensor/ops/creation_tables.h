#ifndef ROUX_TENSOR_OPS_CREATION_TABLES_H_
#define ROUX_TENSOR_OPS_CREATION_TABLES_H_

#include "tensor/ops/creation.h"
#include "tensor/tables.h"

namespace roux {

struct ToDeviceSaved {
  Device from;
};
extern constinit GradSlot<ToDeviceSaved> to_device_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_CREATION_TABLES_H_
