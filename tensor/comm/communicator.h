// Collectives over the processes of one job: the same program, started once a rank by mpirun or srun.
//
//   ROUX_RETURN_IF_ERROR(start_world());              // first thing in main; alone: a world of one rank
//   Communicator& comm = world();
//   Pending sum = comm.all_reduce_(grad, ReduceOp::kSum);
//   ...work that does not touch grad...
//   sum.wait();
//
// Each rank calls the same collectives in the same order with tensors of the same dtype and size. They run
// one after another on a thread of the communicator, so that a started one goes on while the caller computes.
// Communicators of one world that different threads use at a time are made by duplicate().
//
// Sums and means are taken in rank order, element by element, 16-bit types in f32 and rounded once: the same
// bits on every rank, in every run with as many ranks, whatever the size of the message.
//
// Tensors: contiguous, on device() (the CPU but for the backend "nccl", nccl_communicator.h), without a
// recorded graph; i32, i64 and floating dtypes to reduce, any
// dtype to move. A tensor belongs to the collective until wait(). Errors of use throw Error at the call. A
// collective that fails (a rank is gone, a rank called something else, nothing came within the timeout)
// throws Error from wait(), and so do all later ones of this communicator.
#ifndef ROUX_TENSOR_COMM_COMMUNICATOR_H_
#define ROUX_TENSOR_COMM_COMMUNICATOR_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tensor/tensor.h"

namespace roux {

enum class ReduceOp { kSum, kMean, kMax };

// A started collective. Movable; destroyed without wait(), it waits and drops the error.
class Pending {
 public:
  Pending() = default;  // nothing started: wait() returns at once
  Pending(Pending&&) noexcept;
  Pending& operator=(Pending&&) noexcept;
  ~Pending();
  // Returns when the result is there. Throws Error when the collective failed. A second call does nothing.
  void wait();

  struct State;
  explicit Pending(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

// Seconds that this process has spent in Pending::wait() so far: what it lost to communication and to slower
// ranks.
double seconds_waited();

class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }  // 0 .. size() - 1
  int size() const { return size_; }
  virtual const char* backend() const = 0;  // "self", "mpi", "nccl"
  virtual Device device() const { return kCpu; }

  // x of every rank becomes sum, mean or maximum over the ranks. kMean of integers throws Error; NaN wins
  // kMax.
  Pending all_reduce_(const Tensor& x, ReduceOp op);
  // The list as one message, of one dtype; an empty list does nothing.
  Pending all_reduce_(const std::vector<Tensor>& xs, ReduceOp op);
  // out = the rank-th of size() equal slices of the reduced in: in has size() * out.numel() elements, out is
  // not in.
  Pending reduce_scatter(const Tensor& out, const Tensor& in, ReduceOp op);
  // out = the ranks' ins in rank order: out has size() * in.numel() elements. in may be its own slice of out.
  Pending all_gather(const Tensor& out, const Tensor& in);
  // x of every rank becomes that of `root`.
  Pending broadcast_(const Tensor& x, int root);
  // Returns when every rank has called it.
  void barrier();

  // Bytes of any length, also different ones, on the host: those of `root` on every rank; those of all ranks,
  // by rank.
  virtual std::string broadcast(const std::string& bytes, int root);
  virtual std::vector<std::string> all_gather(const std::string& bytes);

  // A communicator over the same ranks with its own order of calls. Collective: each rank calls it.
  virtual std::unique_ptr<Communicator> duplicate() = 0;

 protected:
  Communicator(int rank, int size) : rank_(rank), size_(size) {}

  // What a backend does. Memory is that of device(); calls come from one thread at a time and may throw
  // Error.
  struct Buffer {
    char* data;
    int64_t bytes;
  };
  // Sends send[i] to rank i, receives recv[i] from rank i; sizes agree. [size()] each.
  virtual void exchange(const std::vector<Buffer>& send, const std::vector<Buffer>& recv) = 0;
  // out: size() * in.bytes, in rank order. `in` may lie at its place in `out`.
  virtual void gather(Buffer out, Buffer in) = 0;
  virtual void send_to_all(Buffer x, int root) = 0;
  virtual void meet() = 0;
  // out = op over the rows of parts, [size(), count], in their order and as reduce_ranks() does it.
  virtual void reduce(const Tensor& parts, ReduceOp op, char* out);

  // Queues fn on the communicator's thread; a world of one rank runs it at once.
  virtual Pending start(std::function<void()> fn);
  // Ends the thread after what is queued; a backend calls it before what its functions use is gone.
  void stop_thread();

 private:
  class Thread;
  void reduce_all(char* data, DType dtype, int64_t numel, ReduceOp op);
  void check_tensor(const char* op, const char* argument, const Tensor& x) const;

  int rank_, size_;
  std::shared_ptr<Thread> thread_;
};

// Joins the job that mpirun or srun started this process in; a process that was started alone is a world of
// one. Called once, at the start of main and before other threads. FailedPrecondition when a launcher is
// there but OpenMPI's library is not, Unavailable when it does not start.
absl::Status start_world();
// A world of one rank unless start_world() joined a larger one.
Communicator& world();

// Leaves the job in order, together with all ranks, which may then end with any exit code: nothing but
// world() may be called afterwards. Without it a process that ends with another code than 0 ends the job.
void leave_world();

// Ends every rank of the job now with this exit code, after printing `why` with the rank on stderr: for a
// failure that only this rank knows of. In a world of one: prints and exits.
[[noreturn]] void abort_world(const std::string& why, int exit_code = 1);

// [begin, end) of the rank-th of `ranks` contiguous slices of 0 .. count-1: equal but for the first count %
// ranks, which have one more.
std::pair<int64_t, int64_t> slice_of_rank(int64_t count, int rank, int ranks);

// How long a collective waits for the other ranks before it fails; ROUX_COMM_TIMEOUT_S, else 600 s.
void set_comm_timeout(std::chrono::milliseconds timeout);
std::chrono::milliseconds comm_timeout();

}  // namespace roux

#endif  // ROUX_TENSOR_COMM_COMMUNICATOR_H_
