// What the NCCL backend calls, for tests without GPUs: "device" memory is the host's, messages go over MPI,
// and the stream is a queue that runs in cuStreamSynchronize, so that a backend that does not wait reads what
// was not there yet.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "tensor/comm/mpi_library.h"
#include "tensor/comm/nccl_library.h"

namespace {

using roux::nccl::UniqueId;

constexpr int kInvalidArgument = 4, kInvalidUsage = 5;
constexpr char kMade[] = "made by rank 0";
constexpr int kTag = 77;

struct FakeComm {
  roux::mpi::Comm comm;
  int rank, ranks;
};

std::vector<std::function<void()>> queue;
int group_depth = 0;
roux::mpi::Library& mpi() { return **roux::mpi::library(); }

void finish(std::vector<roux::mpi::Request>& requests) {
  for (auto& request : requests) {
    for (int done = 0; done == 0;) mpi().Test(&request, &done, nullptr);
  }
  requests.clear();
}
std::vector<roux::mpi::Request> requests;

}  // namespace

extern "C" {

int ncclGetVersion(int* version) {
  const char* const other = std::getenv("FAKE_NCCL_VERSION");
  *version = other != nullptr ? std::atoi(other) : 21805;
  return 0;
}
const char* ncclGetErrorString(int code) {
  return code == kInvalidArgument ? "invalid argument" : code == kInvalidUsage ? "invalid usage" : "unknown";
}
int ncclGetUniqueId(UniqueId* id) {
  std::memset(id, 0, sizeof *id);
  std::memcpy(id->bytes, kMade, sizeof kMade);
  std::memset(id->bytes + 100, 7, 28);  // zeros and all 128 bytes have to arrive
  return 0;
}
int ncclCommInitRank(void** comm, int ranks, UniqueId id, int rank) {
  UniqueId expected;
  ncclGetUniqueId(&expected);
  if (std::memcmp(&id, &expected, sizeof id) != 0) return kInvalidArgument;
  auto* const made = new FakeComm{nullptr, rank, ranks};
  mpi().Comm_dup(mpi().world, &made->comm);
  *comm = made;
  return 0;
}
int ncclCommAbort(void* comm) {
  delete static_cast<FakeComm*>(comm);
  return 0;
}
int ncclGroupStart() {
  ++group_depth;
  return 0;
}
int ncclGroupEnd() {
  if (--group_depth < 0) return kInvalidUsage;
  if (group_depth == 0) {
    queue.emplace_back([] { finish(requests); });
  }
  return 0;
}
// Outside of a group a send to oneself waits for its receive for ever.
int ncclSend(const void* data, size_t count, int type, int to, void* comm, void*) {
  if (group_depth == 0 || type != roux::nccl::kByte) return kInvalidUsage;
  const auto* const c = static_cast<FakeComm*>(comm);
  queue.emplace_back([=] {
    mpi().Isend(data, static_cast<int>(count), mpi().byte, to, kTag, c->comm, &requests.emplace_back());
  });
  return 0;
}
int ncclRecv(void* data, size_t count, int type, int from, void* comm, void*) {
  if (group_depth == 0 || type != roux::nccl::kByte) return kInvalidUsage;
  const auto* const c = static_cast<FakeComm*>(comm);
  queue.emplace_back([=] {
    mpi().Irecv(data, static_cast<int>(count), mpi().byte, from, kTag, c->comm, &requests.emplace_back());
  });
  return 0;
}
int ncclAllGather(const void* in, void* out, size_t count, int type, void* comm, void* stream) {
  const auto* const c = static_cast<FakeComm*>(comm);
  ncclGroupStart();
  int code = 0;
  for (int i = 0; i < c->ranks; ++i) {
    char* const at = static_cast<char*>(out) + static_cast<size_t>(i) * count;
    if (i == c->rank) {
      queue.emplace_back([=] { std::memmove(at, in, count); });
      continue;
    }
    code = std::max(
        {code, ncclSend(in, count, type, i, comm, stream), ncclRecv(at, count, type, i, comm, stream)});
  }
  ncclGroupEnd();
  return code;
}
int ncclBroadcast(const void* in, void* out, size_t count, int type, int root, void* comm, void*) {
  if (type != roux::nccl::kByte || in != out) return kInvalidUsage;
  const auto* const c = static_cast<FakeComm*>(comm);
  queue.emplace_back([=] {
    mpi().Ibcast(out, static_cast<int>(count), mpi().byte, root, c->comm, &requests.emplace_back());
    finish(requests);
  });
  return 0;
}
int cuStreamSynchronize(void*) {
  if (group_depth != 0) return 1;
  for (const auto& run : queue) run();
  queue.clear();
  return 0;
}

}  // extern "C"
