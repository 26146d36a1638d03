#include "recipes/diachronic_lm/method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "autograd/autograd.h"
#include "nn/layers.h"
#include "nn/lora.h"
#include "nn/models/transformer.h"
#include "nn/weights.h"
#include "recipes/diachronic_lm/study.h"
#include "recipes/kit/eval/ranking.h"
#include "recipes/kit/run/quiet_run.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tests/golden/recipe_values.h"

namespace roux::diachronic_lm {
namespace {

using golden::Values;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Values> reference(const char* what) {
  static const auto* const values = new Values(Values::of_recipe("diachronic_lm"));
  return (*values)[what].items();
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-9) << i;
}

template <class F>
auto list_of(const Values& list, F f) {
  std::vector<decltype(f(list))> out;
  for (const Values& item : list.items()) out.push_back(f(item));
  return out;
}
std::string word_of(const Values& item) { return item["word"].text(); }

TEST(Golden, SplitsChunksAndWords) {
  for (const Values& c : reference("splits")) {
    const auto parts = split_paragraphs(c["words"].integers(), c["budgets"].integers());
    EXPECT_EQ(parts, list_of(c["parts"], [](const Values& part) { return part["items"].integers(); }));
  }
  for (const Values& c : reference("chunks")) {
    const int64_t n = c["n"].integer(), length = c["length"].integer();
    ASSERT_EQ(chunk_count(n, length), c["count"].integer());
    EXPECT_LT(c["last"].integer(), n);
  }
  for (const Values& c : reference("words")) {
    std::vector<std::string> words;
    for (const Word& word : words_of(c["text"].text())) words.push_back(word.text);
    EXPECT_EQ(words, list_of(c["words"], word_of));
  }
}

TEST(Golden, StudentLossAndItsGradient) {
  for (const Values& c : reference("losses")) {
    const std::vector<int64_t> s = c["shape"].integers();
    const Shape shape{s[0], s[1], s[2]};
    const Tensor target = tensor(c["target"].integers(), {s[0], s[1]});
    const Tensor teacher =
        mean_logits({tensor(c["teacher1"].numbers(), shape), tensor(c["teacher2"].numbers(), shape)});
    for (const std::string reduction : {"batchmean", "mean"}) {
      Tensor logits = tensor(c["logits"].numbers(), shape);
      logits.set_requires_grad(true);
      const Tensor loss =
          student_loss(logits, target, teacher,
                       {c["alpha"].number(), c["temperature"].number(), reduction == "batchmean"});
      EXPECT_NEAR(loss.item(), c[reduction].number(), 1e-9);
      expect_near(grad({loss}, {logits})[0].to_vector<double>(), c[reduction + "_grad"].numbers());
    }
  }
}

TEST(StudentLoss, LimitingCases) {
  stats::RandomStream random(1, 0);
  std::vector<double> values(2 * 3 * 5);
  for (double& value : values) value = random.normal();
  const Tensor logits = tensor(values, {2, 3, 5}), other = logits * -0.5 + 1.0;
  const Tensor target = tensor(std::vector<int32_t>{0, 1, 2, 3, 4, 0}, {2, 3});
  EXPECT_EQ(student_loss(logits, target, other, {.alpha = 1}).item(), cross_entropy(logits, target).item());
  EXPECT_NEAR(student_loss(logits, target, logits, {.alpha = 0}).item(), 0, 1e-12);
  EXPECT_EQ(mean_logits({other, other}).to_vector<double>(), other.to_vector<double>());
  EXPECT_NEAR(student_loss(logits, target, other, {.alpha = 0}).item(),
              3 * student_loss(logits, target, other, {.alpha = 0, .batchmean = false}).item(), 1e-12);
  // The geometric mean of (0.5, 0.5) and (0.12, 0.88), normalised; the arithmetic one is 0.6904.
  const Tensor mean =
      mean_logits({tensor(std::vector<double>{0, 0}, {2}), tensor(std::vector<double>{0, 2}, {2})});
  EXPECT_NEAR(1 / (1 + std::exp(-mean.to_vector<double>()[1])), 0.7311, 5e-5);
  // With T^2 the gradient keeps its scale: as T grows it tends to (z - v) / V around the means.
  std::vector<double> norms;
  for (const double temperature : {50.0, 100.0}) {
    Tensor z = tensor(values, {2, 3, 5});
    z.set_requires_grad(true);
    const Tensor g = grad({student_loss(z, target, other, {.alpha = 0, .temperature = temperature})}, {z})[0];
    norms.push_back(sum(g * g).item());
  }
  EXPECT_NEAR(norms[1] / norms[0], 1, 0.05);
}

TEST(Golden, DoraForwardAndGradientsWithTheNormHeld) {
  for (const Values& c : reference("dora")) {
    const int64_t out = c["out"].integer(), in = c["in"].integer(), r = c["r"].integer();
    const Tensor w = tensor(c["w"].numbers(), {out, in}), x = tensor(c["x"].numbers(), {3, in});
    const Tensor y = matmul(x, transpose(w, 0, 1));
    Generator generator(1);
    LoraAdapter adapter({.r = r, .alpha = c["scale"].number() * static_cast<double>(r), .dora = true},
                        LoraPlace::kLinear, w, &generator);
    const Tensor nothing = adapter.forward(x, y, w, nullptr);  // B = 0, m = |W|
    EXPECT_NEAR(sum(abs(nothing)).item(), 0, 1e-12);
    const Tensor m0 = adapter.magnitude().detach();
    set_parameter(adapter, "lora_magnitude_vector", m0 * 3.0);
    expect_near((y + adapter.forward(x, y, w, nullptr)).to_vector<double>(), (y * 3.0).to_vector<double>());
    set_parameter(adapter, "lora_magnitude_vector", tensor(c["m"].numbers(), {out}));
    set_parameter(adapter, "lora_A", tensor(c["a"].numbers(), {r, in}));
    set_parameter(adapter, "lora_B", tensor(c["b"].numbers(), {out, r}));
    const Tensor whole = y + adapter.forward(x, y, w, nullptr);
    expect_near(whole.to_vector<double>(), c["y"].numbers());
    expect_near(matmul(x, transpose(w + adapter.weight_update(w), 0, 1)).to_vector<double>(),
                c["y"].numbers());  // merged
    const std::vector<Tensor> g = grad({sum(whole * whole)}, {adapter.a(), adapter.magnitude()});
    expect_near(g[0].to_vector<double>(), c["grad_a"].numbers());
    expect_near(g[1].to_vector<double>(), c["grad_m"].numbers());
  }
}

TEST(Golden, GridsSensesNeighboursAndChanges) {
  for (const Values& c : reference("grids")) {
    const auto n = static_cast<size_t>(c["n"].integer());
    const std::vector<double> flat = c["grid"].numbers();
    Grid grid(n);
    for (size_t i = 0; i < n * n; ++i) grid[i / n].push_back(flat[i]);
    EXPECT_NEAR(diagonal_dominance(grid), c["dominance"].number(), 1e-12);
    EXPECT_NEAR(separation(grid), c["separation"].number(), 1e-12);
    if (n > 2) {
      EXPECT_NEAR(growth_with_distance(grid), c["growth"].number(), 1e-12);
    }
  }
  const auto occurrences = [](const Values& flat) {
    std::vector<Surprisals> all;
    const std::vector<double> numbers = flat.numbers();
    for (size_t i = 0; i < numbers.size(); i += 2) all.push_back({numbers[i], numbers[i + 1]});
    return all;
  };
  for (const Values& c : reference("senses"))
    EXPECT_NEAR(sense_change(occurrences(c["early"]), occurrences(c["late"])), c["change"].number(), 1e-12);
  for (const Values& c : reference("neighbours")) {
    const std::vector<std::string> before = absl::StrSplit(c["before"].text(), ' '),
                                   after = absl::StrSplit(c["after"].text(), ' ');
    expect_near(neighbour_changes(before, after, list_of(c["words"], word_of), c["reach"].integer()),
                list_of(c["words"], [](const Values& w) { return w["change"].number(); }));
  }
  for (const Values& c : reference("changes")) {
    Differences differences;
    for (const Values& w : c["words"].items()) differences[word_of(w)] = w["differences"].numbers();
    EXPECT_EQ(changed_words(differences, c["level"].number()), list_of(c["ranked"], word_of));
  }
  EXPECT_THAT(error_of([] { separation({{1, 2}}); }), HasSubstr("needed 2"));
}

TEST(Measures, ClosedForms) {
  // A uniform model of 27 characters says the same whatever its tokens: 12 characters as 12, or as 4 of 27^3.
  EXPECT_NEAR(bits_per_byte(12 * std::log(27), 12), std::log2(27), 1e-12);
  EXPECT_NEAR(bits_per_byte(4 * std::log(27 * 27 * 27), 12), std::log2(27), 1e-12);
  for (const char* word : {"hath", "cometh", "ye", "spake"}) EXPECT_TRUE(is_known_change(word)) << word;
  for (const char* word : {"teeth", "twentieth", "the", "seth"}) EXPECT_FALSE(is_known_change(word)) << word;
}

TEST(Exchange, KeepsCountsAndAllOtherWords) {
  std::string text;
  for (int i = 0; i < 9; ++i)
    absl::StrAppend(&text, "Light fell on the light, and death (death) came ", i, ".\n");
  text += "death";
  stats::RandomStream random(1, 0);
  const std::string changed = exchange_words(text, {{"light", "death"}}, random);
  const std::vector<Word> before = words_of(text), after = words_of(changed);
  ASSERT_EQ(before.size(), after.size());
  int64_t moved = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].capital, after[i].capital);
    if (before[i].text == after[i].text) continue;
    EXPECT_EQ(std::set<std::string>({before[i].text, after[i].text}),
              std::set<std::string>({"light", "death"}));
    ++moved;
  }
  EXPECT_EQ(moved, 18);  // 9 of 18, 9 of 19
  EXPECT_EQ(count_words(text),
            count_words(changed));  // so frequencies see nothing: every score of theirs is the same
  EXPECT_EQ(kit::roc_auc({1, 1, 0, 0}, {0, 0, 0, 0}), 0.5);
  EXPECT_THAT(error_of([&] {
                exchange_words(text, {{"a", "b"}, {"b", "c"}}, random);
              }),
              HasSubstr("two pairs"));
}

