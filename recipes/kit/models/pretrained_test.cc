// The real SmolLM2, Gemma 3 and MiniLM against what transformers makes of the same files
// (tests/golden/pretrained.py). Each test is skipped, aloud, where recipes/data/fetch has not brought its
// model.
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "nn/models/model_test_util.h"
#include "nn/weights.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/decode/task_model.h"
#include "recipes/kit/eval/likelihood.h"
#include "recipes/kit/eval/tasks.h"
#include "recipes/kit/models/language_model.h"
#include "recipes/kit/models/text_encoder.h"
#include "tensor/grad_mode.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

using roux::testing::named;

class Golden {
 public:
  Golden() {
    auto file = load_safetensors("tests/golden/pretrained.safetensors", &texts_);
    EXPECT_TRUE(file.ok()) << file.status();
    if (file.ok()) tensors_ = *std::move(file);
  }
  Tensor tensor(const std::string& name) const { return named(tensors_, name); }
  template <class T = int32_t>
  std::vector<T> values(const std::string& name) const {
    return tensor(name).to_vector<T>();
  }
  // Empty without one of that name.
  const std::string* text(const std::string& name) const {
    for (const auto& [key, value] : texts_) {
      if (key == name) return &value;
    }
    return nullptr;
  }

 private:
  NamedTensors tensors_;
  SafetensorsMetadata texts_;
};

// Tests of Bazel have no $HOME.
ModelOptions cached() {
  const passwd* user = getpwuid(getuid());
  if (user != nullptr) ::setenv("ROUX_CACHE", (std::string(user->pw_dir) + "/.cache/roux/data").c_str(), 0);
  return {.source = {.offline = true}};
}

Tensor row(const std::vector<int32_t>& ids) { return tensor(ids, {1, static_cast<int64_t>(ids.size())}); }

// Ids of prompts, and of each some rows of logits: the largest ones and others, to 1e-4.
void expect_logits(const Golden& golden, const std::string& name, const Pretrained& loaded, int prompts) {
  const NoGradGuard no_grad;
  int seen = 0;
  for (; golden.text(absl::StrCat(name, ".", seen)) != nullptr; ++seen) {
    const std::string prompt = absl::StrCat(name, ".", seen);
    const std::vector<int32_t> ids = loaded.tokenizer->encode(*golden.text(prompt)).ids;
    ASSERT_EQ(ids, golden.values(prompt + ".ids")) << prompt;
    const Tensor logits = loaded.model->logits(row(ids)).squeeze(0);
    const Tensor sums = logsumexp(logits.to(kF64), -1);
    const std::vector<int32_t> positions = golden.values(prompt + ".positions");
    const std::vector<int32_t> chosen = golden.values(prompt + ".chosen");
    const std::vector<float> expected = golden.values<float>(prompt + ".logits");
    const std::vector<double> expected_sums = golden.values<double>(prompt + ".log_sum_exp");
    const size_t each = chosen.size() / positions.size();
    for (size_t p = 0; p < positions.size(); ++p) {
      EXPECT_NEAR(select(sums, 0, positions[p]).item(), expected_sums[p], 1e-4)
          << prompt << " at " << positions[p];
      const std::vector<float> values = select(logits, 0, positions[p]).to_vector<float>();
      for (size_t i = p * each; i < (p + 1) * each; ++i)
        ASSERT_NEAR(values[static_cast<size_t>(chosen[i])], expected[i], 1e-4)
            << prompt << " at " << positions[p] << ", token " << chosen[i];
    }
  }
  EXPECT_EQ(seen, prompts);
}

