#include "recipes/kit/text/readers/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr size_t kBufferBytes = 1 << 16;

class MemorySource : public ByteSource {
 public:
  MemorySource(std::string bytes, std::string name) : ByteSource(std::move(name)), bytes_(std::move(bytes)) {}
  absl::StatusOr<size_t> read(char* buffer, size_t size) override {
    const size_t count = std::min(size, bytes_.size() - at_);
    if (count > 0) std::memcpy(buffer, bytes_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

class FileSource : public ByteSource {
 public:
  FileSource(int fd, std::string path) : ByteSource(std::move(path)), fd_(fd) {}
  ~FileSource() override { close(fd_); }
  absl::StatusOr<size_t> read(char* buffer, size_t size) override {
    ssize_t got;
    do {
      got = ::read(fd_, buffer, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat(name(), ": read failed at byte ", at_));
    at_ += got;
    return static_cast<size_t>(got);
  }

 private:
  int fd_;
  int64_t at_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> memory_source(std::string bytes, std::string name) {
  return std::make_unique<MemorySource>(std::move(bytes), std::move(name));
}

absl::StatusOr<std::unique_ptr<ByteSource>> open_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be opened"));
  std::unique_ptr<ByteSource> source = std::make_unique<FileSource>(fd, path);
  struct stat info;
  if (fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be examined"));
  if (S_ISDIR(info.st_mode))
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder, not a file"));
  return source;
}

absl::StatusOr<std::string> read_all(ByteSource& source, int64_t max_bytes) {
  std::string all;
  std::vector<char> buffer(kBufferBytes);
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const size_t got, source.read(buffer.data(), buffer.size()));
    if (got == 0) return all;
    if (static_cast<int64_t>(all.size() + got) > max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(source.name(), ": holds more than the ", max_bytes,
                                                       " bytes that are read into memory"));
    }
    all.append(buffer.data(), got);
  }
}

absl::Status damaged(const std::string& name, int64_t offset, const std::string& what) {
  return absl::DataLossError(absl::StrCat(name, ": byte ", offset, ": ", what));
}

ByteReader::ByteReader(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), buffer_(kBufferBytes) {}

bool ByteReader::fill() {
  if (ended_) return false;
  consumed_ += static_cast<int64_t>(filled_);
  next_ = filled_ = 0;
  const absl::StatusOr<size_t> got = source_->read(buffer_.data(), buffer_.size());
  if (got.ok()) {
    filled_ = *got;
  } else {
    status_ = got.status();
  }
  ended_ = filled_ == 0;
  return !ended_;
}

absl::StatusOr<bool> LineReader::next(std::string* line) {
  line->clear();
  if (line_number_ == 0 && bytes_.peek() == 0xEF) {
    const char mark[] = "\xEF\xBB\xBF";
    for (int i = 0; i < 3 && bytes_.peek() == static_cast<unsigned char>(mark[i]); ++i) {
      line->push_back(static_cast<char>(bytes_.get()));
    }
    if (*line == mark) line->clear();
  }
  line_offset_ = bytes_.offset() - static_cast<int64_t>(line->size());
  bool any = !line->empty();
  for (int c = bytes_.get(); c != ByteReader::kEnd; c = bytes_.get()) {
    any = true;
    if (c == '\n') break;
    if (static_cast<int64_t>(line->size()) >= max_line_bytes_) {
      return absl::ResourceExhaustedError(absl::StrCat(name(), ": byte ", line_offset_, ": line ",
                                                       line_number_ + 1, " is longer than ", max_line_bytes_,
                                                       " bytes"));
    }
    line->push_back(static_cast<char>(c));
  }
  ROUX_RETURN_IF_ERROR(bytes_.status());
  if (!any) return false;
  if (!line->empty() && line->back() == '\r') line->pop_back();
  ++line_number_;
  return true;
}

}  // namespace roux::kit
