// Storage: one allocation on one device, shared by all views of it, with the version that they share.
#ifndef ROUX_TENSOR_STORAGE_H_
#define ROUX_TENSOR_STORAGE_H_

#include <functional>
#include <memory>

#include "tensor/device.h"
#include "tensor/intrusive_ptr.h"

namespace roux {

class Storage final : public RefCounted {
 public:
  // Allocates from the device's runtime. bytes may be 0 (data() is then nullptr).
  Storage(size_t bytes, Device device);
  // Wraps memory that `owner` keeps alive (a mapped file, say).
  Storage(void* data, size_t bytes, Device device, std::shared_ptr<void> owner);
  ~Storage() override;

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  // Counts writes through copy_, fill_, add_ and optimizer steps; saved tensors compare it.
  uint32_t version() const { return version_; }
  void bump_version() { ++version_; }
  const char* last_write() const { return last_write_; }
  void set_last_write(const char* op) { last_write_ = op; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
  Device device_;
  uint32_t version_ = 0;
  const char* last_write_ = "";
  std::shared_ptr<void> owner_;
};

}  // namespace roux

#endif  // ROUX_TENSOR_STORAGE_H_