// Two contexts, each with a word of its own early; late the planted words share theirs, the others do not.
TEST(SenseChange, AnOracleFindsWhatWasExchanged) {
  std::vector<double> scores;
  std::vector<int64_t> planted;
  for (int word = 0; word < 8; ++word) {
    const bool exchanged = word < 3;
    const double own = 0.3 + 0.05 * word, foreign = 0.01,
                 shift = 0.5 * word;  // shift: the word is rarer late
    const auto bits = [](double p) { return -std::log2(p); };
    const double late_own = exchanged ? (own + foreign) / 2 : own;
    std::vector<Surprisals> early(10, {bits(own), bits(late_own) + shift}),
        late(10, {bits(own), bits(late_own) + shift});
    for (size_t i = 0; exchanged && i < 5; ++i) late[i] = {bits(foreign), bits(late_own) + shift};
    scores.push_back(sense_change(early, late)), planted.push_back(exchanged ? 1 : 0);
    if (!exchanged) {
      EXPECT_NEAR(scores.back(), 0, 1e-12);  // frequency cancels
    }
  }
  EXPECT_EQ(kit::roc_auc(planted, scores), 1);
}

TEST(Chunks, CoverAllOffsetsAndNeverPassTheEnd) {
  for (const int64_t n : {24, 25, 31, 64}) {
    const int64_t length = 8, count = chunk_count(n, length);
    std::vector<int32_t> tokens(static_cast<size_t>(n));
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i);
    std::set<int32_t> begins;
    for (int64_t draw = 0; draw < 400; ++draw) {
      const kit::TokenBatch batch = random_chunks(tokens, length, {draw % count}, 3, draw);
      begins.insert(batch.input[0]);
      ASSERT_EQ(batch.target.back(), batch.input[0] + length);  // so it is one of the tokens
      ASSERT_LT(batch.target.back(), n);
    }
    EXPECT_EQ(static_cast<int64_t>(begins.size()), length * count);
  }
}

