#include "tensor/tunable.h"

#include <mutex>

#include "tensor/error.h"

namespace roux {
namespace {

struct Read {
  std::mutex mutex;
  std::vector<const Tunable*> tunables;
};
Read& read() {
  static auto* read = new Read;
  return *read;
}

}  // namespace

int64_t Tunable::first_read() const {
  const std::lock_guard<std::mutex> lock(read().mutex);
  const int64_t value = value_.load(std::memory_order_relaxed);
  if (value != kUnread) return value;  // another thread was faster
  read().tunables.push_back(this);
  value_.store(usual_, std::memory_order_relaxed);
  return usual_;
}

std::vector<const Tunable*> read_tunables() {
  const std::lock_guard<std::mutex> lock(read().mutex);
  return read().tunables;
}

void forget_read_tunables() {
  const std::lock_guard<std::mutex> lock(read().mutex);
  for (const Tunable* tunable : read().tunables)
    tunable->value_.store(Tunable::kUnread, std::memory_order_relaxed);
  read().tunables.clear();
}

ScopedTunable::ScopedTunable(const Tunable& tunable, int64_t value) : tunable_(tunable), before_(tunable) {
  ROUX_CHECK(value >= 1) << tunable.name() << ": value is " << value << ", at least 1 is needed";
  tunable_.value_.store(value, std::memory_order_relaxed);
}
ScopedTunable::~ScopedTunable() { tunable_.value_.store(before_, std::memory_order_relaxed); }

}  // namespace roux
