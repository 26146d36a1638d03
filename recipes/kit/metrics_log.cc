#include "recipes/kit/metrics_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "recipes/kit/atomic_file.h"

namespace roux::kit {

MetricsLog::~MetricsLog() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status MetricsLog::open(const std::string& path) {
  path_ = path;
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  return fd_ >= 0 ? absl::OkStatus() : errno_status("cannot create", path, errno);
}

size_t MetricsLog::add_segment() {
  const std::lock_guard<std::mutex> lock(mutex_);
  segments_.emplace_back();
  return segments_.size() - 1;
}

void MetricsLog::append(size_t segment, absl::string_view lines) {
  const std::lock_guard<std::mutex> lock(mutex_);
  segments_[segment].text.append(lines.data(), lines.size());
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
    if (status_.ok() && fd_ >= 0 && segment.written < segment.text.size()) {
      status_ = write_fully(fd_, absl::string_view(segment.text).substr(segment.written), path_);
    }
    segment.written = segment.text.size();
    if (!segment.closed) break;
    segment.text = std::string();
    segment.written = 0;
  }
  return status_;
}

}  // namespace roux::kit
