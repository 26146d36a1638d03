// The profile's table and the trace's JSON, from recordings made by hand.
#include "recipes/kit/run/profile.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/trace.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

constexpr int64_t kMs = 1000000;

const cpu::Roofs kRoofs{.read = 40e9, .copy = 40e9, .fma_f32 = 100e9, .fma_f64 = 50e9};

TraceCall kernel(const char* name, DType dtype, const OpCost& cost, int64_t calls, int64_t self_ms,
                 int64_t inner_ms = 0) {
  return {.name = name,
          .kind = ScopeKind::kKernel,
          .inputs = {{dtype, {16, 64}}},
          .outputs = {{dtype, {16}}},
          .cost = cost,
          .calls = calls,
          .total_ns = (self_ms + inner_ms) * kMs,
          .self_ns = self_ms * kMs};
}
TraceCall between(const char* name, ScopeKind kind, int64_t self_ms) {
  return {.name = name, .kind = kind, .calls = 1, .total_ns = 1000 * kMs, .self_ns = self_ms * kMs};
}

// The cells of the row that begins with `name`.
std::vector<std::string> row_of(const std::string& text, const std::string& name) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, name + " ")) continue;
    return absl::StrSplit(line.substr(name.size()), ' ', absl::SkipEmpty());
  }
  return {"no row"};
}
using Cells = std::vector<std::string>;

TEST(Profile, RowsAreSummedSortedAndComparedWithTheRoofs) {
  Trace trace;
  trace.wall_ns = 1000 * kMs;
  // 4 GFLOP in 80 ms: 50 of 100 GFLOP/s; 40 MB, 1 ms of memory. Two shapes of one op are one row.
  trace.calls = {kernel("add", kF32, {.read = 2000000, .written = 1000000}, 100, 15),
                 kernel("matmul", kF32, {.read = 1000000, .written = 1000000, .flops = 200000000}, 10, 50),
                 kernel("matmul", kF32, {.read = 1000000, .written = 1000000, .flops = 200000000}, 10, 30),
                 kernel("solve", kF64, {.read = 8, .written = 8, .flops = 100000000}, 1, 4),
                 kernel("logsumexp", kF32, {.read = 40000000, .written = 0}, 1, 1, 1),
                 kernel("amax", kF32, {.read = 20000000, .written = 0}, 1, 1),
                 between("exp", ScopeKind::kBackward, 5),
                 between("log", ScopeKind::kBackward, 3),
                 between("part", ScopeKind::kRegion, 2)};
  const std::string text = profile_text(trace, {{1, kRoofs}});
  EXPECT_TRUE(absl::StartsWith(text,
                               "\nProfile: wall 1.000 s\n"
                               "roof of 1 thread: read 40, copy 40 GB/s; fma 100 (f32), 50 (f64) GFLOP/s\n"))
      << text;
  EXPECT_EQ(row_of(text, "matmul"), (Cells{"20", "80.0", "8.0%", "0.5", "50", "50%", "fma"})) << text;
  // 3 MB at 40 GB/s are 75 us; 15 ms for 100 calls.
  EXPECT_EQ(row_of(text, "add"), (Cells{"100", "15.0", "1.5%", "20", "-", "50%", "mem"}));
  EXPECT_EQ(row_of(text, "solve"), (Cells{"1", "4.0", "0.4%", "4e-06", "25", "50%", "fma"}));  // of f64
  // Its own time is without amax's, its rate is not.
  EXPECT_EQ(row_of(text, "logsumexp"), (Cells{"1", "1.0", "0.1%", "20", "-", "50%", "mem"}));
  EXPECT_EQ(row_of(text, "amax"), (Cells{"1", "1.0", "0.1%", "20", "-", "50%", "mem"}));
  EXPECT_EQ(row_of(text, "(backward, between ops)"), (Cells{"2", "8.0", "0.8%"}));
  EXPECT_EQ(row_of(text, "(part, between ops)"), (Cells{"1", "2.0", "0.2%"}));
  EXPECT_EQ(row_of(text, "(not recorded)"), (Cells{"889.0", "89%"}));
  const size_t order[] = {text.find("\nmatmul"), text.find("\nadd"),       text.find("\nsolve"),
                          text.find("\namax"),   text.find("\n(backward"), text.find("\n(part"),
                          text.find("\n(not")};
  EXPECT_TRUE(std::is_sorted(std::begin(order), std::end(order))) << text;
}

