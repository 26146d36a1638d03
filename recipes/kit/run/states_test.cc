#include "recipes/kit/run/states.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "absl/strings/match.h"
#include "autograd/autograd.h"
#include "nn/layers.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/index_loader.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

enum class Kind : uint8_t { kOne, kTwo };

struct Inner {
  std::string text;
  std::vector<int32_t> tokens;
  bool operator==(const Inner&) const = default;
  template <class V>
  void visit(V&& v) {
    v("text", text), v("tokens", tokens);
  }
};

struct Outer {
  double number = 0;
  float narrow = 0;
  int small = 0;
  uint64_t large = 0;
  bool flag = false;
  Kind kind = Kind::kOne;
  std::vector<bool> mask;
  std::vector<Inner> inner;
  std::map<std::string, std::vector<double>> curves;
  bool operator==(const Outer&) const = default;
  template <class V>
  void visit(V&& v) {
    v("number", number), v("narrow", narrow), v("small", small), v("large", large), v("flag", flag);
    v("kind", kind, "with a help text"), v("mask", mask), v("inner", inner), v("curves", curves);
  }
};

Outer sample() {
  return {-0.0,
          0.1f,
          -7,
          ~uint64_t{0},
          true,
          Kind::kTwo,
          {true, false},
          {{"a b\n", {1, -2}}, {"", {}}},
          {{"x", {1e-310, 0.1}}, {"y", {}}}};
}

TEST(Record, ComesBackBitForBit) {
  Outer read;
  ASSERT_TRUE(decode_value(encode_value(sample()), read).ok());
  EXPECT_EQ(read, sample());
  EXPECT_TRUE(std::signbit(read.number));
  double nan = 1;
  ASSERT_TRUE(decode_value(encode_value(std::nan("")), nan).ok());
  EXPECT_TRUE(std::isnan(nan));
}

TEST(Record, SaysWhatDoesNotFit) {
  const std::string bytes = encode_value(std::vector<Inner>{{"a", {1}}, {"b", {2, 3}}});
  std::vector<Outer> other;
  EXPECT_EQ(decode_value(bytes, other).message(), "[0]: it has the field text, needed is number");
  double number = 3;
  EXPECT_EQ(decode_value(bytes, number).message(), "it has a list, needed is a number");
  EXPECT_EQ(number, 3);
  uint8_t byte = 9;
  EXPECT_EQ(decode_value(encode_value(int64_t{256}), byte).message(), "the number does not fit its type");
  EXPECT_EQ(byte, 9);
}

TEST(Record, CutAndChangedBytesNeverPass) {
  const std::string bytes = encode_value(sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    Outer read;
    EXPECT_FALSE(decode_value(bytes.substr(0, size), read).ok()) << size;
    EXPECT_EQ(read, Outer());
  }
  Outer read;
  EXPECT_EQ(decode_value(bytes + "x", read).message(), "bytes are left over");
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = '\xff';
    decode_value(changed, read)
        .IgnoreError();  // an error or another value, no more memory than there are bytes
  }
}

WindowSet windows(int32_t first) {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 61; ++i) tokens.push_back(first + i);
  return *WindowSet::stream(tokens, 4, "text");
}

// One of everything.
struct World {
  WindowSet text = windows(0), other = windows(100);
  Generator generator{4};
  Linear model{3, 2, true, Init{&generator, 0.5}};
  Tensor average = zeros({2, 2}, kF64);
  AdamW optimizer{{{model.named_parameters()}}};
  stats::RandomStream random{7, 3};
  BatchLoader batches = *BatchLoader::create(text, {.seed = 1, .global_batch = 2});
  IndexLoader indices = *IndexLoader::create(5, {.seed = 1, .global_batch = 2});
  MixtureLoader mixture = *MixtureLoader::create({&text, &other}, {1, 2}, {.seed = 1, .global_batch = 2});
  double number = 0;
  int64_t count = 0;
  std::string text_state;
  std::vector<double> values;
  std::vector<Inner> examples;

