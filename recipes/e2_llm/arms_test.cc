#include "recipes/e2_llm/arms.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "gtest/gtest.h"
#include "nn/models/transformer.h"
#include "recipes/e2_llm/claims.h"
#include "recipes/e2_llm/table.h"
#include "recipes/e2_llm/windows.h"
#include "recipes/kit/run/quiet_run.h"
#include "tensor/error_of.h"
#include "tensor/fresh_directory.h"
#include "tensor/ops/creation.h"

namespace roux::e2_llm {
namespace {

Config tiny() {
  Config c;
  c.decoder = {.layers = 1, .hidden = 8, .heads = 2, .intermediate = 16, .length = 16, .init_std = 0.3};
  c.g_max = 4, c.batch = 4, c.base_steps = 10, c.tune_steps = 4, c.eval_windows = 8, c.last = 8;
  return c;
}

TEST(Arms, HaveOneBudgetAndOneReach) {
  const Config c;
  std::set<std::string> seen;
  for (const Arm& arm : arms(c)) {
    EXPECT_TRUE(seen.insert(arm.name).second) << arm.name;
    EXPECT_TRUE(arm.from.empty() || seen.count(arm.from) == 1) << arm.name;
    EXPECT_EQ(arm.rows(c) * arm.length, c.batch * c.L()) << arm.name;
    EXPECT_EQ(arm.steps, arm.from.empty() ? c.base_steps : c.tune_steps);
    if (arm.name.starts_with("e2_r")) {
      EXPECT_EQ(arm.augmentation.scales.back() * static_cast<double>(arm.R), c.farthest()) << arm.name;
    }
  }
  EXPECT_EQ(c.windows(), (std::vector<int64_t>{64, 128, 256, 512, 1024}));
  EXPECT_EQ(kit::find_arm(arms(c), "pi").augmentation.scales, std::vector<double>{4});
  EXPECT_EQ(kit::find_arm(arms(c), "pi_long").length, 512);
  EXPECT_EQ(kit::find_arm(arms(c), "pi_far").augmentation.scales, std::vector<double>{8});
  EXPECT_FALSE(kit::find_arm(arms(c), "e2_no_t").augmentation.offsets);
  EXPECT_EQ(kit::find_arm(arms(c), "e2_no_sinks").augmentation.sinks, 0);
}

TEST(Batches, AreTheSameOfAllArmsButForPositions) {
  const Config c = tiny();
  const std::vector<Arm> all = arms(c);
  kit::TokenBatch rows{.rows = 4, .length = 16};
  for (int32_t i = 0; i < 64; ++i) rows.input.push_back(i % 100), rows.target.push_back((i + 1) % 100);
  const Batch plain = make_batch(c, kit::find_arm(all, "control"), rows, 5, 3, kCpu);
  const Batch e2 = make_batch(c, kit::find_arm(all, "e2"), rows, 5, 3, kCpu);
  const Batch no_t = make_batch(c, kit::find_arm(all, "e2_no_t"), rows, 5, 3, kCpu);
  EXPECT_EQ(plain.ids.to_vector<int32_t>(), e2.ids.to_vector<int32_t>());
  EXPECT_EQ(plain.target.to_vector<int32_t>(), e2.target.to_vector<int32_t>());
  const std::vector<int32_t> ids = e2.ids.to_vector<int32_t>(), targets = e2.target.to_vector<int32_t>();
  const std::vector<float> weight = e2.weight.to_vector<float>(), at = e2.positions.to_vector<float>();
  const std::vector<float> plain_at = plain.positions.to_vector<float>(),
                           no_t_at = no_t.positions.to_vector<float>();
  for (size_t row = 0; row < 4; ++row) {
    int markers = 0;
    for (size_t m = 0; m < 16; ++m) {
      const size_t i = 16 * row + m;
      EXPECT_EQ(plain_at[i], static_cast<float>(m));
      if (m < kSinks) {
        EXPECT_EQ(at[i], no_t_at[i]);  // the same scale, no offset
      }
      EXPECT_EQ(weight[i], ids[i] == kMarker ? c.symbol_weight : 1);
      if (m + 1 < 16) {
        EXPECT_EQ(ids[i + 1], targets[i]);
      }
      if (ids[i] != kMarker) continue;
      ++markers;
      const auto begin = ids.begin() + static_cast<int64_t>(16 * row);
      EXPECT_EQ(std::count(begin, begin + static_cast<int64_t>(m), targets[i]), 1);
      EXPECT_GE(targets[i], kFirstSymbol);
    }
    EXPECT_EQ(markers, row % 2);  // every second row, rows counted from step 0
  }
}

TEST(Batches, GiveSymbolsOneShareOfTheLossWhateverTheRowsLength) {
  const Config c;  // a row a step to sixteen
  std::set<int64_t> seen;
  for (const Arm& arm : arms(c)) {
    const int64_t rows = arm.rows(c);
    for (const int64_t step : {0, 1}) {
      kit::TokenBatch tokens{.rows = rows, .length = arm.length};
      tokens.input.assign(static_cast<size_t>(rows * arm.length), 'a');
      tokens.target = tokens.input;
      const Batch batch = make_batch(c, arm, tokens, 5, step, kCpu);
      const std::vector<float> weight = batch.weight.to_vector<float>();
      const std::vector<int32_t> ids = batch.ids.to_vector<int32_t>();
      double symbols = 0, all = 0;
      for (size_t i = 0; i < weight.size(); ++i) {
        all += weight[i];
        if (ids[i] == kMarker) symbols += weight[i];
      }
      EXPECT_NEAR(symbols / all, 4 * 32.0 / (508 + 4 * 32), 1e-6) << arm.name;
    }
    seen.insert(rows);
  }
  EXPECT_EQ(seen, (std::set<int64_t>{1, 4, 8, 16}));
}

TEST(Windows, OfAllLengthsPredictTheSameBytes) {
  const std::vector<int64_t> ends = window_ends(1000, 64, 9);
  EXPECT_EQ(ends.front(), 64);
  EXPECT_LT(ends.back(), 1000);
  EXPECT_TRUE(std::is_sorted(ends.begin(), ends.end()));
  EXPECT_NE(error_of([] { window_ends(70, 64, 9); }).find("needed 64 + 9"), std::string::npos);
}

TEST(Windows, BitsAndRecallAreThoseOfEachWindowAlone) {
  const Config c = tiny();
  Generator generator(3);
  TransformerConfig shape = c.decoder.transformer(kVocabulary);
  Transformer model(shape, c.decoder.init(generator, kCpu));
  model.eval();
  std::vector<int32_t> text;
  for (int32_t i = 0; i < 200; ++i) text.push_back((17 * i + i * i) % 200);
  const std::vector<int64_t> ends = window_ends(200, 32, 5);
  const Windows windows{text, ends, 32, position_table({{.g = 2}}, 32, 0, kCpu).view({32})};
  double bits = 0;
  std::vector<Planted> planted;
  for (size_t i = 0; i < ends.size(); ++i) {
    const auto first = text.begin() + ends[i] - 32;
    const Tensor ids = tensor(std::vector<int32_t>(first, first + 32), {1, 32});
    const std::vector<double> logits =
        model.logits({.ids = ids, .positions = windows.positions}).to_vector<double>();
    for (int64_t m = 24; m < 32; ++m) {
      const double* row = logits.data() + m * kVocabulary;
      double sum = 0;
      for (int64_t v = 0; v < kVocabulary; ++v) sum += std::exp(row[v]);
      bits += (std::log(sum) - row[text[static_cast<size_t>(ends[i] - 31 + m)]]) / std::log(2) / 40;
    }
    planted.push_back({.at = 3, .marker = 31, .symbol = static_cast<int32_t>(i)});
  }
  EXPECT_NEAR(windowed_bits(model, windows, 8), bits, 1e-5);
  const std::vector<int32_t> answers = recall(model, windows, planted);
  for (size_t i = 0; i < ends.size(); ++i) {
    std::vector<int32_t> tokens(text.begin() + ends[i] - 32, text.begin() + ends[i] + 1);
    plant(planted[i], absl::MakeSpan(tokens));
    EXPECT_EQ(tokens[3], tokens[32]);
    tokens.pop_back();
    const std::vector<double> logits =
        model.logits({.ids = tensor(tokens, {1, 32}), .positions = windows.positions}).to_vector<double>();
    const auto symbols = logits.end() - kSymbols;
    EXPECT_EQ(answers[i], std::max_element(symbols, logits.end()) - symbols);
  }
  planted[2].marker = 30;
  EXPECT_NE(error_of([&] { recall(model, windows, planted); }).find("marker is at 30"), std::string::npos);
  std::vector<int32_t> four(4);
  EXPECT_NE(error_of([&] { plant({.at = 2, .marker = 3}, absl::MakeSpan(four)); }).find("of 4 tokens"),
            std::string::npos);
}

// One base; arms that go on from it; an offset of all tokens trains as none does.
TEST(Training, OffsetsOfAllTokensChangeNothing) {
  const Config c = tiny();
  const auto run = kit::quiet_run();
  const auto data = load_data(c, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  std::vector<Arm> some;
  for (const Arm& arm : arms(c)) {
    if (arm.name == "base" || arm.name == "e2" || arm.name == "e2_no_t" || arm.name == "e2_no_sinks")
      some.push_back(arm);
  }
  const auto results =
      run->side_by_side(kit::grid(some, {1}, [&](const Arm& arm, uint64_t seed, kit::Part& part) {
        return train_arm(c, *data, arm, seed, part);
      }));
  ASSERT_TRUE(results.ok()) << results.status();
  const Outcomes o(c, *results);
  for (size_t w = 0; w < c.windows().size(); ++w) {
    EXPECT_NEAR(o.bits({"e2_no_sinks"}, w)[0], o.bits({"e2_no_t"}, w)[0], 1e-4) << w;
    EXPECT_GT(std::abs(o.bits({"e2"}, w)[0] - o.bits({"e2_no_t"}, w)[0]), 1e-4) << w;
  }
  EXPECT_EQ(o.farthest(), 2);
  EXPECT_NEAR(o.mean_bits({"e2"})[0],
              (o.bits({"e2"}, 0)[0] + o.bits({"e2"}, 1)[0] + o.bits({"e2"}, 2)[0]) / 3, 1e-12);
}

TEST(Memory, OfAStepGrowsWithTokensNotWithScales) {
  const Config c;
  const double rows = static_cast<double>(step_memory(c, 8, 64, true));
  EXPECT_GT(rows, static_cast<double>(step_memory(c, 8, 64, false)));
  EXPECT_GT(static_cast<double>(step_memory(c, 8, 512, true)), 4 * rows);
}

TEST(Settings, ThatDoNotFitAreRefused) {
  EXPECT_TRUE(Config().check().ok());
  EXPECT_TRUE(tiny().check().ok());
  const auto message = [](auto change) {
    Config c;
    change(c);
    return std::string(c.check().message());
  };
  EXPECT_EQ(message([](Config& c) { c.g_max = 6; }), "g_max=6: a power of two is needed, windows double");
  EXPECT_EQ(message([](Config& c) { c.last = 65; }), "last=65: at most length=64 tokens are judged");
  EXPECT_EQ(message([](Config& c) { c.text.clear(); }), "--text needs a text domain");
  EXPECT_NE(message([](Config& c) { c.batch = 6; }).find("batch must be a multiple of g_max"),
            std::string::npos);
  EXPECT_NE(message([](Config& c) { c.decoder.length = 10; }).find("multiple of 4"), std::string::npos);
}

TEST(UsersData, IsOneText) {
  const std::string folder = fresh_directory();
  std::ofstream(folder + "/long.txt") << std::string(30000, 'a');
  std::ofstream(folder + "/short.txt") << "a short text";
  const auto good = load_data(tiny(), *kit::quiet_run({.options = {.data = folder + "/long.txt"}}));
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->unseen.size(), 1184);  // 1200 bytes in windows of 16 with a target each
  const auto bad = load_data(tiny(), *kit::quiet_run({.options = {.data = folder + "/short.txt"}}));
  EXPECT_NE(bad.status().message().find("short.txt: 12 bytes are too few"), std::string::npos)
      << bad.status();
}

std::string refused(const std::string& json) { return std::string(parse_rows(json, "f").status().message()); }

TEST(Table, ReadsRowsAndWritesPositions) {
  const auto rows = parse_rows(
      R"([{"g": 2, "t": 3, "R": 8, "length": 6}, {"g": 2.5, "R": 2, "length": 2, "sinks": 0}])", "f");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(
      tables_json(*rows),
      R"({"tables":[{"g":2,"t":3,"R":8,"length":6,"sinks":4,"largest_offset":8,"inside":true,)"
      R"("positions":[0,0.5,1,1.5,3.5,4]},{"g":2.5,"t":0,"R":2,"length":2,"sinks":0,"largest_offset":3,)"
      R"("inside":true,"positions":[0,0.4]}]})"
      "\n");
  EXPECT_TRUE(parse_rows(R"({"g": 1, "R": 8, "length": 9})", "f").ok());
  // Whole numbers as Python writes floats; the smallest scale that covers 9 of windows of 8.
  EXPECT_EQ((*parse_rows(R"({"R": 8.0, "length": 9})", "f"))[0].draw.g, 2);
  EXPECT_NE(tables_json(*parse_rows(R"({"g": 1, "R": 8, "length": 9})", "f")).find("\"inside\":false"),
            std::string::npos);
}

TEST(Table, SaysWhatIsWrong) {
  EXPECT_EQ(refused("[]"), "f: the list has no row");
  EXPECT_EQ(refused("[3]"), "f: row 1: must be an object");
  EXPECT_EQ(refused(R"({"g": 2, "length": 8})"), "f: row 1: 'R' is missing");
  EXPECT_EQ(refused(R"({"g": "2", "R": 8, "length": 8})"), "f: row 1: 'g' must be a number of at least 1");
  EXPECT_EQ(refused(R"({"g": 0.5, "R": 8, "length": 8})"), "f: row 1: 'g' must be a number of at least 1");
  EXPECT_EQ(refused(R"({"g": 2, "t": 1.5, "R": 8, "length": 8})"),
            "f: row 1: 't' must be a whole number of at least 0");
  EXPECT_EQ(refused(R"([{"g": 2, "R": 8, "length": 8}, {"g": 2, "t": 9, "R": 8, "length": 8}])"),
            "f: row 2: 't' is 9, at most (g - 1) R = 8 is possible");
  EXPECT_EQ(refused(R"({"g": 2, "R": 8, "lenght": 8})"),
            "f: row 1: 'lenght' is unknown; did you mean length?");
  EXPECT_EQ(refused(R"({"g": 2, "R": 8, "length": 2000000})"),
            "f: row 1: more than 1048576 positions in all");
  EXPECT_EQ(refused(R"({"g": 2, "t": 9223372036854775807, "R": 8, "length": 8})"),
            "f: row 1: 't' is too large");
  EXPECT_EQ(refused(R"({"g": 1e14, "R": 64, "length": 8})"), "f: row 1: g R is too large");
  EXPECT_EQ(refused(R"({"g": 1e400, "R": 8, "length": 8})").find("f: "), 0U);
  EXPECT_NE(refused("{").find("f: byte"), std::string::npos);
}

}  // namespace
}  // namespace roux::e2_llm