class SmolLm2 : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    loaded_ = new absl::StatusOr<Pretrained>(load_language_model("smollm2", cached()));
  }
  static void TearDownTestSuite() { delete loaded_; }
  void SetUp() override {
    if (absl::IsNotFound(loaded_->status())) GTEST_SKIP() << loaded_->status();
    ASSERT_TRUE(loaded_->ok()) << loaded_->status();
    (*loaded_)->model->eval();
  }
  const Pretrained& loaded() const { return **loaded_; }

  const Golden golden_;
  const NoGradGuard no_grad_;

 private:
  static absl::StatusOr<Pretrained>* loaded_;
};
absl::StatusOr<Pretrained>* SmolLm2::loaded_ = nullptr;

TEST_F(SmolLm2, LogitsEqual) { expect_logits(golden_, "smollm2", loaded(), 5); }

// With the blocks of the file, from which f32 is multiplied.
TEST_F(SmolLm2, LogitsOfMappedBlocksEqual) {
  ModelOptions options = cached();
  options.weights.map = true;
  const auto mapped = load_language_model("smollm2", options);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_EQ(parameter(*mapped->model, "model.layers.3.mlp.up_proj.weight").dtype(), kQ4_1);
  EXPECT_EQ(mapped->model->embedding_weight().dtype(), kQ8_0);
  mapped->model->eval();
  expect_logits(golden_, "smollm2", *mapped, 5);
}

TEST_F(SmolLm2, PerplexityEquals) {
  const auto text = read_text("recipes/data/excerpts/austen_emma.txt");
  ASSERT_TRUE(text.ok()) << text.status();
  const std::vector<int32_t> expected = golden_.values("text.ids");
  const std::vector<int32_t> ids = loaded().tokenizer->encode(text->substr(0, 6000)).ids;
  ASSERT_EQ(ids, expected);
  const std::vector<int32_t> input(ids.begin(), ids.end() - 1), targets(ids.begin() + 1, ids.end());
  const double nll = loaded().model->loss_sum(row(input), row(targets)).item();
  const double theirs = golden_.tensor("text.negative_log_likelihood").item();
  const auto tokens = static_cast<int64_t>(targets.size());
  EXPECT_NEAR(perplexity(nll, tokens) / perplexity(theirs, tokens), 1, 1e-5);
}

TEST_F(SmolLm2, GreedyTokensEqual) {
  const std::vector<int32_t> expected = golden_.values("greedy.ids");
  std::vector<int32_t> ids = loaded().tokenizer->encode(*golden_.text("greedy")).ids;
  ASSERT_EQ(ids, golden_.values("greedy.prompt"));
  KVCache cache = loaded().model->make_cache(1, static_cast<int64_t>(ids.size() + expected.size()));
  std::vector<int32_t> drawn;
  while (drawn.size() < expected.size()) {
    const Tensor hidden = loaded().model->hidden({.ids = row(ids), .cache = &cache});
    const Tensor logits = loaded().model->project(hidden.slice(1, -1, hidden.size(1)));
    ids = {static_cast<int32_t>(argmax(logits, -1).item())};
    drawn.push_back(ids[0]);
  }
  EXPECT_EQ(drawn, expected);
}

