// What each primitive of the emulator computes, against CUDA's definition written out, under every schedule.
#include <gtest/gtest.h>

#include <bit>
#include <numeric>

#include "cuda/emulator/testing.h"
#include "cuda/fault.h"
#include "cuda/kernel.h"
#include "cuda/mma.h"

namespace roux::ROUX_CUDA_NAMESPACE {

using emulator::DeviceArray;

class Primitives : public ::testing::TestWithParam<emulator::Schedule> {
  emulator::ScheduleScope scope_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Schedules, Primitives, ::testing::ValuesIn(emulator::all_schedules()),
                         [](const auto& info) { return std::to_string(info.param.kind); });

__global__ void index_kernel(unsigned* y) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned size = blockDim.x * blockDim.y * blockDim.z;
  y[block * size + thread] =
      100 * threadIdx.x + 10 * threadIdx.y + threadIdx.z + 1000 * blockIdx.x + 10000 * blockIdx.z;
}

TEST_P(Primitives, IndicesOfBlocksAndThreads) {
  DeviceArray<unsigned> y(2 * 3 * 2 * 24);
  launch(index_kernel, {dim3(2, 3, 2), dim3(4, 3, 2)}, y.data());
  const std::vector<unsigned> host = y.to_host();
  EXPECT_EQ(host[0], 0u);
  EXPECT_EQ(host[1], 100u);
  EXPECT_EQ(host[4 + 1], 110u);
  EXPECT_EQ(host[24 + 12], 1001u);
  EXPECT_EQ(host[6 * 24 + 23], 321u + 10000u);
}

__global__ void shuffle_kernel(int width, int operand, int* y) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int value = static_cast<int>(threadIdx.x) * 10;
  int* row = y + threadIdx.x * 4;
  row[0] = __shfl_sync(0xffffffffu, value, operand + lane / 8, width);
  row[1] = __shfl_up_sync(0xffffffffu, value, static_cast<unsigned>(operand), width);
  row[2] = __shfl_down_sync(0xffffffffu, value, static_cast<unsigned>(operand), width);
  row[3] = __shfl_xor_sync(0xffffffffu, value, operand, width);
}

TEST_P(Primitives, Shuffles) {
  for (int width : {32, 16, 8, 4}) {
    for (int operand : {0, 1, 3, 5, 16}) {
      DeviceArray<int> y(64 * 4);
      launch(shuffle_kernel, {1, 64}, width, operand, y.data());
      const std::vector<int> host = y.to_host();
      for (int thread = 0; thread < 64; ++thread) {
        const int warp = thread / 32 * 32, lane = thread % 32, segment = lane / width * width;
        auto value = [&](int source) { return (warp + source) * 10; };
        EXPECT_EQ(host[thread * 4 + 0], value(segment + (operand + lane / 8) % width));
        EXPECT_EQ(host[thread * 4 + 1], value(lane - operand >= segment ? lane - operand : lane));
        EXPECT_EQ(host[thread * 4 + 2], value(lane + operand < segment + width ? lane + operand : lane));
        EXPECT_EQ(host[thread * 4 + 3], value((lane ^ operand) < segment + width ? lane ^ operand : lane));
      }
    }
  }
}

__global__ void shuffle_types_kernel(double* y) {
  const int lane = static_cast<int>(threadIdx.x);
  const float f = __shfl_xor_sync(0xffffffffu, 0.5f * static_cast<float>(lane), 1);
  const double d = __shfl_xor_sync(0xffffffffu, 1e-300 * lane, 2);
  const int64_t i = __shfl_xor_sync(0xffffffffu, int64_t{lane} << 40, 4);
  y[lane] = f + d * 1e300 + static_cast<double>(i >> 40);
}

TEST_P(Primitives, ShufflesOfEveryWidth) {
  DeviceArray<double> y(32);
  launch(shuffle_types_kernel, {1, 32}, y.data());
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_DOUBLE_EQ(y.to_host()[lane], 0.5 * (lane ^ 1) + (lane ^ 2) + (lane ^ 4));
  }
}

