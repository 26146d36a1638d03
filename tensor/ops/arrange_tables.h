// Gradient slot of the arrange family; copies use the cast table.
#ifndef ROUX_TENSOR_OPS_ARRANGE_TABLES_H_
#define ROUX_TENSOR_OPS_ARRANGE_TABLES_H_

#include "tensor/ops/arrange.h"
#include "tensor/tables.h"

namespace roux {

struct FlipSaved {
  Dims axes;
};
extern constinit GradSlot<FlipSaved> flip_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ARRANGE_TABLES_H_
