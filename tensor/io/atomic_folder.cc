#include "tensor/io/atomic_folder.h"

#include <fcntl.h>
#include <stdio.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/io/atomic_file.h"

namespace roux {
namespace {

namespace fs = std::filesystem;

// `partial` becomes `folder`; what was there becomes `partial`, if there was something.
absl::Status exchange(const std::string& partial, const std::string& folder, bool replaces) {
  if (!replaces) {
    if (::rename(partial.c_str(), folder.c_str()) == 0) return absl::OkStatus();
    return errno_status("cannot rename to", folder, errno);
  }
  if (::renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0)
    return absl::OkStatus();
  if (errno != EINVAL && errno != ENOSYS) return errno_status("cannot replace", folder, errno);
  // Some network file systems cannot exchange: a kill between these two leaves the old one as `.old`.
  const std::string old = absl::StrCat(folder, ".old");
  if (::rename(folder.c_str(), old.c_str()) != 0 || ::rename(partial.c_str(), folder.c_str()) != 0 ||
      ::rename(old.c_str(), partial.c_str()) != 0)
    return errno_status("cannot replace", folder, errno);
  return absl::OkStatus();
}

}  // namespace

absl::Status write_folder_atomically(const std::string& folder,
                                     absl::FunctionRef<absl::Status(const std::string&)> write) {
  std::string target = fs::path(folder).lexically_normal().string();
  while (target.size() > 1 && target.back() == '/') target.pop_back();
  std::error_code error;
  const fs::file_status present = fs::status(target, error);
  if (fs::is_symlink(target, error)) target = fs::canonical(target, error).string();
  const bool replaces = fs::exists(present);
  if (replaces && !fs::is_directory(present))
    return absl::FailedPreconditionError(absl::StrCat("cannot write folder ", folder, ": it is no folder"));
  if (target.empty() || (replaces && fs::equivalent(target, ".", error)))
    return absl::FailedPreconditionError(
        absl::StrCat("cannot replace ", folder, ": it is the working directory"));

  const std::string partial = absl::StrCat(target, ".partial");
  const auto failed = [&](const char* action, const std::string& path) {
    const absl::Status status = errno_status(action, path, error.value());
    fs::remove_all(partial, error);
    return status;
  };
  fs::remove_all(partial, error);
  if (error) return failed("cannot remove", partial);
  fs::create_directories(partial, error);
  if (error) return failed("cannot make folder", partial);
  if (replaces) {
    fs::copy(target, partial, fs::copy_options::recursive | fs::copy_options::create_hard_links, error);
    if (error) return failed("cannot link the files of", target);
  }
  absl::Status status = write(partial);
  if (status.ok()) status = sync_directory(partial);
  if (status.ok()) status = exchange(partial, target, replaces);
  fs::remove_all(partial, error);
  ROUX_RETURN_IF_ERROR(status);
  const std::string parent = fs::path(target).parent_path().string();
  return sync_directory(parent.empty() ? "." : parent);
}

}  // namespace roux
