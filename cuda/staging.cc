#include "cuda/staging.h"

#include <cstring>

namespace roux::cuda {

void Staging::upload(void* dst, const void* src, size_t bytes) {
  if (bytes > kLargest) return backend_.copy(index_, stream_, dst, src, bytes, CopyKind::kFromHost);
  std::lock_guard<std::mutex> lock(upload_mutex_);
  if (ring_ == nullptr) ring_ = static_cast<char*>(backend_.allocate_pinned(index_, kRing));
  if (at_ + bytes > kRing) {  // once in 8 MiB: the earlier uploads must have left
    backend_.synchronize(index_, stream_);
    at_ = 0;
  }
  std::memcpy(ring_ + at_, src, bytes);
  backend_.copy(index_, stream_, dst, ring_ + at_, bytes, CopyKind::kFromHost);
  at_ += (bytes + 15) / 16 * 16;
}

void Staging::download(void* dst, const void* src, size_t bytes, const std::function<void()>& wait) {
  if (bytes > kRead) {
    backend_.copy(index_, stream_, dst, src, bytes, CopyKind::kToHost);
    return wait();
  }
  std::lock_guard<std::mutex> lock(download_mutex_);
  if (read_ == nullptr) read_ = static_cast<char*>(backend_.allocate_pinned(index_, kRead));
  backend_.copy(index_, stream_, read_, src, bytes, CopyKind::kToHost);
  wait();
  std::memcpy(dst, read_, bytes);
}

}  // namespace roux::cuda
