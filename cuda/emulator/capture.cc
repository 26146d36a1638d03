#include "cuda/emulator/capture.h"

#include "cuda/emulator/memory.h"
#include "tensor/error.h"

namespace roux::emulator {
namespace {
thread_local Recording* current = nullptr;
}

GraphBlocks::~GraphBlocks() {
  for (void* data : freed) deallocate_global(data);
}

Recording* current_recording() { return current; }
void set_current_recording(Recording* recording) { current = recording; }
void refuse_in_capture(const char* what) {
  ROUX_CHECK(current == nullptr) << "emulated: while a step is captured nothing can be " << what
                                 << ", which its replays could not repeat; do it before the step or after it";
}

}  // namespace roux::emulator
