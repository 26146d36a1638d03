// Error texts of the tables, seen by a program that links kernels but no gradient rules.
#include "tensor/tables.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

using ::testing::HasSubstr;

using PlainKernel = void(int* calls);
constinit KernelTable<PlainKernel> some_kernels("some_op"), no_kernels("unlinked_op");
struct NoState {};
constinit GradSlot<NoState> some_grad("some_op", "//autograd/rules:some_family");

void count_call(int* calls) { ++*calls; }
const RegisterKernel kSome(some_kernels, DeviceType::kCpu, kF32 | kI64, count_call);
const RegisterKernel kSomeEmulated(some_kernels, DeviceType::kEmulated, kBF16, count_call);

TEST(KernelTable, RunsWhatIsRegistered) {
  int calls = 0;
  some_kernels.run(tensor({1.0f}), &calls);
  some_kernels.run(zeros({2}, kI64), &calls);
  EXPECT_EQ(calls, 2);
  some_kernels.run(empty({kF16, {2}}, kMeta), &calls);  // meta runs nothing, whatever is registered
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(some_kernels.has(DeviceType::kCpu, kI64));
  EXPECT_FALSE(some_kernels.has(DeviceType::kCpu, kBF16));
}

TEST(KernelTable, AMissingKernelListsTheRegisteredOnes) {
  int calls = 0;
  EXPECT_EQ(error_of([&] { some_kernels.run(zeros({2}, kF64), &calls); }),
            "some_op: no kernel for f64 on cpu; registered: cpu (f32 i64), emulated (bf16)");
  EXPECT_EQ(error_of([&] { no_kernels.run(zeros({2}), &calls); }),
            "unlinked_op: no kernel for f32 on cpu; registered: none (link //tensor/cpu)");
  EXPECT_EQ(calls, 0);
}

TEST(GradSlot, AMissingRuleNamesOpAndLibrary) {
  const Tensor x = tensor({1.0f}).set_requires_grad(true);
  int made = 0;
  auto record = [&] {
    return some_grad.record({x}, zeros({1}), [&] {
      ++made;
      return NoState{};
    });
  };
  EXPECT_EQ(error_of([&] { record(); }),
            "some_op: no gradient rule is registered: link //autograd/rules:some_family");
  EXPECT_THAT(error_of([&] { add(x, x); }),
              HasSubstr("add: no gradient rule is registered: link //autograd/rules"));
  made = 0;
  NoGradGuard no_grad;
  EXPECT_EQ(error_of([&] { record(); }), "no error");
  EXPECT_EQ(error_of([&] { add(x, x); }), "no error");
  EXPECT_EQ(made, 0);  // nothing is saved when nothing is recorded
}

TEST(CommonDevice, ChecksDefinednessAndDevice) {
  const Tensor x = zeros({2, 3}), far = empty({kBF16, {4}}, kMeta), undefined;
  EXPECT_EQ(common_device("op", {x, x}), kCpu);
  EXPECT_EQ(common_device("op", {far}), kMeta);
  EXPECT_EQ(common_device("op", {x}, {undefined}), kCpu);
  const std::string different =
      "op: tensors are on different devices: f32[2,3] is on cpu, bf16[4] is on meta; move one with "
      ".to(device)";
  EXPECT_EQ(error_of([&] { common_device("op", {x, far}); }), different);
  EXPECT_EQ(error_of([&] { common_device("op", {x}, {undefined, far}); }), different);
  EXPECT_EQ(error_of([&] {
              common_device("op", {x, undefined});
            }),
            "op: needs a tensor, got an undefined one: argument 1");
  EXPECT_EQ(error_of([&] {
              common_device("op", {undefined, x});
            }),
            "op: needs a tensor, got an undefined one: argument 0");
}

TEST(SavedTensor, NoticesOverwriting) {
  const Tensor x = tensor({1.0f, 2.0f});
  const SavedTensor saved(x), nothing{Tensor()};
  EXPECT_TRUE(saved.defined());
  EXPECT_FALSE(nothing.defined());
  EXPECT_FALSE(nothing.get().defined());
  EXPECT_EQ(saved.get().to_vector<float>(), (std::vector<float>{1, 2}));
  fill_(x, 3);
  EXPECT_EQ(
      error_of([&] { saved.get(); }),
      "backward: a tensor saved for backward was overwritten: f32[2] was at version 0 when saved and is at "
      "version 1 now, last written by fill_");
}

TEST(GradMode, BelongsToTheThread) {
  NoGradGuard no_grad;
  bool elsewhere = false;
  std::thread([&] { elsewhere = grad_mode_enabled(); }).join();
  EXPECT_TRUE(elsewhere);
  EXPECT_FALSE(grad_mode_enabled());
  {
    GradModeGuard on(true);
    EXPECT_TRUE(grad_mode_enabled());
  }
  EXPECT_FALSE(grad_mode_enabled());
}

TEST(Runtime, AMissingDeviceNamesItsLibrary) {
  EXPECT_THAT(error_of([] {
                zeros({2}, kF32, Device{DeviceType::kCuda, 0});
              }),
              HasSubstr("device cuda is not available in this program: link //cuda"));
  EXPECT_EQ(*parse_device("cuda"), (Device{DeviceType::kCuda, 0}));
  EXPECT_EQ(*parse_device("cuda:3"), (Device{DeviceType::kCuda, 3}));
  EXPECT_EQ(*parse_device("meta"), kMeta);
  for (const char* bad : {"", "gpu", "cuda:", "cuda:-1", "cuda:64", "cuda:x", "cpu:0", "CPU"}) {
    EXPECT_FALSE(parse_device(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace roux
