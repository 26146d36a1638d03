#include "tensor/processor.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace roux {
namespace {

// One test: the answers are kept from the first question on.
TEST(Processor, KeepsToWhatTheEnvironmentAllows) {
  ::setenv("ROUX_MAX_ISA", "sse", 1);
  EXPECT_EXIT(has_avx512(), ::testing::ExitedWithCode(2),
              "ROUX_MAX_ISA is 'sse', needed avx2, avx512 or amx");
  ::setenv("ROUX_MAX_ISA", "avx512", 1);
  EXPECT_EXIT(std::exit(has_amx_bf16() || has_amx_int8()), ::testing::ExitedWithCode(0), "");
  ::setenv("ROUX_MAX_ISA", "avx2", 1);
  EXPECT_FALSE(has_avx512() || has_vnni() || has_avx512_bf16() || has_amx_bf16() || has_amx_int8());
}

}  // namespace
}  // namespace roux
