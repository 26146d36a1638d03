#include "tensor/comm/ranks_test_util.h"

#include <sys/wait.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tensor/comm/communicator.h"

namespace roux {
namespace {

std::string program;
std::vector<int> counts;

// Under --gtest_filter=Ranks.* in each rank: rank 0 speaks, the others only of failures.
int run_as_rank(int argc, char** argv) {
  const absl::Status started = start_world();
  if (!started.ok()) {
    std::cerr << started.message() << "\n";
    return 1;
  }
  testing::InitGoogleTest(&argc, argv);
  if (world().rank() != 0) {
    testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
    class OnlyFailures : public testing::EmptyTestEventListener {
      void OnTestPartResult(const testing::TestPartResult& result) override {
        if (result.failed()) {
          std::cerr << "rank " << world().rank() << ": " << result.file_name() << ":" << result.line_number()
                    << ": " << result.message() << "\n";
        }
      }
    };
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new OnlyFailures);
  }
  return RUN_ALL_TESTS();
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OnRanks);  // of programs that only use run_ranks()
class OnRanks : public testing::TestWithParam<int> {};

TEST_P(OnRanks, AllOfRanks) {
  if (!have_mpirun()) GTEST_SKIP() << "no mpirun: run bazel/setup";
  const RanksResult result =
      run_ranks(GetParam(), absl::StrCat("env ROUX_AS_RANK=1 ", program, " --gtest_filter='Ranks.*'"));
  EXPECT_EQ(result.exit_code, 0) << result.output;
}

INSTANTIATE_TEST_SUITE_P(Counts, OnRanks, testing::ValuesIn(counts),
                         [](const auto& info) { return absl::StrCat(info.param); });

}  // namespace

bool have_mpirun() { return std::system("command -v mpirun >/dev/null 2>&1") == 0; }

RanksResult run_ranks(int ranks, const std::string& command) {
  const char* const folder = std::getenv("TEST_TMPDIR");
  // The files of the test belong to the process that Bazel started. Root runs tests in containers; cores are
  // shared; session files stay in the test's folder, whose path may be too long for a socket, so only the big
  // ones.
  const std::string line = absl::StrCat(
      "env -u XML_OUTPUT_FILE -u TEST_PREMATURE_EXIT_FILE OMPI_ALLOW_RUN_AS_ROOT=1 "
      "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1 OMPI_MCA_rmaps_base_oversubscribe=1 "
      "OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_backing_directory=",
      folder != nullptr ? folder : "/tmp", " mpirun -n ", ranks, " ", command, " 2>&1");
  const auto begin = std::chrono::steady_clock::now();
  RanksResult result;
  FILE* const pipe = popen(line.c_str(), "r");
  std::array<char, 4096> buffer;
  size_t n;
  while ((n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0) result.output.append(buffer.data(), n);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

int ranks_test_main(int argc, char** argv, const std::vector<int>& rank_counts) {
  if (std::getenv("ROUX_AS_RANK") != nullptr) return run_as_rank(argc, argv);
  program = argv[0];
  counts = rank_counts;
  testing::InitGoogleTest(&argc, argv);
  if (testing::GTEST_FLAG(filter) == "*") testing::GTEST_FLAG(filter) = "-Ranks.*";
  return RUN_ALL_TESTS();
}

}  // namespace roux
