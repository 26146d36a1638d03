// Fault slots of one CUDA device (cuda/fault.h): an array that is allocated once, so that opening a slot
// allocates nothing and can be captured. A slot is free again when it has been read; one that a captured
// graph writes stays with the graph, since each replay may report through it.
#ifndef ROUX_CUDA_FAULT_BOARD_H_
#define ROUX_CUDA_FAULT_BOARD_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/backend.h"

namespace roux::cuda {

class FaultBoard {
 public:
  using Slot = unsigned long long;  // NOLINT: CUDA's type of atomics
  using Message = std::function<std::string(int64_t position, int64_t value)>;
  static constexpr Slot kNothing = ~0ull;
  static constexpr int kSlots = 4096;  // launches with a slot between two reads

  FaultBoard(Backend& backend, int index, StreamHandle* stream)
      : backend_(backend), index_(index), stream_(stream) {}
  FaultBoard(const FaultBoard&) = delete;

  // capture: names the calling thread's, or nullptr.
  Slot* open(const void* capture);
  void close(Slot* slot, Message message, const void* capture);
  // Runs wait(), which waits for the stream, and returns what the oldest launch with a fault has to say, or
  // "". The slots travel in front of that wait: there is no second one.
  std::string read(const std::function<void()>& wait);

  void begin_capture();  // a capture must not allocate
  // The graph is gone: its slots are free after the next read.
  void release(const void* capture);

 private:
  struct Used {
    int index;
    Message message;
    const void* capture;
  };
  void prepare();
  std::string read_locked(const std::function<void()>& wait);

  Backend& backend_;
  const int index_;
  StreamHandle* const stream_;
  std::mutex mutex_;
  Slot* slots_ = nullptr;
  Slot* found_ = nullptr;   // page-locked: what read() copies to
  std::vector<int> free_;   // the lowest last
  std::vector<Used> used_;  // in order of their launches
};

}  // namespace roux::cuda

#endif  // ROUX_CUDA_FAULT_BOARD_H_
