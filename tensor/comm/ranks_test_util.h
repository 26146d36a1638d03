// Tests that need several ranks: a gtest program that starts itself under mpirun.
//
//   TEST(Ranks, ReduceInRankOrder) { ...runs in each of 2, 3 and 4 ranks... }
//   int main(int argc, char** argv) { return roux::ranks_test_main(argc, argv, {2, 3, 4}); }
//
// Tests of the suite "Ranks" run on every rank, the others once in the process that Bazel started. Without
// mpirun those of "Ranks" are skipped, and the test says so.
#ifndef ROUX_TENSOR_COMM_RANKS_TEST_UTIL_H_
#define ROUX_TENSOR_COMM_RANKS_TEST_UTIL_H_

#include <string>
#include <vector>

namespace roux {

struct RanksResult {
  int exit_code = 0;
  std::string output;  // of all ranks and mpirun, stdout and stderr
  double seconds = 0;
};
bool have_mpirun();
// Runs `command` (program and arguments, for a shell) on so many ranks of this machine.
RanksResult run_ranks(int ranks, const std::string& command);

int ranks_test_main(int argc, char** argv, const std::vector<int>& rank_counts);

}  // namespace roux

#endif  // ROUX_TENSOR_COMM_RANKS_TEST_UTIL_H_
