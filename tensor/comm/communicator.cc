#include "tensor/comm/communicator.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tensor/comm/mpi_communicator.h"
#include "tensor/comm/reduce_ranks.h"
#include "tensor/error.h"
#include "tensor/overlap.h"
#include "tensor/parallel.h"
#include "tensor/profiler.h"

namespace roux {
namespace {

// Messages are cut so that what a rank receives before it is summed stays below this.
constexpr int64_t kPieceBytes = int64_t{64} << 20;
// Below this every rank sums all: one exchange instead of two.
constexpr int64_t kSmallBytes = 16 << 10;

std::atomic<int64_t> timeout_ms{[] {
  const char* text = std::getenv("ROUX_COMM_TIMEOUT_S");
  double seconds = 0;
  return text != nullptr && absl::SimpleAtod(text, &seconds) && seconds > 0
             ? static_cast<int64_t>(seconds * 1000)
             : int64_t{600'000};
}()};

std::unique_ptr<Communicator>& joined_world() {
  static auto* const world = new std::unique_ptr<Communicator>();  // threads may outlive main
  return *world;
}

class SelfCommunicator final : public Communicator {
 public:
  SelfCommunicator() : Communicator(0, 1) {}
  const char* backend() const override { return "self"; }
  std::unique_ptr<Communicator> duplicate() override { return std::make_unique<SelfCommunicator>(); }

 protected:
  void exchange(const std::vector<Buffer>& send, const std::vector<Buffer>& recv) override {
    if (send[0].data != recv[0].data) std::memmove(recv[0].data, send[0].data, send[0].bytes);
  }
  void gather(Buffer out, Buffer in) override {
    if (out.data != in.data) std::memmove(out.data, in.data, in.bytes);
  }
  void send_to_all(Buffer, int) override {}
  void meet() override {}
};

void check_reducible(const char* op, DType dtype, ReduceOp reduce) {
  ROUX_CHECK(can_reduce_ranks(dtype)) << op << ": no reduction of " << name(dtype);
  ROUX_CHECK(reduce != ReduceOp::kMean || is_floating(dtype)) << op << ": no mean of " << name(dtype);
}

char* bytes_of(const Tensor& x) { return static_cast<char*>(x.raw_data()); }

void copy_bytes(Device device, char* to, const char* from, int64_t bytes) {
  if (bytes > 0) runtime(device.type).copy(to, from, static_cast<size_t>(bytes), device.index);
}

}  // namespace

void Communicator::check_tensor(const char* op, const char* argument, const Tensor& x) const {
  ROUX_CHECK(x.defined()) << op << ": " << argument << " is undefined";
  ROUX_CHECK(x.device() == device() && x.is_contiguous())
      << op << ": " << argument << " is " << x.spec() << " on " << x.device()
      << (x.is_contiguous() ? "" : ", not contiguous") << "; needed contiguous on " << device();
}

struct Pending::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::string error;  // of a collective that failed

  void finish(std::string text) {
    {
      const std::lock_guard lock(mutex);
      error = std::move(text);
      done = true;
    }
    changed.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return done; });
  }
};

Pending::Pending(std::shared_ptr<State> state) : state_(std::move(state)) {}
Pending::Pending(Pending&&) noexcept = default;
Pending& Pending::operator=(Pending&& other) noexcept {
  if (state_) state_->wait();
  state_ = std::move(other.state_);
  return *this;
}
Pending::~Pending() {
  if (state_) state_->wait();
}

namespace {
std::atomic<double> waited = 0;
}  // namespace

double seconds_waited() { return waited; }

void Pending::wait() {
  if (!state_) return;
  ROUX_TRACE_SCOPE("wait for other ranks");
  const std::shared_ptr<State> state = std::exchange(state_, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  state->wait();
  waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!state->error.empty()) throw Error(state->error);
}

// Runs what is started, in that order. After a failure nothing runs: ranks no longer agree on the order.
class Communicator::Thread {
 public:
  Thread() : thread_([this] { run(); }) {}
  ~Thread() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void add(std::shared_ptr<Pending::State> state, std::function<void()> fn) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back({std::move(state), std::move(fn)});
    }
    changed_.notify_one();
  }

 private:
  struct Task {
    std::shared_ptr<Pending::State> state;
    std::function<void()> fn;
  };

  void run() {
    set_num_threads(1);  // the caller computes beside it
    std::string failed;
    while (true) {
      Task task;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return ending_ || !queue_.empty(); });
        if (queue_.empty()) return;
        task = std::move(queue_.front());
        queue_.pop_front();
      }
      if (failed.empty()) {
        try {
          task.fn();
        } catch (const std::exception& error) {
          failed = error.what();
        }
      }
      task.fn = nullptr;  // what it holds is free before the caller goes on
      task.state->finish(failed);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> queue_;
  bool ending_ = false;
  std::thread thread_;
};

