// Tensors of block formats as arrays: what moves elements moves whole blocks, over memory of any alignment.
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// [rows, blocks] whose values differ everywhere.
Tensor numbered(DType format, int64_t rows, int64_t blocks) {
  const int64_t width = blocks * values_per_element(format);
  const Tensor x = arange(0, rows * width, 1, kF32) * 0.37 - 5.0;
  return quantize(reshape(x, {rows, width}), format);
}
std::vector<float> values(const Tensor& blocks) { return dequantize(blocks).to_vector<float>(); }

class BlockTensor : public ::testing::TestWithParam<DType> {};

TEST_P(BlockTensor, ViewsAndCopies) {
  const Tensor x = numbered(GetParam(), 6, 4);
  const int64_t width = values_per_element(GetParam());
  const Tensor all = dequantize(x);
  const auto expect_same = [](const Tensor& blocks, const Tensor& expected) {
    EXPECT_EQ(values(blocks), expected.to_vector<float>());
  };
  expect_same(slice(x, 0, 1, 6, 2), slice(all, 0, 1, 6, 2));
  expect_same(slice(x, 1, 1, 3), slice(all, 1, width, 3 * width));
  const Tensor blocks = reshape(all, {6, 4, width});  // the same with an axis of values
  expect_same(transpose(x, 0, 1), reshape(transpose(blocks, 0, 1), {4, 6 * width}));
  expect_same(cat({slice(x, 0, 3, 6), x}, 0), cat({slice(all, 0, 3, 6), all}, 0));
  const Tensor index = tensor(std::vector<int64_t>{5, 0, 5, 2}, {4});
  expect_same(index_select(x, 0, index), index_select(all, 0, index));
  EXPECT_EQ(embedding(x, index).to_vector<float>(), index_select(all, 0, index).to_vector<float>());
  const Tensor copy = zeros({6, 4}, GetParam());
  copy_(slice(copy, 1, 2, 4), slice(x, 1, 0, 2));
  expect_same(slice(copy, 1, 2, 4), slice(all, 1, 0, 2 * width));
  copy_(x, slice(x, 0, 2, 3));  // one row to all, which share memory with it
  expect_same(x, contiguous(expand(slice(all, 0, 2, 3), {6, 4 * width})));
}

TEST_P(BlockTensor, ForeignMemoryAtAnyByte) {
  const Tensor x = numbered(GetParam(), 5, 3), rows = arange(0, 3 * values_per_element(GetParam()), 1, kF32);
  for (size_t shift : {0u, 1u, 2u, 7u}) {
    auto memory = std::make_shared<std::vector<char>>(x.bytes() + shift);
    std::memcpy(memory->data() + shift, x.raw_data(), x.bytes());
    const Tensor foreign = from_memory(memory->data() + shift, x.spec(), memory);
    EXPECT_EQ(values(foreign), values(x));
    EXPECT_EQ(block_linear(rows, foreign).to_vector<float>(), block_linear(rows, x).to_vector<float>());
  }
}

TEST_P(BlockTensor, WhatDoesNotApplySaysSo) {
  Tensor x = zeros({2, 3}, GetParam());
  const std::string spec = to_string(x.spec());
  EXPECT_EQ(values(x), std::vector<float>(static_cast<size_t>(6 * values_per_element(GetParam())), 0.0f));
  EXPECT_EQ(error_of([&] { x.to_vector<float>(); }),
            "to_vector: " + spec + " holds blocks; dequantize() it first");
  EXPECT_EQ(error_of([&] {
              copy_(x, zeros({2, 3}));
            }),
            "copy_: f32[2,3] does not become " + std::string(name(GetParam())) +
                ": block formats are made by quantize() and read by dequantize()");
  EXPECT_EQ(error_of([&] { x.to(kF32); }),
            "cast: " + spec +
                " does not become f32: block formats are made by quantize() and read by dequantize()");
  EXPECT_EQ(
      error_of([&] {
        add(zeros({2, 3}), x);
      }),
      "add: dtype is not supported: a is f32[2,3], b is " + spec + ", needed a numeric dtype; cast first");
  EXPECT_EQ(error_of([&] { x.set_requires_grad(true); }), "set_requires_grad: " + spec + " is not floating");
  EXPECT_NE(error_of([&] { fill_(x, 1); }).find("fill_: no kernel for "), std::string::npos);
  EXPECT_EQ(to_string(x),
            "<" + spec + ": blocks of " + std::to_string(values_per_element(GetParam())) + " values>");
}

INSTANTIATE_TEST_SUITE_P(All, BlockTensor, ::testing::Values(kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kNF4),
                         [](const auto& info) { return std::string(name(info.param)); });

}  // namespace
}  // namespace roux
