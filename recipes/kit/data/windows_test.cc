#include "recipes/kit/data/windows.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "tensor/error.h"

namespace roux::kit {
namespace {

using Ids = std::vector<int32_t>;

Ids count_to(int32_t n) {
  Ids ids(n);
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

std::vector<int64_t> all_rows(const WindowSet& set) {
  std::vector<int64_t> rows(set.size());
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST(StreamWindows, EachTokenButTheFirstIsATargetOnce) {
  const absl::StatusOr<WindowSet> set = WindowSet::stream(count_to(14), 4, "text");
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(set->size(), 3);  // 13 targets: three windows, a tail of one
  const TokenBatch batch = set->batch(all_rows(*set));
  EXPECT_EQ(batch.target_count, 12);
  EXPECT_EQ(batch.input, count_to(12));
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(batch.target[i], i + 1);
    EXPECT_EQ(batch.position[i], i % 4);
    EXPECT_EQ(batch.document[i], 0);
  }
  EXPECT_EQ(set->window(2), (Ids{8, 9, 10, 11, 12}));
  EXPECT_EQ(WindowSet::stream(count_to(13), 4, "text")->size(), 3);
  EXPECT_EQ(WindowSet::stream(count_to(12), 4, "text")->size(), 2);
}

TEST(StreamWindows, ShortDataIsAnErrorThatNamesTheSource) {
  EXPECT_EQ(WindowSet::stream({}, 4, "a.txt").status().message(), "a.txt: holds no tokens");
  EXPECT_EQ(WindowSet::stream(count_to(4), 4, "a.txt").status().message(),
            "a.txt: holds 4 tokens, one window of 4 needs 5; take a shorter window or more text");
  EXPECT_TRUE(WindowSet::stream(count_to(5), 4, "a.txt").ok());
  EXPECT_FALSE(WindowSet::stream(count_to(5), 0, "a.txt").ok());
  EXPECT_FALSE(WindowSet::stream(count_to(5), INT64_MAX, "a.txt").ok());
  EXPECT_FALSE(WindowSet::packed({{1, 2}}, INT64_MAX, "a.txt").ok());
}

TEST(PackedWindows, RestartPositionsAndNeverPredictAcrossDocuments) {
  // Lengths in targets: 2, 1, 5 (pieces 4 + 1), 0 (skipped), 3.
  const std::vector<Ids> documents = {{1, 2, 3}, {10, 11}, {20, 21, 22, 23, 24, 25}, {30}, {40, 41, 42, 43}};
  const absl::StatusOr<WindowSet> set = WindowSet::packed(documents, 4, "documents", 99);
  ASSERT_TRUE(set.ok());
  ASSERT_EQ(set->size(), 3);
  EXPECT_EQ(set->target_count(), 11);
  const TokenBatch batch = set->batch({0, 1, 2});
  EXPECT_EQ(batch.input, (Ids{1, 2, 10, 24, 20, 21, 22, 23, 40, 41, 42, 99}));
  EXPECT_EQ(batch.target, (Ids{2, 3, 11, 25, 21, 22, 23, 24, 41, 42, 43, kIgnoreTarget}));
  EXPECT_EQ(batch.document, (Ids{0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, kPaddingDocument}));
  EXPECT_EQ(batch.position, (Ids{0, 1, 0, 0, 0, 1, 2, 3, 0, 1, 2, 0}));
  EXPECT_EQ(batch.target_count, 11);
  EXPECT_THROW(set->window(0), Error);
}

// The pairs that a loss sees: (position, input, target), as a multiset.
std::multiset<std::vector<int32_t>> pairs(const WindowSet& set) {
  const TokenBatch batch = set.batch(all_rows(set));
  std::multiset<std::vector<int32_t>> found;
  for (size_t i = 0; i < batch.input.size(); ++i) {
    if (batch.target[i] != kIgnoreTarget) found.insert({batch.position[i], batch.input[i], batch.target[i]});
    EXPECT_EQ(batch.target[i] == kIgnoreTarget, batch.document[i] == kPaddingDocument);
  }
  EXPECT_EQ(static_cast<int64_t>(found.size()), set.target_count());
  return found;
}

TEST(PackedWindows, HoldThePairsOfPaddedWindows) {
  std::vector<Ids> documents;
  for (int32_t i = 0; i < 300; ++i) {
    Ids document((i * 37) % 50);
    std::iota(document.begin(), document.end(), i * 100);
    documents.push_back(document);
  }
  const absl::StatusOr<WindowSet> packed = WindowSet::packed(documents, 16, "d");
  const absl::StatusOr<WindowSet> padded = WindowSet::padded(documents, 16, "d");
  ASSERT_TRUE(packed.ok() && padded.ok());
  EXPECT_EQ(pairs(*packed), pairs(*padded));
  EXPECT_LT(packed->size(), padded->size());
  // First fit leaves little room: at most 10 % padding here.
  EXPECT_GT(packed->target_count() * 10, packed->size() * 16 * 9);
}

TEST(PackedWindows, NothingToLearnFromIsAnError) {
  EXPECT_EQ(WindowSet::packed(std::vector<Ids>{{1}, {}}, 4, "docs.jsonl").status().message(),
            "docs.jsonl: none of 2 documents has two tokens or more");
  EXPECT_FALSE(WindowSet::padded(std::vector<Ids>{}, 4, "docs.jsonl").ok());
}

// Two conversations, answers counted: prompts are inputs only, and a piece of nothing but prompt is left out.
TEST(MaskedWindows, OnlyAnswersAreTargets) {
  const std::vector<MaskedDocument> documents = {{{1, 2, 3, 4}, {0, 0, 1, 1}},
                                                 {{10, 11, 12, 13, 14, 15}, {0, 0, 0, 0, 0, 1}}};
  const absl::StatusOr<WindowSet> padded = WindowSet::padded(documents, 4, "chats", 99);
  ASSERT_TRUE(padded.ok()) << padded.status();
  ASSERT_EQ(padded->size(), 2);
  EXPECT_EQ(padded->target_count(), 3);
  const TokenBatch batch = padded->batch({0, 1});
  const int32_t none = kIgnoreTarget;
  EXPECT_EQ(batch.input, (Ids{1, 2, 3, 99, 14, 99, 99, 99}));
  EXPECT_EQ(batch.target, (Ids{none, 3, 4, none, 15, none, none, none}));
  EXPECT_EQ(batch.document, (Ids{0, 0, 0, -1, 0, -1, -1, -1}));
  EXPECT_EQ(batch.target_count, 3);

  const absl::StatusOr<WindowSet> packed = WindowSet::packed(documents, 4, "chats", 99);
  ASSERT_TRUE(packed.ok()) << packed.status();
  ASSERT_EQ(packed->size(), 1);
  EXPECT_EQ(packed->batch({0}).target, (Ids{none, 3, 4, 15}));
  EXPECT_EQ(packed->batch({0}).target_count, 3);
}

TEST(MaskedWindows, AllOnesAreWindowsWithoutAMask) {
  const std::vector<Ids> plain = {count_to(9), count_to(3), count_to(1)};
  std::vector<MaskedDocument> masked;
  for (const Ids& ids : plain) masked.push_back({ids, std::vector<uint8_t>(ids.size(), 1)});
  const absl::StatusOr<WindowSet> a = WindowSet::packed(plain, 4, "d"), b = WindowSet::packed(masked, 4, "d");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->batch(all_rows(*a)).target, b->batch(all_rows(*b)).target);
  EXPECT_EQ(a->target_count(), b->target_count());
}

TEST(MaskedWindows, BadMasksAreErrors) {
  const std::vector<MaskedDocument> good = {{{1, 2, 3}, {0, 1, 0}}};
  std::vector<MaskedDocument> longer = good, nothing = good, first = good;
  longer.push_back({{1, 2}, {1}});
  nothing[0].loss_mask = {0, 0, 0};
  first[0].loss_mask = {1, 0, 0};
  EXPECT_EQ(WindowSet::packed(longer, 4, "a.jsonl").status().message(),
            "a.jsonl: document 1 has 2 tokens and a mask of 1");
  EXPECT_EQ(WindowSet::padded(nothing, 4, "a.jsonl").status().message(),
            "a.jsonl: none of 1 documents has a target that the loss counts");
  EXPECT_FALSE(WindowSet::packed(first, 4, "a.jsonl").ok());
  std::vector<MaskedDocument> moved = good;
  moved[0].loss_mask = {0, 0, 1};
  EXPECT_NE(WindowSet::packed(good, 4, "d")->fingerprint(), WindowSet::packed(moved, 4, "d")->fingerprint());
}

TEST(WindowSet, RowsOutOfRangeThrow) {
  const absl::StatusOr<WindowSet> set = WindowSet::stream(count_to(9), 4, "text");
  ASSERT_TRUE(set.ok());
  EXPECT_THROW(set->batch({2}), Error);
  EXPECT_THROW(set->batch({-1}), Error);
  EXPECT_EQ(set->batch({}).rows, 0);
  EXPECT_EQ(set->batch({1, 1, 0}).input, (Ids{4, 5, 6, 7, 4, 5, 6, 7, 0, 1, 2, 3}));
}

TEST(WindowSet, FixedRowsAreSpreadAndStable) {
  const absl::StatusOr<WindowSet> set = WindowSet::stream(count_to(101), 10, "text");
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(*set->fixed_rows(4), (std::vector<int64_t>{0, 2, 5, 7}));
  EXPECT_EQ(set->fixed_rows(10)->back(), 9);
  EXPECT_EQ(set->fixed_rows(11).status().message(),
            "text: 11 fixed windows of 10 tokens are asked for, the text holds 10");
  EXPECT_FALSE(set->fixed_rows(0).ok());
}

TEST(WindowSet, FingerprintSeesTokensAndCuts) {
  const uint64_t base = WindowSet::stream(count_to(101), 10, "a")->fingerprint();
  EXPECT_EQ(WindowSet::stream(count_to(101), 10, "another name")->fingerprint(), base);
  EXPECT_NE(WindowSet::stream(count_to(101), 5, "a")->fingerprint(), base);
  Ids changed = count_to(101);
  changed[50] ^= 1;
  EXPECT_NE(WindowSet::stream(changed, 10, "a")->fingerprint(), base);
  EXPECT_NE(WindowSet::packed({{1, 2, 3}, {4, 5}}, 4, "d")->fingerprint(),
            WindowSet::padded({{1, 2, 3}, {4, 5}}, 4, "d")->fingerprint());
  EXPECT_NE(WindowSet::padded({{1, 2, 3}, {4, 5}}, 4, "d", 0)->fingerprint(),
            WindowSet::padded({{1, 2, 3}, {4, 5}}, 4, "d", 9)->fingerprint());
}

}  // namespace
}  // namespace roux::kit
