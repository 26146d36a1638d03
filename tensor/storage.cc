#include "tensor/storage.h"

namespace roux {

Storage::Storage(size_t bytes, Device device) : bytes_(bytes), device_(device) {
  if (bytes > 0) data_ = runtime(device.type).allocate(bytes, device.index);
}

Storage::Storage(void* data, size_t bytes, Device device, std::shared_ptr<void> owner)
    : data_(data), bytes_(bytes), device_(device), owner_(std::move(owner)) {}

Storage::~Storage() {
  if (bytes_ > 0 && !owner_) runtime(device_.type).deallocate(data_, bytes_, device_.index);
}

}  // namespace roux
