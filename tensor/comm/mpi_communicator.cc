#include "tensor/comm/mpi_communicator.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tensor/comm/mpi_library.h"
#include "tensor/error.h"

namespace roux {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMessageBytes = int64_t{1} << 30;  // MPI counts in int
constexpr int kHeaderTag = 1, kDataTag = 2;
constexpr auto kSpin = std::chrono::microseconds(100);
constexpr auto kYield = std::chrono::milliseconds(2);

enum class Kind : int32_t { kExchange, kGather, kBroadcast, kBarrier };
const char* name(Kind kind) {
  switch (kind) {
    case Kind::kExchange:
      return "a reduction";
    case Kind::kGather:
      return "a gather";
    case Kind::kBroadcast:
      return "a broadcast";
    case Kind::kBarrier:
      return "a barrier";
  }
  return "something unknown";
}

// What a rank tells each other one before it moves data: where ranks are not at the same collective, or one
// does not come, the others know which.
struct Header {
  int64_t sequence = 0;
  Kind kind = Kind::kBarrier;
  int32_t root = 0;
  int64_t bytes = 0;  // to the rank it is sent to
};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(mpi::Library& mpi, mpi::Comm comm, int rank, int size)
      : Communicator(rank, size), mpi_(mpi), comm_(comm), sent_(size), received_(size) {}
  ~MpiCommunicator() override {
    stop_thread();
    // Freed collectively, which destructors cannot promise: the job's end frees it.
  }

  const char* backend() const override { return "mpi"; }

  std::unique_ptr<Communicator> duplicate() override {
    mpi::Comm copy = nullptr;
    start([&] {
      agree(
          Kind::kBarrier, 0, [](int) { return 0; }, [](int) { return 0; });
      const std::lock_guard lock(mpi_.mutex);
      check(mpi_.Comm_dup(comm_, &copy));
      check(mpi_.Comm_set_errhandler(copy, mpi_.errors_return));
    }).wait();
    return std::make_unique<MpiCommunicator>(mpi_, copy, rank(), size());
  }

 protected:
  void exchange(const std::vector<Buffer>& send, const std::vector<Buffer>& recv) override {
    agree(
        Kind::kExchange, 0, [&](int i) { return send[i].bytes; }, [&](int i) { return recv[i].bytes; });
    for (int i = 0; i < size(); ++i) {
      if (i != rank()) receive(recv[i], i);
    }
    // Not all at once to the same rank.
    for (int d = 1; d < size(); ++d) {
      const int to = (rank() + d) % size();
      this->send(send[to], to);
    }
    if (send[rank()].data != recv[rank()].data) {
      std::memmove(recv[rank()].data, send[rank()].data, send[rank()].bytes);
    }
    wait_for_all(Kind::kExchange);
  }

  void gather(Buffer out, Buffer in) override {
    agree(
        Kind::kGather, 0, [&](int) { return in.bytes; }, [&](int) { return in.bytes; });
    for (int i = 0; i < size(); ++i) {
      char* const at = out.data + i * in.bytes;
      if (i != rank()) {
        receive({at, in.bytes}, i);
      } else if (at != in.data) {
        std::memmove(at, in.data, in.bytes);
      }
    }
    for (int d = 1; d < size(); ++d) send(in, (rank() + d) % size());
    wait_for_all(Kind::kGather);
  }

  void send_to_all(Buffer x, int root) override {
    agree(
        Kind::kBroadcast, root, [&](int) { return x.bytes; }, [&](int) { return x.bytes; });
    for (int64_t at = 0; at < x.bytes; at += kMessageBytes) {
      const int count = static_cast<int>(std::min(kMessageBytes, x.bytes - at));
      open([&](mpi::Request* request) {
        return mpi_.Ibcast(x.data + at, count, mpi_.byte, root, comm_, request);
      });
    }
    wait_for_all(Kind::kBroadcast);
  }

  void meet() override {
    agree(
        Kind::kBarrier, 0, [](int) { return 0; }, [](int) { return 0; });
  }

 private:
  struct Open {
    mpi::Request request;
    int rank;  // that it waits for; -1: several
  };

  void check(int code) {
    if (code == mpi::kSuccess) return;
    char text[mpi::kMaxErrorString] = "";
    int length = 0;
    mpi_.Error_string(code, text, &length);
    throw Error(absl::StrCat("collective ", sequence_, " of rank ", rank(), ": MPI: ", text));
  }

  template <class Call>
  void open(const Call& call, int rank = -1) {
    mpi::Request request = nullptr;
    {
      const std::lock_guard lock(mpi_.mutex);
      check(call(&request));
    }
    open_.push_back({request, rank});
  }
  void send(Buffer x, int to) {
    for (int64_t at = 0; at < x.bytes; at += kMessageBytes) {
      const int count = static_cast<int>(std::min(kMessageBytes, x.bytes - at));
      open(
          [&](mpi::Request* request) {
            return mpi_.Isend(x.data + at, count, mpi_.byte, to, kDataTag, comm_, request);
          },
          to);
    }
  }
  void receive(Buffer x, int from) {
    for (int64_t at = 0; at < x.bytes; at += kMessageBytes) {
      const int count = static_cast<int>(std::min(kMessageBytes, x.bytes - at));
      open(
          [&](mpi::Request* request) {
            return mpi_.Irecv(x.data + at, count, mpi_.byte, from, kDataTag, comm_, request);
          },
          from);
    }
  }

