#include "tensor/batch_invariant.h"

namespace roux {
namespace {
thread_local bool on_this_thread = false;
}  // namespace

bool batch_invariant() { return on_this_thread; }
void set_batch_invariant(bool on) { on_this_thread = on; }

}  // namespace roux
