// Captures of the emulated device, as CUDA has them: while a thread captures, what it launches, copies and
// fills is recorded, not done; a replay does it. Memory that the capture allocates or sees freed stays the
// recording's until the graph is gone, because replays write there. Uploads, reads and waits are refused.
#ifndef ROUX_CUDA_EMULATOR_CAPTURE_H_
#define ROUX_CUDA_EMULATOR_CAPTURE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace roux::emulator {

// What a graph keeps: blocks that were freed during or after its capture, and other graphs' memory that it
// may read. The last owner frees them.
struct GraphBlocks {
  GraphBlocks() = default;
  GraphBlocks(const GraphBlocks&) = delete;
  ~GraphBlocks();
  std::vector<void*> freed;
  std::vector<std::shared_ptr<GraphBlocks>> others;
};

struct Recording {
  std::shared_ptr<GraphBlocks> blocks = std::make_shared<GraphBlocks>();
  std::vector<std::function<void()>> operations;
  // Fault slots: what the launches so far found wrong, "" if nothing. Asked once a replay.
  std::vector<std::function<std::string()>> faults;
};

// Of the calling thread; nullptr when it captures nothing.
Recording* current_recording();
void set_current_recording(Recording* recording);
// Throws Error while the calling thread captures: `what` is what it asked for.
void refuse_in_capture(const char* what);

}  // namespace roux::emulator

#endif  // ROUX_CUDA_EMULATOR_CAPTURE_H_
