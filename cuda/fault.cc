// Fault slots of the CUDA device: one array a device that is filled once, so that opening a slot allocates
// nothing and can be captured. A slot is free again when it has been read; one that a captured graph writes
// stays with the graph, since each replay may report through it.
//
// Compiled, never run yet (DESIGN section 6).
#include "cuda/fault.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda/context.h"
#include "tensor/error.h"

namespace roux::cuda {
namespace {

using Slot = unsigned long long;  // NOLINT: CUDA's type of atomics
constexpr Slot kNothing = ~0ull;
constexpr int kSlots = 4096;  // launches with a slot between two synchronisations

class FaultBoard {
 public:
  Slot* open() {
    std::lock_guard<std::mutex> lock(mutex_);
    prepare();
    if (free_.empty() && !capturing_) {  // nothing was read for long: read now
      const std::string text = read();
      ROUX_CHECK(text.empty()) << text;
    }
    ROUX_CHECK(!free_.empty()) << "cuda: a captured step has more than " << kSlots
                               << " launches that check indices";
    const int index = free_.back();
    free_.pop_back();
    return slots_ + index;
  }

  void close(Slot* slot, FaultMessage message) {
    std::lock_guard<std::mutex> lock(mutex_);
    used_.push_back({static_cast<int>(slot - slots_), std::move(message), capturing_});
  }

  std::string read_all() {
    std::lock_guard<std::mutex> lock(mutex_);
    return read();
  }

  void begin_capture() {
    std::lock_guard<std::mutex> lock(mutex_);
    prepare();  // a capture must not allocate
    capturing_ = true;
    first_captured_ = used_.size();
  }
  std::vector<int> end_capture() {
    std::lock_guard<std::mutex> lock(mutex_);
    capturing_ = false;
    std::vector<int> captured;
    for (size_t i = first_captured_; i < used_.size(); ++i) captured.push_back(used_[i].index);
    return captured;
  }
  void release(const std::vector<int>& captured) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (Used& used : used_) {
      if (std::find(captured.begin(), captured.end(), used.index) != captured.end()) used.captured = false;
    }
  }

 private:
  struct Used {
    int index;
    FaultMessage message;
    bool captured;
  };

  void prepare() {
    if (slots_ != nullptr) return;
    ROUX_CUDA(cudaMalloc(&slots_, kSlots * sizeof(Slot)));
    ROUX_CUDA(cudaMemsetAsync(slots_, 0xff, kSlots * sizeof(Slot), current_stream()));
    for (int i = kSlots - 1; i >= 0; --i) free_.push_back(i);
  }

  // What the oldest launch with a fault has to say; waits for the stream. Frees the slots that no graph
  // keeps.
  std::string read() {
    if (used_.empty() || capturing_) return "";
    int end = 0;
    for (const Used& used : used_) end = std::max(end, used.index + 1);
    std::vector<Slot> found(static_cast<size_t>(end));
    ROUX_CUDA(cudaMemcpyAsync(found.data(), slots_, found.size() * sizeof(Slot), cudaMemcpyDeviceToHost,
                              current_stream()));
    ROUX_CUDA(cudaStreamSynchronize(current_stream()));
    std::string text;
    std::vector<Used> kept;
    for (Used& used : used_) {
      const Slot first = found[static_cast<size_t>(used.index)];
      if (first != kNothing) {
        if (text.empty()) text = used.message(static_cast<int64_t>(first >> 32), static_cast<int32_t>(first));
        // This slot alone: another thread may have launched into its neighbours and not closed them yet.
        ROUX_CUDA(cudaMemsetAsync(slots_ + used.index, 0xff, sizeof(Slot), current_stream()));
      }
      if (used.captured) {
        kept.push_back(std::move(used));
      } else {
        free_.push_back(used.index);
      }
    }
    used_ = std::move(kept);
    return text;
  }

  std::mutex mutex_;
  Slot* slots_ = nullptr;
  std::vector<int> free_;   // the lowest last
  std::vector<Used> used_;  // in order of their launches
  bool capturing_ = false;
  size_t first_captured_ = 0;
};

FaultBoard& board() {
  static std::mutex mutex;
  static auto* boards = new std::map<int, FaultBoard>;  // tensors may outlive main()
  int device = 0;
  ROUX_CUDA(cudaGetDevice(&device));
  std::lock_guard<std::mutex> lock(mutex);
  return (*boards)[device];
}

}  // namespace

FaultSlot open_fault_slot() { return {board().open()}; }
void close_fault_slot(FaultSlot slot, FaultMessage message) { board().close(slot.first, std::move(message)); }

void throw_faults() {
  const std::string text = board().read_all();
  ROUX_CHECK(text.empty()) << text;
}
void begin_fault_capture() { board().begin_capture(); }
std::vector<int> end_fault_capture() { return board().end_capture(); }
void release_faults(const std::vector<int>& captured) { board().release(captured); }

}  // namespace roux::cuda
