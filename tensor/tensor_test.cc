#include "tensor/tensor.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor numbers(const Shape& shape) { return arange(0, static_cast<double>(numel(shape))).view(shape); }

TEST(Tensor, ViewsShareStorageAndVersion) {
  const Tensor x = numbers({2, 3}), column = x.slice(1, 1, 2), turned = x.transpose(0, 1);
  EXPECT_EQ(column.raw_data(), x.data<float>() + 1);
  EXPECT_THAT(column.to_vector<float>(), ElementsAre(1, 4));
  EXPECT_THAT(turned.to_vector<float>(), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_FALSE(turned.is_contiguous());
  const uint32_t before = x.version();
  fill_(column, 9);
  EXPECT_THAT(x.to_vector<float>(), ElementsAre(0, 9, 2, 3, 9, 5));
  EXPECT_EQ(x.version(), before + 1);
  EXPECT_EQ(turned.version(), before + 1);
  note_write(turned, "test");
  EXPECT_EQ(column.version(), before + 2);
  const Tensor own = turned.contiguous();
  EXPECT_EQ(own.version(), 0u);
  EXPECT_NE(own.raw_data(), x.raw_data());
}

TEST(Tensor, Alias) {
  const Tensor x = numbers({12});
  const Tensor diagonal = alias(x, {3}, {5}, 1);
  EXPECT_THAT(diagonal.to_vector<int32_t>(), ElementsAre(1, 6, 11));
  const Tensor windows = alias(x, {2, 3}, {1, 1}, 4);  // overlapping
  EXPECT_THAT(windows.to_vector<double>(), ElementsAre(4, 5, 6, 5, 6, 7));
  const Tensor repeated = alias(x, {2, 2}, {0, 0}, 3);
  EXPECT_THAT(repeated.to_vector<int64_t>(), ElementsAre(3, 3, 3, 3));
  EXPECT_THAT(error_of([] { alias(Tensor(), {1}, {1}, 0); }), HasSubstr("undefined"));
}

TEST(Tensor, ItemAndToVectorOfEveryDType) {
  for (DType dtype : {kF32, kF64, kBF16, kF16, kI32, kI64, kU8}) {
    const Tensor x = numbers({3, 4}).to(dtype).slice(1, 1, 4, 2).transpose(0, 1);
    EXPECT_THAT(x.to_vector<double>(), ElementsAre(1, 5, 9, 3, 7, 11)) << name(dtype);
    EXPECT_EQ(select(select(x, 1, 2), 0, 1).item(), 11) << name(dtype);
  }
  EXPECT_THAT(tensor({0, 2, -1}).to(kBool).to_vector<int32_t>(), ElementsAre(0, 1, 1));
  const Tensor big = tensor(std::vector<int64_t>{std::numeric_limits<int64_t>::max() - 1}, {1});
  EXPECT_EQ(big.to_vector<int64_t>()[0], std::numeric_limits<int64_t>::max() - 1);
  EXPECT_TRUE(zeros({0, 3}).to_vector<float>().empty());
  EXPECT_EQ(error_of([] { zeros({2, 1}).item(); }), "item: needs exactly one element, x is f32[2,1]");
  EXPECT_EQ(error_of([] { zeros({0}).item(); }), "item: needs exactly one element, x is f32[0]");
}

TEST(Tensor, DataChecksTheDType) {
  const Tensor x = zeros({2, 3});
  EXPECT_EQ(x.data<float>(), x.raw_data());
  EXPECT_EQ(x.data<const float>(), x.raw_data());
  EXPECT_EQ(error_of([&] { x.data<double>(); }), "data: asked for f64, the tensor is f32[2,3]");
  EXPECT_EQ(error_of([&] { x.data<int32_t>(); }), "data: asked for i32, the tensor is f32[2,3]");
}

TEST(Tensor, MetaHasNoValues) {
  const Tensor x = empty({kF32, {2}}, kMeta), y = x + x;
  EXPECT_EQ(y.spec(), x.spec());
  EXPECT_THAT(error_of([&] { y.data<float>(); }), HasSubstr("f32[2] is on meta and has no values"));
  EXPECT_THAT(error_of([&] { y.to_vector<float>(); }), HasSubstr("f32[2] is on meta and has no values"));
  EXPECT_THAT(error_of([&] { y.slice(0, 0, 1).item(); }), HasSubstr("meta"));
  EXPECT_THAT(error_of([&] { y.to(kCpu); }), HasSubstr("meta"));
  EXPECT_EQ(to_string(y), "<f32[2] without values> meta");
}

TEST(Tensor, SizesCountFromBothEnds) {
  const Tensor x = zeros({2, 3, 5});
  EXPECT_EQ(x.size(0), 2);
  EXPECT_EQ(x.size(-1), 5);
  EXPECT_EQ(error_of([&] { x.size(3); }), "size: axis 3 is out of range for rank 3: x is f32[2,3,5]");
  EXPECT_EQ(x.bytes(), 120u);
  EXPECT_EQ(zeros({}).numel(), 1);
}

TEST(Tensor, RequiresGrad) {
  Tensor x = zeros({2});
  EXPECT_TRUE(x.is_leaf());
  x.set_requires_grad(true);
  EXPECT_FALSE(x.detach().requires_grad());
  EXPECT_EQ(x.detach().raw_data(), x.raw_data());
  Tensor y = x * 2.0, ids = zeros({2}, kI64);
  EXPECT_FALSE(y.is_leaf());
  EXPECT_EQ(error_of([&] { ids.set_requires_grad(true); }), "set_requires_grad: i64[2] is not floating");
  EXPECT_EQ(error_of([&] { y.set_requires_grad(false); }),
            "set_requires_grad: f32[2] is the result of mul, not a leaf; use detach() first");
  EXPECT_THAT(error_of([&] { y.set_grad(zeros({2})); }), HasSubstr("set_grad: f32[2] is the result of mul"));
  EXPECT_FALSE(x.grad().defined());
  x.set_grad(ones({2}));
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(1, 1));
  EXPECT_THAT(error_of([&] { x.set_grad(ones({3})); }), HasSubstr("set_grad: grad is f32[3]"));
  EXPECT_THAT(error_of([&] { x.set_grad(ones({2}, kF64)); }), HasSubstr("set_grad: grad is f64[2]"));
  x.set_grad(Tensor());
  EXPECT_FALSE(x.grad().defined());
}