// Lanes of a divergent branch shuffle among themselves.
__global__ void partial_warp_kernel(int* y) {
  const int lane = static_cast<int>(threadIdx.x);
  const unsigned odd = 0xaaaaaaaau;
  if (lane % 2 == 1) {
    y[lane] = __shfl_sync(odd, lane, 31);
  } else {
    y[lane] = static_cast<int>(__ballot_sync(~odd, lane >= 16));
  }
  __syncwarp();
  y[lane + 32] = __all_sync(0xffffffffu, y[lane] != 0) * 2 + __any_sync(0xffffffffu, lane == 40);
}

TEST_P(Primitives, VotesAndMasks) {
  DeviceArray<int> y(64);
  launch(partial_warp_kernel, {1, 32}, y.data());
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(y.to_host()[lane], lane % 2 == 1 ? 31 : 0x55550000);
    EXPECT_EQ(y.to_host()[lane + 32], 2);
  }
}

__global__ void barrier_votes_kernel(int limit, int* y) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread >= 90) return;  // ended threads are not waited for
  const int count = __syncthreads_count(thread < limit);
  const int any = __syncthreads_or(thread == limit);
  const int all = __syncthreads_and(thread < limit);
  y[thread] = count * 4 + (any != 0) * 2 + (all != 0);
}

TEST_P(Primitives, BarriersThatVote) {
  DeviceArray<int> y(90);
  for (int limit : {0, 17, 90}) {
    launch(barrier_votes_kernel, {1, 96}, limit, y.data());
    for (int value : y.to_host()) EXPECT_EQ(value, limit * 4 + (limit < 90 ? 2 : 0) + (limit == 90 ? 1 : 0));
  }
}

__global__ void atomics_kernel(int* i, float* f, unsigned* u, unsigned long long* l) {
  const int thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&i[0], thread);
  atomicMax(&i[1], thread);
  atomicMin(&i[2], -thread);
  atomicAdd(f, 0.5f);
  atomicOr(u, 1u << (thread % 32));
  unsigned long long old = *l, assumed;  // the usual loop
  do {
    assumed = old;
    old = atomicCAS(l, assumed, assumed + 2);
  } while (old != assumed);
}

__global__ void cas_only_kernel(unsigned long long* l) {
  unsigned long long old = 0, assumed;
  do {
    assumed = old;
    old = atomicCAS(l, assumed, assumed + 2);
  } while (old != assumed);
}

TEST_P(Primitives, Atomics) {
  DeviceArray<int> i(std::vector<int>{0, 0, 0});
  DeviceArray<float> f(std::vector<float>{1.0f});
  DeviceArray<unsigned> u(std::vector<unsigned>{0u});
  DeviceArray<unsigned long long> l(std::vector<unsigned long long>{0});
  launch(cas_only_kernel, {2, 48}, l.data());
  EXPECT_EQ(l.to_host()[0], 192u);
  if (emulator::has_detectors()) {  // the plain read that starts the loop races with the other threads'
                                    // atomics
    EXPECT_NE(emulator::error_of([&] {
                launch(atomics_kernel, {2, 48}, i.data(), f.data(), u.data(), l.data());
              }),
              "");
  } else {
    launch(atomics_kernel, {2, 48}, i.data(), f.data(), u.data(), l.data());
  }
  EXPECT_EQ(i.to_host(), (std::vector<int>{95 * 96 / 2, 95, -95}));
  EXPECT_EQ(f.to_host()[0], 49.0f);
  EXPECT_EQ(u.to_host()[0], 0xffffffffu);
}

// Sum over a block: shuffles within warps, shared memory between them. Two declarations of one name are two
// variables.
template <class T>
__global__ void block_sum_kernel(const T* x, T* y) {
  ROUX_SHARED(partial, T[32]);
  T sum = x[blockIdx.x * blockDim.x + threadIdx.x];
  for (int offset = 16; offset > 0; offset /= 2)
    sum += __shfl_down_sync(0xffffffffu, sum, static_cast<unsigned>(offset));
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    sum = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : T(0);
    for (int offset = 16; offset > 0; offset /= 2)
      sum += __shfl_down_sync(0xffffffffu, sum, static_cast<unsigned>(offset));
    if (threadIdx.x == 0) y[blockIdx.x] = sum;
  }
}

