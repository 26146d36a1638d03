#include "tensor/cpu/stream.h"

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace roux::cpu {

void stream(const void* from, void* to, size_t bytes) {
  constexpr size_t kVector = 32;
  const char* in = static_cast<const char*>(from);
  char* out = static_cast<char*>(to);
  const size_t head = std::min(bytes, -reinterpret_cast<uintptr_t>(out) % kVector);
  std::memcpy(out, in, head);
  size_t i = head;
  for (; i + kVector <= bytes; i += kVector) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i)));
  }
  std::memcpy(out + i, in + i, bytes - i);
}

void finish_stream() { _mm_sfence(); }

}  // namespace roux::cpu
