#include "cuda/emulator/fiber.h"

#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>

#include "tensor/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace roux::emulator {
namespace {
namespace context = boost::context::detail;

constexpr size_t kStackBytes = size_t{256} << 10;
constexpr size_t kGuardBytes = 4096;
}  // namespace

struct Fiber::Entry {
  static void run(context::transfer_t transfer) {
    auto* self = static_cast<Fiber*>(transfer.data);
    self->scheduler_ = transfer.fctx;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &self->scheduler_stack_, &self->scheduler_stack_bytes_);
#endif
    self->entry_(self->data_);
    ROUX_INVARIANT(false && "a finished fiber was resumed");
  }
};

void Fiber::reserve(size_t skew) {
  if (stack_low_ != nullptr) return;
  void* p = mmap(nullptr, kStackBytes + kGuardBytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  ROUX_CHECK(p != MAP_FAILED) << "emulated: cannot reserve the stack of a thread";
  mprotect(p, kGuardBytes, PROT_NONE);
  stack_low_ = static_cast<char*>(p) + kGuardBytes;
  stack_high_ = stack_low_ + kStackBytes - skew;
}

void Fiber::start(void (*entry)(void*), void* data) {
  entry_ = entry;
  data_ = data;
  context_ = context::make_fcontext(stack_high_, static_cast<size_t>(stack_high_ - stack_low_), &Entry::run);
  fake_stack_ = nullptr;
  resume();
}

void Fiber::resume() {
#if defined(__SANITIZE_ADDRESS__)
  void* scheduler_fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&scheduler_fake_stack, stack_low_,
                                 static_cast<size_t>(stack_high_ - stack_low_));
#endif
  context_ = context::jump_fcontext(context_, this).fctx;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(scheduler_fake_stack, nullptr, nullptr);
#endif
}

void Fiber::yield() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&fake_stack_, scheduler_stack_, scheduler_stack_bytes_);
#endif
  scheduler_ = context::jump_fcontext(scheduler_, nullptr).fctx;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack_, &scheduler_stack_, &scheduler_stack_bytes_);
#endif
}

}  // namespace roux::emulator
