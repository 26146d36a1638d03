#include "tensor/error.h"

#include "gtest/gtest.h"

namespace roux {
namespace {

std::string message_of(void (*fn)()) {
  try {
    fn();
  } catch (const Error& e) {
    return e.what();
  }
  return "(nothing was thrown)";
}

TEST(Error, CheckThrowsTheStreamedTextAlone) {
  EXPECT_EQ(message_of([] { ROUX_CHECK(1 + 1 == 3) << "softmax: x needs " << 1 << " axis"; }),
            "softmax: x needs 1 axis");
  EXPECT_NO_THROW(ROUX_CHECK(true) << "never");
}

TEST(Error, ContextIsOneLinePerLevel) {
  Error e("matmul: inner dimensions differ");
  e.add_context("mlp.up_proj");
  e.add_context("model");
  EXPECT_STREQ(e.what(), "matmul: inner dimensions differ\n  in mlp.up_proj\n  in model");
}

TEST(Error, OrThrowNamesTheOp) {
  EXPECT_EQ(or_throw(absl::StatusOr<int>(7), "op"), 7);
  EXPECT_EQ(message_of([] {
              or_throw(absl::StatusOr<int>(absl::InvalidArgumentError("weight is f32[4]")), "rms_norm");
            }),
            "rms_norm: weight is f32[4]");
}

absl::StatusOr<int> half(int x) {
  if (x % 2 != 0) return absl::InvalidArgumentError("odd");
  return x / 2;
}

absl::StatusOr<int> quarter(int x) {
  ROUX_ASSIGN_OR_RETURN(int h, half(x));
  ROUX_ASSIGN_OR_RETURN(int q, half(h));
  return q;
}

TEST(Error, AssignOrReturnStopsAtTheFirstFailure) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).status(), absl::InvalidArgumentError("odd"));
}

}  // namespace
}  // namespace roux
