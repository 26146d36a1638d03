#include "recipes/kit/run/metrics_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "recipes/kit/run/atomic_file.h"

namespace roux::kit {

MetricsLog::~MetricsLog() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status MetricsLog::open(const std::string& path, bool append) {
  path_ = path;
  bool cut = false;
  if (append) {
    const absl::StatusOr<std::string> earlier = read_file(path);
    cut = earlier.ok() && !earlier->empty() && earlier->back() != '\n';
  }
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0644);
  if (fd_ < 0) return errno_status("cannot create", path, errno);
  return cut ? write_fully(fd_, "\n", path) : absl::OkStatus();
}

void MetricsLog::open_with_first_line(const std::string& path) {
  path_ = path;
  open_with_first_line_ = true;
  ::unlink(path.c_str());  // a file that cannot be removed is said when it is opened
}

void MetricsLog::also_to_tensorboard(const std::string& directory) {
  const std::lock_guard<std::mutex> lock(mutex_);
  tensorboard_ = std::make_unique<TensorBoardLog>(directory);
}

size_t MetricsLog::add_segment() {
  const std::lock_guard<std::mutex> lock(mutex_);
  segments_.emplace_back();
  return segments_.size() - 1;
}

void MetricsLog::append(size_t segment, absl::string_view lines) {
  const std::lock_guard<std::mutex> lock(mutex_);
  segments_[segment].text.append(lines.data(), lines.size());
  if (tensorboard_) tensorboard_->append(lines);
}

std::string MetricsLog::text(size_t segment) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return segments_[segment].text;
}

void MetricsLog::close(size_t segment) {
  const std::lock_guard<std::mutex> lock(mutex_);
  segments_[segment].closed = true;
}

absl::Status MetricsLog::flush() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (; first_open_ < segments_.size(); ++first_open_) {
    Segment& segment = segments_[first_open_];
    if (open_with_first_line_ && segment.written < segment.text.size()) {
      open_with_first_line_ = false;
      status_ = open(path_);
    }
    if (status_.ok() && fd_ >= 0 && segment.written < segment.text.size()) {
      status_ = write_fully(fd_, absl::string_view(segment.text).substr(segment.written), path_);
    }
    segment.written = segment.text.size();
    if (!segment.closed) break;
    segment.text = std::string();
    segment.written = 0;
  }
  if (status_.ok() && tensorboard_) status_ = tensorboard_->status();
  return status_;
}

}  // namespace roux::kit