TEST_P(Primitives, SharedMemoryAndBlocks) {
  std::vector<int> values(3 * 1024);
  std::iota(values.begin(), values.end(), 0);
  DeviceArray<int> x(values), y(3);
  launch(block_sum_kernel<int>, {3, 1024}, x.data(), y.data());
  for (int b = 0; b < 3; ++b) EXPECT_EQ(y.to_host()[b], 1024 * (1024 * b) + 1023 * 512);
  DeviceArray<float> xf(std::vector<float>(64, 0.25f)), yf(1);
  launch(block_sum_kernel<float>, {1, 64}, xf.data(), yf.data());
  EXPECT_EQ(yf.to_host()[0], 16.0f);
}

constexpr float kTable[4] = {1.0f, 2.0f, 4.0f, 8.0f};
__global__ void constant_kernel(float* y) { y[threadIdx.x] = kTable[threadIdx.x % 4]; }

TEST_P(Primitives, ConstantTables) {
  DeviceArray<float> y(8);
  launch(constant_kernel, {1, 8}, y.data());
  EXPECT_EQ(y.to_host()[6], 4.0f);
}

template <int kCount, bool kTransposed>
__global__ void ldmatrix_kernel(const uint16_t* x, uint32_t* y) {
  ROUX_SHARED(tile, uint16_t[256]);
  for (unsigned i = threadIdx.x; i < 256; i += 32) tile[i] = x[i];
  __syncthreads();
  uint32_t r[kCount];
  ldmatrix<kCount, kTransposed>(r, &tile[threadIdx.x % (8 * kCount) * 8]);
  for (int i = 0; i < kCount; ++i) y[threadIdx.x * kCount + i] = r[i];
}

template <int kCount, bool kTransposed>
void check_ldmatrix() {
  std::vector<uint16_t> values(256);
  std::iota(values.begin(), values.end(), uint16_t{0});
  DeviceArray<uint16_t> x(values);
  DeviceArray<uint32_t> y(32 * kCount);
  launch(ldmatrix_kernel<kCount, kTransposed>, {1, 32}, x.data(), y.data());
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < kCount; ++i) {
      auto element = [&](int r, int c) -> uint32_t { return values[i * 64 + r * 8 + c]; };
      const int outer = lane / 4, inner = 2 * (lane % 4);
      const uint32_t low = kTransposed ? element(inner, outer) : element(outer, inner);
      const uint32_t high = kTransposed ? element(inner + 1, outer) : element(outer, inner + 1);
      EXPECT_EQ(y.to_host()[lane * kCount + i], low | high << 16);
    }
  }
}

TEST_P(Primitives, Ldmatrix) {
  check_ldmatrix<1, false>();
  check_ldmatrix<2, false>();
  check_ldmatrix<4, false>();
  check_ldmatrix<1, true>();
  check_ldmatrix<2, true>();
  check_ldmatrix<4, true>();
}

// D += A B with A [16, 16] and B stored as its transpose [8, 16], both loaded by ldmatrix as real kernels do.
template <class T>
__global__ void mma_kernel(const T* a, const T* b, float* d) {
  ROUX_SHARED(a_tile, T[16 * 16]);
  ROUX_SHARED(b_tile, T[8 * 16]);
  for (unsigned i = threadIdx.x; i < 256; i += 32) a_tile[i] = a[i];
  for (unsigned i = threadIdx.x; i < 128; i += 32) b_tile[i] = b[i];
  __syncthreads();
  const unsigned lane = threadIdx.x;
  uint32_t a_registers[4], b_registers[2];
  ldmatrix<4>(a_registers, &a_tile[lane % 16 * 16 + lane / 16 * 8]);
  ldmatrix<2>(b_registers, &b_tile[lane % 8 * 16 + lane / 8 % 2 * 8]);
  float c[4];
  const unsigned row = lane / 4, column = lane % 4 * 2;
  for (unsigned i = 0; i < 4; ++i) c[i] = d[(row + i / 2 * 8) * 8 + column + i % 2];
  mma_m16n8k16<T>(c, a_registers, b_registers);
  for (unsigned i = 0; i < 4; ++i) d[(row + i / 2 * 8) * 8 + column + i % 2] = c[i];
}

