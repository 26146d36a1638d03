// What a kernel compiled with -fsanitize=thread,alignment,bounds calls at each load, store and checked index.
// The sanitizers' own libraries are not linked: these functions are the whole runtime. Host code that shares
// a file with kernels calls them too and returns at the first test.
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "cuda/emulator/memory.h"
#include "cuda/emulator/report.h"
#include "cuda/emulator/scheduler.h"

#if !defined(__SANITIZE_ADDRESS__)

using roux::emulator::Access;
using roux::emulator::check_access;
using roux::emulator::checked_thread;
using roux::emulator::Thread;

#define ROUX_CHECK_ACCESS(address, bytes, access) \
  if (Thread* thread = checked_thread)            \
  check_access(*thread, address, bytes, access, __builtin_return_address(0))

#define ROUX_ACCESS_CALLBACKS(bytes)                                                               \
  void __tsan_read##bytes(const void* p) { ROUX_CHECK_ACCESS(p, bytes, Access::kRead); }           \
  void __tsan_write##bytes(void* p) { ROUX_CHECK_ACCESS(p, bytes, Access::kWrite); }               \
  void __tsan_unaligned_read##bytes(const void* p) { ROUX_CHECK_ACCESS(p, bytes, Access::kRead); } \
  void __tsan_unaligned_write##bytes(void* p) { ROUX_CHECK_ACCESS(p, bytes, Access::kWrite); }     \
  void __tsan_volatile_read##bytes(const void* p) { ROUX_CHECK_ACCESS(p, bytes, Access::kRead); }  \
  void __tsan_volatile_write##bytes(void* p) { ROUX_CHECK_ACCESS(p, bytes, Access::kWrite); }

// std::atomic in host code that shares a file with kernels (reference counts); kernels use the CUDA atomics.
#define ROUX_ATOMIC_CALLBACKS(bits, T)                                                                    \
  T __tsan_atomic##bits##_load(const volatile T* p, int) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); } \
  void __tsan_atomic##bits##_store(volatile T* p, T v, int) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##bits##_exchange(volatile T* p, T v, int) {                                             \
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                                   \
  }                                                                                                       \
  T __tsan_atomic##bits##_fetch_add(volatile T* p, T v, int) {                                            \
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                                    \
  }                                                                                                       \
  T __tsan_atomic##bits##_fetch_sub(volatile T* p, T v, int) {                                            \
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                                                    \
  }                                                                                                       \
  T __tsan_atomic##bits##_fetch_and(volatile T* p, T v, int) {                                            \
    return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);                                                    \
  }                                                                                                       \
  T __tsan_atomic##bits##_fetch_or(volatile T* p, T v, int) {                                             \
    return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);                                                     \
  }                                                                                                       \
  T __tsan_atomic##bits##_fetch_xor(volatile T* p, T v, int) {                                            \
    return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);                                                    \
  }                                                                                                       \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* expected, T v, int, int) {          \
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);        \
  }                                                                                                       \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* expected, T v, int, int) {            \
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);        \
  }                                                                                                       \
  T __tsan_atomic##bits##_compare_exchange_val(volatile T* p, T expected, T v, int, int) {                \
    __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);              \
    return expected;                                                                                      \
  }

extern "C" {

ROUX_ACCESS_CALLBACKS(1)
ROUX_ACCESS_CALLBACKS(2)
ROUX_ACCESS_CALLBACKS(4)
ROUX_ACCESS_CALLBACKS(8)
ROUX_ACCESS_CALLBACKS(16)
void __tsan_read_range(const void* p, size_t bytes) {
  ROUX_CHECK_ACCESS(p, static_cast<uint32_t>(bytes), Access::kRead);
}
void __tsan_write_range(void* p, size_t bytes) {
  ROUX_CHECK_ACCESS(p, static_cast<uint32_t>(bytes), Access::kWrite);
}

ROUX_ATOMIC_CALLBACKS(8, uint8_t)
ROUX_ATOMIC_CALLBACKS(16, uint16_t)
ROUX_ATOMIC_CALLBACKS(32, uint32_t)
ROUX_ATOMIC_CALLBACKS(64, uint64_t)
void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

// -fsanitize=alignment,bounds: the compiler has tested the condition and passes where it stands in the
// source.
struct UbsanLocation {
  const char* file;
  uint32_t line, column;
};
struct UbsanType {
  uint16_t kind, info;
  char name[1];
};
struct UbsanTypeMismatch {
  UbsanLocation location;
  const UbsanType* type;
  unsigned char log_alignment, check;
};
struct UbsanOutOfBounds {
  UbsanLocation location;
  const UbsanType* array;
  const UbsanType* index;
};

void __ubsan_handle_type_mismatch_v1(UbsanTypeMismatch* data, const void* address) {
  if (checked_thread == nullptr) return;
  roux::emulator::RuntimeScope scope;
  roux::emulator::report_fatal(
      "misaligned",
      absl::StrCat("access through a pointer to ", data->type->name, ", which needs ",
                   1u << data->log_alignment, "-byte alignment, at ", roux::emulator::describe(address), ", ",
                   data->location.file, ":", data->location.line),
      nullptr);
}
void __ubsan_handle_out_of_bounds(UbsanOutOfBounds* data, uintptr_t index) {
  if (checked_thread == nullptr) return;
  roux::emulator::RuntimeScope scope;
  roux::emulator::report_fatal(
      "out of bounds",
      absl::StrCat("index ", static_cast<int64_t>(index), " of an array ", data->array->name, " at ",
                   data->location.file, ":", data->location.line),
      nullptr);
}

}  // extern "C"

#endif
