#include "cuda/caching_allocator.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::cuda {

size_t CachingAllocator::room_for(size_t bytes) const {
  if (!caches_) return bytes;
  const size_t step = std::max<size_t>(512, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

void* CachingAllocator::allocate(size_t bytes, Pool* pool) {
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t room = room_for(bytes);
  void* data = pool != nullptr ? take(pool->free_, room) : nullptr;
  if (data == nullptr) data = take(free_, room);
  if (data == nullptr) data = from_device(bytes, room, pool != nullptr);
  if (pool != nullptr) owners_[data] = pool;
  stats_.current += static_cast<int64_t>(bytes);
  stats_.peak = std::max(stats_.peak, stats_.current);
  ++stats_.allocations;
  return data;
}

void CachingAllocator::deallocate(void* data, size_t bytes, Pool* pool) {
  std::shared_ptr<Pool> last;  // a pool must not go under the lock
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.current -= static_cast<int64_t>(bytes);
  const size_t room = room_for(bytes);
  if (auto owner = owners_.find(data); owner != owners_.end()) {
    Pool* const own = owner->second;
    if (own == pool && caches_) {
      own->free_[room].push_back(data);
    } else {
      own->held_.push_back({data, room});  // its graph still writes there
      if (pool != nullptr && own != pool) {
        last = own->weak_from_this().lock();  // and the graph being captured may read it
        if (last != nullptr) pool->others_.push_back(last);
      }
    }
  } else if (pool != nullptr) {  // older than the capture, and read by what was captured so far
    owners_[data] = pool;
    pool->held_.push_back({data, room});
  } else {
    give_back(data, room);
  }
}

void CachingAllocator::release(Pool& pool) {
  std::lock_guard<std::mutex> lock(mutex_);
  // What lives on, an output say, is an ordinary block from now on.
  for (auto it = owners_.begin(); it != owners_.end();) {
    it = it->second == &pool ? owners_.erase(it) : std::next(it);
  }
  for (const auto& [data, room] : pool.held_) give_back(data, room);
  for (const auto& [room, list] : pool.free_) {
    for (void* data : list) give_back(data, room);
  }
}

MemoryStats CachingAllocator::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}
void CachingAllocator::reset_peak() {
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.peak = stats_.current;
}

void* CachingAllocator::take(std::map<size_t, std::vector<void*>>& from, size_t room) {
  auto found = from.find(room);
  if (found == from.end() || found->second.empty()) return nullptr;
  void* data = found->second.back();
  found->second.pop_back();
  return data;
}

void* CachingAllocator::from_device(size_t bytes, size_t room, bool capturing) {
  void* data = backend_.allocate(index_, room);
  if (data == nullptr && !capturing) {
    release_cached();
    data = backend_.allocate(index_, room);
  }
  if (data == nullptr) {
    throw Error(absl::StrCat("out of memory: ", bytes, " bytes asked for, ", stats_.current,
                             " bytes are in live tensors on cuda:", index_, ", ", stats_.reserved,
                             " reserved"));
  }
  stats_.reserved += static_cast<int64_t>(room);
  return data;
}

void CachingAllocator::give_back(void* data, size_t room) {
  if (caches_) {
    free_[room].push_back(data);
    return;
  }
  backend_.free(index_, data);
  stats_.reserved -= static_cast<int64_t>(room);
}

void CachingAllocator::release_cached() {
  backend_.synchronize(index_, stream_);
  for (auto& [room, list] : free_) {
    for (void* data : list) backend_.free(index_, data);
    stats_.reserved -= static_cast<int64_t>(list.size() * room);
    list.clear();
  }
}

}  // namespace roux::cuda