template <class T>
void check_mma() {
  std::vector<T> a, b;
  std::vector<float> d;
  for (int i = 0; i < 256; ++i) a.push_back(T(static_cast<float>(i % 13 - 6)));
  for (int i = 0; i < 128; ++i) b.push_back(T(static_cast<float>(i % 11 - 5) * 0.5f));
  for (int i = 0; i < 128; ++i) d.push_back(static_cast<float>(i));
  DeviceArray<T> device_a(a), device_b(b);
  DeviceArray<float> device_d(d);
  launch(mma_kernel<T>, {1, 32}, device_a.data(), device_b.data(), device_d.data());
  for (int m = 0; m < 16; ++m) {
    for (int n = 0; n < 8; ++n) {
      float sum = d[m * 8 + n];
      for (int k = 0; k < 16; ++k) sum += float(a[m * 16 + k]) * float(b[n * 16 + k]);
      EXPECT_EQ(device_d.to_host()[m * 8 + n], sum);
    }
  }
}

TEST_P(Primitives, Mma) {
  check_mma<bfloat16>();
  check_mma<float16>();
}

// A pipeline two stages deep; the tail of x is filled with zeros.
__global__ void cp_async_kernel(const float* x, int n, float* y) {
  ROUX_SHARED(stages, float[2][128]);
  const int rounds = (n + 127) / 128, lane = static_cast<int>(threadIdx.x);
  auto fetch = [&](int round) {
    const int begin = round * 128 + lane * 4, valid = min(max(n - begin, 0), 4);
    cp_async_16(&stages[round % 2][lane * 4], valid > 0 ? x + begin : x, static_cast<uint32_t>(valid * 4));
  };
  fetch(0);
  cp_async_commit();
  for (int round = 0; round < rounds; ++round) {
    if (round + 1 < rounds) fetch(round + 1);
    cp_async_commit();
    cp_async_wait<1>();
    __syncthreads();
    for (int i = lane; i < 128; i += 32) y[round * 128 + i] = stages[round % 2][127 - i];
    __syncthreads();
  }
}

TEST_P(Primitives, CpAsync) {
  std::vector<float> values(300);
  std::iota(values.begin(), values.end(), 1.0f);
  DeviceArray<float> x(values), y(384);
  launch(cp_async_kernel, {1, 32}, x.data(), 300, y.data());
  for (int i = 0; i < 384; ++i) {
    const int source = i / 128 * 128 + 127 - i % 128;
    EXPECT_EQ(y.to_host()[i], source < 300 ? values[source] : 0.0f);
  }
}

LaunchRecord* seen = nullptr;
std::string seen_kernel;

TEST(Launch, ObserverSeesNameAndTime) {
  static double milliseconds = -1;
  set_launch_observer([](const LaunchRecord& record) {
    seen_kernel = record.kernel;
    milliseconds = record.milliseconds;
  });
  DeviceArray<float> y(8);
  launch(constant_kernel, {1, 8}, y.data());
  set_launch_observer(nullptr);
  EXPECT_EQ(seen_kernel, "constant_kernel");
  EXPECT_GE(milliseconds, 0);
}

__global__ void fault_kernel(FaultSlot fault, int64_t position, int64_t value) {
  note_bad_index(fault, position + threadIdx.x, value);
}

// The first position of a launch, cut to 32 bits as the value is: a position beyond them is not a small one.
TEST_P(Primitives, FaultsKeepTheSmallestPosition) {
  const int64_t far = int64_t{1} << 40;
  const auto text = [](int64_t position, int64_t value) {
    return std::to_string(position) + " is " + std::to_string(value);
  };
  const auto noted = [&](int64_t position, int64_t value) {
    const FaultSlot slot = open_fault_slot();
    launch(fault_kernel, {.grid = 1, .block = 3}, slot, position, value);
    return emulator::error_of([&] { close_fault_slot(slot, text); });
  };
  EXPECT_EQ(noted(7, -2), "7 is -2");
  EXPECT_EQ(noted(int64_t{1} << 31, 9), "2147483648 is 9");
  EXPECT_EQ(noted(far, far), "4294967294 is 2147483647");
  EXPECT_EQ(noted(far, -far), "4294967294 is -2147483648");
  const FaultSlot unused = open_fault_slot();
  EXPECT_EQ(emulator::error_of([&] { close_fault_slot(unused, text); }), "");
}

}  // namespace roux::ROUX_CUDA_NAMESPACE
