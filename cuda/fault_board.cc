#include "cuda/fault_board.h"

#include <algorithm>
#include <utility>

#include "tensor/error.h"

namespace roux::cuda {

FaultBoard::Slot* FaultBoard::open(const void* capture) {
  std::lock_guard<std::mutex> lock(mutex_);
  prepare();
  if (free_.empty() && capture == nullptr) {  // nothing was read for long: read now
    const std::string text = read_locked([&] { backend_.synchronize(index_, stream_); });
    ROUX_CHECK(text.empty()) << text;
  }
  ROUX_CHECK(!free_.empty()) << "cuda: captured steps have more than " << kSlots
                             << " launches that check indices";
  const int index = free_.back();
  free_.pop_back();
  return slots_ + index;
}

void FaultBoard::close(Slot* slot, Message message, const void* capture) {
  std::lock_guard<std::mutex> lock(mutex_);
  used_.push_back({static_cast<int>(slot - slots_), std::move(message), capture});
}

std::string FaultBoard::read(const std::function<void()>& wait) {
  std::lock_guard<std::mutex> lock(mutex_);
  return read_locked(wait);
}

void FaultBoard::begin_capture() {
  std::lock_guard<std::mutex> lock(mutex_);
  prepare();
}

void FaultBoard::release(const void* capture) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Used& used : used_) {
    if (used.capture == capture) used.capture = nullptr;
  }
}

void FaultBoard::prepare() {
  if (slots_ != nullptr) return;
  found_ = static_cast<Slot*>(backend_.allocate_pinned(index_, kSlots * sizeof(Slot)));
  auto* slots = static_cast<Slot*>(backend_.allocate(index_, kSlots * sizeof(Slot)));
  ROUX_CHECK(slots != nullptr) << "out of memory: no room for fault slots on cuda:" << index_;
  backend_.fill(index_, stream_, slots, 0xff, kSlots * sizeof(Slot));
  for (int i = kSlots - 1; i >= 0; --i) free_.push_back(i);
  slots_ = slots;
}

std::string FaultBoard::read_locked(const std::function<void()>& wait) {
  if (used_.empty()) {
    wait();
    return "";
  }
  int end = 0;
  for (const Used& used : used_) end = std::max(end, used.index + 1);
  backend_.copy(index_, stream_, found_, slots_, static_cast<size_t>(end) * sizeof(Slot), CopyKind::kToHost);
  wait();
  std::string text;
  std::vector<Used> kept;
  for (Used& used : used_) {
    const Slot first = found_[used.index];
    if (first != kNothing) {
      if (text.empty()) text = used.message(static_cast<int64_t>(first >> 32), static_cast<int32_t>(first));
      // This slot alone: another thread may have launched into its neighbours and not closed them yet.
      backend_.fill(index_, stream_, slots_ + used.index, 0xff, sizeof(Slot));
    }
    if (used.capture != nullptr) {
      kept.push_back(std::move(used));
    } else {
      free_.push_back(used.index);
    }
  }
  used_ = std::move(kept);
  return text;
}

}  // namespace roux::cuda
