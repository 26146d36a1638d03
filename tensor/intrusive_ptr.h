// A counted pointer whose count lives in the object: one allocation per object, one word per handle. The
// count is atomic, so handles may be copied and dropped on any thread; the object itself has its own
// contract.
#ifndef ROUX_TENSOR_INTRUSIVE_PTR_H_
#define ROUX_TENSOR_INTRUSIVE_PTR_H_

#include <atomic>
#include <cstdint>
#include <utility>

namespace roux {

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  virtual ~RefCounted() = default;

  void ref() const { count_.fetch_add(1, std::memory_order_relaxed); }
  void unref() const {
    // A sole owner needs no atomic read-modify-write: nobody else can add a reference.
    if (count_.load(std::memory_order_acquire) == 1 || count_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const_cast<RefCounted*>(this)->destroy();
    }
  }
  int64_t use_count() const { return count_.load(std::memory_order_acquire); }

 protected:
  virtual void destroy() { delete this; }

 private:
  mutable std::atomic<int32_t> count_{0};
};

template <class T>
class IntrusivePtr {
 public:
  IntrusivePtr() = default;
  explicit IntrusivePtr(T* object) : object_(object) {
    if (object_) object_->ref();
  }
  IntrusivePtr(const IntrusivePtr& other) : IntrusivePtr(other.object_) {}
  IntrusivePtr(IntrusivePtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  IntrusivePtr(const IntrusivePtr<U>& other) : IntrusivePtr(other.get()) {}  // NOLINT: upcast
  IntrusivePtr& operator=(IntrusivePtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~IntrusivePtr() {
    if (object_) object_->unref();
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

template <class T, class... Args>
IntrusivePtr<T> make_intrusive(Args&&... args) {
  return IntrusivePtr<T>(new T(std::forward<Args>(args)...));
}

}  // namespace roux

#endif  // ROUX_TENSOR_INTRUSIVE_PTR_H_
