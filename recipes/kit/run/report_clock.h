// Says when the report of a run that goes on is to be written anew: `seconds` after the last, and later if
// writing takes so long that it would cost more than a fiftieth of the time. 0 seconds: at every call.
// Thread-safe.
//
//   if (clock.start()) { ...write...; clock.done(); }
#ifndef ROUX_RECIPES_KIT_RUN_REPORT_CLOCK_H_
#define ROUX_RECIPES_KIT_RUN_REPORT_CLOCK_H_

#include <algorithm>
#include <chrono>
#include <mutex>

namespace roux::kit {

class ReportClock {
 public:
  explicit ReportClock(double seconds) : pause_(seconds), due_(Clock::now() + whole(pause_)) {}

  // True when a report is due and nobody is writing one: then done() must follow.
  bool start() {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto now = Clock::now();
    if (writing_ || now < due_) return false;
    writing_ = true;
    started_ = now;
    return true;
  }
  void done() {
    constexpr double kMostOften = 50;  // times what a report costs
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto now = Clock::now();
    const Seconds cost = now - started_;
    const Seconds pause = pause_.count() > 0 ? std::max(pause_, kMostOften * cost) : pause_;
    due_ = now + whole(pause);
    writing_ = false;
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  static Clock::duration whole(Seconds pause) { return std::chrono::duration_cast<Clock::duration>(pause); }
  const Seconds pause_;
  std::mutex mutex_;
  Clock::time_point due_;
  Clock::time_point started_;
  bool writing_ = false;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_REPORT_CLOCK_H_
