// The functions of NCCL that the backend calls, found by name in libnccl.so.2, and the wait for a stream in
// the driver's libcuda.so.1: neither is needed to build, nor by a program that asks for no such communicator.
// The types are opaque pointers in their binary interfaces.
#ifndef ROUX_TENSOR_COMM_NCCL_LIBRARY_H_
#define ROUX_TENSOR_COMM_NCCL_LIBRARY_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace roux::nccl {

using Comm = void*;
using Stream = void*;

struct UniqueId {
  char bytes[128];
};

inline constexpr int kSuccess = 0;
inline constexpr int kByte = 1;  // ncclUint8

struct Library {
  int (*GetVersion)(int* version);
  const char* (*GetErrorString)(int code);
  int (*GetUniqueId)(UniqueId* id);
  int (*CommInitRank)(Comm* comm, int ranks, UniqueId id, int rank);
  int (*CommAbort)(Comm comm);
  int (*GroupStart)();
  int (*GroupEnd)();
  int (*Send)(const void* data, size_t count, int type, int rank, Comm comm, Stream stream);
  int (*Recv)(void* data, size_t count, int type, int rank, Comm comm, Stream stream);
  int (*AllGather)(const void* in, void* out, size_t count, int type, Comm comm, Stream stream);
  int (*Broadcast)(const void* in, void* out, size_t count, int type, int root, Comm comm, Stream stream);
  int (*wait_for_stream)(Stream stream);  // 0: done
};

// FailedPrecondition, with what is missing, when a library is not there, lacks a function or is too old.
absl::StatusOr<std::shared_ptr<Library>> load(const std::string& nccl = "libnccl.so.2",
                                              const std::string& driver = "libcuda.so.1");

}  // namespace roux::nccl

#endif  // ROUX_TENSOR_COMM_NCCL_LIBRARY_H_