TEST(Tensor, WritesNeedNoGradMode) {
  const Tensor x = zeros({2}).set_requires_grad(true);
  EXPECT_THAT(error_of([&] { note_write(x, "some_op"); }),
              HasSubstr("some_op: f32[2] requires grad and recording is on"));
  EXPECT_EQ(x.version(), 0u);
  NoGradGuard no_grad;
  note_write(x, "some_op");
  EXPECT_EQ(x.version(), 1u);
}

TEST(Tensor, UndefinedIsAnErrorEverywhere) {
  const Tensor u;
  EXPECT_FALSE(u.defined());
  EXPECT_EQ(to_string(u), "undefined tensor");
  const std::string text =
      "tensor: undefined: it was never given a value (a gradient: nothing was accumulated)";
  EXPECT_EQ(error_of([&] { u.spec(); }), text);
  EXPECT_EQ(error_of([&] { u.shape(); }), text);
  EXPECT_EQ(error_of([&] { u.size(0); }), text);
  EXPECT_EQ(error_of([&] { u.strides(); }), text);
  EXPECT_EQ(error_of([&] { u.dim(); }), text);
  EXPECT_EQ(error_of([&] { u.numel(); }), text);
  EXPECT_EQ(error_of([&] { u.dtype(); }), text);
  EXPECT_EQ(error_of([&] { u.device(); }), text);
  EXPECT_EQ(error_of([&] { u.is_contiguous(); }), text);
  EXPECT_EQ(error_of([&] { u.bytes(); }), text);
  EXPECT_EQ(error_of([&] { u.raw_data(); }), text);
  EXPECT_EQ(error_of([&] { u.data<float>(); }), text);
  EXPECT_EQ(error_of([&] { u.item(); }), text);
  EXPECT_EQ(error_of([&] { u.to_vector<float>(); }), text);
  EXPECT_EQ(error_of([&] { u.requires_grad(); }), text);
  EXPECT_EQ(error_of([&] { Tensor(u).set_requires_grad(true); }), text);
  EXPECT_EQ(error_of([&] { u.is_leaf(); }), text);
  EXPECT_EQ(error_of([&] { u.grad(); }), text);
  EXPECT_EQ(error_of([&] { Tensor(u).set_grad(u); }), text);
  EXPECT_EQ(error_of([&] { u.detach(); }), text);
  EXPECT_EQ(error_of([&] { u.version(); }), text);
  EXPECT_EQ(error_of([&] { note_write(u, "op"); }), text);
  EXPECT_EQ(error_of([&] { zeros({2}).grad().item(); }), text);
}

