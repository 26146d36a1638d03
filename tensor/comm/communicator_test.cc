#include "tensor/comm/communicator.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/comm/ranks_test_util.h"
#include "tensor/comm/reduce_ranks.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using testing::HasSubstr;

// What rank r holds: any rank can compute any other's.
Tensor of_rank(int r, int64_t n, DType dtype) {
  Generator generator(static_cast<uint64_t>(1000 * n + r));
  const Tensor x = uniform({n}, -3, 3, generator);
  return dtype == kI32 || dtype == kI64 ? (x * 1000.0).to(dtype) : x.to(dtype);
}

std::vector<double> values(const Tensor& x) { return x.to(kF64).to_vector<double>(); }

// In rank order, in f32 for 16-bit types, rounded once.
Tensor reduced(int64_t n, DType dtype, ReduceOp op, int ranks) {
  const DType wide = dtype == kBF16 || dtype == kF16 ? kF32 : dtype;
  Tensor sum = of_rank(0, n, dtype).to(wide);
  for (int r = 1; r < ranks; ++r) {
    const Tensor next = of_rank(r, n, dtype).to(wide);
    sum = op == ReduceOp::kMax ? maximum(sum, next) : sum + next;
  }
  if (op == ReduceOp::kMean) sum = sum / static_cast<double>(ranks);
  return sum.to(dtype);
}

// Odd sizes, fewer elements than ranks, both sides of the small-message rule, more than one piece.
const int64_t kSizes[] = {1, 2, 5, 1000, 4096, 4097, 100'003};

TEST(Ranks, AllReduceIsTheSumInRankOrder) {
  Communicator& comm = world();
  for (const DType dtype : {kF32, kF64, kBF16, kF16, kI32, kI64}) {
    for (const int64_t n : kSizes) {
      for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMean, ReduceOp::kMax}) {
        if (op == ReduceOp::kMean && !is_floating(dtype)) continue;
        const Tensor x = of_rank(comm.rank(), n, dtype);
        comm.all_reduce_(x, op).wait();
        ASSERT_EQ(values(x), values(reduced(n, dtype, op, comm.size()))) << name(dtype) << " " << n;
      }
    }
  }
}

TEST(Ranks, APieceIsNoLimit) {
  Communicator& comm = world();
  const int64_t n = (int64_t{70} << 20) / 4;
  const Tensor x = full({n}, comm.rank() + 1.0, kF32);
  comm.all_reduce_(x, ReduceOp::kSum).wait();
  const double sum = comm.size() * (comm.size() + 1) / 2.0;
  EXPECT_EQ(x.slice(0, 0, 1).item(), sum);
  EXPECT_EQ(x.slice(0, n - 1, n).item(), sum);
  EXPECT_EQ(x.slice(0, n / 2, n / 2 + 1).item(), sum);
}

TEST(Ranks, AListIsOneMessage) {
  Communicator& comm = world();
  std::vector<Tensor> xs;
  for (const int64_t n : kSizes) xs.push_back(of_rank(comm.rank(), n, kF32));
  comm.all_reduce_(xs, ReduceOp::kMean).wait();
  for (size_t i = 0; i < xs.size(); ++i) {
    EXPECT_EQ(values(xs[i]), values(reduced(kSizes[i], kF32, ReduceOp::kMean, comm.size())));
  }
  comm.all_reduce_(std::vector<Tensor>{}, ReduceOp::kSum).wait();
  comm.all_reduce_(empty({kF32, {0}}), ReduceOp::kSum).wait();
}

TEST(Ranks, NanWinsTheMaximum) {
  Communicator& comm = world();
  const Tensor x = tensor({comm.rank() == 1 ? std::nanf("") : 1.0F, -std::numeric_limits<float>::infinity()});
  comm.all_reduce_(x, ReduceOp::kMax).wait();
  const std::vector<double> got = x.to_vector<double>();
  EXPECT_TRUE(std::isnan(got[0]));
  EXPECT_EQ(got[1], -std::numeric_limits<double>::infinity());
}

