#include "tensor/io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux {
namespace {

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::Status errno_status(const char* action, const std::string& path, int error_number) {
  return absl::ErrnoToStatus(error_number, absl::StrCat(action, " ", path));
}

absl::Status write_fully(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_status("cannot write", path, errno);
    if (written == 0) return errno_status("cannot write", path, ENOSPC);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_status("cannot open directory", directory, errno);
  // Some network file systems refuse to sync a directory; the rename itself has happened, so that is no
  // failure.
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error != 0 && error != EINVAL && error != ENOTSUP) {
    return errno_status("cannot sync directory", directory, error);
  }
  return absl::OkStatus();
}

AtomicFile::AtomicFile(std::string path, int fd)
    : path_(std::move(path)), partial_(absl::StrCat(path_, ".partial")), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)), partial_(std::move(other.partial_)), fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(partial_.c_str());
}

absl::StatusOr<AtomicFile> AtomicFile::create(const std::string& path) {
  const std::string partial = absl::StrCat(path, ".partial");
  const int fd = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return errno_status("cannot create", partial, errno);
  return AtomicFile(path, fd);
}

absl::Status AtomicFile::append(absl::string_view bytes) { return write_fully(fd_, bytes, partial_); }

absl::Status AtomicFile::commit() {
  if (::fsync(fd_) != 0) return errno_status("cannot sync", partial_, errno);
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0 || ::rename(partial_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(partial_.c_str());
    return errno_status("cannot replace", path_, error);
  }
  return sync_directory(parent_of(path_));
}

absl::Status write_file_atomically(const std::string& path, absl::string_view contents) {
  ROUX_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  ROUX_RETURN_IF_ERROR(file.append(contents));
  return file.commit();
}

absl::StatusOr<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno_status("cannot read", path, errno);
  std::string contents;
  struct stat info;
  if (::fstat(fd, &info) == 0 && info.st_size > 0) contents.reserve(static_cast<size_t>(info.st_size));
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      ::close(fd);
      return errno_status("cannot read", path, error);
    }
    if (got == 0) break;
    contents.append(buffer, static_cast<size_t>(got));
  }
  ::close(fd);
  return contents;
}

}  // namespace roux
