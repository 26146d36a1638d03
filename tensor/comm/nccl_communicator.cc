#include "tensor/comm/nccl_communicator.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::shared_ptr<nccl::Library> library, Communicator& host, Device device)
      : Communicator(host.rank(), host.size()), nccl_(std::move(library)), host_(host), device_(device) {
    std::string bytes(sizeof(nccl::UniqueId), '\0');
    int code = nccl::kSuccess;
    if (rank() == 0) {
      nccl::UniqueId id;
      code = nccl_->GetUniqueId(&id);
      std::memcpy(bytes.data(), id.bytes, sizeof id.bytes);
    }
    bytes = host_.broadcast(absl::StrCat(code == nccl::kSuccess ? "y" : "n", bytes), 0);
    ROUX_CHECK(bytes[0] == 'y') << "nccl: rank 0 got no id";
    nccl::UniqueId id;
    std::memcpy(id.bytes, bytes.data() + 1, sizeof id.bytes);
    synchronize(device_);  // makes the device current on this thread
    check(nccl_->CommInitRank(&comm_, size(), id, rank()));
  }
  ~NcclCommunicator() override {
    // Destroyed together NCCL's communicators wait for each other, which destructors cannot promise.
    if (comm_ != nullptr) nccl_->CommAbort(comm_);
  }

  const char* backend() const override { return "nccl"; }
  Device device() const override { return device_; }
  std::unique_ptr<Communicator> duplicate() override {
    return std::make_unique<NcclCommunicator>(nccl_, host_, device_);
  }
  std::string broadcast(const std::string& bytes, int root) override { return host_.broadcast(bytes, root); }
  std::vector<std::string> all_gather(const std::string& bytes) override { return host_.all_gather(bytes); }

 protected:
  void exchange(const std::vector<Buffer>& send, const std::vector<Buffer>& recv) override {
    announce_exchange(send, recv);
    check(nccl_->GroupStart());
    for (int i = 0; i < size(); ++i) {
      if (send[i].bytes > 0) check(nccl_->Send(send[i].data, send[i].bytes, nccl::kByte, i, comm_, nullptr));
      if (recv[i].bytes > 0) check(nccl_->Recv(recv[i].data, recv[i].bytes, nccl::kByte, i, comm_, nullptr));
    }
    check(nccl_->GroupEnd());
    wait();
  }
  void gather(Buffer out, Buffer in) override {
    announce(absl::StrCat("a gather of ", in.bytes, " bytes"));
    check(nccl_->AllGather(in.data, out.data, in.bytes, nccl::kByte, comm_, nullptr));
    wait();
  }
  void send_to_all(Buffer x, int root) override {
    announce(absl::StrCat("a broadcast of ", x.bytes, " bytes with root ", root));
    check(nccl_->Broadcast(x.data, x.data, x.bytes, nccl::kByte, root, comm_, nullptr));
    wait();
  }
  void meet() override { announce("a barrier"); }

  void reduce(const Tensor& parts, ReduceOp op, char* out) override {
    const NoGradGuard no_grad;
    const DType dtype = parts.dtype();
    const DType wide = dtype == kBF16 || dtype == kF16 ? kF32 : dtype;
    const auto part = [&](int64_t rank) { return select(parts, 0, rank).to(wide); };
    Tensor result = part(0);
    for (int64_t rank = 1; rank < size(); ++rank) {
      result = op == ReduceOp::kMax ? maximum(result, part(rank)) : result + part(rank);
    }
    if (op == ReduceOp::kMean) result = result / static_cast<double>(size());
    result = result.to(dtype).contiguous();
    runtime(device_.type).copy(out, result.raw_data(), result.bytes(), device_.index);
  }

  Pending start(std::function<void()> fn) override {
    synchronize(device_);
    fn();
    return Pending();
  }

 private:
  void check(int code) const {
    ROUX_CHECK(code == nccl::kSuccess) << "nccl: rank " << rank() << ": " << nccl_->GetErrorString(code);
  }
  void wait() const {
    const int code = nccl_->wait_for_stream(nullptr);
    ROUX_CHECK(code == 0) << "nccl: rank " << rank() << ": the driver's error " << code
                          << " while a collective ran";
  }
  // Every rank has come, to the same.
  void announce(const std::string& what) {
    const std::vector<std::string> all = host_.all_gather(what);
    for (size_t i = 0; i < all.size(); ++i) {
      ROUX_CHECK(all[i] == what) << "nccl: the ranks do not agree: rank " << rank() << " is at " << what
                                 << ", rank " << i << " at " << said(all[i]);
    }
  }
  // What rank i sends to rank j is what j expects of i.
  void announce_exchange(const std::vector<Buffer>& send, const std::vector<Buffer>& recv) {
    std::string sizes;
    for (const Buffer& buffer : send) absl::StrAppend(&sizes, " ", buffer.bytes);
    const std::vector<std::string> all = host_.all_gather(kReduction + sizes);
    for (int i = 0; i < size(); ++i) {
      const std::vector<std::string> words = absl::StrSplit(all[i], ' ');
      const bool same = said(all[i]) == kReduction &&
                        words[words.size() - (size() - rank())] == absl::StrCat(recv[i].bytes);
      ROUX_CHECK(same) << "nccl: the ranks do not agree: rank " << rank() << " is at " << kReduction
                       << " and expects " << recv[i].bytes << " bytes from rank " << i << ", which is at "
                       << all[i];
    }
  }
  // Without the sizes to each rank.
  static std::string said(const std::string& text) {
    return absl::StartsWith(text, kReduction) ? kReduction : text;
  }
  static inline const std::string kReduction = "a reduction";

  const std::shared_ptr<nccl::Library> nccl_;
  Communicator& host_;
  const Device device_;
  nccl::Comm comm_ = nullptr;
};

}  // namespace

std::unique_ptr<Communicator> make_nccl(std::shared_ptr<nccl::Library> library, Communicator& host,
                                        Device device) {
  return std::make_unique<NcclCommunicator>(std::move(library), host, device);
}

}  // namespace roux
