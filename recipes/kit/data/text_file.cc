#include "recipes/kit/data/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/byte_source.h"
#include "recipes/kit/text/readers/gzip.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

absl::StatusOr<std::string> read_text(const std::string& path, int64_t max_bytes) {
  FileDescriptor file(path);
  if (file.get() < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be opened"));
  struct stat info;
  if (fstat(file.get(), &info) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be examined"));
  if (!S_ISREG(info.st_mode))
    return absl::InvalidArgumentError(absl::StrCat(path, ": is not a regular file"));
  const int64_t size = info.st_size;
  if (size == 0) return absl::InvalidArgumentError(absl::StrCat(path, ": is empty"));
  if (size > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": has ", size, " bytes, at most ", max_bytes, " are read into memory"));
  }
  std::string text(static_cast<size_t>(size), '\0');
  int64_t done = 0;
  while (done < size) {
    const ssize_t got = read(file.get(), text.data() + done, static_cast<size_t>(size - done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": read failed at byte ", done));
    if (got == 0) {
      return absl::DataLossError(absl::StrCat(path, ": ended at byte ", done, ", expected ", size, " bytes"));
    }
    done += got;
  }
  if (text.compare(0, 2, "\x1F\x8B") != 0) return text;
  ROUX_ASSIGN_OR_RETURN(std::string unpacked,
                        read_all(*gzip_source(memory_source(std::move(text), path)), max_bytes));
  if (unpacked.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": is empty"));
  return unpacked;
}

absl::StatusOr<TextSplit> split_text(const std::string& text, double validation_share,
                                     const std::string& source) {
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(source, ": is empty"));
  if (!(validation_share >= 0 && validation_share < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": validation share is ", validation_share, ", must be at least 0 and below 1"));
  }
  size_t cut =
      text.size() - static_cast<size_t>(std::llround(validation_share * static_cast<double>(text.size())));
  const auto continues = [&](size_t i) {
    return i < text.size() && (static_cast<uint8_t>(text[i]) & 0xC0) == 0x80;
  };
  // At most three continuation bytes: a longer run is not UTF-8, and any cut is as good as another.
  for (int i = 0; i < 3 && cut > 0 && continues(cut); ++i) --cut;
  if (cut == 0 || (validation_share > 0 && cut == text.size())) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", text.size(),
                                                   " bytes are too few to set aside ", validation_share,
                                                   " of them for validation"));
  }
  return TextSplit{text.substr(0, cut), text.substr(cut)};
}

}  // namespace roux::kit
