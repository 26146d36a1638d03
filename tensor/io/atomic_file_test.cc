#include "tensor/io/atomic_file.h"
#include "tensor/fresh_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace roux {
namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Runs `body` in a child process; its exit status.
template <class Body>
int in_child(const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(AtomicFile, ReplacesWholeFile) {
  const std::string path = fresh_directory() + "/f";
  ASSERT_TRUE(write_file_atomically(path, "old and long").ok());
  ASSERT_TRUE(write_file_atomically(path, "new").ok());
  EXPECT_EQ(*read_file(path), "new");
  EXPECT_FALSE(exists(path + ".partial"));
}

TEST(AtomicFile, UncommittedFileLeavesNothing) {
  const std::string path = fresh_directory() + "/f";
  {
    absl::StatusOr<AtomicFile> file = AtomicFile::create(path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->append("half").ok());
  }
  EXPECT_FALSE(exists(path));
  EXPECT_FALSE(exists(path + ".partial"));
}

TEST(AtomicFile, FullDiskKeepsOldFileAndNamesPath) {
  const std::string path = fresh_directory() + "/f";
  ASSERT_TRUE(write_file_atomically(path, "old").ok());
  // A file size limit fails the write in the middle, as a full disk does.
  const int status = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const absl::Status written = write_file_atomically(path, std::string(10000, 'x'));
    return !written.ok() && absl::StrContains(written.message(), path) && !exists(path + ".partial") ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*read_file(path), "old");
}

TEST(AtomicFile, DeviceFullIsAnError) {
  const int fd = ::open("/dev/full", O_WRONLY);
  if (fd < 0) GTEST_SKIP() << "no /dev/full here";
  const absl::Status status = write_fully(fd, "x", "/dev/full");
  ::close(fd);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "cannot write /dev/full: No space left on device");
}

TEST(AtomicFile, MissingDirectoryIsAnError) {
  const absl::Status status = write_file_atomically("/no/such/folder/f", "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(status.message(), "/no/such/folder/f")) << status;
}

TEST(ReadFile, MissingFileIsNotFound) {
  EXPECT_EQ(read_file("/no/such/file").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace roux