TEST(Surprisals, EachTokenButTheFirstOnceUpToWholeWindows) {
  Generator generator(1);
  const Transformer model({.vocab_size = 7,
                           .hidden_size = 8,
                           .intermediate_size = 8,
                           .num_hidden_layers = 1,
                           .num_attention_heads = 2},
                          Init{&generator, 0.5, kF32, kCpu});
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6, 0, 1, 2};
  const std::vector<double> nats = token_surprisals(model, tokens, 3, kCpu);
  EXPECT_EQ(std::count(nats.begin(), nats.end(), -1), 3);  // 0, 7 and 8
  const Tensor first = model.token_losses({.ids = tensor(std::vector<int32_t>{1, 2, 3}, {1, 3})},
                                          tensor(std::vector<int32_t>{2, 3, 4}, {1, 3}));
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(nats[i + 1], first.to_vector<float>()[i], 1e-6);
}

TEST(World, SplitsAreDisjointAndExchangedLateOnly) {
  EXPECT_THAT(paragraphs_of("a b.\nc\n\n\nd"), ElementsAre("a b. c", "d"));
  Config c;
  c.decoder.length = 16, c.vocab = 300, c.train_words = 20000, c.test_words = 6000, c.dev_words = 1000,
  c.base_words = 4000;
  c.slices = {"bible_kjv", "austen_emma", "web_luke_john"}, c.modern = {"bible_web"}, c.excerpts = true;
  const auto run = kit::quiet_run();
  const World world = *load_world(c, *run);
  EXPECT_EQ(world.base_text, load_world(c, *run)->base_text);
  EXPECT_EQ(world.late, 1U);
  EXPECT_EQ(world.slices[0].name, "kjv");
  for (const Slice& slice : world.slices) {
    std::set<std::string> seen;
    for (const std::string* part : {&slice.train, &slice.test, &slice.dev, &slice.base}) {
      std::set<std::string> here;
      for (const absl::string_view line : absl::StrSplit(*part, '\n', absl::SkipEmpty()))
        if (line.size() > 40) here.emplace(line);  // no headings
      for (const std::string& paragraph : here) EXPECT_TRUE(seen.insert(paragraph).second) << paragraph;
    }
    EXPECT_LE(slice.test_words.size(), 6000U);
  }
  for (const Frames& frames : world.frames) EXPECT_FALSE(frames.contexts.empty());
  for (const auto& [own, later] : world.frames[0].own_and_later) {
    EXPECT_FALSE(world.slices[0].counts.contains(later)) << later;
    EXPECT_FALSE(count_words(world.slices[0].base).contains(later)) << later;
    EXPECT_TRUE(world.slices[0].counts.contains(own)) << own;
  }
}

}  // namespace
}  // namespace roux::diachronic_lm
