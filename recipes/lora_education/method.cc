#include "recipes/lora_education/method.h"

#include <algorithm>
#include <cmath>

#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/hypothesis.h"
#include "recipes/kit/text/regex.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::lora_education {
namespace {

kit::Regex pattern(std::string_view text) {
  absl::StatusOr<kit::Regex> compiled = kit::Regex::compile(text);
  ROUX_CHECK(compiled.ok()) << "lora_education: " << std::string(compiled.status().message());
  return *std::move(compiled);
}

bool found(const kit::Regex& regex, std::string_view text) {
  std::vector<kit::Span> matches;
  const absl::Status status = regex.find_all(text, {0, static_cast<uint32_t>(text.size())}, &matches);
  ROUX_CHECK(status.ok()) << "lora_education: " << std::string(status.message());
  return !matches.empty();
}

}  // namespace

std::array<double, 16> nf4_levels() {
  constexpr double kDelta = 0.9677083;
  std::array<double, 16> levels{};
  const auto fill = [&](int count, double sign, size_t at, int direction) {
    for (int i = 0; i < count; ++i) {
      const double p = (1 - kDelta) + (kDelta - 0.5) * i / count;
      levels[at + static_cast<size_t>(direction * i)] = sign * stats::normal_quantile(p);
    }
  };
  fill(7, 1, 0, 1);
  fill(8, -1, 15, -1);
  const double largest = levels[15];
  for (double& level : levels) level /= largest;
  return levels;
}

double nf4_bits(bool double_quantization) {
  return 4 + (double_quantization ? 8.0 / 64 + 32.0 / (64 * 256) : 32.0 / 64);
}

std::vector<LinearShape> mistral_7b_layers() {
  std::vector<LinearShape> layers;
  for (int layer = 0; layer < 32; ++layer) {
    layers.insert(layers.end(), {{4096, 4096},
                                 {4096, 1024},
                                 {4096, 1024},
                                 {4096, 4096},
                                 {4096, 14336},
                                 {4096, 14336},
                                 {14336, 4096}});
  }
  return layers;
}

int64_t adapter_parameters(absl::Span<const LinearShape> layers, int64_t r) {
  int64_t sum = 0;
  for (const LinearShape& layer : layers) sum += r * (layer.in + layer.out);
  return sum;
}

Schedule linear_with_warmup(double peak, int64_t steps, double ratio) {
  ROUX_CHECK(steps >= 1 && ratio >= 0 && ratio < 1) << "linear_with_warmup: " << steps << " steps, ratio "
                                                    << ratio << ", needed steps >= 1 and a ratio in [0, 1)";
  const auto warmup = static_cast<int64_t>(std::ceil(ratio * static_cast<double>(steps)));
  std::vector<SchedulePhase> phases;
  if (warmup > 0) phases.push_back({.steps = warmup, .from = 0, .to = peak});
  if (warmup < steps) phases.push_back({.steps = steps - warmup, .from = peak, .to = 0});
  return Schedule(phases);
}

double learning_rate(const Phases& phases, HandOff kind, int phase, int64_t step) {
  if (kind == HandOff::kContinuous) {
    return linear_with_warmup(phases.lr, phases.first + phases.second,
                              phases.warmup_ratio)(phase == 0 ? step : phases.first + step);
  }
  return linear_with_warmup(phases.lr, phase == 0 ? phases.first : phases.second, phases.warmup_ratio)(step);
}

double loss_reduction(double first, double last) { return (first - last) / first; }

Markdown markdown_of(std::string_view text) {
  static const kit::Regex heading = pattern(R"((?m)^#{1,6}[ \t]+\S)");
  static const kit::Regex list = pattern(R"((?m)^[ \t]*(?:[-*+]|[0-9]+[.)])[ \t]+\S)");
  static const kit::Regex bold = pattern(R"(\*\*[^*\n]+\*\*)");
  static const kit::Regex action_steps = pattern(R"((?i)\baction steps\b)");
  return {found(heading, text), found(list, text), found(bold, text), found(action_steps, text)};
}

bool has_caveat(std::string_view text) {
  static const kit::Regex caveat = pattern(
      R"((?i)\b(?:may (?:change|vary)|subject to change|verify|double-check|check with|please confirm|)"
      R"(official (?:web)?site|consult|not sure|cannot guarantee)\b)");
  return found(caveat, text);
}

SymmetryTest bowker_test(const stats::Matrix& counts) {
  ROUX_CHECK(counts.rows >= 1 && counts.rows == counts.cols)
      << "bowker_test: the table has " << counts.rows << " rows and " << counts.cols
      << " columns, needed a square";
  SymmetryTest test;
  for (int64_t i = 0; i < counts.rows; ++i) {
    for (int64_t j = i + 1; j < counts.cols; ++j) {
      const double a = counts(i, j), b = counts(j, i);
      ROUX_CHECK(a >= 0 && b >= 0) << "bowker_test: a count is " << std::min(a, b) << ", needed >= 0";
      if (a + b == 0) continue;
      test.statistic += (a - b) * (a - b) / (a + b);
      ++test.degrees;
    }
  }
  if (test.degrees > 0) {
    test.p_value = stats::chi_square_upper(test.statistic, static_cast<double>(test.degrees));
  }
  return test;
}

PreferenceTest preference_test(int64_t wins, int64_t ties, int64_t losses) {
  const double third = static_cast<double>(wins + ties + losses) / 3;
  const std::array<double, 3> observed = {static_cast<double>(wins), static_cast<double>(ties),
                                          static_cast<double>(losses)};
  const std::array<double, 3> expected = {third, third, third};
  const stats::TestResult thirds = stats::chi_square_test(observed, expected);
  PreferenceTest test{.thirds = thirds.statistic, .thirds_p = thirds.p_value};
  if (wins + losses > 0) test.sign_p = stats::binomial_test(wins, wins + losses).p_value;
  return test;
}

NearDuplicates::NearDuplicates(absl::Span<const std::string> documents, double above) : above_(above) {
  std::vector<kit::TfIdf::Words> words;
  for (const std::string& document : documents) words.push_back(kit::split_words(document));
  if (!words.empty()) tf_idf_.emplace(words, kit::NgramRange{.min_n = 1, .max_n = 2});
}

bool NearDuplicates::operator()(std::string_view document) {
  if (!tf_idf_) return false;
  kit::SparseVector vector = (*tf_idf_)(kit::split_words(document));
  for (const kit::SparseVector& earlier : passed_) {
    if (kit::dot(vector, earlier) > above_) return true;
  }
  passed_.push_back(std::move(vector));
  return false;
}

}  // namespace roux::lora_education