Pending Communicator::start(std::function<void()> fn) {
  if (size_ == 1) {
    fn();
    return Pending();
  }
  if (!thread_) thread_ = std::make_shared<Thread>();
  auto state = std::make_shared<Pending::State>();
  thread_->add(state, std::move(fn));
  return Pending(state);
}

void Communicator::stop_thread() { thread_.reset(); }

void Communicator::reduce(const Tensor& parts, ReduceOp op, char* out) {
  reduce_ranks(parts.raw_data(), size_, parts.size(1), parts.dtype(), op, out);
}

void Communicator::reduce_all(char* data, DType dtype, int64_t numel, ReduceOp op) {
  const int64_t size = static_cast<int64_t>(size_of(dtype));
  std::vector<Buffer> send(size_), recv(size_);
  const int64_t piece = kPieceBytes / size;
  for (int64_t begin = 0; begin < numel; begin += piece) {
    char* const at = data + begin * size;
    const int64_t count = std::min(piece, numel - begin);
    if (count * size <= kSmallBytes) {
      const Tensor received = empty(TensorSpec{dtype, {size_, count}}, device());
      gather({bytes_of(received), static_cast<int64_t>(received.bytes())}, {at, count * size});
      reduce(received, op, at);
      continue;
    }
    const auto [own_begin, own_end] = slice_of_rank(count, rank_, size_);
    const int64_t own = own_end - own_begin;
    const Tensor received = empty(TensorSpec{dtype, {size_, own}}, device());
    for (int i = 0; i < size_; ++i) {
      const auto [from, to] = slice_of_rank(count, i, size_);
      send[i] = {at + from * size, (to - from) * size};
      recv[i] = {bytes_of(received) + i * own * size, own * size};
    }
    exchange(send, recv);
    reduce(received, op, at + own_begin * size);
    for (int i = 0; i < size_; ++i) {
      recv[i] = send[i];  // slice i lives at its owner
      send[i] = {at + own_begin * size, own * size};
    }
    exchange(send, recv);
  }
}

Pending Communicator::all_reduce_(const Tensor& x, ReduceOp op) {
  return all_reduce_(std::vector<Tensor>{x}, op);
}

Pending Communicator::all_reduce_(const std::vector<Tensor>& xs, ReduceOp op) {
  if (xs.empty()) return Pending();
  int64_t numel = 0;
  for (const Tensor& x : xs) {
    check_tensor("all_reduce_", "x", x);
    ROUX_CHECK(x.dtype() == xs[0].dtype()) << "all_reduce_: a list of one dtype is needed, it has "
                                           << name(xs[0].dtype()) << " and " << name(x.dtype());
    note_write(x, "all_reduce_");
    numel += x.numel();
  }
  const DType dtype = xs[0].dtype();
  check_reducible("all_reduce_", dtype, op);
  if (size_ == 1 || numel == 0) return Pending();
  return start([this, xs, op, dtype, numel] {
    if (xs.size() == 1) {
      reduce_all(bytes_of(xs[0]), dtype, numel, op);
      return;
    }
    const Tensor flat = empty(TensorSpec{dtype, {numel}}, device());
    char* at = bytes_of(flat);
    for (const Tensor& x : xs) {
      copy_bytes(device(), at, bytes_of(x), static_cast<int64_t>(x.bytes()));
      at += x.bytes();
    }
    reduce_all(bytes_of(flat), dtype, numel, op);
    at = bytes_of(flat);
    for (const Tensor& x : xs) {
      copy_bytes(device(), bytes_of(x), at, static_cast<int64_t>(x.bytes()));
      at += x.bytes();
    }
  });
}

