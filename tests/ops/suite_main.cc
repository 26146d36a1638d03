// Runs the checks of all entries linked into this program as GoogleTest cases <op>[.<variant>].<check>,
// on the emulator and on a GPU as <op>[.<variant>].<check>.emulated and .cuda.
#include <string>

#include "gtest/gtest.h"
#include "tests/ops/checks.h"

namespace roux::testing {
namespace {

class CheckTest : public ::testing::Test {
 public:
  CheckTest(const Suite* suite, const Check* check, Device device)
      : suite_(suite), check_(check), device_(device) {}
  void TestBody() override {
    const auto skip = suite_->skips_.find(check_->name);
    if (skip != suite_->skips_.end()) GTEST_SKIP() << skip->second;
    if (device_count(device_.type) == 0) GTEST_SKIP() << "no device of this kind here";
    const std::string failure = check_->run(*suite_, device_);
    EXPECT_EQ(failure, "") << suite_->op << ": " << check_->what;
    EXPECT_EQ(take_guard_failure(), "") << suite_->op;
  }

 private:
  const Suite* suite_;
  const Check* check_;
  Device device_;
};

void register_check(const Suite* suite, const Check* check, Device device, const std::string& suffix) {
  const std::string name = suite->variant.empty() ? suite->op : suite->op + "." + suite->variant;
  ::testing::RegisterTest(name.c_str(), (check->name + suffix).c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [=]() -> ::testing::Test* { return new CheckTest(suite, check, device); });
}

}  // namespace
}  // namespace roux::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  roux::testing::install_guarded_runtime();
  for (const roux::testing::Suite* suite : roux::testing::all_suites()) {
    for (const roux::testing::Check& check : roux::testing::all_checks()) {
      roux::testing::register_check(suite, &check, roux::kCpu, "");
      if (!check.on_devices) continue;
      roux::testing::register_check(suite, &check, roux::kEmulated, ".emulated");
      roux::testing::register_check(suite, &check, {roux::DeviceType::kCuda, 0}, ".cuda");
    }
  }
  return RUN_ALL_TESTS();
}
