// The functions of OpenMPI that the backend calls, found by name in libmpi.so.40. Declared here, since
// Debian's header package brings a Fortran compiler along; the types are opaque pointers in OpenMPI's binary
// interface, which the library's version number stands for (mpi.h of 4.1).
#ifndef ROUX_TENSOR_COMM_MPI_LIBRARY_H_
#define ROUX_TENSOR_COMM_MPI_LIBRARY_H_

#include <mutex>

#include "absl/status/statusor.h"

namespace roux::mpi {

using Comm = void*;
using Datatype = void*;
using Errhandler = void*;
using Request = void*;

inline constexpr int kSuccess = 0;
inline constexpr int kThreadSerialized = 2;
inline constexpr int kMaxErrorString = 256;

struct Library {
  int (*Init_thread)(int* argc, char*** argv, int required, int* provided);
  int (*Finalize)();
  int (*Abort)(Comm comm, int code);
  int (*Error_string)(int code, char* text, int* length);
  int (*Comm_rank)(Comm comm, int* rank);
  int (*Comm_size)(Comm comm, int* size);
  int (*Comm_dup)(Comm comm, Comm* copy);
  int (*Comm_free)(Comm* comm);
  int (*Comm_set_errhandler)(Comm comm, Errhandler handler);
  int (*Isend)(const void* data, int count, Datatype type, int rank, int tag, Comm comm, Request* request);
  int (*Irecv)(void* data, int count, Datatype type, int rank, int tag, Comm comm, Request* request);
  int (*Ibcast)(void* data, int count, Datatype type, int root, Comm comm, Request* request);
  int (*Test)(Request* request, int* done, void* status);
  Comm world;
  Datatype byte;
  Errhandler errors_return;

  std::mutex mutex;  // held in each call: MPI is started for one thread at a time
};

// The library, loaded once. FailedPrecondition, with what to install, when it is not there or is another one.
absl::StatusOr<Library*> library();

}  // namespace roux::mpi

#endif  // ROUX_TENSOR_COMM_MPI_LIBRARY_H_
