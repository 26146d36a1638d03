#include "tensor/openblas.h"

#include <dlfcn.h>

#include <cstdlib>

#include "tensor/error.h"
#include "tensor/processor.h"

namespace roux {
namespace {

// Before main, while there is one thread: others may read the environment.
const bool kPrepared = [] {
  setenv("OPENBLAS_CORETYPE", has_avx512() ? "SkylakeX" : "Haswell", 0);
  return setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0;
}();

void* load() {
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  ROUX_CHECK(library != nullptr) << "f64 products and LAPACK need OpenBLAS: " << dlerror()
                                 << "; run bazel/setup";
  if (void* set_num_threads = dlsym(library, "openblas_set_num_threads"))
    reinterpret_cast<void (*)(int)>(set_num_threads)(1);
  return library;
}

}  // namespace

void* openblas_symbol(const char* name) {
  static void* const library = load();
  void* const symbol = dlsym(library, name);
  ROUX_CHECK(symbol != nullptr) << "f64 products and LAPACK need OpenBLAS: libopenblas.so.0 has no " << name;
  return symbol;
}

}  // namespace roux
