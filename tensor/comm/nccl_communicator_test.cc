// The host's part of the NCCL backend, over a library that moves host memory: fake_nccl.cc.
#include "tensor/comm/nccl_communicator.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/comm/nccl_library.h"
#include "tensor/comm/ranks_test_util.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"

namespace roux {
namespace {

using testing::HasSubstr;

constexpr char kFake[] = "tensor/comm/libfake_nccl.so";

std::unique_ptr<Communicator> fake() {
  auto library = nccl::load(kFake, kFake);
  EXPECT_TRUE(library.ok()) << library.status().message();
  return make_nccl(*library, world(), kCpu);
}

Tensor of_rank(int rank, int64_t n, DType dtype) {
  Generator generator(static_cast<uint64_t>(1000 * n + rank));
  const Tensor x = uniform({n}, -3, 3, generator);
  return is_floating(dtype) ? x.to(dtype) : (x * 1000.0).to(dtype);
}

std::vector<double> values(const Tensor& x) { return x.to(kF64).to_vector<double>(); }

// Both sides of the small-message rule, and fewer elements than ranks.
const int64_t kSizes[] = {1, 2, 1000, 10'007};

TEST(Ranks, ReduceWithTheBitsOfTheHost) {
  const std::unique_ptr<Communicator> comm = fake();
  EXPECT_STREQ(comm->backend(), "nccl");
  EXPECT_EQ(comm->size(), world().size());
  for (const DType dtype : {kF32, kF64, kBF16, kF16, kI32, kI64}) {
    for (const int64_t n : kSizes) {
      for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMean, ReduceOp::kMax}) {
        if (op == ReduceOp::kMean && !is_floating(dtype)) continue;
        const Tensor x = of_rank(comm->rank(), n, dtype), y = of_rank(comm->rank(), n, dtype);
        comm->all_reduce_(x, op).wait();
        world().all_reduce_(y, op).wait();
        ASSERT_EQ(values(x), values(y)) << name(dtype) << " " << n;
        const Tensor in = of_rank(comm->rank(), n * comm->size(), dtype);
        const Tensor out = zeros({n}, dtype), expected = zeros({n}, dtype);
        comm->reduce_scatter(out, in, op).wait();
        world().reduce_scatter(expected, in, op).wait();
        ASSERT_EQ(values(out), values(expected)) << name(dtype) << " " << n;
      }
    }
  }
}

TEST(Ranks, ReduceAListAsOneMessage) {
  const std::unique_ptr<Communicator> comm = fake();
  const std::vector<Tensor> xs = {of_rank(comm->rank(), 3, kF32), of_rank(comm->rank(), 5000, kF32)};
  const std::vector<Tensor> ys = {of_rank(comm->rank(), 3, kF32), of_rank(comm->rank(), 5000, kF32)};
  comm->all_reduce_(xs, ReduceOp::kSum).wait();
  world().all_reduce_(ys, ReduceOp::kSum).wait();
  EXPECT_EQ(values(xs[0]), values(ys[0]));
  EXPECT_EQ(values(xs[1]), values(ys[1]));
}

TEST(Ranks, MoveWhatOthersHave) {
  const std::unique_ptr<Communicator> first = fake(), comm = first->duplicate();
  const Tensor own = of_rank(comm->rank(), 77, kBF16), all = zeros({77 * comm->size()}, kBF16);
  comm->all_gather(all, own).wait();
  for (int rank = 0; rank < comm->size(); ++rank) {
    EXPECT_EQ(values(all.slice(0, 77 * rank, 77 * (rank + 1))), values(of_rank(rank, 77, kBF16)));
  }
  const int last = comm->size() - 1;
  const Tensor x = of_rank(comm->rank(), 500, kI64);
  comm->broadcast_(x, last).wait();
  EXPECT_EQ(values(x), values(of_rank(last, 500, kI64)));
  EXPECT_EQ(comm->broadcast(comm->rank() == last ? "word" : "", last), "word");
  EXPECT_EQ(comm->all_gather(std::string("r")).size(), static_cast<size_t>(comm->size()));
  comm->barrier();
}

TEST(Ranks, ThatDifferAreFound) {
  const std::unique_ptr<Communicator> comm = fake();
  const Tensor x = zeros({8}), all = zeros({8 * comm->size()});
  EXPECT_THAT(error_of([&] {
                if (comm->rank() == 1) {
                  comm->broadcast_(x, 0).wait();
                } else {
                  comm->all_gather(all, x).wait();
                }
              }),
              HasSubstr("the ranks do not agree"));
  const Tensor large = zeros({comm->rank() == 1 ? 10'000 : 20'000});
  EXPECT_THAT(error_of([&] { comm->all_reduce_(large, ReduceOp::kSum).wait(); }),
              HasSubstr("the ranks do not agree"));
}

TEST(Alone, WhatIsMissingIsSaid) {
  const auto message = [](const std::string& nccl, const std::string& driver) {
    return std::string(nccl::load(nccl, driver).status().message());
  };
  EXPECT_THAT(message("libnccl_of_nobody.so", kFake), HasSubstr("need NCCL, which cannot be loaded"));
  EXPECT_THAT(message(kFake, "libcuda_of_nobody.so"), HasSubstr("driver's libcuda, which cannot be loaded"));
  EXPECT_THAT(message("libm.so.6", kFake), HasSubstr("lacks ncclGetVersion, "));
  for (const auto& [code, works] : {std::pair{"2604", false}, {"2708", true}, {"20903", true}}) {
    ::setenv("FAKE_NCCL_VERSION", code, 1);
    EXPECT_EQ(nccl::load(kFake, kFake).ok(), works) << code;
  }
  ::unsetenv("FAKE_NCCL_VERSION");
}

TEST(Alone, TensorsOfAnotherDeviceAreRefused) {
  EXPECT_THAT(error_of([] { world().all_reduce_(zeros({2}, kF32, kMeta), ReduceOp::kSum); }),
              HasSubstr("needed contiguous on cpu"));
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) { return roux::ranks_test_main(argc, argv, {2, 3}); }
