// A folder of its own for a test that writes files.
#ifndef ROUX_TENSOR_FRESH_DIRECTORY_H_
#define ROUX_TENSOR_FRESH_DIRECTORY_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

namespace roux {

// The path of a new, empty folder below the test's temporary one. A failing test if it cannot be made.
inline std::string fresh_directory() {
  std::string path = testing::TempDir() + "/roux-XXXXXX";
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  return path;
}

}  // namespace roux

#endif  // ROUX_TENSOR_FRESH_DIRECTORY_H_
