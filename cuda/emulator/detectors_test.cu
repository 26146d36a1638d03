// One planted bug per detector: each must be reported with kernel, place, block and thread; its correct
// sibling must not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cuda/emulator/testing.h"
#include "cuda/kernel.h"
#include "cuda/mma.h"

namespace roux::ROUX_CUDA_NAMESPACE {

using emulator::DeviceArray;
using emulator::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class Detectors : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!emulator::has_detectors())
      GTEST_SKIP() << "this build has another sanitizer in place of the detectors";
  }
};

constexpr int kReadLine = __LINE__ + 2;
__global__ void read_kernel(const float* x, int64_t offset, float* y) {
  y[threadIdx.x] = x[threadIdx.x + offset];
}
__global__ void write_kernel(float* y, int64_t offset) { y[threadIdx.x + offset] = 1.0f; }

TEST_F(Detectors, GlobalReadPastTheEnd) {
  DeviceArray<float> x(std::vector<float>(8, 1.0f)), y(8);
  EXPECT_EQ(error_of([&] { launch(read_kernel, {1, 8}, x.data(), 0, y.data()); }), "");
  const std::string error = error_of([&] { launch(read_kernel, {1, 8}, x.data(), 1, y.data()); });
  EXPECT_THAT(error,
              AllOf(HasSubstr("read_kernel: out of bounds: read of 4 bytes at allocation #"),
                    HasSubstr("(32 bytes) + 32, 0 bytes past its end, by thread (7,0,0) of block (0,0,0)"),
                    HasSubstr("\n    at cuda/emulator/detectors_test.cu:" + std::to_string(kReadLine))));
}

TEST_F(Detectors, GlobalWriteBeforeTheStart) {
  DeviceArray<float> y(8);
  const std::string error = error_of([&] { launch(write_kernel, {1, 1}, y.data(), -2); });
  EXPECT_THAT(error, AllOf(HasSubstr("write_kernel: out of bounds: write of 4 bytes"),
                           HasSubstr("(32 bytes), 8 bytes before its start")));
}

TEST_F(Detectors, UseAfterFree) {
  float* stale = nullptr;
  {
    DeviceArray<float> x(8);
    stale = x.data();
  }
  EXPECT_THAT(error_of([&] {
                launch(write_kernel, {1, 1}, stale, 3);
              }),
              AllOf(HasSubstr("use after free: write of 4 bytes at freed allocation #"),
                    HasSubstr("(32 bytes) + 12")));
}

TEST_F(Detectors, HostPointer) {
  std::vector<float> host(8, 1.0f);
  DeviceArray<float> y(8);
  EXPECT_THAT(error_of([&] {
                launch(read_kernel, {1, 8}, host.data(), 0, y.data());
              }),
              HasSubstr("not device memory: read of 4 bytes"));
}

TEST_F(Detectors, UninitialisedGlobal) {
  DeviceArray<float> x(8), y(8);
  EXPECT_THAT(error_of([&] {
                launch(read_kernel, {1, 8}, x.data(), 0, y.data());
              }),
              AllOf(HasSubstr("uninitialised: read of 4 bytes at allocation #"),
                    HasSubstr("(32 bytes) + 0, by thread (0,0,0)")));
  EXPECT_EQ(error_of([&] { launch(write_kernel, {1, 8}, x.data(), 0); }), "");
  EXPECT_EQ(error_of([&] { launch(read_kernel, {1, 8}, x.data(), 0, y.data()); }), "");
}

__global__ void shared_kernel(int written, int64_t read_offset, float* y) {
  ROUX_SHARED(tile, float[32]);
  if (static_cast<int>(threadIdx.x) < written) tile[threadIdx.x] = 1.0f;
  __syncthreads();
  const float* p = tile;
  y[threadIdx.x] = p[threadIdx.x + read_offset];
}

