#include "tensor/error.h"

#include <execinfo.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace roux {

void throw_error(const absl::Status& status, const char* op) {
  throw Error(std::string(op) + ": " + std::string(status.message()));
}

namespace internal {

void invariant_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "bug in Roux: %s:%d: %s\n", file, line, condition);
  void* frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
  std::abort();
}

}  // namespace internal
}  // namespace roux