Pending Communicator::reduce_scatter(const Tensor& out, const Tensor& in, ReduceOp op) {
  check_tensor("reduce_scatter", "out", out);
  check_tensor("reduce_scatter", "in", in);
  check_reducible("reduce_scatter", in.dtype(), op);
  ROUX_CHECK(in.dtype() == out.dtype() && in.numel() == out.numel() * size_ && !shares_memory(out, in))
      << "reduce_scatter: out is " << out.spec() << ", in is " << in.spec() << " over " << size_
      << " ranks; needed one dtype, an equal slice each, separate memory";
  note_write(out, "reduce_scatter");
  return start([this, out, in, op] {
    const int64_t size = static_cast<int64_t>(size_of(in.dtype()));
    const int64_t own = out.numel(), piece = std::max<int64_t>(1, kPieceBytes / size / size_);
    std::vector<Buffer> send(size_), recv(size_);
    for (int64_t begin = 0; begin < own; begin += piece) {
      const int64_t count = std::min(piece, own - begin);
      const Tensor received = empty(TensorSpec{in.dtype(), {size_, count}}, device());
      for (int i = 0; i < size_; ++i) {
        send[i] = {bytes_of(in) + (i * own + begin) * size, count * size};
        recv[i] = {bytes_of(received) + i * count * size, count * size};
      }
      exchange(send, recv);
      reduce(received, op, bytes_of(out) + begin * size);
    }
  });
}

Pending Communicator::all_gather(const Tensor& out, const Tensor& in) {
  check_tensor("all_gather", "out", out);
  check_tensor("all_gather", "in", in);
  const char* const own = bytes_of(out) + rank_ * in.bytes();
  ROUX_CHECK(in.dtype() == out.dtype() && out.numel() == in.numel() * size_ &&
             (bytes_of(in) == own || !shares_memory(out, in)))
      << "all_gather: out is " << out.spec() << ", in is " << in.spec() << " over " << size_
      << " ranks; needed one dtype, size() times the elements, separate memory or in at its own slice of out";
  note_write(out, "all_gather");
  return start([this, out, in] {
    gather({bytes_of(out), static_cast<int64_t>(out.bytes())},
           {bytes_of(in), static_cast<int64_t>(in.bytes())});
  });
}

Pending Communicator::broadcast_(const Tensor& x, int root) {
  check_tensor("broadcast_", "x", x);
  ROUX_CHECK(root >= 0 && root < size_) << "broadcast_: root is " << root << " of " << size_ << " ranks";
  note_write(x, "broadcast_");
  return start([this, x, root] { send_to_all({bytes_of(x), static_cast<int64_t>(x.bytes())}, root); });
}

void Communicator::barrier() {
  start([this] { meet(); }).wait();
}

std::string Communicator::broadcast(const std::string& bytes, int root) {
  ROUX_CHECK(root >= 0 && root < size_) << "broadcast: root is " << root << " of " << size_ << " ranks";
  std::string out = rank_ == root ? bytes : "";
  start([&] {
    int64_t length = static_cast<int64_t>(out.size());
    send_to_all({reinterpret_cast<char*>(&length), sizeof length}, root);
    out.resize(length);
    send_to_all({out.data(), length}, root);
  }).wait();
  return out;
}

std::vector<std::string> Communicator::all_gather(const std::string& bytes) {
  std::vector<std::string> out(size_);
  start([&] {
    std::vector<int64_t> lengths(size_);
    int64_t length = static_cast<int64_t>(bytes.size());
    gather({reinterpret_cast<char*>(lengths.data()), static_cast<int64_t>(size_ * sizeof length)},
           {reinterpret_cast<char*>(&length), sizeof length});
    std::vector<Buffer> send(size_), recv(size_);
    for (int i = 0; i < size_; ++i) {
      out[i].resize(lengths[i]);
      send[i] = {const_cast<char*>(bytes.data()), length};
      recv[i] = {out[i].data(), lengths[i]};
    }
    exchange(send, recv);
  }).wait();
  return out;
}

absl::Status start_world() {
  ROUX_CHECK(!joined_world()) << "start_world: called twice";
  if (!started_by_launcher()) return absl::OkStatus();
  ROUX_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> mpi, start_mpi());
  joined_world() = std::move(mpi);
  return absl::OkStatus();
}

Communicator& world() {
  if (joined_world()) return *joined_world();
  static auto* const self = new SelfCommunicator();
  return *self;
}

void abort_world(const std::string& why, int exit_code) {
  if (joined_world()) abort_mpi(why, exit_code);
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(exit_code);
}

std::pair<int64_t, int64_t> slice_of_rank(int64_t count, int rank, int ranks) {
  const int64_t base = count / ranks, longer = count % ranks;
  const int64_t begin = base * rank + std::min<int64_t>(rank, longer);
  return {begin, begin + base + (rank < longer ? 1 : 0)};
}

void leave_world() {
  if (joined_world()) leave_mpi();
}

void set_comm_timeout(std::chrono::milliseconds timeout) { timeout_ms = timeout.count(); }
std::chrono::milliseconds comm_timeout() { return std::chrono::milliseconds(timeout_ms); }

}  // namespace roux
