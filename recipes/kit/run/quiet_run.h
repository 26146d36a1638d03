// A run for tests: its files are in a fresh folder of the test's, and it prints nothing.
//
//   const auto run = quiet_run();
//   EXPECT_EQ(*run->part("adam/seed1", train), 0.5);
//   load_data(config, *quiet_run({.options = {.data = folder}}))
#ifndef ROUX_RECIPES_KIT_RUN_QUIET_RUN_H_
#define ROUX_RECIPES_KIT_RUN_QUIET_RUN_H_

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "recipes/kit/run/run.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {

// `setup`: what a test is about; slug, preset, settings and folder may be left empty. A failing test if the
// run cannot be opened.
inline std::unique_ptr<Run> quiet_run(RunSetup setup = {}) {
  if (setup.info.slug.empty()) setup.info.slug = "test";
  if (setup.preset.name.empty()) setup.preset.name = "test";
  if (setup.settings.empty()) setup.settings = "{}";
  if (setup.options.out.empty()) setup.options.out = fresh_directory() + "/out";
  setup.quiet = true;
  absl::StatusOr<std::unique_ptr<Run>> run = Run::open(std::move(setup));
  EXPECT_TRUE(run.ok()) << run.status();
  return *std::move(run);
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_QUIET_RUN_H_
