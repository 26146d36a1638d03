// What ranks share when they train: each way of making a loss gives the weights of one process, with the
// optimizer's state whole and divided. One process is an update of the whole loss, which every rank computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "nn/lora.h"
#include "nn/models/transformer.h"
#include "recipes/kit/align/generations.h"
#include "recipes/kit/align/grpo.h"
#include "recipes/kit/align/log_probs.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/decode/generate.h"
#include "recipes/kit/decode/session.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/update.h"
#include "tensor/comm/ranks_test_util.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::kit {
namespace {

using Numbers = std::vector<double>;

TransformerConfig shape(DType dtype) {
  return {.vocab_size = 11,
          .hidden_size = 16,
          .intermediate_size = 24,
          .num_hidden_layers = 2,
          .num_attention_heads = 2,
          .compute_dtype = dtype};
}

struct Work {
  std::function<void(Transformer&, Generator&)> prepare = [](Transformer&, Generator&) {};
  std::function<std::vector<LmBatch>(int64_t step)> batches;
  std::function<Tensor(const Transformer&, const LmBatch&)> loss_sum =
      [](const Transformer& model, const LmBatch& b) { return model.loss_sum(input_of(b), b.target); };
};

Numbers trained(const Work& work, DType dtype, bool shared) {
  Generator generator(1);
  Transformer model(shape(dtype), Init{&generator, 0.3, dtype});
  work.prepare(model, generator);
  AdamW optimizer({{trainable(model)}}, {.weight_decay = 0.1});
  const StepOptions options{.lr = 3e-3, .max_grad_norm = 0.5};
  for (int64_t step = 0; step < 5; ++step) {
    const std::vector<LmBatch> micro = work.batches(step);
    const auto loss = [&](const LmBatch& b) { return work.loss_sum(model, b); };
    if (shared) {
      update(optimizer, options, micro, loss);
      continue;
    }
    update(optimizer, options, [&] {
      int64_t targets = 0;
      for (const LmBatch& b : micro) targets += b.target_count;
      Tensor sum;
      for (const LmBatch& b : micro) {
        const Tensor part = loss(b) / static_cast<double>(targets);
        sum = sum.defined() ? sum + part : part;
      }
      return sum;
    });
  }
  Numbers out;
  for (const Tensor& p : optimizer.parameters()) {
    const Numbers all = p.to_vector<double>();
    out.insert(out.end(), all.begin(), all.end());
  }
  return out;
}

void expect_near(const Numbers& a, const Numbers& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  EXPECT_LT(largest, tolerance);
}

// Four micro-batches: two and four ranks take whole ones, three cut their rows.
void expect_ranks_agree(const Work& work) {
  for (const DType dtype : {kF64, kF32}) {
    const double tolerance = dtype == kF32 ? 1e-5 : 1e-10;
    const Numbers alone = trained(work, dtype, false);
    expect_near(trained(work, dtype, true), alone, tolerance);
    const ShardOptimizerStates shard(world());
    expect_near(trained(work, dtype, true), alone, tolerance);
  }
}

std::vector<LmBatch> packed(int64_t step) {
  std::vector<Tokens> documents;
  for (int32_t i = 0; i < 40; ++i) {
    documents.emplace_back();
    for (int32_t t = 0; t < 3 + (7 * i) % 9; ++t) documents.back().push_back((i * i + 3 * t) % 11);
  }
  static const WindowSet rows = *WindowSet::packed(documents, 12, "documents");
  std::vector<LmBatch> out;
  for (int64_t i = 0; i < 4; ++i) out.push_back(to_batch(rows.batch({2 * i, 2 * i + step % 2 + 1}), kCpu));
  return out;
}

// Answers of very different lengths: a mean over rows or over ranks would weigh them otherwise.
std::vector<LmBatch> answers(int64_t step) {
  std::vector<LmBatch> out;
  for (int32_t i = 0; i < 4; ++i) {
    std::vector<MaskedDocument> rows;
    for (int32_t r = 0; r < 3; ++r) {
      MaskedDocument row;
      for (int32_t t = 0; t < 3 + 2 * i + r; ++t) {
        row.tokens.push_back(static_cast<int32_t>((step + i * 5 + r * 3 + t * t) % 11));
        row.loss_mask.push_back(t >= 2 + r % 2);
      }
      rows.push_back(row);
    }
    out.push_back(to_batch(rows, kCpu));
  }
  return out;
}

TEST(Ranks, AgreeOnPackedDocuments) { expect_ranks_agree({.batches = packed}); }

TEST(Ranks, AgreeOnAnswersOfDifferentLengths) { expect_ranks_agree({.batches = answers}); }

TEST(Ranks, AgreeOnLoraOfAFrozenBase) {
  expect_ranks_agree({.prepare =
                          [](Transformer& model, Generator& generator) {
                            attach_lora(model, {.r = 3, .alpha = 6, .targets = {"*.{q,v}_proj"}}, generator);
                          },
                      .batches = answers});
}

TEST(Ranks, AgreeWithATeacherInTheStep) {
  Generator generator(9);
  const Transformer teacher(shape(kF64), Init{&generator, 0.3, kF64});
  const auto loss_sum = [&](const Transformer& model, const LmBatch& b) {
    Tensor target;
    {
      const NoGradGuard no_grad;
      target = teacher.logits(input_of(b));
    }
    const Tensor difference = model.logits(input_of(b)).to(kF64) - target;
    return sum(difference * difference);
  };
  expect_ranks_agree({.batches = packed, .loss_sum = loss_sum});
}

// Answers are drawn from the policy in each step, on every rank alike; rollouts in one piece are one
// micro-batch, which every rank computes.
Numbers after_grpo(int64_t rows, DType dtype) {
  Generator generator(2);
  const Transformer model(shape(dtype), Init{&generator, 0.3, dtype}),
      reference(shape(dtype), Init{&generator, 0.3, dtype});
  AdamW optimizer({{model.named_parameters()}});
  const std::vector<Tokens> prompts = {{1, 0}, {1, 1}};
  for (uint64_t step = 0; step < 3; ++step) {
    const std::vector<Generation> answers = generate(
        decode_model(model), prompts, {.max_tokens = 5, .samples = 4, .seed = step, .stop_tokens = {3}});
    Numbers rewards;
    for (const Generation& answer : answers) {
      rewards.push_back(std::sin(std::accumulate(answer.tokens.begin(), answer.tokens.end(), 0)));
    }
    grpo_step(log_probs_of(model), optimizer, log_probs_of(reference), rollouts_of(prompts, answers, rewards),
              {.group = 4, .kl = 0.1, .epochs = 2, .rows = rows, .update = {.lr = 0.01, .max_grad_norm = 1}});
  }
  Numbers out;
  for (const Tensor& p : model.parameters()) {
    const Numbers all = p.to_vector<double>();
    out.insert(out.end(), all.begin(), all.end());
  }
  return out;
}

TEST(Ranks, AgreeOnGroupsOfRollouts) {
  for (const DType dtype : {kF64, kF32}) {
    const double tolerance = dtype == kF32 ? 1e-5 : 1e-10;
    const Numbers alone = after_grpo(0, dtype);
    expect_near(after_grpo(2, dtype), alone, tolerance);
    const ShardOptimizerStates shard(world());
    expect_near(after_grpo(2, dtype), alone, tolerance);
  }
}

}  // namespace
}  // namespace roux::kit

int main(int argc, char** argv) { return roux::ranks_test_main(argc, argv, {2, 3, 4}); }
