// The example of README.md: its code stands here between the marks, and a test compares the two.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cuda/emulator/testing.h"

// README begin
#include "cuda/kernel.h"

namespace roux::ROUX_CUDA_NAMESPACE {

// y[b] = sum of x[256 b, 256 b + 256)
__global__ void block_sum_kernel(const float* x, int64_t n, float* y) {
  ROUX_SHARED(of_warps, float[8]);
  const int64_t i = blockIdx.x * int64_t{256} + threadIdx.x;
  float sum = i < n ? x[i] : 0.0f;
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = sum;
  __syncthreads();  // leave this out and run the test again
  if (threadIdx.x == 0) {
    for (int warp = 1; warp < 8; ++warp) sum += of_warps[warp];
    y[blockIdx.x] = sum;
  }
}

TEST(Example, BlockSum) {
  emulator::DeviceArray<float> x(std::vector<float>(600, 0.5f)), y(3);
  launch(block_sum_kernel, {.grid = blocks_for(600, 256), .block = 256}, x.data(), 600, y.data());
  EXPECT_EQ(y.to_host(), (std::vector<float>{128, 128, 44}));
}

}  // namespace roux::ROUX_CUDA_NAMESPACE
// README end

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Readme, ShowsThisCode) {
  const std::string source = read("cuda/emulator/example_test.cu"), readme = read("cuda/emulator/README.md");
  const std::string begin = "// README begin\n";
  const size_t from = source.find(begin) + begin.size(), to = source.find("// README end\n", from);
  ASSERT_NE(to, std::string::npos);
  EXPECT_NE(readme.find(source.substr(from, to - from)), std::string::npos)
      << "README.md does not hold the code between the marks of example_test.cu";
}
