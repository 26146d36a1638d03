// Whatever the kit draws: all pairs of seeds and streams give something else, 0 included.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/data/index_loader.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/data/span_corruption.h"
#include "recipes/kit/stats/gradient_boosting.h"
#include "recipes/kit/stats/kmeans.h"
#include "recipes/kit/stats/minhash.h"
#include "recipes/kit/stats/resampling.h"
#include "recipes/kit/stats/samplers.h"
#include "recipes/kit/worlds/arithmetic.h"
#include "recipes/kit/worlds/fact_world.h"
#include "recipes/kit/worlds/gloss_category.h"
#include "recipes/kit/worlds/tool_calls.h"

namespace roux::kit {
namespace {

using stats::RandomStream;

// Neighbours, both halves of the word and the ends.
const uint64_t kNumbers[] = {0,
                             1,
                             2,
                             3,
                             7,
                             (uint64_t{1} << 32) - 1,
                             uint64_t{1} << 32,
                             (uint64_t{1} << 32) + 1,
                             uint64_t{1} << 63,
                             ~uint64_t{0}};

class Distinct {
 public:
  void add(const std::string& drawn, const std::string& what) {
    const auto [found, is_new] = seen_.emplace(drawn, what);
    EXPECT_TRUE(is_new) << what << " equals " << found->second;
  }

 private:
  std::map<std::string, std::string> seen_;
};

template <class Values>
std::string text(const Values& values) {
  return absl::StrJoin(values, " ", [](std::string* out, const auto& value) {
    absl::StrAppendFormat(out, "%.17g", static_cast<double>(value));
  });
}
template <class Fn>
std::string drawn(int count, const Fn& fn) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<double>(fn()));
  return text(values);
}

// draw(random) for all pairs of seed and stream.
void expect_streams_differ(const std::function<std::string(RandomStream&)>& draw) {
  Distinct seen;
  for (uint64_t seed : kNumbers) {
    for (uint64_t stream : kNumbers) {
      RandomStream random(seed, stream);
      seen.add(draw(random), absl::StrCat("seed ", seed, " stream ", stream));
    }
  }
}
void expect_seeds_differ(const std::function<std::string(uint64_t)>& draw) {
  Distinct seen;
  for (uint64_t seed : kNumbers) seen.add(draw(seed), absl::StrCat("seed ", seed));
}

std::string of_spans(const std::vector<TokenSpan>& spans) {
  return absl::StrJoin(spans, " ", [](std::string* out, const TokenSpan& span) {
    absl::StrAppend(out, span.begin, "-", span.end);
  });
}

TEST(Streams, Numbers) {
  expect_streams_differ([](RandomStream& r) { return drawn(4, [&] { return r.uniform(); }); });
  expect_streams_differ([](RandomStream& r) { return drawn(4, [&] { return r.uniform_positive(); }); });
  expect_streams_differ([](RandomStream& r) { return drawn(4, [&] { return r.normal(); }); });
  expect_streams_differ([](RandomStream& r) { return drawn(4, [&] { return r.exponential(); }); });
  expect_streams_differ([](RandomStream& r) { return drawn(40, [&] { return r.below(10); }); });
  expect_streams_differ(
      [](RandomStream& r) { return drawn(4, [&] { return stats::sample_gamma(0.7, r); }); });
  expect_streams_differ([](RandomStream& r) {
    return text(stats::sample_dirichlet(std::vector<double>{0.5, 1, 2}, r));
  });
  const stats::ZipfSampler zipf(1000, 1);
  const stats::AliasSampler alias(std::vector<double>{1, 2, 3, 4, 5, 6});
  expect_streams_differ([&](RandomStream& r) { return drawn(40, [&] { return zipf(r); }); });
  expect_streams_differ([&](RandomStream& r) { return drawn(40, [&] { return alias(r); }); });
}

TEST(Streams, OrdersAndResamples) {
  expect_streams_differ([](RandomStream& r) { return text(stats::random_permutation(40, r)); });
  expect_streams_differ([](RandomStream& r) {
    std::vector<int64_t> values(40);
    std::iota(values.begin(), values.end(), 0);
    stats::shuffle(values, r);
    return text(values);
  });
  expect_streams_differ([](RandomStream& r) {
    std::vector<double> used;
    stats::bootstrap_interval(30,
                              [&](std::span<const int64_t> indices) {
                                used.insert(used.end(), indices.begin(), indices.end());
                                return static_cast<double>(indices[0]);
                              },
                              r, {.resamples = 50});
    return text(used);
  });
}