TEST(Profile, SharesOfPartsSideBySideAddUpToTheWhole) {
  Trace trace;
  trace.wall_ns = 100 * kMs;
  trace.calls = {kernel("add", kF32, {.read = 8, .written = 8}, 1, 150),
                 between("part", ScopeKind::kRegion, 30)};
  trace.calls[0].width = 3;
  EXPECT_EQ(widths_of(trace), std::vector<int>{3});
  const std::string text = profile_text(trace, {{3, kRoofs}});
  EXPECT_TRUE(absl::StrContains(text, "wall 0.100 s, shares are of 2 threads side by side\n")) << text;
  EXPECT_EQ(row_of(text, "add")[2], "75%");
  EXPECT_EQ(row_of(text, "(part, between ops)")[2], "15%");
  EXPECT_EQ(row_of(text, "(not recorded)"), (Cells{"20.0", "10%"}));
}

TEST(Profile, LongNamesWrapBeforeTheirLastWord) {
  Trace trace;
  trace.wall_ns = 100000 * kMs;
  trace.calls = {kernel("scaled_dot_product_attention_backward", kF32,
                        {.read = 8, .written = 8, .flops = 1000000000}, 12345, 99999)};
  const std::string text = profile_text(trace, {{1, kRoofs}});
  EXPECT_TRUE(absl::StrContains(text, "\nscaled_dot_product_attention  12345  99999.0  ")) << text;
  EXPECT_TRUE(absl::StrContains(text, "\n_backward\n")) << text;
}

TEST(Profile, OfNothing) {
  const std::string text = profile_text({}, {});
  EXPECT_TRUE(absl::StrContains(text, "wall 0.000 s\n")) << text;
}

TEST(ChromeTrace, IsJsonWithShapesCostsAndSteps) {
  Trace trace;
  trace.calls = {kernel("mat\"mul", kBF16, {.read = 100, .written = 28, .flops = 4096}, 2, 1),
                 kernel("exp", kF32, {.read = 8, .written = 8}, 1, 1),
                 between("exp", ScopeKind::kBackward, 1)};
  trace.calls[1].inputs.assign(11, {kF32, {2}});
  trace.events = {{0, 1500, 2000, 0}, {2, 4000, 3000, 1}, {1, 5000, 1000, 1}};
  trace.steps = {{"adam/seed1", 12, 1000, 7000, 1}};
  const std::string path = fresh_directory() + "/trace.json";
  ASSERT_TRUE(write_chrome_trace(path, trace).ok());
  const auto events = nlohmann::json::parse(*read_file(path))["traceEvents"];
  ASSERT_EQ(events.size(), 4u);
  for (const auto& event : events) {
    EXPECT_EQ(event["ph"], "X");
    EXPECT_EQ(event["pid"], 1);
  }
  EXPECT_EQ(events[0]["name"], "step 12");
  EXPECT_EQ(events[0]["cat"], "step");
  EXPECT_EQ(events[0]["tid"], 1);
  EXPECT_EQ(events[0]["ts"], 1.0);
  EXPECT_EQ(events[0]["dur"], 7.0);
  EXPECT_EQ(events[0]["args"], (nlohmann::json{{"part", "adam/seed1"}, {"step", 12}}));
  EXPECT_EQ(events[1]["name"], "mat\"mul");
  EXPECT_EQ(events[1]["cat"], "op");
  EXPECT_EQ(events[1]["ts"], 1.5);
  EXPECT_EQ(events[1]["args"],
            (nlohmann::json{
                {"inputs", {"bf16[16,64]"}}, {"outputs", {"bf16[16]"}}, {"bytes", 128}, {"flops", 4096}}));
  EXPECT_EQ(events[2]["cat"], "backward");
  EXPECT_FALSE(events[2].contains("args"));
  EXPECT_FALSE(events[3]["args"].contains("flops"));
  EXPECT_EQ(events[3]["args"]["inputs"].size(), 9u);
  EXPECT_EQ(events[3]["args"]["inputs"][8], "3 more");
}

}  // namespace
}  // namespace roux::kit
