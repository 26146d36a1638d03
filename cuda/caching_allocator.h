// Memory of one CUDA device. Freed blocks are kept by size class and handed out again in stream order, so
// that neither allocating nor freeing waits for the device.
//
// What a captured graph touches belongs to the graph's pool: each replay writes there again, so no tensor
// outside of it may ever get the same bytes while the graph lives.
#ifndef ROUX_CUDA_CACHING_ALLOCATOR_H_
#define ROUX_CUDA_CACHING_ALLOCATOR_H_

#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cuda/backend.h"
#include "tensor/device.h"

namespace roux::cuda {

class CachingAllocator {
 public:
  // The blocks of one capture. Its last owner gives them back.
  class Pool : public std::enable_shared_from_this<Pool> {
   public:
    explicit Pool(CachingAllocator& allocator) : allocator_(allocator) {}
    Pool(const Pool&) = delete;
    ~Pool() { allocator_.release(*this); }

   private:
    friend class CachingAllocator;
    CachingAllocator& allocator_;
    std::map<size_t, std::vector<void*>> free_;   // by room: what the capture may hand out again
    std::vector<std::pair<void*, size_t>> held_;  // with its room: not before the pool goes
    std::vector<std::shared_ptr<Pool>> others_;   // whose blocks the capture read and saw freed
  };

  // stream: the device's, which everything runs on. caches false: every block has the size that was asked
  // for and goes back to the driver at once, so that compute-sanitizer sees overruns and uses after the end.
  CachingAllocator(Backend& backend, int index, StreamHandle* stream, bool caches)
      : backend_(backend), index_(index), stream_(stream), caches_(caches) {}
  CachingAllocator(const CachingAllocator&) = delete;

  // The bytes that a request occupies: a multiple of an eighth of the power of two below, at least 512.
  size_t room_for(size_t bytes) const;
  // pool: of the calling thread's capture, or nullptr. Throws Error when there is no memory left.
  void* allocate(size_t bytes, Pool* pool);
  void deallocate(void* data, size_t bytes, Pool* pool);

  MemoryStats stats() const;
  void reset_peak();

 private:
  void release(Pool& pool);
  void* take(std::map<size_t, std::vector<void*>>& from, size_t room);
  void* from_device(size_t bytes, size_t room, bool capturing);
  void give_back(void* data, size_t room);
  void release_cached();

  Backend& backend_;
  const int index_;
  StreamHandle* const stream_;
  const bool caches_;
  mutable std::mutex mutex_;
  MemoryStats stats_;
  std::map<size_t, std::vector<void*>> free_;  // by room, last freed last
  std::unordered_map<void*, Pool*> owners_;
};

}  // namespace roux::cuda

#endif  // ROUX_CUDA_CACHING_ALLOCATOR_H_
