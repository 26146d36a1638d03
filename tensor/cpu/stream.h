// Stores that go past the caches. A result larger than the caches is gone from them before anything reads
// it; written as usual, each of its lines is also read from memory first. What is stored does not change.
#ifndef ROUX_TENSOR_CPU_STREAM_H_
#define ROUX_TENSOR_CPU_STREAM_H_

#include <cstddef>

#include "tensor/tensor.h"
#include "tensor/tunable.h"

namespace roux::cpu {

// Half of the last cache that eight cores share, or more of one: below, the next op finds the result there.
inline constinit const Tunable kStreamedBytes("cpu.streamed_bytes", int64_t{16} << 20, 1024);

inline bool is_streamed(const Tensor& y) {
  return y.numel() * static_cast<int64_t>(size_of(y.dtype())) >= kStreamedBytes;
}

// memcpy past the caches; whole lines are written best. Other threads see the bytes after finish_stream().
void stream(const void* from, void* to, size_t bytes);
// After a thread's last stream() of a task.
void finish_stream();

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_STREAM_H_
