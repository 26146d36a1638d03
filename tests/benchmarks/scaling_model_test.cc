#include "tests/benchmarks/scaling_model.h"

#include "gtest/gtest.h"

namespace roux {
namespace {

// 16 GPUs in two nodes. All figures are round so that what stands below is computed by hand.
constexpr double kGpus = 16;
Cluster cluster() { return {"", 1e12, 1e11, 1e9, 8, 1e9, 1e-6, 1e8, 1e-5}; }
ModelShape shape() { return {"", 4, 100, 10, 1.2e6, 0.8e6, 64000, 1000}; }

TEST(Pass, IsWithinNodesThenBetweenThem) {
  // 8 MB: 7/8 of it at 1 GB/s, then of the eighth one half at 0.1 GB/s; 7 and 1 latencies a message.
  EXPECT_NEAR(pass_seconds(cluster(), kGpus, 8e6, 2), 7e-3 + 5e-3 + 2 * (7e-6 + 1e-5), 1e-12);
  EXPECT_NEAR(pass_seconds(cluster(), 8, 8e6, 2), 7e-3 + 2 * 7e-6, 1e-12);  // one node
}

TEST(Step, OfDataParallelism) {
  // 4000 tokens in 4 micro-batches of 1000: 4e6 + 2 * 4 * 100 * 10 operations a token forward, twice that
  // backward.
  const double forward = 1000 * (4e6 + 8e3) / 1e12, backward = 2 * forward;
  const double reduce = 7e-3 + 5e-3 + 2 * 1.7e-5;  // 8 MB in two buckets
  const Prediction p = predict(shape(), cluster(), Stage::kDataParallel, kGpus);
  EXPECT_NEAR(p.compute_s, 4 * (forward + backward) + 28 * 2e6 / 1e11, 1e-12);
  EXPECT_NEAR(p.exposed_s, 2 * reduce - backward, 1e-12);  // 24 ms, of which backward hides 8
  EXPECT_NEAR(p.step_s, p.compute_s + p.exposed_s, 1e-15);
  EXPECT_EQ(p.bytes, 16 * 2e6);
  // In one bucket a latency less each way.
  EXPECT_NEAR(predict(shape(), cluster(), Stage::kDataParallel, kGpus, 8e6).exposed_s,
              p.exposed_s - 2 * 1.7e-5, 1e-12);
}

TEST(Step, OfZero1) {
  const double backward = 2 * 1000 * (4e6 + 8e3) / 1e12, reduce = 7e-3 + 5e-3 + 2 * 1.7e-5;
  const Prediction p = predict(shape(), cluster(), Stage::kZero1, kGpus);
  EXPECT_NEAR(p.exposed_s, reduce - backward + reduce, 1e-12);
  EXPECT_EQ(p.bytes, 8 * 2e6 + 8 * 2e6 / 16);
}

TEST(Step, OfZero3) {
  const double forward = 1000 * (4e6 + 8e3) / 1e12, backward = 2 * forward;
  const double again = 1000 * (2.4e6 + 8e3) / 1e12;
  // Blocks: 4.8 MB in 4 messages, twice; gradients: 8 MB in two; outside: 3.2 MB in one.
  const double gather = 4.2e-3 + 3e-3 + 4 * 1.7e-5, reduce = 7e-3 + 5e-3 + 2 * 1.7e-5;
  const double outside = 2.8e-3 + 2e-3 + 1.7e-5;
  const Prediction p = predict(shape(), cluster(), Stage::kZero3, kGpus);
  EXPECT_NEAR(p.compute_s, 4 * (forward + again + backward) + 28 * 2e6 / 16 / 1e11, 1e-12);
  EXPECT_NEAR(p.exposed_s, 4 * (2 * gather + reduce - backward - again) + outside, 1e-12);
  EXPECT_EQ(p.bytes, 16 * 1.2e6 / 16 + 4 * 0.8e6 + 12 * 0.8e6 / 16 + 8 * 1.2e6 / 4);
}

}  // namespace
}  // namespace roux
