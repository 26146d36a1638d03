// The MPI backend: OpenMPI's libmpi.so.40, opened when a launcher started this process and not before, so
// that a program that runs alone needs no MPI and does not wait for its start.
#ifndef ROUX_TENSOR_COMM_MPI_COMMUNICATOR_H_
#define ROUX_TENSOR_COMM_MPI_COMMUNICATOR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tensor/comm/communicator.h"

namespace roux {

// Whether mpirun, or srun with PMIx, started this process in a job of more than one rank.
bool started_by_launcher();

// MPI_Init and the communicator of all ranks. At exit MPI is left in order when the exit code is 0, else the
// job is aborted: the others must not wait for a rank that has failed.
absl::StatusOr<std::unique_ptr<Communicator>> start_mpi();

// MPI_Finalize, once.
void leave_mpi();
[[noreturn]] void abort_mpi(const std::string& why, int exit_code);

}  // namespace roux

#endif  // ROUX_TENSOR_COMM_MPI_COMMUNICATOR_H_
