// Progress on stderr: on a terminal one line that is redrawn (bar, share, ETA, text), elsewhere (TERM=dumb
// included) a plain line now and then. Thread-safe.
//
//   Progress progress;
//   progress.update(120, 600, "cosine/seed1 120/600  loss 2.83");
#ifndef ROUX_RECIPES_KIT_RUN_PROGRESS_H_
#define ROUX_RECIPES_KIT_RUN_PROGRESS_H_

#include <chrono>
#include <mutex>
#include <string>

namespace roux::kit {

class Progress {
 public:
  explicit Progress(int fd = 2);
  ~Progress() { clear(); }

  // `done` of `total` units are finished (total <= 0: unknown, no bar). `already_done` of them came from an
  // earlier session and say nothing about speed, so the ETA leaves them out.
  void update(double done, double total, const std::string& text, double already_done = 0);
  // A line that stays, above the bar.
  void line(const std::string& text);
  // Removes the bar, before other output.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void write(const std::string& text);

  const int fd_;
  const bool terminal_;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  Clock::time_point last_;
  int last_tenth_ = -1;
  bool drawn_ = false;
};

// 75 s -> "1:15", 3700 s -> "1:01:40".
std::string format_duration(double seconds);

// "[#####-----]" with `width` cells.
std::string progress_bar(double fraction, int width);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_PROGRESS_H_
