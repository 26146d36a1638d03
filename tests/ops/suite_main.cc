// Runs the checks of all entries linked into this program as GoogleTest cases <op>[.<variant>].<check>.
#include <string>

#include "gtest/gtest.h"
#include "tests/ops/checks.h"

namespace roux::testing {
namespace {

class CheckTest : public ::testing::Test {
 public:
  CheckTest(const Suite* suite, const Check* check) : suite_(suite), check_(check) {}
  void TestBody() override {
    const auto skip = suite_->skips_.find(check_->name);
    if (skip != suite_->skips_.end()) GTEST_SKIP() << skip->second;
    if (check_->name == std::string("cuda") && device_count(DeviceType::kCuda) == 0)
      GTEST_SKIP() << "no GPU here";
    const std::string failure = check_->run(*suite_);
    EXPECT_EQ(failure, "") << suite_->op << ": " << check_->what;
    EXPECT_EQ(take_guard_failure(), "") << suite_->op;
  }

 private:
  const Suite* suite_;
  const Check* check_;
};

}  // namespace
}  // namespace roux::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  roux::testing::install_guarded_runtime();
  for (const roux::testing::Suite* suite : roux::testing::all_suites()) {
    const std::string name = suite->variant.empty() ? suite->op : suite->op + "." + suite->variant;
    for (const roux::testing::Check& check : roux::testing::all_checks()) {
      ::testing::RegisterTest(
          name.c_str(), check.name, nullptr, nullptr, __FILE__, __LINE__,
          [suite, &check]() -> ::testing::Test* { return new roux::testing::CheckTest(suite, &check); });
    }
  }
  return RUN_ALL_TESTS();
}