  States states() {
    return {{"model", model},         {"average", NamedTensors{{"m", average}}},
            {"optimizer", optimizer}, {"generator", generator},
            {"random", random},       {"batches", batches},
            {"indices", indices},     {"mixture", mixture},
            {"number", number},       {"count", count},
            {"text", text_state},     {"values", values},
            {"examples", examples}};
  }
  // Moves everything on, and tells what it saw.
  std::vector<double> step() {
    backward(sum(model(uniform({4, 3}, -1, 1, generator))));
    std::vector<double> seen = {optimizer.step({.lr = 0.1}).item(), random.uniform()};
    optimizer.zero_grad();
    {
      NoGradGuard no_grad;
      fill_(average, random.uniform());
    }
    for (const int64_t row : batches.next_rows()) seen.push_back(static_cast<double>(row));
    for (const int64_t index : indices.next(3)) seen.push_back(static_cast<double>(index));
    for (const auto& row : mixture.next_rows())
      seen.push_back(static_cast<double>(row.row * 10 + row.domain));
    for (const Tensor& p : model.parameters()) {
      for (const double x : p.to_vector<double>()) seen.push_back(x);
    }
    number += 0.1, ++count, text_state += "x";
    values.push_back(number), examples.push_back({text_state, {static_cast<int32_t>(count)}});
    seen.insert(seen.end(), {number, static_cast<double>(count), static_cast<double>(text_state.size()),
                             values.back(), average.to_vector<double>()[3]});
    seen.push_back(static_cast<double>(examples.size()));
    return seen;
  }
};

Checkpoint checkpoint_of(const States& states, const std::string& name) {
  CheckpointWriter writer;
  save_states(states, writer);
  const std::string path = testing::TempDir() + "/" + name + ".ckpt";
  EXPECT_TRUE(writer.write(path).ok());
  return *Checkpoint::open(path);
}

TEST(States, EverythingGoesOnWhereItStood) {
  World first;
  first.step();
  const Checkpoint saved = checkpoint_of(first.states(), "all");
  const std::vector<double> one = first.step(), two = first.step();
  World second;
  second.step(), second.step(), second.step();  // wherever it stood
  const absl::Status status = restore_states(saved, second.states());
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(second.step(), one);
  EXPECT_EQ(second.step(), two);
}

TEST(States, WhatIsNamedIsRestoredAndTheRestIgnored) {
  World first, second;
  first.step();
  const Checkpoint saved = checkpoint_of(first.states(), "some");
  ASSERT_TRUE(restore_states(saved, {{"values", second.values}}).ok());
  EXPECT_EQ(second.values, first.values);
  EXPECT_EQ(second.count, 0);
  EXPECT_TRUE(absl::StrContains(restore_states(saved, {{"absent", second.count}}).message(),
                                "no section 'absent' (it has: "));
}

// The last entry does not fit: nothing of the others has changed.
void expect_refused(World& world, NamedState misfit, const std::string& message) {
  World saved_world;
  saved_world.step();
  const Checkpoint saved = checkpoint_of(saved_world.states(), "misfit");
  const Checkpoint before = checkpoint_of(world.states(), "before");
  const States good = world.states();
  States states;
  for (const NamedState& state : good) {
    if (state.name != misfit.name) states.push_back(state);
  }
  const absl::Status status = restore_states(saved, states + States{misfit});
  EXPECT_TRUE(absl::StrContains(status.message(), message)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "misfit.ckpt")) << status;
  const Checkpoint after = checkpoint_of(world.states(), "after");
  for (const NamedState& state : good) {
    EXPECT_EQ(*before.section(state.name), *after.section(state.name)) << state.name;
  }
  EXPECT_EQ(*before.section("model/weight"), *after.section("model/weight"));
}

