// The NCCL backend: collectives over tensors on GPUs, one GPU a rank, beside a communicator of the same ranks
// over the host, which passes NCCL's id, carries bytes, and announces each collective, so that ranks that
// differ or hang are found as they are there.
//
//   ROUX_ASSIGN_OR_RETURN(auto library, nccl::load());
//   auto comm = make_nccl(library, world(), Device{DeviceType::kCuda, local_rank});
//
// NCCL moves bytes alone; sums are made by the ops of tensor/, in rank order and in f32 for 16-bit types, as
// the other backends make them. A call waits for what was launched before it and returns when the result is
// there: nothing is hidden behind computation.
#ifndef ROUX_TENSOR_COMM_NCCL_COMMUNICATOR_H_
#define ROUX_TENSOR_COMM_NCCL_COMMUNICATOR_H_

#include <memory>

#include "tensor/comm/communicator.h"
#include "tensor/comm/nccl_library.h"

namespace roux {

// Collective. `host` outlives it, and is used by it alone while a collective runs. Throws Error when NCCL
// does not start. The kernels of `device` have to be linked.
std::unique_ptr<Communicator> make_nccl(std::shared_ptr<nccl::Library> library, Communicator& host,
                                        Device device);

}  // namespace roux

#endif  // ROUX_TENSOR_COMM_NCCL_COMMUNICATOR_H_
