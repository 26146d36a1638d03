#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "recipes/kit/stats/linear_algebra.h"

namespace roux::stats {
namespace {

int64_t threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// In a process with no word on threads in its environment, as a user's is.
TEST(Lapack, StartsNoThreads) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer has a thread of its own";
#endif
  if (std::getenv("ROUX_LAPACK_TEST_CHILD") == nullptr) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::unsetenv("OPENBLAS_NUM_THREADS");
      ::setenv("ROUX_LAPACK_TEST_CHILD", "1", 1);
      ::execl("/proc/self/exe", "lapack_test", "--gtest_filter=Lapack.StartsNoThreads", nullptr);
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    return;
  }
  EXPECT_EQ(threads(), 1) << "before the first use";
  Matrix a(300, 300);
  for (int64_t i = 0; i < 300; ++i) a(i, i) = 2;
  const std::vector<double> b(300, 1);
  EXPECT_EQ(least_squares(a, b).x[299], 0.5);
  EXPECT_EQ(threads(), 1);
}

}  // namespace
}  // namespace roux::stats
