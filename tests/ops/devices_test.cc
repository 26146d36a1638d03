// Which ops have CUDA kernels: runs the first sample of every entry on the emulated device, forward and with
// its gradients, and compares with the table in cuda/OPS.md. As `bazel run //tests/ops:devices_test` it
// writes the table.
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tests/ops/cases.h"

namespace roux::testing {
namespace {

// Of one op, over all its entries.
struct Row {
  std::set<DType> cpu, device;            // forward
  std::set<DType> cpu_grad, device_grad;  // backward; empty: not differentiable
  std::set<DType> missing, missing_grad;  // dtypes in which an entry lacks a kernel
  std::set<std::string> lacks;            // the ops whose kernels are missing
};

// Whether run() meets no missing kernel; what it lacks otherwise.
bool has_kernels(const std::function<void()>& run, std::set<std::string>& lacks) {
  try {
    run();
  } catch (const Error& error) {
    const std::string text = error.what();
    const size_t end = text.find(": no kernel for");
    EXPECT_NE(end, std::string::npos) << text;
    lacks.insert(text.substr(0, end));
    return false;
  }
  return true;
}

void add_entry(const Suite& suite, Row& row) {
  for (int t = 0; t < kDTypeCount; ++t) {
    const DType dtype = static_cast<DType>(t);
    if (!suite.dtypes_.contains(dtype)) continue;
    const Shapes& shapes = suite.samples_[0];
    row.cpu.insert(dtype);
    const bool forward = has_kernels(
        [&] {
          NoGradGuard no_grad;
          suite.call_(moved_to(make_inputs(suite, shapes, dtype, 0), kEmulated));
        },
        row.lacks);
    (forward ? row.device : row.missing).insert(dtype);
    if (!is_floating(dtype)) continue;
    const Tensors inputs = gradient_inputs(suite, shapes, dtype, 0);
    bool differentiable = false;
    for (const Tensor& y : suite.call_(inputs)) differentiable |= y.requires_grad();
    if (!differentiable) continue;
    row.cpu_grad.insert(dtype);
    const bool backward =
        forward && has_kernels([&] { gradients(suite, moved_to(inputs, kEmulated)); }, row.lacks);
    (backward ? row.device_grad : row.missing_grad).insert(dtype);
  }
}

std::string names(const std::set<DType>& dtypes, const std::set<DType>& without = {}) {
  std::vector<std::string> found;
  for (DType dtype : dtypes) {
    if (without.count(dtype) == 0) found.push_back(name(dtype));
  }
  return found.empty() ? "-" : absl::StrJoin(found, " ");
}

std::string table() {
  std::map<std::string, Row> rows;
  for (const Suite* suite : all_suites()) add_entry(*suite, rows[suite->op]);
  int whole = 0, differentiable = 0, whole_grad = 0;
  std::string lines;
  for (const auto& [op, row] : rows) {
    whole += row.missing.empty();
    differentiable += !row.cpu_grad.empty();
    whole_grad += !row.cpu_grad.empty() && row.missing_grad.empty();
    absl::StrAppend(&lines, "| ", op, " | ", names(row.cpu), " | ",
                    row.missing.empty() ? "all" : names(row.device, row.missing), " | ",
                    row.cpu_grad.empty()       ? "none"
                    : row.missing_grad.empty() ? "all"
                                               : names(row.device_grad, row.missing_grad),
                    " | ", absl::StrJoin(row.lacks, ", "), " |\n");
  }
  return absl::StrCat(
      "# Ops with CUDA kernels\n\n", whole, " of ", rows.size(),
      " ops run forward on the device in every dtype that they have on the CPU, ", whole_grad, " of ",
      differentiable,
      " differentiable ones with their\ngradients. Written by `bazel run //tests/ops:devices_test`, which "
      "runs "
      "the first sample of every entry of the op suite on\nthe emulator; as a test it compares.\n\n"
      "| op | on the CPU | forward | gradients | kernels that are missing |\n|---|---|---|---|---|\n",
      lines);
}

TEST(Devices, TheTableSaysWhatRuns) {
  const std::string path = "cuda/OPS.md", found = table();
  if (const char* repository = std::getenv("BUILD_WORKSPACE_DIRECTORY")) {
    std::ofstream(absl::StrCat(repository, "/", path)) << found;
    return;
  }
  std::stringstream stored;
  stored << std::ifstream(path).rdbuf();
  EXPECT_EQ(stored.str(), found) << path << " is not what runs: bazel run //tests/ops:devices_test writes it";
}

}  // namespace
}  // namespace roux::testing
