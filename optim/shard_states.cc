// What an optimizer does when its state is divided between ranks.
#include <utility>
#include <vector>

#include "optim/optimizer.h"
#include "tensor/comm/parameter_slices.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

Communicator*& current_comm() {
  static Communicator* comm = nullptr;
  return comm;
}

// As many elements a rank, so that slices can be gathered: those of rank 0, which has most.
int64_t longest_slice(int64_t numel, int ranks) { return slice_of_rank(numel, 0, ranks).second; }

// Slices are exchanged in messages of about this size.
constexpr int64_t kExchangeBytes = 4 << 20;

}  // namespace

ShardOptimizerStates::ShardOptimizerStates(Communicator& comm) : outer_(current_comm()) {
  current_comm() = &comm;
}
ShardOptimizerStates::~ShardOptimizerStates() { current_comm() = outer_; }

Communicator* ShardOptimizerStates::current() { return current_comm(); }

Tensor Optimizer::own_slice(const Tensor& whole) const {
  const auto [begin, end] = slice_of_rank(whole.numel(), comm_->rank(), comm_->size());
  return whole.detach().view({whole.numel()}).slice(0, begin, end);
}

Tensor Optimizer::param_slice(const Tensor& whole) const {
  const ParameterSlices* const divided = ParameterSlices::current();
  const Tensor slice = divided != nullptr ? divided->slice_of(whole) : Tensor();
  return slice.defined() ? slice : own_slice(whole);
}

void Optimizer::set_grad_slice(size_t i, const Tensor& slice) {
  ROUX_CHECK(comm_ != nullptr) << "optimizer: set_grad_slice is for a state that is divided between ranks";
  for (Group& group : groups_) {
    if (i >= group.slots.size()) {
      i -= group.slots.size();
      continue;
    }
    Slot& slot = group.slots[i];
    const auto [begin, end] = slice_of_rank(slot.whole.numel(), comm_->rank(), comm_->size());
    const TensorSpec needed = {slot.whole.dtype(), {end - begin}};
    ROUX_CHECK(slice.spec() == needed) << "optimizer: the slice of the gradient of " << slot.name << " is "
                                       << slice.spec() << ", needed " << needed;
    slot.grad_slice = slice;
    return;
  }
  ROUX_CHECK(false) << "optimizer: there is no parameter of this number";
}

// The same on every rank: a step is skipped, clipped or refused by all or none.
Tensor Optimizer::norm_over_ranks(const Tensor& own) const {
  if (scalars_.device().type == DeviceType::kMeta) return own.defined() ? own : zeros({1}, kF64, kMeta);
  const double norm = own.defined() ? own.item() : 0;
  const Tensor sums = tensor(std::vector<double>{norm * norm, own.defined() ? 1.0 : 0.0}, {2});
  comm_->all_reduce_(sums, ReduceOp::kSum).wait();
  return sums.to_vector<double>()[1] == 0 ? Tensor() : sqrt(sums.slice(0, 0, 1));
}

void Optimizer::exchange_slices() const {
  ParameterSlices* const divided = ParameterSlices::current();
  if (divided != nullptr) divided->slices_changed();
  if (scalars_.device().type == DeviceType::kMeta || comm_->size() == 1) return;
  const int ranks = comm_->size();
  struct Message {
    std::vector<const Slot*> slots;
    int64_t length = 0;  // elements of a rank
    Tensor all = {};
    Pending pending = {};
  };
  const auto take = [&](Message& message) {
    message.pending.wait();
    for (int rank = 0; rank < ranks; ++rank) {
      int64_t at = rank * message.length;
      for (const Slot* slot : message.slots) {
        const auto [begin, end] = slice_of_rank(slot->whole.numel(), rank, ranks);
        if (rank != comm_->rank()) {
          copy_(slot->whole.detach().view({slot->whole.numel()}).slice(0, begin, end),
                message.all.slice(0, at, at + end - begin));
        }
        at += longest_slice(slot->whole.numel(), ranks);
      }
    }
  };
  Message gathered;  // while the next one is sent
  const auto send = [&](Message message) {
    if (message.slots.empty()) return;
    message.all = empty(TensorSpec{message.slots[0]->whole.dtype(), {ranks * message.length}});
    const Tensor own =
        message.all.slice(0, comm_->rank() * message.length, (comm_->rank() + 1) * message.length);
    int64_t at = 0;
    for (const Slot* slot : message.slots) {
      copy_(own.slice(0, at, at + slot->param.numel()), slot->param);
      at += longest_slice(slot->whole.numel(), ranks);
    }
    message.pending = comm_->all_gather(message.all, own);
    if (!gathered.slots.empty()) take(gathered);
    gathered = std::move(message);
  };
  for (const DType dtype : {kF32, kF64}) {
    Message next;
    for (const Group& group : groups_) {
      for (const Slot& slot : group.slots) {
        if (slot.whole.dtype() != dtype || slot.whole.numel() == 0) continue;
        if (divided != nullptr && divided->slice_of(slot.whole).defined()) continue;
        const int64_t length = longest_slice(slot.whole.numel(), ranks);
        const auto bytes = (next.length + length) * ranks * static_cast<int64_t>(size_of(dtype));
        if (!next.slots.empty() && bytes > kExchangeBytes) {
          send(std::move(next));
          next = Message();
        }
        next.slots.push_back(&slot);
        next.length += length;
      }
    }
    send(std::move(next));
  }
  if (!gathered.slots.empty()) take(gathered);
}

Tensor Optimizer::whole_state(const StateEntry& entry) const {
  if (comm_ == nullptr || comm_->size() == 1 || entry.own.device().type == DeviceType::kMeta) {
    return comm_ == nullptr ? entry.own : entry.own.reshape(entry.spec.shape);
  }
  if (entry.is_count) {  // rank 0 has a slice of every parameter
    const Tensor count = tensor(entry.own.to_vector<double>(), {1});
    comm_->broadcast_(count, 0).wait();
    return count;
  }
  const int64_t numel = roux::numel(entry.spec.shape), longest = longest_slice(numel, comm_->size());
  const Tensor all = empty(TensorSpec{entry.spec.dtype, {comm_->size() * longest}});
  const Tensor own = all.slice(0, comm_->rank() * longest, (comm_->rank() + 1) * longest);
  copy_(own.slice(0, 0, entry.own.numel()), entry.own);
  comm_->all_gather(all, own).wait();
  const Tensor whole = empty(TensorSpec{entry.spec.dtype, {numel}});
  for (int rank = 0; rank < comm_->size(); ++rank) {
    const auto [begin, end] = slice_of_rank(numel, rank, comm_->size());
    copy_(whole.slice(0, begin, end), all.slice(0, rank * longest, rank * longest + end - begin));
  }
  return whole.view(entry.spec.shape);
}

}  // namespace roux
