// Page-locked memory through which values go to and from one CUDA device, so that no copy waits where it need
// not: a driver copies from pageable memory only after it has waited for it.
#ifndef ROUX_CUDA_STAGING_H_
#define ROUX_CUDA_STAGING_H_

#include <functional>
#include <mutex>

#include "cuda/backend.h"

namespace roux::cuda {

class Staging {
 public:
  static constexpr size_t kRing = size_t{8} << 20;  // bytes of uploads under way
  static constexpr size_t kRead = size_t{1} << 20;  // bytes of the largest staged read
  static constexpr size_t kLargest = kRing / 4;     // of the largest staged upload

  Staging(Backend& backend, int index, StreamHandle* stream)
      : backend_(backend), index_(index), stream_(stream) {}
  Staging(const Staging&) = delete;

  // Both in stream order; src may be reused at once.
  void upload(void* dst, const void* src, size_t bytes);
  // wait() waits for the stream.
  void download(void* dst, const void* src, size_t bytes, const std::function<void()>& wait);

 private:
  Backend& backend_;
  const int index_;
  StreamHandle* const stream_;
  std::mutex upload_mutex_, download_mutex_;
  char *ring_ = nullptr, *read_ = nullptr;
  size_t at_ = 0;  // where the next upload may lie
};

}  // namespace roux::cuda

#endif  // ROUX_CUDA_STAGING_H_