TEST(Empty, RefusesImpossibleShapes) {
  const int64_t big = int64_t{1} << 40;
  EXPECT_EQ(error_of([] { empty({kF32, {2, -3}}); }), "empty: negative size in shape [2,-3]");
  for (Device device : {kCpu, kMeta}) {
    EXPECT_THAT(error_of([&] {
                  empty({kF32, {big, big}}, device);
                }),
                HasSubstr("shape: too large: [1099511627776,1099511627776]"));
    EXPECT_THAT(error_of([&] {
                  empty({kF64, {big, int64_t{1} << 22}}, device);
                }),
                HasSubstr("more bytes than an int64 counts"));
  }
  EXPECT_THAT(error_of([&] { empty({kF32, {0, big, big}}); }), HasSubstr("too large"));
  EXPECT_EQ(empty({kF32, {0, big}}).numel(), 0);
  EXPECT_THAT(error_of([&] { zeros({1}).expand({big, big}); }), HasSubstr("too large"));
}

TEST(FromMemory, KeepsTheOwner) {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3});
  float* data = owner->data();
  Tensor x = from_memory(data, {kF32, {3}}, owner);
  const std::weak_ptr<std::vector<float>> watch = owner;
  owner.reset();
  Tensor view = x.slice(0, 1, 3);
  x = Tensor();
  EXPECT_THAT(view.to_vector<float>(), ElementsAre(2, 3));
  view = Tensor();
  EXPECT_TRUE(watch.expired());
}

TEST(Print, Numbers) {
  EXPECT_EQ(to_string(tensor({1, -2.5f, 10})), "[ 1.0000, -2.5000, 10.0000]");
  EXPECT_EQ(to_string(full({}, 3)), "3.0000");
  EXPECT_EQ(to_string(tensor(std::vector<int32_t>{1, -20, 3, 4}, {2, 2})), "[[  1, -20],\n [  3,   4]] i32");
  EXPECT_EQ(to_string(tensor(std::vector<int64_t>{9007199254740993}, {1})), "[9007199254740993] i64");
  EXPECT_EQ(to_string(tensor({0, 1}).to(kBool)), "[false,  true] bool");
  EXPECT_EQ(to_string(tensor(std::vector<uint8_t>{0, 255}, {2})), "[  0, 255] u8");
  EXPECT_EQ(to_string(tensor({1, 0.5f}).to(kBF16)), "[1.0000, 0.5000] bf16");
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(to_string(tensor({std::nanf(""), inf, -inf, 1})), "[   nan,    inf,   -inf, 1.0000]");
  EXPECT_EQ(to_string(tensor({1e-6f, 2})), "[1.0000e-06, 2.0000e+00]");
  EXPECT_EQ(to_string(tensor({-3e7f, 0})), "[-3.0000e+07,  0.0000e+00]");
}

TEST(Print, Shapes) {
  EXPECT_EQ(to_string(zeros({0})), "[] f32[0]");
  EXPECT_EQ(to_string(zeros({2, 0}, kI64)), "[] i64[2,0]");
  EXPECT_EQ(to_string(numbers({2, 1, 2})), "[[[0.0000, 1.0000]],\n [[2.0000, 3.0000]]]");
  EXPECT_EQ(to_string(numbers({2, 2, 1}).to(kI32)), "[[[0],\n  [1]],\n [[2],\n  [3]]] i32");
  EXPECT_EQ(to_string(numbers({2, 3}).to(kI32).transpose(0, 1)), "[[0, 3],\n [1, 4],\n [2, 5]] i32");
  EXPECT_EQ(to_string(numbers({1001}).to(kI32)), "[   0,    1,    2, ...,  998,  999, 1000] i32");
  EXPECT_EQ(to_string(zeros({2, 600}, kU8)), "[[0, 0, 0, ..., 0, 0, 0],\n [0, 0, 0, ..., 0, 0, 0]] u8");
  EXPECT_EQ(to_string(zeros({600, 2}, kU8)),
            "[[0, 0],\n [0, 0],\n [0, 0],\n ...,\n [0, 0],\n [0, 0],\n [0, 0]] u8");
}

}  // namespace
}  // namespace roux