TEST(States, CheckedBeforeAnythingChanges) {
  World world;
  Generator generator;
  Linear wider(4, 2, true, Init{&generator, 0.5});
  expect_refused(world, {"model", wider}, "model/weight: it is f32[2,3], needed is f32[2,4]");
  expect_refused(world, {"average", NamedTensors{{"m", zeros({2, 2})}}},
                 "average/m: it is f64[2,2], needed is f32[2,2]");
  expect_refused(world, {"average", NamedTensors{{"n", zeros({2, 2}, kF64)}}},
                 "average/n: it is missing, needed is f64[2,2]");
  expect_refused(world, {"average", NamedTensors{}},
                 "average/m: it is f64[2,2], needed is none of this name");
  BatchLoader other_seed = *BatchLoader::create(world.text, {.seed = 2, .global_batch = 2});
  expect_refused(world, {"batches", other_seed}, "batches: loader: position was saved with seed 1");
  IndexLoader other_size = *IndexLoader::create(6, {.seed = 1, .global_batch = 2});
  expect_refused(world, {"indices", other_size}, "indices: loader: position was saved as");
  std::vector<std::string> texts;
  expect_refused(world, {"values", texts}, "values: [0]: it has a number, needed is a text");
}

TEST(States, TensorsOfOneMemoryTakeOneValue) {
  const Tensor shared = zeros({2});
  const NamedTensors both = {{"a", shared}, {"b", shared}};
  const auto saved = [](float b) {
    return checkpoint_of({{"pair", NamedTensors{{"a", ones({2})}, {"b", full({2}, b)}}}}, "pair");
  };
  const absl::Status status = restore_states(saved(2), {{"pair", both}});
  EXPECT_TRUE(absl::StrContains(status.message(), "pair/b: it has other values than a, with which it shares"))
      << status;
  EXPECT_EQ(shared.to_vector<float>(), (std::vector<float>{0, 0}));
  ASSERT_TRUE(restore_states(saved(1), {{"pair", both}}).ok());
  EXPECT_EQ(shared.to_vector<float>(), (std::vector<float>{1, 1}));
}

TEST(States, NamesAreUniqueAndPlain) {
  World world;
  CheckpointWriter writer;
  EXPECT_THROW(save_states({{"a", world.count}, {"a", world.number}}, writer), Error);
  EXPECT_THROW(save_states({{"a/b", world.count}}, writer), Error);
}

TEST(ReadTensors, GivesSpecsAndValuesThatTheReaderDoesNotKnow) {
  const Tensor x = tensor(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  CheckpointWriter writer;
  save_tensors("table",
               {{"x", x.transpose(0, 1)}, {"empty", zeros({0, 2}, kI64)}, {"scalar", ones({}, kF64)}},
               writer);
  const std::string path = testing::TempDir() + "/table.ckpt";
  ASSERT_TRUE(writer.write(path).ok());
  const absl::StatusOr<NamedTensors> read = read_tensors(*Checkpoint::open(path), "table");
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ((*read)[0].first, "x");
  EXPECT_EQ(to_string((*read)[0].second.spec()), "f32[3,2]");
  EXPECT_EQ((*read)[0].second.to_vector<float>(), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(to_string((*read)[1].second.spec()), "i64[0,2]");
  EXPECT_EQ((*read)[2].second.item(), 1);
}

// The constants of nf4_dq stand behind its blocks.
TEST(ReadTensors, GivesBlocksWithWhatStandsBehindThem) {
  const Tensor x = quantize(reshape(arange(0, 3 * 64, 1, kF32) - 90.0, {3, 64}), kNF4_DQ);
  CheckpointWriter writer;
  save_tensors("blocks", {{"x", x}}, writer);
  const std::string path = testing::TempDir() + "/blocks.ckpt";
  ASSERT_TRUE(writer.write(path).ok());
  const absl::StatusOr<NamedTensors> read = read_tensors(*Checkpoint::open(path), "blocks");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(dequantize((*read)[0].second).to_vector<float>(), dequantize(x).to_vector<float>());
}

}  // namespace
}  // namespace roux::kit
