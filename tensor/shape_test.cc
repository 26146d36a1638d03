#include "tensor/shape.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"

namespace roux {
namespace {

using ::testing::HasSubstr;

TEST(Dims, EditsInPlace) {
  Dims dims{2, 3};
  dims.push_back(5);
  dims.insert(1, 7);
  EXPECT_EQ(dims, (Dims{2, 7, 3, 5}));
  dims.erase(0);
  EXPECT_EQ(dims, (Dims{7, 3, 5}));
  EXPECT_EQ(dims.back(), 5);
  EXPECT_EQ(to_string(dims), "[7,3,5]");
  EXPECT_EQ(to_string(Dims{}), "[]");
  EXPECT_EQ(Dims::filled(2, -1), (Dims{-1, -1}));
  EXPECT_FALSE((Dims{1, 2}) == (Dims{1, 2, 3}));
  EXPECT_EQ(to_string(TensorSpec{kBF16, {4, 3}}), "bf16[4,3]");
}

TEST(Dims, AtMostEightAxes) {
  Dims eight = Dims::filled(8, 1);
  const std::string wanted = "shape: 9 axes, at most 8 are supported";
  EXPECT_EQ(error_of([&] { eight.push_back(1); }), wanted);
  EXPECT_EQ(error_of([] { Dims{1, 1, 1, 1, 1, 1, 1, 1, 1}; }), wanted);
  EXPECT_EQ(error_of([] { Dims::filled(9, 1); }), wanted);
  EXPECT_EQ(eight.rank(), 8);
}

TEST(Shape, Numel) {
  EXPECT_EQ(numel({}), 1);
  EXPECT_EQ(numel({4, 3}), 12);
  EXPECT_EQ(numel({4, 0, 3}), 0);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(numel({kMax}), kMax);
  EXPECT_EQ(numel({kMax, 1}), kMax);
  const int64_t big = int64_t{1} << 40;
  EXPECT_THAT(error_of([&] {
                numel({big, big});
              }),
              HasSubstr("shape: too large: [1099511627776,1099511627776]"));
  EXPECT_THAT(error_of([&] { numel({int64_t{1} << 32, int64_t{1} << 32}); }), HasSubstr("too large"));
  EXPECT_THAT(error_of([&] { numel({0, big, big}); }), HasSubstr("too large"));  // its strides would overflow
}

TEST(Shape, StridesAndContiguity) {
  EXPECT_EQ(contiguous_strides({2, 3, 4}), (Strides{12, 4, 1}));
  EXPECT_EQ(contiguous_strides({}), Strides{});
  EXPECT_TRUE(is_contiguous({2, 3}, {3, 1}));
  EXPECT_FALSE(is_contiguous({2, 3}, {1, 2}));
  EXPECT_FALSE(is_contiguous({2, 3}, {6, 2}));
  EXPECT_FALSE(is_contiguous({2, 3}, {0, 1}));
  EXPECT_TRUE(is_contiguous({1, 3}, {99, 1}));  // the stride of an axis of size 1 does not count
  EXPECT_TRUE(is_contiguous({2, 1, 3}, {3, -7, 1}));
  EXPECT_TRUE(is_contiguous({0, 3}, {5, 7}));
  EXPECT_TRUE(is_contiguous({3, 0}, {5, 7}));
  EXPECT_TRUE(is_contiguous({}, {}));
}

TEST(Shape, NormalizeAxis) {
  EXPECT_EQ(*normalize_axis(1, 3), 1);
  EXPECT_EQ(*normalize_axis(-1, 3), 2);
  EXPECT_EQ(*normalize_axis(-3, 3), 0);
  EXPECT_EQ(normalize_axis(3, 2).status().message(), "axis 3 is out of range for rank 2");
  EXPECT_EQ(*normalize_axis(-1, TensorSpec{kF32, {4, 3}}), 1);
  EXPECT_EQ(normalize_axis(2, {kF32, {4, 3}}, "a").status().message(),
            "axis 2 is out of range for rank 2: a is f32[4,3]");
  EXPECT_FALSE(normalize_axis(-4, 3).ok());
  EXPECT_FALSE(normalize_axis(0, 0).ok());
  EXPECT_FALSE(normalize_axis(std::numeric_limits<int64_t>::min(), 3).ok());
}

TEST(Shape, Broadcast) {
  EXPECT_EQ(*broadcast_shapes({4, 3}, {3}), (Shape{4, 3}));
  EXPECT_EQ(*broadcast_shapes({4, 1}, {5}), (Shape{4, 5}));
  EXPECT_EQ(*broadcast_shapes({2, 1, 3}, {4, 1}), (Shape{2, 4, 3}));
  EXPECT_EQ(*broadcast_shapes({}, {2, 2}), (Shape{2, 2}));
  EXPECT_EQ(*broadcast_shapes({1}, {0}), (Shape{0}));
  EXPECT_EQ(*broadcast_shapes({0, 3}, {1, 1}), (Shape{0, 3}));
  EXPECT_EQ(broadcast_shapes({4, 3}, {5}).status().message(), "shapes [4,3] and [5] do not broadcast");
  EXPECT_FALSE(broadcast_shapes({2}, {0}).ok());
  EXPECT_EQ(broadcast_strides({4, 1}, {1, 1}, {2, 4, 5}), (Strides{0, 1, 0}));
  EXPECT_EQ(broadcast_strides({}, {}, {2}), (Strides{0}));
}

}  // namespace
}  // namespace roux