TEST(Ranks, ReduceScatterAndAllGatherAreHalvesOfAllReduce) {
  Communicator& comm = world();
  for (const DType dtype : {kF32, kBF16}) {
    for (const int64_t each : {int64_t{1}, int64_t{7}, int64_t{50'001}}) {
      const int64_t n = each * comm.size();
      const Tensor in = of_rank(comm.rank(), n, dtype);
      const Tensor slice = empty({dtype, {each}}), all = empty({dtype, {n}});
      comm.reduce_scatter(slice, in, ReduceOp::kSum).wait();
      comm.all_gather(all, slice).wait();
      EXPECT_EQ(values(all), values(reduced(n, dtype, ReduceOp::kSum, comm.size())));
      // In its place.
      const Tensor own = all.slice(0, comm.rank() * each, (comm.rank() + 1) * each);
      fill_(own, comm.rank());
      comm.all_gather(all, own).wait();
      for (int r = 0; r < comm.size(); ++r) EXPECT_EQ(all.slice(0, r * each, r * each + 1).item(), r);
    }
  }
}

TEST(Ranks, BroadcastFromAnyRank) {
  Communicator& comm = world();
  for (int root = 0; root < comm.size(); ++root) {
    const Tensor x = of_rank(comm.rank(), 1000, kF64);
    comm.broadcast_(x, root).wait();
    EXPECT_EQ(values(x), values(of_rank(root, 1000, kF64)));
    EXPECT_EQ(comm.broadcast(absl::StrCat(std::string(root * 100, 'x'), comm.rank()), root),
              absl::StrCat(std::string(root * 100, 'x'), root));
  }
}

TEST(Ranks, BytesOfAllRanks) {
  Communicator& comm = world();
  const std::vector<std::string> all = comm.all_gather(std::string(comm.rank() * 3, 'a' + comm.rank()));
  ASSERT_EQ(static_cast<int>(all.size()), comm.size());
  for (int r = 0; r < comm.size(); ++r) EXPECT_EQ(all[r], std::string(r * 3, 'a' + r));
}

TEST(Ranks, StartedOnesRunInOrderWhileTheCallerGoesOn) {
  Communicator& comm = world();
  std::vector<Tensor> xs;
  std::vector<Pending> pending;
  for (int i = 0; i < 20; ++i) {
    xs.push_back(of_rank(comm.rank(), 1000 + i, kF32));
    pending.push_back(comm.all_reduce_(xs.back(), ReduceOp::kSum));
  }
  for (int i = 19; i >= 0; --i) {
    pending[i].wait();
    EXPECT_EQ(values(xs[i]), values(reduced(1000 + i, kF32, ReduceOp::kSum, comm.size())));
  }
}

TEST(Ranks, DuplicatesHaveTheirOwnOrder) {
  Communicator& comm = world();
  const std::unique_ptr<Communicator> other = comm.duplicate();
  EXPECT_EQ(other->rank(), comm.rank());
  const Tensor a = of_rank(comm.rank(), 5000, kF32), b = of_rank(comm.rank(), 6000, kF32);
  // Ranks start them in different orders.
  Pending first, second;
  if (comm.rank() % 2 == 0) {
    first = comm.all_reduce_(a, ReduceOp::kSum);
    second = other->all_reduce_(b, ReduceOp::kSum);
  } else {
    second = other->all_reduce_(b, ReduceOp::kSum);
    first = comm.all_reduce_(a, ReduceOp::kSum);
  }
  first.wait(), second.wait();
  EXPECT_EQ(values(a), values(reduced(5000, kF32, ReduceOp::kSum, comm.size())));
  EXPECT_EQ(values(b), values(reduced(6000, kF32, ReduceOp::kSum, comm.size())));
}

TEST(Ranks, DisagreementIsAnErrorOnEveryRankAndLaterCallsFail) {
  const std::unique_ptr<Communicator> comm = world().duplicate();
  const Tensor x = full({comm->rank() == 0 ? 10 : 20}, 1.0, kF32);
  EXPECT_THAT(error_of([&] { comm->all_reduce_(x, ReduceOp::kSum).wait(); }),
              HasSubstr("the ranks do not agree in collective 1"));
  EXPECT_THAT(error_of([&] { comm->barrier(); }), HasSubstr("do not agree"));
  const std::unique_ptr<Communicator> another = world().duplicate();
  EXPECT_THAT(error_of([&] {
                if (another->rank() == 0) {
                  another->barrier();
                } else {
                  another->broadcast_(x, 0).wait();
                }
              }),
              HasSubstr("a barrier"));
}

TEST(Ranks, WhoDoesNotComeIsNamed) {
  const std::unique_ptr<Communicator> comm = world().duplicate();
  const std::chrono::milliseconds before = comm_timeout();
  set_comm_timeout(std::chrono::milliseconds(300));
  if (comm->rank() != 1) {
    EXPECT_THAT(error_of([&] { comm->barrier(); }), HasSubstr("after 0.3 s rank 1 did not come"));
  }
  set_comm_timeout(before);
  world().barrier();
}

TEST(Reduction, MeanAndRoundingOnce) {
  // 256 + 1 + 1 in bf16: each single addition would be lost.
  const std::vector<float> in = {256, 1, 1};
  std::vector<bfloat16> ranks(in.begin(), in.end());
  bfloat16 out;
  reduce_ranks(ranks.data(), 3, 1, kBF16, ReduceOp::kSum, &out);
  EXPECT_EQ(static_cast<float>(out), 258);
}

TEST(Self, AWorldOfOneIsItself) {
  Communicator& comm = world();
  ASSERT_EQ(comm.size(), 1);
  EXPECT_STREQ(comm.backend(), "self");
  const Tensor x = of_rank(0, 10, kF32), y = empty_like(x);
  comm.all_reduce_(x, ReduceOp::kMean).wait();
  comm.reduce_scatter(y, x, ReduceOp::kSum).wait();
  EXPECT_EQ(values(y), values(of_rank(0, 10, kF32)));
  comm.all_gather(y, x).wait();
  comm.broadcast_(x, 0).wait();
  comm.barrier();
  EXPECT_EQ(comm.broadcast("abc", 0), "abc");
  EXPECT_EQ(comm.all_gather(std::string("abc")), std::vector<std::string>{"abc"});
}

TEST(Self, WrongUse) {
  Communicator& comm = world();
  const Tensor x = ones({4, 6});
  EXPECT_THAT(error_of([&] { comm.all_reduce_(Tensor(), ReduceOp::kSum); }), HasSubstr("x is undefined"));
  EXPECT_THAT(error_of([&] { comm.all_reduce_(x.transpose(0, 1), ReduceOp::kSum); }),
              HasSubstr("not contiguous"));
  EXPECT_THAT(error_of([&] { comm.all_reduce_(ones({2}, kF32, kMeta), ReduceOp::kSum); }),
              HasSubstr("on meta"));
  EXPECT_THAT(error_of([&] { comm.all_reduce_(ones({2}).to(kI64), ReduceOp::kMean); }),
              HasSubstr("no mean of i64"));
  EXPECT_THAT(error_of([&] { comm.all_reduce_(ones({2}).to(kU8), ReduceOp::kSum); }),
              HasSubstr("no reduction of u8"));
  EXPECT_THAT(error_of([&] {
                comm.all_reduce_({ones({2}), ones({2}).to(kF64)}, ReduceOp::kSum);
              }),
              HasSubstr("one dtype"));
  EXPECT_THAT(error_of([&] {
                comm.reduce_scatter(x, ones({5, 5}), ReduceOp::kSum);
              }),
              HasSubstr("equal slice"));
  EXPECT_THAT(error_of([&] { comm.all_gather(ones({5, 5}), x); }), HasSubstr("times the elements"));
  EXPECT_THAT(error_of([&] { comm.broadcast_(x, 1); }), HasSubstr("root is 1 of 1 ranks"));
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) { return roux::ranks_test_main(argc, argv, {2, 3, 4}); }
