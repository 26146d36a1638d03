#include "nn/parallel/sharded_parameters.h"

#include <cstring>
#include <set>

#include "autograd/node.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr int64_t kAlignment = 8;
constexpr int64_t kHeader = 8;  // the number of the unit

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

bool is_on_meta(const Tensor& x) { return x.device().type == DeviceType::kMeta; }

// Memory of nothing: a tensor on it has its spec and no values, and is counted nowhere.
IntrusivePtr<Storage> no_memory(size_t bytes) {
  static const auto* const nobody = new std::shared_ptr<void>(std::make_shared<char>());
  return make_intrusive<Storage>(nullptr, bytes, Device(kMeta), *nobody);
}

bool has_its_own_memory(const Tensor& x) {
  return x.is_contiguous() && x.impl()->offset == 0 && x.impl()->storage->bytes() == x.bytes() &&
         x.impl()->storage->use_count() == 1;
}

char* bytes_of(const Tensor& x) { return static_cast<char*>(x.raw_data()); }

}  // namespace

ShardedParameters::ShardedParameters(Communicator& comm, const std::vector<const Module*>& blocks) {
  const NoGradGuard no_grad;
  bool sends = false;
  for (const Module* block : blocks) {
    Unit unit;
    unit.message_bytes = kHeader;
    for (const Module::Slot& slot : block->slots()) {
      const Tensor& x = *slot.tensor;
      if (!slot.parameter || places_.count(x.impl()) > 0 || is_block(x.dtype()) || x.numel() == 0) continue;
      ROUX_CHECK(x.device().type == DeviceType::kCpu || is_on_meta(x))
          << "sharded parameters: " << slot.name << " is on " << x.device() << ", needed on cpu";
      if (!has_its_own_memory(x)) continue;
      sends = sends || !is_on_meta(x);
      gradient_edge(x);  // a leaf's node knows the device of the values
      const auto [begin, end] = slice_of_rank(x.numel(), comm.rank(), comm.size());
      Tensor slice = empty(TensorSpec{x.dtype(), {end - begin}}, x.device());
      copy_(slice, x.detach().view({x.numel()}).slice(0, begin, end));
      places_[x.impl()] = {units_.size(), unit.entries.size()};
      unit.entries.push_back({x, slice, unit.message_bytes});
      const int64_t longest = slice_of_rank(x.numel(), 0, comm.size()).second;
      unit.message_bytes += aligned(longest * static_cast<int64_t>(size_of(x.dtype())));
    }
    if (unit.entries.empty()) continue;
    release(unit);
    units_.push_back(std::move(unit));
  }
  if (sends) comm_ = comm.duplicate();
}

void ShardedParameters::release(Unit& unit) {
  for (const Entry& entry : unit.entries) {
    entry.parameter.impl()->storage = no_memory(entry.parameter.bytes());
  }
  unit.whole = false;
}

void ShardedParameters::gather(size_t index) {
  Unit& unit = units_[index];
  if (unit.whole) return;
  unit.whole = true;
  if (comm_ == nullptr) {
    for (const Entry& entry : unit.entries) {
      entry.parameter.impl()->storage = make_intrusive<Storage>(entry.parameter.bytes(), Device(kMeta));
    }
    return;
  }
  const int ranks = comm_->size();
  const Tensor all = empty(TensorSpec{kU8, {ranks * unit.message_bytes}});
  const Tensor own =
      all.slice(0, comm_->rank() * unit.message_bytes, (comm_->rank() + 1) * unit.message_bytes);
  const auto number = static_cast<int64_t>(index);
  std::memcpy(bytes_of(own), &number, sizeof number);
  for (const Entry& entry : unit.entries) {
    std::memcpy(bytes_of(own) + entry.at, entry.slice.raw_data(), entry.slice.bytes());
  }
  comm_->all_gather(all, own).wait();
  for (int rank = 0; rank < ranks; ++rank) {
    int64_t other = 0;
    std::memcpy(&other, bytes_of(all) + rank * unit.message_bytes, sizeof other);
    ROUX_CHECK(other == number) << "sharded parameters: rank " << comm_->rank() << " is at block " << number
                                << ", rank " << rank << " at block " << other
                                << ": ranks have to call the same blocks";
  }
  for (const Entry& entry : unit.entries) {
    const auto size = static_cast<int64_t>(size_of(entry.parameter.dtype()));
    auto storage = make_intrusive<Storage>(entry.parameter.bytes(), entry.slice.device());
    for (int rank = 0; rank < ranks; ++rank) {
      const auto [begin, end] = slice_of_rank(entry.parameter.numel(), rank, ranks);
      std::memcpy(static_cast<char*>(storage->data()) + begin * size,
                  bytes_of(all) + rank * unit.message_bytes + entry.at, (end - begin) * size);
    }
    entry.parameter.impl()->storage = std::move(storage);
  }
}

void ShardedParameters::gather(const Module& block) {
  std::set<size_t> needed;
  for (const Module::Slot& slot : block.slots()) {
    const auto place = places_.find(slot.tensor->impl());
    if (place != places_.end()) needed.insert(place->second.first);
  }
  if (needed.empty()) return;
  ROUX_CHECK(std::this_thread::get_id() == thread_)
      << "sharded parameters: a block was called on another thread than the one that trains";
  for (size_t i = 0; i < units_.size(); ++i) {
    if (units_[i].whole && needed.count(i) == 0) release(units_[i]);
  }
  for (const size_t unit : needed) gather(unit);
}

void ShardedParameters::make_whole() {
  for (size_t i = 0; i < units_.size(); ++i) gather(i);
  places_.clear();
  units_.clear();
}

const ShardedParameters::Entry* ShardedParameters::find(const Tensor& parameter) const {
  const auto place = places_.find(parameter.impl());
  return place == places_.end() ? nullptr : &units_[place->second.first].entries[place->second.second];
}

Tensor ShardedParameters::slice_of(const Tensor& parameter) const {
  const Entry* const entry = find(parameter);
  return entry == nullptr ? Tensor() : entry->slice;
}

Tensor ShardedParameters::whole(const Tensor& parameter) const {
  const Entry* const entry = find(parameter);
  if (entry == nullptr) return parameter;
  const Tensor whole = empty(parameter.spec(), entry->slice.device());
  if (comm_ == nullptr) return whole;
  const int ranks = comm_->size();
  const auto size = static_cast<int64_t>(size_of(parameter.dtype()));
  const int64_t longest = slice_of_rank(parameter.numel(), 0, ranks).second;
  const Tensor all = empty(TensorSpec{parameter.dtype(), {ranks * longest}});
  const Tensor own = all.slice(0, comm_->rank() * longest, (comm_->rank() + 1) * longest);
  std::memcpy(bytes_of(own), entry->slice.raw_data(), entry->slice.bytes());
  comm_->all_gather(all, own).wait();
  for (int rank = 0; rank < ranks; ++rank) {
    const auto [begin, end] = slice_of_rank(parameter.numel(), rank, ranks);
    std::memcpy(bytes_of(whole) + begin * size, bytes_of(all) + rank * longest * size, (end - begin) * size);
  }
  return whole;
}

void ShardedParameters::slices_changed() {
  for (Unit& unit : units_) {
    if (unit.whole) release(unit);
  }
}

void gather_if_sharded(const Module& block) {
  auto* const sharded = dynamic_cast<ShardedParameters*>(ParameterSlices::current());
  if (sharded != nullptr) sharded->gather(block);
}

bool parameters_are_sharded() { return ParameterSlices::current() != nullptr; }

}  // namespace roux
