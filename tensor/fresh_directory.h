// A folder of its own for a test that writes files.
#ifndef ROUX_TENSOR_FRESH_DIRECTORY_H_
#define ROUX_TENSOR_FRESH_DIRECTORY_H_

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace roux {

// The path of a new, empty folder below `parent`. A failing test if it cannot be made.
inline std::string fresh_directory(const std::string& parent = ::testing::TempDir()) {
  std::string path = parent + "/roux-XXXXXX";
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  return path;
}

// The same in memory, where the system has a place for that: a test that writes hundreds of files waits 10 ms
// for a disk to take each. Gone when this process ends.
inline std::string fresh_memory_directory() {
  constexpr char kMemory[] = "/dev/shm";
  if (::access(kMemory, W_OK | X_OK) != 0) return fresh_directory();
  static std::vector<std::string>* const made = [] {
    std::atexit([] {
      std::error_code ignored;
      for (const std::string& path : *made) std::filesystem::remove_all(path, ignored);
    });
    return new std::vector<std::string>;
  }();
  made->push_back(fresh_directory(kMemory));
  return made->back();
}

}  // namespace roux

#endif  // ROUX_TENSOR_FRESH_DIRECTORY_H_