  // Tests until nothing is open. Spins, then yields, then sleeps: ranks may share cores.
  void wait_for_all(Kind kind) {
    const auto begin = Clock::now();
    while (true) {
      {
        const std::lock_guard lock(mpi_.mutex);
        size_t kept = 0;
        for (Open& entry : open_) {
          int done = 0;
          check(mpi_.Test(&entry.request, &done, nullptr));
          if (!done) open_[kept++] = entry;
        }
        open_.resize(kept);
      }
      if (open_.empty()) return;
      const auto waited = Clock::now() - begin;
      if (waited > comm_timeout()) late(kind);
      if (waited > kYield) {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      } else if (waited > kSpin) {
        std::this_thread::yield();
      }
    }
  }

  [[noreturn]] void late(Kind kind) {
    std::vector<int> ranks;
    for (const Open& entry : open_) {
      if (entry.rank >= 0) ranks.push_back(entry.rank);
    }
    std::sort(ranks.begin(), ranks.end());
    ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
    throw Error(absl::StrCat(
        "rank ", rank(), " waits in collective ", sequence_, ", ", name(kind), ", and after ",
        std::chrono::duration<double>(comm_timeout()).count(), " s ",
        ranks.empty() ? "some rank"
                      : absl::StrCat(ranks.size() == 1 ? "rank " : "ranks ", absl::StrJoin(ranks, ", ")),
        " did not come: hanging, stopped or at much longer work (ROUX_COMM_TIMEOUT_S)"));
  }

  // Every rank has come to this collective, and they agree on what it is.
  template <class Sent, class Expected>
  void agree(Kind kind, int root, const Sent& sent, const Expected& expected) {
    ++sequence_;
    for (int i = 0; i < size(); ++i) {
      if (i == rank()) continue;
      open(
          [&](mpi::Request* request) {
            return mpi_.Irecv(&received_[i], sizeof(Header), mpi_.byte, i, kHeaderTag, comm_, request);
          },
          i);
    }
    for (int i = 0; i < size(); ++i) {
      if (i == rank()) continue;
      sent_[i] = {sequence_, kind, root, sent(i)};
      open(
          [&](mpi::Request* request) {
            return mpi_.Isend(&sent_[i], sizeof(Header), mpi_.byte, i, kHeaderTag, comm_, request);
          },
          i);
    }
    wait_for_all(kind);
    for (int i = 0; i < size(); ++i) {
      if (i == rank()) continue;
      const Header& other = received_[i];
      if (other.sequence == sequence_ && other.kind == kind && other.root == root &&
          other.bytes == expected(i)) {
        continue;
      }
      throw Error(absl::StrCat("the ranks do not agree in collective ", sequence_, ": rank ", rank(),
                               " is at ", name(kind), " from rank ", i, " of ", expected(i),
                               " bytes with root ", root, ", rank ", i, " at ", name(other.kind), " of ",
                               other.bytes, " bytes with root ", other.root));
    }
  }

  mpi::Library& mpi_;
  mpi::Comm comm_;
  int64_t sequence_ = 0;
  std::vector<Header> sent_, received_;
  std::vector<Open> open_;
};

int variable(const char* name) {
  const char* const text = std::getenv(name);
  int value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : 0;
}

int world_rank = 0, world_size = 1;
bool has_left = false;

// Without an order between ranks MPI_Finalize would wait for those that go on.
void at_exit(int exit_code, void* library) {
  if (has_left) return;
  auto& mpi = *static_cast<mpi::Library*>(library);
  if (exit_code == 0) {
    mpi.Finalize();
  } else {
    mpi.Abort(mpi.world, exit_code);
  }
}

}  // namespace

bool started_by_launcher() {
  return variable("OMPI_COMM_WORLD_SIZE") > 1 ||
         (std::getenv("PMIX_RANK") != nullptr && variable("SLURM_NTASKS") > 1);
}

absl::StatusOr<std::unique_ptr<Communicator>> start_mpi() {
  ROUX_ASSIGN_OR_RETURN(mpi::Library* const mpi, mpi::library());
  int provided = 0;
  if (mpi->Init_thread(nullptr, nullptr, mpi::kThreadSerialized, &provided) != mpi::kSuccess ||
      provided < mpi::kThreadSerialized) {
    return absl::UnavailableError(absl::StrCat("OpenMPI does not start with threads: level ", provided,
                                               ", needed MPI_THREAD_SERIALIZED"));
  }
  mpi->Comm_set_errhandler(mpi->world, mpi->errors_return);
  mpi->Comm_rank(mpi->world, &world_rank);
  mpi->Comm_size(mpi->world, &world_size);
  on_exit(at_exit, mpi);
  return std::make_unique<MpiCommunicator>(*mpi, mpi->world, world_rank, world_size);
}

void leave_mpi() {
  if (std::exchange(has_left, true)) return;
  mpi::library().value()->Finalize();
}

void abort_mpi(const std::string& why, int exit_code) {
  std::fprintf(stderr, "rank %d of %d: %s\n", world_rank, world_size, why.c_str());
  std::fflush(nullptr);
  mpi::library().value()->Abort(mpi::library().value()->world, exit_code);
  std::_Exit(exit_code);
}

}  // namespace roux