TEST_F(Detectors, UninitialisedShared) {
  DeviceArray<float> y(32);
  EXPECT_EQ(error_of([&] {
              launch(shared_kernel, {2, 32}, 32, 0, y.data());
            }).find("uninit"),
            std::string::npos);
  EXPECT_THAT(error_of([&] {
                launch(shared_kernel, {1, 32}, 31, 0, y.data());
              }),
              AllOf(HasSubstr("uninitialised: read of 4 bytes at shared tile (128 bytes) + 124"),
                    HasSubstr("thread (31,0,0)")));
}

TEST_F(Detectors, SharedReadPastTheEnd) {
  DeviceArray<float> y(32);
  EXPECT_THAT(error_of([&] {
                launch(shared_kernel, {1, 32}, 32, 3, y.data());
              }),
              HasSubstr("out of bounds: read of 4 bytes at shared tile (128 bytes) + 136, 8 bytes past its "
                        "end, by thread (31,0,0)"));
}

__global__ void dynamic_shared_kernel(int n, float* y) {
  ROUX_DYNAMIC_SHARED(float, buffer);
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) buffer[i] = 2.0f;
  __syncthreads();
  if (threadIdx.x == 0) y[0] = buffer[0];
}

TEST_F(Detectors, DynamicSharedWritePastTheEnd) {
  DeviceArray<float> y(1);
  EXPECT_EQ(error_of([&] { launch(dynamic_shared_kernel, {1, 32, 256}, 64, y.data()); }), "");
  EXPECT_THAT(error_of([&] {
                launch(dynamic_shared_kernel, {1, 32, 256}, 65, y.data());
              }),
              HasSubstr("out of bounds: write of 4 bytes at shared dynamic memory (256 bytes) + 256"));
}

__global__ void local_array_kernel(int n, float* y) {
  float local[4] = {1.0f, 2.0f, 3.0f, 4.0f};
  y[0] = local[n];
}

TEST_F(Detectors, IndexOfALocalArray) {
  DeviceArray<float> y(1);
  EXPECT_EQ(error_of([&] { launch(local_array_kernel, {1, 1}, 3, y.data()); }), "");
  EXPECT_THAT(
      error_of([&] {
        launch(local_array_kernel, {1, 1}, 4, y.data());
      }),
      AllOf(HasSubstr("out of bounds: index 4 of an array 'float [4]'"), HasSubstr("detectors_test.cu:")));
}

__global__ void packet_kernel(const float* x, float* y) {
  const float4 v = *reinterpret_cast<const float4*>(x);
  y[0] = v.x + v.w;
}

TEST_F(Detectors, MisalignedPacket) {
  DeviceArray<float> x(std::vector<float>(8, 1.0f)), y(1);
  EXPECT_EQ(error_of([&] { launch(packet_kernel, {1, 1}, x.data(), y.data()); }), "");
  EXPECT_THAT(error_of([&] {
                launch(packet_kernel, {1, 1}, x.data() + 1, y.data());
              }),
              AllOf(HasSubstr("misaligned: access through a pointer to"),
                    HasSubstr("16-byte alignment, at allocation #"), HasSubstr("(32 bytes) + 4")));
}

// y = x reversed, through shared memory.
__global__ void reverse_kernel(const float* x, bool barrier, float* y) {
  ROUX_SHARED(tile, float[64]);
  tile[threadIdx.x] = x[threadIdx.x];
  if (barrier) __syncthreads();
  y[threadIdx.x] = tile[63 - threadIdx.x];
}

TEST_F(Detectors, MissingBlockBarrier) {
  DeviceArray<float> x(std::vector<float>(64, 1.0f)), y(64);
  for (emulator::Schedule schedule : emulator::all_schedules()) {
    emulator::ScheduleScope scope(schedule);
    EXPECT_EQ(error_of([&] { launch(reverse_kernel, {1, 64}, x.data(), true, y.data()); }), "");
    EXPECT_THAT(error_of([&] {
                  launch(reverse_kernel, {1, 64}, x.data(), false, y.data());
                }),
                AllOf(HasSubstr("race: read of 4 bytes at shared tile"),
                      HasSubstr("after a write by thread "), HasSubstr("with no barrier between")));
  }
}

