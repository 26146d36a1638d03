#include "recipes/kit/run/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "recipes/kit/run/terminal.h"
#include "recipes/kit/text/printable.h"

namespace roux::kit {
namespace {

constexpr int kBarWidth = 10;  // the step line needs the room
constexpr double kRedrawSeconds = 0.1;
// Away from a terminal: a line at each tenth, but not more often than this, and in any case after the longer
// time.
constexpr double kSparseSeconds = 2;
constexpr double kLongestSilence = 15;

int terminal_columns(int fd) {
  winsize size = {};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
}

std::string clip(absl::string_view text, int columns) {
  std::string out;
  for (int used = 0; used < columns && !text.empty(); ++used) {
    const size_t length = std::max<size_t>(1, utf8_length(text));
    out.append(text.data(), length);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

Progress::Progress(int fd) : fd_(fd), terminal_(is_terminal(fd)), last_(start_ - std::chrono::hours(1)) {}

void Progress::write(const std::string& text) {
  [[maybe_unused]] const ssize_t written = ::write(fd_, text.data(), text.size());
}

void Progress::update(double done, double total, const std::string& text, double already_done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto now = Clock::now();
  const double silent = std::chrono::duration<double>(now - last_).count();
  const double fraction = total > 0 ? std::min(1.0, done / total) : 0;
  const int tenth = static_cast<int>(fraction * 10);
  const bool due = terminal_
                       ? silent >= kRedrawSeconds || fraction >= 1
                       : silent >= kLongestSilence || (tenth != last_tenth_ && silent >= kSparseSeconds);
  if (!due) return;
  last_ = now;
  last_tenth_ = tenth;
  std::string head;
  if (total > 0) {
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const double fresh = done - already_done;
    const std::string eta = fresh > 0 ? format_duration(elapsed * (total - done) / fresh) : "-";
    const std::string share = absl::StrFormat("%3.0f%%  ETA %s  ", 100 * fraction, eta);
    head = terminal_ ? absl::StrCat(progress_bar(fraction, kBarWidth), " ", share) : share;
  }
  if (terminal_) {
    write(absl::StrCat("\r\x1b[K", clip(head + text, terminal_columns(fd_) - 1)));
    drawn_ = true;
  } else {
    write(absl::StrCat(head, text, "\n"));
  }
}

void Progress::clear() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (drawn_) write("\r\x1b[K");
  drawn_ = false;
}

void Progress::line(const std::string& text) {
  clear();
  write(text + "\n");
}

std::string format_duration(double seconds) {
  const auto total = static_cast<int64_t>(std::max(0.0, std::round(seconds)));
  if (total < 3600) return absl::StrFormat("%d:%02d", total / 60, total % 60);
  return absl::StrFormat("%d:%02d:%02d", total / 3600, total / 60 % 60, total % 60);
}

std::string progress_bar(double fraction, int width) {
  const int full = std::clamp(static_cast<int>(fraction * width), 0, width);
  return absl::StrCat("[", std::string(static_cast<size_t>(full), '#'),
                      std::string(static_cast<size_t>(width - full), '-'), "]");
}

}  // namespace roux::kit
