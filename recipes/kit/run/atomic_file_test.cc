#include "recipes/kit/run/atomic_file.h"
#include "tensor/fresh_directory.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace roux::kit {
namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

TEST(MakeDirectories, MakesAllAndAcceptsExisting) {
  const std::string path = fresh_directory() + "/a/b/c";
  EXPECT_TRUE(make_directories(path).ok());
  EXPECT_TRUE(make_directories(path).ok());
  EXPECT_TRUE(probe_writable(path).ok());
  EXPECT_FALSE(exists(path + "/.probe"));
}

TEST(MakeDirectories, FileInTheWayIsAnError) {
  const std::string path = fresh_directory() + "/f";
  ASSERT_TRUE(write_file_atomically(path, "x").ok());
  EXPECT_FALSE(make_directories(path).ok());
  EXPECT_FALSE(make_directories(path + "/below").ok());
}

TEST(ProbeWritable, RefusesWhereNothingCanBeWritten) { EXPECT_FALSE(probe_writable("/proc").ok()); }

}  // namespace
}  // namespace roux::kit