// Two rounds without the barrier that protects the second round's writes from the first round's readers.
__global__ void reuse_kernel(bool barrier, float* y) {
  ROUX_SHARED(value, float);
  for (int round = 0; round < 2; ++round) {
    if (threadIdx.x == 0) value = static_cast<float>(round);
    __syncthreads();
    y[threadIdx.x] = value;
    if (barrier) __syncthreads();
  }
}

TEST_F(Detectors, WriteAfterReadWithoutBarrier) {
  DeviceArray<float> y(64);
  for (emulator::Schedule schedule : emulator::all_schedules()) {
    emulator::ScheduleScope scope(schedule);
    EXPECT_EQ(error_of([&] { launch(reuse_kernel, {1, 64}, true, y.data()); }), "");
    EXPECT_THAT(error_of([&] {
                  launch(reuse_kernel, {1, 64}, false, y.data());
                }),
                AllOf(HasSubstr("race:"), HasSubstr("shared value")));
  }
}

// Lanes hand values to their neighbours. A shuffle in between orders nothing.
__global__ void neighbour_kernel(int kind, float* y) {
  ROUX_SHARED(tile, float[32]);
  tile[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (kind == 1) __shfl_sync(0xffffffffu, 1.0f, 0);
  if (kind == 2) __syncwarp();
  y[threadIdx.x] = tile[threadIdx.x ^ 1u];
}

TEST_F(Detectors, MissingWarpBarrier) {
  DeviceArray<float> y(32);
  EXPECT_EQ(error_of([&] { launch(neighbour_kernel, {1, 32}, 2, y.data()); }), "");
  for (int kind : {0, 1}) {
    EXPECT_THAT(error_of([&] {
                  launch(neighbour_kernel, {1, 32}, kind, y.data());
                }),
                HasSubstr("race: read of 4 bytes at shared tile"));
  }
}

__global__ void half_warp_kernel(bool wide, float* y) {
  ROUX_SHARED(tile, float[32]);
  tile[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncwarp(threadIdx.x < 16 ? 0x0000ffffu : 0xffff0000u);
  y[threadIdx.x] = tile[threadIdx.x ^ (wide ? 16u : 8u)];
}

TEST_F(Detectors, WarpBarrierOfTheWrongLanes) {
  DeviceArray<float> y(32);
  EXPECT_EQ(error_of([&] { launch(half_warp_kernel, {1, 32}, false, y.data()); }), "");
  EXPECT_THAT(error_of([&] {
                launch(half_warp_kernel, {1, 32}, true, y.data());
              }),
              HasSubstr("race: read of 4 bytes"));
}

__global__ void divergent_kernel(int limit, bool leave) {
  if (static_cast<int>(threadIdx.x) >= limit && leave) return;
  if (static_cast<int>(threadIdx.x) < limit) {
    __syncthreads();
  } else {
    __syncwarp();
    __shfl_sync(0xffffffffu, 0, 0);
  }
}

TEST_F(Detectors, BarrierDivergence) {
  EXPECT_EQ(error_of([] { launch(divergent_kernel, {1, 64}, 64, false); }), "");
  EXPECT_EQ(error_of([] {
              launch(divergent_kernel, {1, 64}, 32, true);
            }),
            "");  // CUDA counts ended threads as arrived
  EXPECT_THAT(
      error_of([] {
        launch(divergent_kernel, {1, 64}, 40, false);
      }),
      AllOf(HasSubstr("divergent_kernel: barrier divergence: no thread can continue: threads 0-39 wait in "
                      "__syncthreads at "),
            HasSubstr("detectors_test.cu:"), HasSubstr("threads 40-63 wait in __syncwarp")));
}

__global__ void two_barriers_kernel(int limit) {
  if (static_cast<int>(threadIdx.x) < limit) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST_F(Detectors, BarriersOfDifferentBranches) {
  EXPECT_EQ(error_of([] { launch(two_barriers_kernel, {1, 64}, 64); }), "");
  EXPECT_THAT(error_of([] {
                launch(two_barriers_kernel, {1, 64}, 32);
              }),
              HasSubstr("barrier divergence: threads meet at different barriers"));
}

__global__ void mask_kernel(unsigned mask, int source, int* y) {
  if ((mask >> threadIdx.x & 1u) != 0)
    y[threadIdx.x] = __shfl_sync(mask, static_cast<int>(threadIdx.x), source);
}

TEST_F(Detectors, ShuffleFromALaneOutsideTheMask) {
  DeviceArray<int> y(32);
  EXPECT_EQ(error_of([&] { launch(mask_kernel, {1, 32}, 0xffu, 7, y.data()); }), "");
  EXPECT_THAT(error_of([&] {
                launch(mask_kernel, {1, 32}, 0xffu, 8, y.data());
              }),
              HasSubstr("undefined value: __shfl_sync at"));
}

__global__ void sum_kernel(const float* x, bool atomic, float* y) {
  const float value = x[blockIdx.x * blockDim.x + threadIdx.x];
  if (threadIdx.x != 0) return;
  if (atomic) {
    atomicAdd(y, value);
  } else {
    *y += value;
  }
}

TEST_F(Detectors, BlocksWriteTheSameAddress) {
  DeviceArray<float> x(std::vector<float>(64, 1.0f)), y(std::vector<float>{0.0f});
  EXPECT_EQ(error_of([&] { launch(sum_kernel, {2, 32}, x.data(), true, y.data()); }), "");
  EXPECT_EQ(y.to_host()[0], 2.0f);
  EXPECT_EQ(error_of([&] { launch(sum_kernel, {1, 32}, x.data(), false, y.data()); }), "");
  EXPECT_THAT(
      error_of([&] {
        launch(sum_kernel, {2, 32}, x.data(), false, y.data());
      }),
      AllOf(HasSubstr("race: read of 4 bytes at allocation #"), HasSubstr("of block 0 of the launch")));
}

__global__ void copy_async_kernel(const float* x, bool commit, bool wait, bool barrier, float* y) {
  ROUX_SHARED(tile, float[128]);
  cp_async_16(&tile[threadIdx.x * 4], &x[threadIdx.x * 4]);
  if (commit) cp_async_commit();
  if (wait) cp_async_wait<0>();
  if (barrier) __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x * 4 ^ 4u];
}

TEST_F(Detectors, CopyNotWaitedFor) {
  DeviceArray<float> x(std::vector<float>(128, 1.0f)), y(32);
  auto run = [&](bool commit, bool wait, bool barrier) {
    return error_of([&] { launch(copy_async_kernel, {1, 32}, x.data(), commit, wait, barrier, y.data()); });
  };
  EXPECT_EQ(run(true, true, true), "");
  EXPECT_THAT(run(true, false, true), HasSubstr("cp.async not waited for: read of 4 bytes at shared tile"));
  EXPECT_THAT(run(false, true, true), HasSubstr("cp.async not waited for: read of 4 bytes at shared tile"));
  EXPECT_THAT(run(true, true, false), AllOf(HasSubstr("shared tile"), HasSubstr("by thread")));
}

TEST_F(Detectors, ImpossibleLaunches) {
  EXPECT_THAT(error_of([] {
                launch(divergent_kernel, {1, 1025}, 0, true);
              }),
              HasSubstr("divergent_kernel: impossible launch: block is (1025,1,1)"));
  EXPECT_THAT(error_of([] { launch(divergent_kernel, {0, 32}, 0, true); }), HasSubstr("grid is (0,1,1)"));
  EXPECT_THAT(error_of([] {
                launch(divergent_kernel, {1, 32, 1 << 20}, 0, true);
              }),
              HasSubstr("shared memory"));
}

TEST_F(Detectors, EveryPlaceIsReportedOnceAndTheDeviceGoesOn) {
  DeviceArray<float> x(64), y(64);
  const std::string error = error_of([&] { launch(read_kernel, {1, 64}, x.data(), 0, y.data()); });
  EXPECT_EQ(error.find("uninitialised"), error.rfind("uninitialised")) << error;
  EXPECT_EQ(error_of([&] { launch(write_kernel, {1, 64}, y.data(), 0); }), "");
}

}  // namespace roux::ROUX_CUDA_NAMESPACE
