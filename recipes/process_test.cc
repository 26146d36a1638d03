#include "recipes/process.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "absl/strings/match.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/interrupt.h"

namespace roux::kit {
namespace {

TEST(Process, CodeCostAndOutput) {
  const std::string out = testing::TempDir() + "/out";
  const absl::StatusOr<Finished> busy =
      run_program({"sh", "-c", "pwd; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 3"}, "/", out);
  ASSERT_TRUE(busy.ok()) << busy.status();
  EXPECT_EQ(busy->code, 3);
  EXPECT_EQ(*read_file(out), "/\n");
  EXPECT_GT(busy->cpu_seconds, 0.005);
  EXPECT_GE(busy->seconds + 0.05, busy->cpu_seconds);
  EXPECT_GT(busy->peak_memory_mib, 0.5);
  EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"}, "/")->code, 137);
}

TEST(Process, WhatCannotStartIsAnError) {
  EXPECT_TRUE(absl::StrContains(run_program({"/no/such/program"}, "/").status().message(),
                                "cannot start /no/such/program: No such file"));
  EXPECT_FALSE(run_program({"true"}, "/no/such/folder").ok());
}

// The other program ends in its own way, as a recipe does that saves first; this one waits for it.
TEST(Process, CtrlCIsPassedOnOnce) {
  std::thread ctrl_c([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    set_interrupt_requested(true);
  });
  const absl::StatusOr<Finished> stopped =
      run_program({"bash", "-c", "trap 'sleep 0.2; exit 130' INT; while :; do sleep 0.05; done"}, "/");
  ctrl_c.join();
  set_interrupt_requested(false);
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(stopped->code, 130);
  EXPECT_LT(stopped->seconds, 20);
}

}  // namespace
}  // namespace roux::kit
