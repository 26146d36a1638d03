#include "recipes/kit/train/training.h"

#include "gtest/gtest.h"
#include "recipes/kit/data/windows.h"
#include "tensor/ops/creation.h"

namespace roux::kit {
namespace {

TEST(FirstBatchOf, MarksTargetsWithinDocuments) {
  const absl::StatusOr<WindowSet> set = WindowSet::packed({{1, 2, 3}, {4, 5, 6}}, 4, "text");
  ASSERT_TRUE(set.ok()) << set.status();
  const FirstBatch batch = first_batch_of(set->batch({0}), nullptr);
  EXPECT_EQ(batch.tokens, (std::vector<int64_t>{1, 2, 4, 5}));
  EXPECT_EQ(batch.loss_mask, (std::vector<uint8_t>{0, 1, 0, 1}));
}

}  // namespace
}  // namespace roux::kit
