#include "tensor/comm/mpi_library.h"

#include <dlfcn.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::mpi {
namespace {

constexpr char kSoname[] = "libmpi.so.40";

absl::Status load(Library& mpi) {
  // Global: OpenMPI's plugins look for its symbols.
  void* const handle = dlopen(kSoname, RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("a launcher started this program as one of several ranks, but OpenMPI's ", kSoname,
                     " cannot be loaded: ", dlerror(), "; run bazel/setup"));
  }
  std::string missing;
  const auto find = [&](const char* name) {
    void* const symbol = dlsym(handle, name);
    if (symbol == nullptr) absl::StrAppend(&missing, missing.empty() ? "" : ", ", name);
    return symbol;
  };
  const auto bind = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(find(name));
  };
  bind(mpi.Init_thread, "MPI_Init_thread");
  bind(mpi.Finalize, "MPI_Finalize");
  bind(mpi.Abort, "MPI_Abort");
  bind(mpi.Error_string, "MPI_Error_string");
  bind(mpi.Comm_rank, "MPI_Comm_rank");
  bind(mpi.Comm_size, "MPI_Comm_size");
  bind(mpi.Comm_dup, "MPI_Comm_dup");
  bind(mpi.Comm_free, "MPI_Comm_free");
  bind(mpi.Comm_set_errhandler, "MPI_Comm_set_errhandler");
  bind(mpi.Isend, "MPI_Isend");
  bind(mpi.Irecv, "MPI_Irecv");
  bind(mpi.Ibcast, "MPI_Ibcast");
  bind(mpi.Test, "MPI_Test");
  mpi.world = find("ompi_mpi_comm_world");
  mpi.byte = find("ompi_mpi_byte");
  mpi.errors_return = find("ompi_mpi_errors_return");
  if (!missing.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(kSoname, " lacks ", missing, ": OpenMPI 4 or 5 is needed"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Library*> library() {
  static auto* const mpi = new Library();
  static const auto* const status = new absl::Status(load(*mpi));
  if (!status->ok()) return *status;
  return mpi;
}

}  // namespace roux::mpi