// After one iteration: where it ends may be the same.
TEST(Streams, KMeansBeginsElsewhere) {
  stats::Matrix x(400, 2);
  RandomStream points(1);
  for (int64_t i = 0; i < 400; ++i) x(i, 0) = points.uniform(), x(i, 1) = points.uniform();
  expect_streams_differ([&](RandomStream& r) {
    const stats::KMeans found = stats::kmeans(x, 40, r, {.max_iterations = 1, .restarts = 1});
    return text(found.centres.values);
  });
}

TEST(Streams, SpansAndMasks) {
  std::vector<int32_t> tokens(200);
  std::iota(tokens.begin(), tokens.end(), 0);
  expect_streams_differ([](RandomStream& r) { return of_spans(sample_spans(200, {.rate = 0.3}, r)); });
  expect_streams_differ([](RandomStream& r) {
    return of_spans(sample_spans(200, {.rate = 0.5, .mean_length = 8, .starts_masked = true}, r));
  });
  expect_streams_differ([](RandomStream& r) { return of_spans(sample_positions(200, 0.15, r)); });
  const std::vector<TokenSpan> all = {{0, 200}};
  expect_streams_differ([&](RandomStream& r) { return text(mask_tokens(tokens, all, 777, 500, r).input); });
}

TEST(Seeds, MinHash) {
  const std::vector<uint64_t> shingles =
      stats::byte_shingles("The quick brown fox jumps over the lazy dog", 5);
  expect_seeds_differ(
      [&](uint64_t seed) { return absl::StrJoin(stats::MinHash(2, seed).signature(shingles), " "); });
  // Nor are two functions of a hasher the same, or one of a seed one of another's.
  Distinct seen;
  for (uint64_t seed : kNumbers) {
    const std::vector<uint64_t> signature = stats::MinHash(64, seed).signature(shingles);
    for (size_t i = 0; i < signature.size(); ++i)
      seen.add(absl::StrCat(signature[i]), absl::StrCat("seed ", seed, " function ", i));
  }
}

TEST(Seeds, MixtureSamplerAndItsBlocks) {
  const std::vector<double> shares(40, 1);
  Distinct seen;
  for (uint64_t seed : kNumbers) {
    const stats::MixtureSampler sampler(shares, seed, /*block=*/40);
    for (int64_t block = 0; block < 20; ++block) {
      int64_t item = 40 * block;
      seen.add(drawn(40, [&] { return sampler(item++); }), absl::StrCat("seed ", seed, " block ", block));
    }
  }
}

WindowSet windows(int64_t rows) {
  std::vector<int32_t> tokens(static_cast<size_t>(rows * 3 + 1));
  std::iota(tokens.begin(), tokens.end(), 0);
  return *WindowSet::stream(tokens, 3, "windows");
}

// Orders of an epoch, of all seeds, epochs and equal domains.
TEST(Seeds, Loaders) {
  const WindowSet one = windows(40), same = windows(40), third = windows(40);
  Distinct seen, of_indices, of_domains;
  for (uint64_t seed : kNumbers) {
    BatchLoader rows = *BatchLoader::create(one, {.seed = seed, .global_batch = 40});
    IndexLoader indices = *IndexLoader::create(40, {.seed = seed, .global_batch = 40});
    MixtureLoader mixture =
        *MixtureLoader::create({&one, &same, &third}, {1, 1, 1}, {.seed = seed, .global_batch = 120});
    std::vector<std::vector<int64_t>> orders(3);
    for (int64_t epoch = 0; epoch < 5; ++epoch) {
      const std::string what = absl::StrCat("seed ", seed, " epoch ", epoch);
      seen.add(text(rows.next().input), what);
      of_indices.add(text(indices.next(40)), what);
      for (const MixtureLoader::Row& row : mixture.next_rows())
        orders[static_cast<size_t>(row.domain)].push_back(row.row);
    }
    for (size_t domain = 0; domain < orders.size(); ++domain) {
      for (size_t epoch = 0; epoch + 1 < 5; ++epoch) {  // 40 rows of each in 120, to one more or less
        ASSERT_GE(orders[domain].size(), 40 * (epoch + 1));
        of_domains.add(
            text(std::vector<int64_t>(orders[domain].begin() + static_cast<int64_t>(40 * epoch),
                                      orders[domain].begin() + static_cast<int64_t>(40 * epoch + 40))),
            absl::StrCat("seed ", seed, " domain ", domain, " epoch ", epoch));
      }
    }
  }
}

TEST(Seeds, GradientBoosting) {
  stats::Matrix x(60, 2);
  std::vector<double> y;
  RandomStream random(1);
  for (int64_t i = 0; i < 60; ++i) {
    x(i, 0) = random.normal(), x(i, 1) = random.normal();
    y.push_back(x(i, 0) * x(i, 1) + random.normal());
  }
  expect_seeds_differ([&](uint64_t seed) {
    return text(
        stats::predict(stats::fit_boosted_trees(x, y, {.trees = 3, .subsample = 0.5, .seed = seed}), x));
  });
}