// From JSON lines to predictions, and a text in windows of 64 tokens.
TEST_F(SmolLm2, TasksEqual) {
  const std::string path = ::testing::TempDir() + "/items.jsonl";
  ASSERT_TRUE(write_file_atomically(path, *golden_.text("tasks.items")).ok());
  const auto items = read_choice_items(path);
  ASSERT_TRUE(items.ok()) << items.status();
  const TaskModel model = task_model(decode_model(*loaded().model), *loaded().tokenizer);
  const ScoreContinuations score = continuation_scorer(model);
  const auto expected = golden_.values<double>("tasks.log_probs");
  const std::vector<int32_t> greedy = golden_.values("tasks.greedy"), tokens = golden_.values("tasks.tokens");
  const auto outcomes = score_choices({}, {}, *items, score);
  size_t at = 0;
  for (size_t i = 0; i < items->size(); ++i) {
    const ChoiceItem& item = (*items)[i];
    const Prediction line = prediction_of(item, outcomes[i]);
    const size_t begin = at;
    const auto scores = score(std::vector<std::string>{prompt({}, {}, item)},
                              std::vector<std::vector<std::string>>{continuations({}, item)});
    for (size_t choice = 0; choice < item.choices.size(); ++choice, ++at) {
      EXPECT_NEAR(line.scores[choice], expected[at], 1e-4) << item.id << choice;
      EXPECT_NEAR(scores[0][choice].log_probability, expected[at], 1e-4) << item.id << choice;
      EXPECT_EQ(scores[0][choice].tokens, tokens[at]) << item.id << choice;
      EXPECT_EQ(scores[0][choice].greedy, greedy[at] != 0) << item.id << choice;
    }
    const auto best = std::max_element(expected.begin() + static_cast<int64_t>(begin),
                                       expected.begin() + static_cast<int64_t>(at));
    EXPECT_EQ(line.output, item.choices[static_cast<size_t>(best - expected.begin()) - begin]);
  }
  EXPECT_EQ(at, expected.size());
  const auto text = text_scorer(model, 64)(std::vector<std::string>{*golden_.text("tasks.text")});
  EXPECT_EQ(text[0].tokens, golden_.values("tasks.text_tokens")[0]);
  EXPECT_NEAR(text[0].negative_log_likelihood, -golden_.tensor("tasks.text_log_prob").item(), 2e-3);
}

TEST_F(SmolLm2, ComesWithAllThatBelongsToIt) {
  ASSERT_TRUE(loaded().chat.ok()) << loaded().chat.status();
  EXPECT_EQ(loaded().chat->format, ChatFormat::kChatMl);
  EXPECT_EQ(loaded().generation.stop_ids, (std::vector<int32_t>{2}));
  EXPECT_EQ(loaded().tokenizer->token(2), "<|im_end|>");
  EXPECT_EQ(loaded().files.from.kind, Provenance::kCache);
  EXPECT_EQ(loaded().files.from.licence, "Apache-2.0");
  const auto chat = encode_chat(*loaded().tokenizer, *loaded().chat, {{"user", "Hi"}}, /*generate=*/true);
  ASSERT_TRUE(chat.ok()) << chat.status();
}

TEST(Gemma3, LogitsEqual) {
  const auto loaded = load_language_model("gemma3", cached());
  if (absl::IsNotFound(loaded.status())) GTEST_SKIP() << loaded.status();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  loaded->model->eval();
  expect_logits(Golden(), "gemma3", *loaded, 4);
  // Beyond the window of 512, where transformers' angles of f32 move its logits by up to 1e-4: in f64 with
  // exact angles.
  expect_logits(Golden(), "gemma3_long", *loaded, 1);
}

TEST(MiniLm, EmbeddingsEqual) {
  const auto encoder = load_text_encoder("minilm", cached());
  if (absl::IsNotFound(encoder.status())) GTEST_SKIP() << encoder.status();
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  EXPECT_EQ(encoder->max_tokens, 256);
  const Golden golden;
  std::vector<std::string> sentences;
  while (const std::string* text = golden.text("sentence." + std::to_string(sentences.size())))
    sentences.push_back(*text);
  std::vector<int32_t> tokens;
  for (const std::string& sentence : sentences)
    tokens.push_back(static_cast<int32_t>(encoder->ids(sentence).size()));
  EXPECT_EQ(tokens, golden.values("sentence.tokens"));
  const Tensor expected = golden.tensor("sentence.embeddings");
  for (const int64_t rows : {1, 3, 32}) {
    const Tensor embeddings = encoder->encode(sentences, rows);
    ASSERT_EQ(embeddings.shape(), expected.shape());
    EXPECT_LT(amax(abs(embeddings - expected)).item(), 1e-6);
  }
  EXPECT_EQ(encoder->encode({}).shape(), (Shape{0, 384}));
}

}  // namespace
}  // namespace roux::kit
