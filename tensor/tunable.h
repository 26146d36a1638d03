// Tunable: a size at which a computation changes its way, such as the length of a block, a chunk or a task.
// It is a constant but for tests, which set it so small that a few elements take every way.
//
//   constinit const Tunable kPart("matmul.k_part", 1024, 16);  // a static or inline variable
//   const int64_t parts = k / kPart;
//
// Reading costs a relaxed load and a branch that is not taken again. Thread-safe; a value must not be set
// while a computation reads it.
#ifndef ROUX_TENSOR_TUNABLE_H_
#define ROUX_TENSOR_TUNABLE_H_

#include <atomic>
#include <cstdint>
#include <vector>

namespace roux {

class Tunable {
 public:
  // small: what tests set; sizes around it are on both sides of the change. Both >= 1.
  constexpr Tunable(const char* name, int64_t usual, int64_t small)
      : name_(name), usual_(usual), small_(small) {}
  Tunable(const Tunable&) = delete;
  Tunable& operator=(const Tunable&) = delete;

  operator int64_t() const {
    const int64_t value = value_.load(std::memory_order_relaxed);
    return value != kUnread ? value : first_read();
  }
  const char* name() const { return name_; }
  int64_t small() const { return small_; }

 private:
  friend class ScopedTunable;
  friend void forget_read_tunables();
  static constexpr int64_t kUnread = 0;
  int64_t first_read() const;

  const char* name_;
  int64_t usual_, small_;
  mutable std::atomic<int64_t> value_{kUnread};
};

// Those that were read since the start or the last forget_read_tunables(), in order of their first reading.
std::vector<const Tunable*> read_tunables();
// All have their usual values again and count as not read.
void forget_read_tunables();

// Another value (>= 1) while it lives.
class ScopedTunable {
 public:
  ScopedTunable(const Tunable& tunable, int64_t value);
  ~ScopedTunable();
  ScopedTunable(const ScopedTunable&) = delete;
  ScopedTunable& operator=(const ScopedTunable&) = delete;

 private:
  const Tunable& tunable_;
  int64_t before_;
};

}  // namespace roux

#endif  // ROUX_TENSOR_TUNABLE_H_