TEST(Seeds, Worlds) {
  expect_seeds_differ([](uint64_t seed) {
    const FactWorld world = make_fact_world({.people = 30}, seed);
    std::string all;
    for (const FactWorld::Person& person : world.people) absl::StrAppend(&all, text(person.values), "/");
    return all;
  });
  expect_seeds_differ([](uint64_t seed) {
    const FactWorld world = make_fact_world({.people = 30}, seed);
    return absl::StrJoin(world.people, " ", [](std::string* out, const FactWorld::Person& person) {
      absl::StrAppend(out, person.name);
    });
  });
  expect_seeds_differ([](uint64_t seed) {
    std::string all;
    for (const ArithmeticProblem& problem : make_arithmetic({.count = 10}, seed))
      absl::StrAppend(&all, problem.question, "\n");
    return all;
  });
  expect_seeds_differ([](uint64_t seed) {
    const std::vector<ToolTask> tasks = *make_tool_tasks(home_tools(), {.count = 20}, seed);
    std::string all;
    for (const ToolTask& task : tasks)
      absl::StrAppend(&all, task.request, absl::StrJoin(task.shown, ","), "\n");
    return all;
  });
}

// All of an attribute's values but the right one, in the order in which they were drawn.
TEST(Seeds, WrongAnswersOfAllFacts) {
  const FactWorld world = make_fact_world({.people = 24}, 1);
  Distinct seen;
  for (uint64_t seed : kNumbers) {
    for (int64_t person = 0; person < 24; ++person) {
      for (int64_t a = 0; a < static_cast<int64_t>(world.attributes.size()); ++a) {
        const std::vector<std::string>& values = world.attributes[static_cast<size_t>(a)].values;
        std::vector<int64_t> order;
        for (const std::string& wrong : wrong_answers(world, person, a, 100, seed))
          order.push_back(std::find(values.begin(), values.end(), wrong) - values.begin());
        ASSERT_EQ(order.size(), values.size() - 1);
        seen.add(text(order), absl::StrCat("seed ", seed, " person ", person, " attribute ", a));
      }
    }
  }
}

// With 24 people and 24 values an attribute is one order of the people: no fact's wrong answers, drawn with
// the world's own seed, come in such an order.
TEST(Seeds, WrongAnswersShareNoStreamWithTheirWorld) {
  for (uint64_t seed : kNumbers) {
    const FactWorld world = make_fact_world({.people = 24}, seed);
    const auto attributes = static_cast<int64_t>(world.attributes.size());
    std::vector<std::vector<int64_t>> orders;
    for (int64_t a = 0; a + 1 < attributes; ++a) {
      std::vector<int64_t> order(24);
      for (int64_t person = 0; person < 24; ++person)
        order[static_cast<size_t>(world.people[static_cast<size_t>(person)].values[static_cast<size_t>(a)])] =
            person;
      orders.push_back(order);
    }
    for (int64_t person = 0; person < 24; ++person) {
      for (int64_t a = 0; a < attributes; ++a) {
        const std::vector<std::string>& values = world.attributes[static_cast<size_t>(a)].values;
        const int64_t right =
            std::find(values.begin(), values.end(), world.value(person, a)) - values.begin();
        std::vector<int64_t> drawn_order;
        for (const std::string& wrong : wrong_answers(world, person, a, 100, seed))
          drawn_order.push_back(std::find(values.begin(), values.end(), wrong) - values.begin());
        for (size_t other = 0; other < orders.size(); ++other) {
          std::vector<int64_t> order = orders[other];
          order.erase(std::find(order.begin(), order.end(), right));
          EXPECT_NE(order, drawn_order) << "seed " << seed << " person " << person << " attribute " << a
                                        << ": the order of attribute " << other;
        }
      }
    }
  }
}

TEST(Seeds, GlossTasks) {
  std::vector<Synset> synsets;
  for (int i = 0; i < 60; ++i) {
    Synset synset;
    synset.category = i % 2 ? 5 : 13;  // noun.animal, noun.food
    synset.definition = absl::StrCat("a thing with the number ", i);
    synsets.push_back(synset);
  }
  expect_seeds_differ([&](uint64_t seed) {
    const GlossTask task = make_gloss_task(
        synsets, {.categories = {"noun.animal", "noun.food"}, .test = 20, .validation = 20}, seed);
    return absl::StrJoin(task.test, "\n",
                         [](std::string* out, const Example& e) { absl::StrAppend(out, e.prompt); });
  });
}

}  // namespace
}  // namespace roux::kit
