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

TEST(SaveTensors, ViewsAreSavedAsTheyRead) {
  const Tensor x = tensor(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  CheckpointWriter writer;
  save_tensors("model", {{"x", x.transpose(0, 1)}}, writer);
  const std::string path = ::testing::TempDir() + "/view.ckpt";
  ASSERT_TRUE(writer.write(path).ok());
  const absl::StatusOr<Checkpoint> checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const absl::StatusOr<NamedTensors> read = read_tensors(*checkpoint, "model", {{"x", zeros({3, 2})}});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)[0].second.to_vector<float>(), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

}  // namespace
}  // namespace roux::kit
