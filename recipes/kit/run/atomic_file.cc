#include "recipes/kit/run/atomic_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr size_t kProbeBytes = 64 * 1024;  // the configuration, claims and a short report fit in this

}  // namespace

absl::Status make_directories(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string prefix = path.substr(0, end);
    if (::mkdir(prefix.c_str(), 0755) != 0 && errno != EEXIST) {
      const int error = errno;
      struct stat info;
      // On read-only file systems mkdir of an existing directory says EROFS rather than EEXIST.
      if (::stat(prefix.c_str(), &info) != 0) return errno_status("cannot create directory", prefix, error);
    }
    if (end == std::string::npos) break;
  }
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return errno_status("cannot open directory", path, errno);
  if (!S_ISDIR(info.st_mode)) return errno_status("cannot open directory", path, ENOTDIR);
  return absl::OkStatus();
}

absl::Status probe_writable(const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/.probe");
  ROUX_RETURN_IF_ERROR(write_file_atomically(path, std::string(kProbeBytes, '\0')));
  if (::unlink(path.c_str()) != 0) return errno_status("cannot remove", path, errno);
  return absl::OkStatus();
}

}  // namespace roux::kit
