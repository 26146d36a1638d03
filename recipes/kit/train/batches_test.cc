#include "recipes/kit/train/batches.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "autograd/autograd.h"
#include "recipes/kit/train/losses.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::kit {
namespace {

using Ids = std::vector<int32_t>;

Ids ids(const Tensor& x) { return x.to_vector<int32_t>(); }

TEST(LmBatch, AStreamHasRowsOnly) {
  const WindowSet set = *WindowSet::stream({0, 1, 2, 3, 4, 5, 6}, 2, "text");
  const LmBatch batch = to_batch(set.batch({2, 0}), kCpu);
  EXPECT_EQ(ids(batch.input), (Ids{4, 5, 0, 1}));
  EXPECT_EQ(ids(batch.target), (Ids{5, 6, 1, 2}));
  EXPECT_EQ(batch.rows, (std::vector<int64_t>{2, 0}));
  EXPECT_EQ(batch.target_count, 4);
  EXPECT_EQ(batch.tokens(), 4);
  EXPECT_FALSE(batch.document_begin.defined());
  EXPECT_FALSE(batch.lengths.defined());
}

TEST(LmBatch, PackedRowsHaveDocumentsAndPaddedOnesLengths) {
  const std::vector<Ids> documents = {{1, 2, 3}, {4, 5}};
  const LmBatch packed = to_batch(WindowSet::packed(documents, 4, "text")->batch({0}), kCpu);
  EXPECT_EQ(ids(packed.document_begin), (Ids{0, 0, 2, 3}));
  EXPECT_FALSE(packed.lengths.defined());
  const LmBatch padded = to_batch(WindowSet::padded(documents, 4, "text")->batch({1, 0}), kCpu);
  EXPECT_EQ(ids(padded.lengths), (Ids{1, 2}));
  EXPECT_FALSE(padded.document_begin.defined());
}

TEST(LmBatch, MaskedDocumentsArePaddedToTheLongest) {
  const std::vector<MaskedDocument> documents = {{{1, 2, 3}, {1, 0, 1}}, {{4, 5, 6, 7}, {0, 1, 0, 0}}};
  const LmBatch batch = to_batch(documents, kCpu, 9);
  EXPECT_EQ(ids(batch.input), (Ids{1, 2, 9, 4, 5, 6}));
  EXPECT_EQ(ids(batch.target), (Ids{-100, 3, -100, 5, -100, -100}));
  EXPECT_EQ(ids(batch.lengths), (Ids{2, 3}));
  EXPECT_EQ(batch.target_count, 2);
  EXPECT_EQ(batch.rows, (std::vector<int64_t>{0, 1}));
  EXPECT_THROW(to_batch(std::vector<MaskedDocument>{{{1}, {1}}}, kCpu), Error);
  EXPECT_THROW(to_batch(std::vector<MaskedDocument>{{{1, 2}, {1}}}, kCpu), Error);
}

TEST(MicroBatches, AreTheLoadersBatchInPieces) {
  Ids tokens(41);
  for (int32_t i = 0; i < 41; ++i) tokens[static_cast<size_t>(i)] = i;
  const WindowSet set = *WindowSet::stream(tokens, 4, "text");
  const BatchLoader::Options options{.seed = 3, .global_batch = 5};
  BatchLoader whole = *BatchLoader::create(set, options), cut = whole;
  for (int step = 0; step < 3; ++step) {
    const LmBatch all = next_batch(whole, kCpu);
    const std::vector<LmBatch> pieces = micro_batches(cut, kCpu, 2);
    ASSERT_EQ(pieces.size(), 3u);
    EXPECT_EQ(pieces[2].input.size(0), 1);
    Ids joined;
    std::vector<int64_t> rows;
    int64_t targets = 0;
    for (const LmBatch& piece : pieces) {
      const Ids some = ids(piece.target);
      joined.insert(joined.end(), some.begin(), some.end());
      rows.insert(rows.end(), piece.rows.begin(), piece.rows.end());
      targets += piece.target_count;
    }
    EXPECT_EQ(joined, ids(all.target));
    EXPECT_EQ(rows, all.rows);
    EXPECT_EQ(targets, all.target_count);
  }
  EXPECT_EQ(micro_batches(cut, kCpu).size(), 1u);
}

TEST(MicroBatches, KeepTheDomainsOfAMixture) {
  const WindowSet a = *WindowSet::stream(Ids(41, 1), 4, "a"), b = *WindowSet::stream(Ids(41, 2), 4, "b");
  MixtureLoader loader = *MixtureLoader::create({&a, &b}, {1, 1}, {.seed = 1, .global_batch = 6});
  for (const LmBatch& piece : micro_batches(loader, kCpu, 4)) {
    const Ids input = ids(piece.input);
    ASSERT_EQ(static_cast<int64_t>(piece.domain.size()), piece.input.size(0));
    for (size_t row = 0; row < piece.domain.size(); ++row) EXPECT_EQ(input[row * 4], piece.domain[row] + 1);
  }
  EXPECT_EQ(next_batch(loader, kCpu).domain.size(), 6u);
}

// Two rows; NaN where there is no target must not reach anything.
struct Losses {
  const double nan = std::nan("");
  Tensor per_token = tensor(std::vector<double>{1, 2, nan, 3, nan, nan, nan, nan, nan}, {3, 3});
  Tensor target = tensor(Ids{5, 0, -100, 7, -100, -100, -100, -100, -100}, {3, 3});
};

TEST(Losses, OfRows) {
  Losses l;
  EXPECT_EQ(sequence_sums(l.per_token, l.target).to_vector<double>(), (std::vector<double>{3, 3, 0}));
  EXPECT_EQ(sequence_means(l.per_token, l.target).to_vector<double>(), (std::vector<double>{1.5, 3, 0}));
  EXPECT_THROW(sequence_sums(l.per_token, l.target.slice(0, 0, 2)), Error);
}

TEST(Losses, WeightedMean) {
  Losses l;
  const Tensor by_row = tensor(std::vector<double>{1, 4, 9}, {3, 1});
  EXPECT_EQ(weighted_mean(l.per_token, by_row, l.target).item(), (1 + 2 + 4 * 3) / 6.0);
  const Tensor by_token = tensor(std::vector<double>{1, 3, l.nan, 0, 1, 1, 1, 1, 1}, {3, 3});
  EXPECT_EQ(weighted_mean(l.per_token, by_token, l.target).item(), (1 + 6) / 4.0);
  EXPECT_THROW(weighted_mean(l.per_token, ones({1, 3}, kF64), l.target), Error);
}

TEST(Losses, GradientsStayAtTheTargets) {
  Losses l;
  l.per_token.set_requires_grad(true);
  const auto gradient = [&](const Tensor& loss) {
    return grad({loss}, {l.per_token})[0].to_vector<double>();
  };
  EXPECT_EQ(gradient(sum(sequence_sums(l.per_token, l.target))),
            (std::vector<double>{1, 1, 0, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(gradient(sum(sequence_means(l.per_token, l.target))),
            (std::vector<double>{0.5, 0.5, 0, 1, 0, 0, 0, 0, 0}));
  Tensor weight = tensor(std::vector<double>{1, 4, 9}, {3, 1});
  EXPECT_EQ(gradient(weighted_mean(l.per_token, weight, l.target)),
            (std::vector<double>{1 / 6.0, 1 / 6.0, 0, 4 / 6.0, 0, 0, 0, 0, 0}));
  // d/dw_r of S / W is (s_r - n_r S / W) / W with S = 15, W = 6.
  weight.set_requires_grad(true);
  const std::vector<double> by_weight =
      grad({weighted_mean(l.per_token, weight, l.target)}, {weight})[0].to_vector<double>();
  EXPECT_DOUBLE_EQ(by_weight[0], (3 - 2 * 2.5) / 6);
  EXPECT_DOUBLE_EQ(by_weight[1], (3 - 2.5) / 6);
  EXPECT_EQ(by_weight[2], 0);
}

TEST(Losses, OfRowsOfASet) {
  const WindowSet set = *WindowSet::padded({{1, 2, 3}, {4, 5}, {6, 7, 8, 9}}, 3, "text");
  const auto losses = row_losses([](const LmBatch& b) { return b.input.to(kF32); }, set, {2, 0, 1}, 2, kCpu);
  ASSERT_EQ(losses.size(), 3u);
  EXPECT_EQ(losses[0].sum, 6 + 7 + 8);
  EXPECT_EQ(losses[1].sum, 1 + 2);
  EXPECT_EQ(losses[2].sum, 4);
  EXPECT_EQ(losses[0].targets, 3);
  EXPECT_EQ(losses[2].targets, 1);
}

}  // namespace
}  // namespace roux::kit
