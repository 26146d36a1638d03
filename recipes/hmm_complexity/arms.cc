#include "recipes/hmm_complexity/arms.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/index_loader.h"
#include "recipes/kit/data/sources/vader.h"
#include "recipes/kit/run/items.h"
#include "recipes/kit/stats/correlation.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/update.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/arrange.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/linalg.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::hmm_complexity {
namespace {

constexpr int64_t kOutputs = 3;   // q
constexpr int64_t kSubsets = 10;  // of features, each with a tenth of the labelled sets
constexpr int64_t kChunk = 500;   // sequences that are held at once
constexpr size_t kShortestText = 40, kLongestText = 110;  // bytes: about 10 to 25 tokens

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[values.size() / 2] + values[(values.size() - 1) / 2]) / 2;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Tensor rows(const Tensor& x, int64_t begin, int64_t end) { return slice(x, 0, begin, end); }

Tensor columns(const Tensor& x, const std::vector<int64_t>& chosen) {
  return index_select(x, 1, tensor(chosen, {static_cast<int64_t>(chosen.size())}));
}

std::vector<int64_t> first(std::vector<int64_t> order, int64_t p) {
  order.resize(static_cast<size_t>(p));
  return order;
}

// [N, q]: |error|^2 of each row.
Tensor squared_errors(const Tensor& prediction, const Tensor& label) {
  const Tensor off = prediction - label;
  return sum(off * off, -1);
}

// With the penalty of least leave-one-out error.
Tensor ridge_head(const Tensor& features, const Tensor& labels) {
  if (features.size(1) == 0) return min_norm_head(features, labels);
  const SpectralHeads heads(features, labels);
  return heads.ridge(heads.best_penalty());
}

// B [D, q] with |B|_F = 1; decaying: row j is divided by j + 1.
Tensor draw_targets(int64_t D, bool decaying, Generator& generator) {
  Tensor B = normal({D, kOutputs}, 0, 1, generator, kF64);
  if (decaying) B = B / unsqueeze(arange(1, D + 1, 1, kF64), 1);
  return B / sqrt(sum(B * B));
}

// A linear-Gaussian world and the risk curves of its oracle.
class StateSpaceWorld {
 public:
  StateSpaceWorld(const Config& config, int64_t D, double rho, int64_t largest_n, uint64_t seed)
      : c_(config),
        seed_(seed),
        generator_(seed),
        model_(stationary_state_space(D, config.words, rho, config.tau, generator_)),
        filter_(kalman_filter(model_, config.length)),
        largest_n_(largest_n) {
    std::vector<Tensor> z, zhat, next;  // the last hidden state, what is known of it, the word behind it
    const int64_t L = config.length, N = c_.sets * largest_n_ + c_.test;
    for (int64_t begin = 0; begin < N; begin += kChunk) {
      const Sequences drawn = draw_sequences(model_, std::min(kChunk, N - begin), L + 1, generator_);
      z.push_back(contiguous(select(drawn.z, 1, L - 1)));
      zhat.push_back(contiguous(select(filtered_means(model_, filter_, slice(drawn.x, 1, 0, L)), 1, L - 1)));
      next.push_back(contiguous(select(drawn.x, 1, L)));
    }
    z_ = cat(z, 0), zhat_ = cat(zhat, 0), next_ = cat(next, 0);
    C_ = one_hot(arange(0, D, 1, kI64), D, kF64) - filter_.P;
    white_ = matmul(zhat_, symmetric_power(C_, -0.5));
  }

  struct Variant {
    int64_t n;
    double noise;
    bool decaying = false, ordered = false, next_word = false;
    int64_t shrunk = 0;
  };
  Curve curve(const Variant& v, uint64_t stream) {
    const int64_t D = model_.states(), labelled = c_.sets * v.n;
    Generator generator = Generator(seed_).fork(stream);
    const Tensor B =
        v.next_word ? transpose(matmul(model_.W, model_.A), 0, 1) : draw_targets(D, v.decaying, generator);
    const int64_t q = B.size(1), test = v.next_word ? c_.test / 6 : v.shrunk > 0 ? c_.test : c_.test / 2;
    const auto pool = [&](const Tensor& x) {
      const int64_t end = c_.sets * largest_n_;
      return cat({rows(x, 0, labelled), rows(x, end, end + test)}, 0);
    };
    HeadTask task{.base = pool(white_), .n = v.n, .sets = c_.sets, .subsets = kSubsets, .shrunk = v.shrunk};
    double known = v.noise;  // noise that no state explains
    if (v.next_word) {
      task.labels = pool(next_);
      known = sum(diagonal(matmul(matmul(model_.W, model_.Q), transpose(model_.W, 0, 1)))).item() +
              static_cast<double>(q) * model_.tau * model_.tau;
    } else {
      const double each = std::sqrt(v.noise / static_cast<double>(q));
      task.labels = matmul(pool(z_), B) + normal({labelled + test, q}, 0, each, generator, kF64);
    }
    if (v.shrunk > 0) task.target = matmul(pool(zhat_), B);
    // beta = C^(1/2) B; what the filter does not know adds to the noise.
    const Tensor beta = matmul(symmetric_power(C_, 0.5), B);
    const double noise = known + sum(B * matmul(filter_.P, B)).item();
    const std::vector<double> weight = sum(beta * beta, 1).to_vector<double>();
    const double signal = std::accumulate(weight.begin(), weight.end(), 0.0);
    std::vector<int64_t> strongest(static_cast<size_t>(D));
    std::iota(strongest.begin(), strongest.end(), 0);
    std::sort(strongest.begin(), strongest.end(), [&](int64_t a, int64_t b) {
      return weight[static_cast<size_t>(a)] > weight[static_cast<size_t>(b)];
    });
    return risk_curve(task, sizes_around(v.n, D), [&, n = v.n](int64_t p, int64_t g) -> FeatureView {
      stats::RandomStream random(seed_, static_cast<uint64_t>(1000 * p + g));
      const std::vector<int64_t> chosen =
          first(v.ordered ? strongest : stats::random_permutation(D, random), p);
      double inside = 0;
      for (const int64_t i : chosen) inside += weight[static_cast<size_t>(i)];
      return {[chosen](const Tensor& x) { return columns(x, chosen); },
              head_risk(n, p, inside, std::max(0.0, signal - inside), noise).total()};
    });
  }

 private:
  const Config& c_;
  uint64_t seed_;
  Generator generator_;
  StateSpace model_;
  KalmanFilter filter_;
  int64_t largest_n_;
  Tensor z_, zhat_, next_, C_, white_;
};

Outcome state_space_arm(const Config& c, const Arm& arm, uint64_t seed) {
  const int64_t n = c.labelled;
  Outcome out;
  if (arm.kind != Arm::kStateSpace) {
    StateSpaceWorld world(c, arm.kind == Arm::kFewStates ? n / 2 : c.states,
                          arm.kind == Arm::kLowRho ? 0.5 : c.rho, n, seed);
    out.curves[arm.name] = world.curve({.n = n, .noise = c.noise}, 1);
    return out;
  }
  StateSpaceWorld world(c, c.states, c.rho, 4 * n / 3, seed);
  out.curves["main"] = world.curve({.n = n, .noise = c.noise, .shrunk = 2}, 1);
  out.curves["fewer_labels"] = world.curve({.n = 2 * n / 3, .noise = c.noise}, 1);
  out.curves["more_labels"] = world.curve({.n = 4 * n / 3, .noise = c.noise}, 1);
  out.curves["quiet"] = world.curve({.n = n, .noise = c.noise / 5}, 1);
  out.curves["noisy"] = world.curve({.n = n, .noise = 8 * c.noise}, 1);
  out.curves["decaying"] = world.curve({.n = n, .noise = c.noise, .decaying = true}, 2);
  out.curves["ordered"] = world.curve({.n = n, .noise = c.noise, .decaying = true, .ordered = true}, 2);
  out.curves["next_word"] = world.curve({.n = n, .noise = 0, .next_word = true}, 3);
  return out;
}

Outcome discrete_arm(const Config& c, const std::optional<DiscreteHmm>& given, uint64_t seed) {
  stats::RandomStream random(seed, 0);
  const DiscreteHmm model = given ? *given : random_hmm(c.hidden, c.vocabulary, c.concentration, random);
  const int64_t H = model.states(), n = c.labelled, sets = c.sets, N = sets * n + c.test / 3;
  std::vector<Tensor> filtered, states;
  for (int64_t begin = 0; begin < N; begin += kChunk) {
    const DiscreteSequences drawn = draw_sequences(model, std::min(kChunk, N - begin), c.length, random);
    filtered.push_back(contiguous(select(forward_algorithm(model, drawn.words).filtered, 1, c.length - 1)));
    states.push_back(contiguous(select(drawn.states, 1, c.length - 1)));
  }
  const Tensor belief = cat(filtered, 0);
  Tensor marginal = unsqueeze(model.initial, 0);
  for (int64_t i = 1; i < c.length; ++i) marginal = matmul(marginal, model.transition);
  const Tensor logs = log(belief + 1e-6);
  const Tensor centred = logs - mean(logs, 0, true);
  HeadTask task{.base = centred / sqrt(mean(centred * centred) + 1e-12),
                .labels = one_hot(cat(states, 0), H, kF64) - marginal,
                .target = belief - marginal,
                .n = n,
                .sets = sets,
                .subsets = kSubsets,
                .shrunk = 2};
  const auto weights = [&](const char* what, int64_t p, int64_t g, const Shape& shape) {
    Generator generator =
        Generator(seed).fork(static_cast<uint64_t>(1000 * p + g) + (*what == 'b' ? 1000000 : 0));
    return normal(shape, 0, *what == 'b' ? 0.3 : 1 / std::sqrt(static_cast<double>(H)), generator, kF64);
  };
  Outcome out;
  out.curves["discrete"] =
      risk_curve(task, sizes_around(n, 8 * n / 3), [&](int64_t p, int64_t g) -> FeatureView {
        return {[w = weights("w", p, g, {H, p}), b = weights("b", p, g, {p})](const Tensor& x) {
          return relu(matmul(x, w) + b);
        }};
      });
  const Tensor off = task.target - task.labels;
  out.facts["oracle"] = sum(off * off).item() / static_cast<double>(N);
  out.facts["none"] = sum(task.labels * task.labels).item() / static_cast<double>(N);
  return out;
}

absl::StatusOr<Outcome> net_arm(const Config& c, const Arm& arm, uint64_t seed, kit::Part& part) {
  // The same world, sequences and labels for every net of a seed.
  const int64_t D = c.net_states, m = D, L = c.net_length, labelled = c.net_sets * c.net_labelled;
  Generator world = Generator(seed).fork(10);
  const StateSpace model = stationary_state_space(D, m, c.rho, c.tau, world);
  const int64_t sequences = part.planning() ? c.batch : c.net_sequences;
  const Tensor words = draw_sequences(model, sequences, L + 1, world).x.to(kF32);
  Generator generator =
      Generator(seed).fork(static_cast<uint64_t>(11 + 2 * arm.width + (arm.linear ? 1 : 0)));
  Predictor net(m, arm.width, arm.linear, Init{&generator, 0, kF32, part.device()});
  AdamW optimizer({{net.named_parameters()}}, {.weight_decay = 0});
  ROUX_ASSIGN_OR_RETURN(kit::IndexLoader loader,
                        kit::IndexLoader::create(sequences, {.seed = seed, .global_batch = c.batch}));
  const auto step = [&](int64_t) {
    const std::vector<int64_t> chosen = loader.next();
    const Tensor batch = index_select(words, 0, tensor(chosen, {c.batch})).to(part.device());
    return kit::update(optimizer, {.lr = c.lr}, [&] {
      const Tensor off = net(net.states(slice(batch, 1, 0, L))) - slice(batch, 1, 1, L + 1);
      return mean(off * off);
    });
  };
  const kit::States states = {{"net", net}, {"optimizer", optimizer}, {"loader", loader}};
  ROUX_RETURN_IF_ERROR(kit::train(part, {.steps = c.steps}, states, step).status());

  NoGradGuard no_grad;
  const Sequences task = draw_sequences(model, labelled + c.net_test, L + 1, world);
  const Tensor B = draw_targets(D, false, world);
  const Tensor z = contiguous(select(task.z, 1, L - 1));
  const Tensor labels =
      matmul(z, B) + normal({z.size(0), kOutputs}, 0, std::sqrt(c.noise / kOutputs), world, kF64);
  const Tensor h =
      contiguous(select(net.states(slice(task.x, 1, 0, L).to(kF32).to(part.device())), 1, L - 1));
  const Tensor next = net(h).to(kCpu).to(kF64), features = h.to(kCpu).to(kF64);
  const KalmanFilter filter = kalman_filter(model, L);
  const Tensor zhat = contiguous(select(filtered_means(model, filter, slice(task.x, 1, 0, L)), 1, L - 1));
  const HeadTask heads{.base = features,
                       .labels = labels,
                       .target = matmul(zhat, B),
                       .n = c.net_labelled,
                       .sets = c.net_sets,
                       .shrunk = c.net_sets / 3};
  Outcome out;
  out.curves["net"] = risk_curve(heads, {0, arm.width}, [](int64_t p, int64_t) -> FeatureView {
    return {[p](const Tensor& x) { return slice(x, 1, 0, p); }};
  });
  // Share of what can be known of the next word: 1 is the Kalman filter's error, 0 that of the mean.
  const Tensor known = matmul(zhat, transpose(matmul(model.W, model.A), 0, 1));
  const auto error = [&](const Tensor& prediction) {
    return mean(squared_errors(rows(prediction, labelled, z.size(0)),
                               rows(select(task.x, 1, L), labelled, z.size(0))))
        .item();
  };
  const double none = error(zeros_like(known));
  out.facts["learnt"] = (none - error(next)) / (none - error(known));
  out.facts["rank"] = effective_rank(rows(features, 0, labelled));
  return out;
}

}  // namespace

absl::Status Config::check() const {
  if (sets % kSubsets != 0) return absl::InvalidArgumentError("sets must be a multiple of 10");
  if (labelled % 12 != 0) return absl::InvalidArgumentError("labelled must be a multiple of 12");
  if (text_labelled + 10 > texts)
    return absl::InvalidArgumentError("texts must be at least text_labelled + 10");
  if (widths.empty()) return absl::InvalidArgumentError("widths must name one");
  if (std::set<int64_t>(widths.begin(), widths.end()).size() != widths.size())
    return absl::InvalidArgumentError("widths must differ");
  return absl::OkStatus();
}

void Curve::append(const Curve& other, size_t i) {
  n = other.n, p.push_back(other.p[i]);
  for (const auto field :
       {&Curve::mean, &Curve::median, &Curve::bias2, &Curve::variance, &Curve::theory, &Curve::ridge})
    (this->*field).push_back((other.*field)[i]);
}

size_t Curve::at(int64_t size) const {
  const auto found = std::find(p.begin(), p.end(), size);
  ROUX_CHECK(found != p.end()) << "curve: no size " << size;
  return static_cast<size_t>(found - p.begin());
}

double Curve::peak() const {
  const auto highest = std::max_element(median.begin(), median.end());
  return static_cast<double>(p[static_cast<size_t>(highest - median.begin())]);
}

double Curve::least_below() const {
  double least = INFINITY;
  for (size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0 && p[i] < n) least = std::min(least, median[i]);
  return least;
}

double Curve::gap() const {
  std::vector<double> gaps;
  for (size_t i = 0; i < p.size(); ++i)
    if (std::abs(p[i] - n) > 2) gaps.push_back(std::abs(mean[i] / theory[i] - 1));
  return std::isnan(gaps[0]) ? gaps[0] : median_of(gaps);
}

double Curve::rank_correlation() const {
  std::vector<double> simulated, closed;
  for (size_t i = 0; i < p.size(); ++i)
    if (std::abs(p[i] - n) > 2) simulated.push_back(mean[i]), closed.push_back(theory[i]);
  return stats::spearman(simulated, closed).coefficient;
}

std::vector<int64_t> sizes_around(int64_t n, int64_t D) {
  std::set<int64_t> sizes = {0,         n / 12,     n / 6, n / 3, n / 2, 2 * n / 3,
                             5 * n / 6, n - n / 10, n - 2, n,     n + 2};
  for (const int64_t size : {n + n / 10, n + n / 6, 4 * n / 3, 5 * n / 3, 2 * n, 5 * n / 2, D})
    sizes.insert(size);
  while (*sizes.rbegin() > D) sizes.erase(std::prev(sizes.end()));
  sizes.insert(D);
  return {sizes.begin(), sizes.end()};
}

Curve risk_curve(const HeadTask& task, const std::vector<int64_t>& sizes, const ViewOf& view) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const int64_t n = task.n, per = task.sets / task.subsets, begin_test = task.sets * n,
                q = task.labels.size(1);
  const Tensor base_test = rows(task.base, begin_test, task.base.size(0));
  const Tensor test_labels = rows(task.labels, begin_test, task.base.size(0));
  Curve curve;
  curve.n = n, curve.p = sizes;
  for (const int64_t p : sizes) {
    std::vector<double> risks, ridge;
    Risk parts;
    double theory = 0;
    for (int64_t g = 0; g < task.subsets; ++g) {
      const FeatureView seen = view(p, g);
      theory += seen.theory / static_cast<double>(task.subsets);
      const int64_t begin = g * per * n, end = begin + per * n;
      const Tensor features = reshape(seen.map(rows(task.base, begin, end)), {per, n, p});
      const Tensor labels = reshape(rows(task.labels, begin, end), {per, n, q});
      const Tensor test = seen.map(base_test);
      const Tensor predictions = matmul(test, min_norm_head(features, labels));  // [per, N, q]
      for (const double risk : mean(squared_errors(predictions, test_labels), 1).to_vector<double>())
        risks.push_back(risk);
      if (task.target.defined()) {
        const Risk of_view =
            over_labelled_sets(predictions, rows(task.target, begin_test, task.base.size(0)));
        parts.bias2 += of_view.bias2 / static_cast<double>(task.subsets);
        parts.variance += of_view.variance / static_cast<double>(task.subsets);
      }
      for (int64_t s = 0; s < std::min(task.shrunk, per); ++s) {
        const Tensor head = ridge_head(select(features, 0, s), select(labels, 0, s));
        ridge.push_back(mean(squared_errors(matmul(test, head), test_labels)).item());
      }
    }
    curve.mean.push_back(mean_of(risks)), curve.median.push_back(median_of(risks));
    // An estimate of bias^2 that is smaller than its error says nothing.
    const double error =
        parts.variance / (static_cast<double>(per) * std::sqrt(static_cast<double>(task.subsets)));
    curve.bias2.push_back(task.target.defined() && std::abs(parts.bias2) >= error ? parts.bias2 : nan);
    curve.variance.push_back(task.target.defined() ? parts.variance : nan);
    curve.theory.push_back(theory);
    curve.ridge.push_back(ridge.empty() ? nan : median_of(ridge));
  }
  return curve;
}

Predictor::Predictor(int64_t words, int64_t width, bool linear, const Init& init) : linear_(linear) {
  const auto make = [&](const char* name, Tensor* slot, const Shape& shape) {
    const double bound = 1 / std::sqrt(static_cast<double>(width));
    register_parameter(name, slot,
                       init.device.type == DeviceType::kMeta
                           ? zeros(shape, kF32, init.device)
                           : uniform(shape, -bound, bound, *init.generator).to(init.device));
  };
  make("input", &input_, {width, words}), make("recurrent", &recurrent_, {width, width});
  make("bias", &bias_, {width}), make("output", &output_, {words, width});
  make("output_bias", &output_bias_, {words});
}

Tensor Predictor::states(const Tensor& x) const {
  const std::vector<Tensor> inputs = unbind(linear(contiguous(transpose(x, 0, 1)), input_, bias_), 0);
  std::vector<Tensor> states;
  for (const Tensor& input : inputs) {
    const Tensor next = states.empty() ? input : input + linear(states.back(), recurrent_);
    states.push_back(linear_ ? next : tanh(next));
  }
  return stack(states, 1);
}

Tensor Predictor::forward(const Tensor& states) const { return linear(states, output_, output_bias_); }

std::string net_name(bool linear, int64_t width) { return absl::StrCat(linear ? "linear" : "tanh", width); }

std::vector<Arm> arms(const Config& config) {
  std::vector<Arm> all = {{.name = "state_space", .kind = Arm::kStateSpace},
                          {.name = "low_rho", .kind = Arm::kLowRho},
                          {.name = "few_states", .kind = Arm::kFewStates},
                          {.name = "discrete", .kind = Arm::kDiscrete}};
  for (const bool linear : {true, false}) {
    for (const int64_t width : config.widths)
      all.push_back({net_name(linear, width), config.steps, Arm::kNet, linear, width});
  }
  return all;
}

absl::StatusOr<Outcome> run_arm(const Config& config, const std::optional<DiscreteHmm>& hmm, const Arm& arm,
                                uint64_t seed, kit::Part& part) {
  if (arm.kind == Arm::kNet) return net_arm(config, arm, seed, part);
  if (part.planning()) return Outcome{};  // f64 on the CPU, whatever the device
  NoGradGuard no_grad;
  return arm.kind == Arm::kDiscrete ? discrete_arm(config, hmm, seed) : state_space_arm(config, arm, seed);
}

absl::StatusOr<RealFeatures> real_features(const Config& config, const kit::Pretrained& model,
                                           kit::Run& run) {
  const int64_t size = model.model->embedding_weight().size(1);
  if (config.text_labelled + 2 >= size) {
    return absl::InvalidArgumentError(absl::StrCat("text_labelled=", config.text_labelled,
                                                   ": the model's states have ", size,
                                                   " numbers, more than text_labelled + 2 are needed"));
  }
  kit::SourceOptions source = run.source_options();
  source.excerpt = config.stand_in;
  ROUX_ASSIGN_OR_RETURN(const auto rated, config.stand_in ? kit::vader_lexicon(source)
                                                          : kit::vader_snippets("movie_reviews", source));
  ROUX_RETURN_IF_ERROR(run.uses(rated.from));
  stats::RandomStream random(0);  // the same texts for every seed
  std::vector<kit::RatedText> texts;
  for (const int64_t i : stats::random_permutation(static_cast<int64_t>(rated.value.size()), random)) {
    const kit::RatedText& text = rated.value[static_cast<size_t>(i)];
    const bool fits = text.text.size() >= kShortestText && text.text.size() <= kLongestText;
    if ((config.stand_in || fits) && static_cast<int64_t>(texts.size()) < config.texts) texts.push_back(text);
  }
  if (static_cast<int64_t>(texts.size()) < config.texts)
    return absl::InvalidArgumentError(absl::StrCat("texts=", config.texts, ": there are ", texts.size()));
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::vector<double>> states, run.part("real", [&](kit::Part& part) {
    return kit::for_items(part, config.texts, 16, [&](int64_t begin, int64_t end, const auto&) {
      NoGradGuard no_grad;
      std::vector<std::vector<double>> last;
      for (int64_t i = begin; i < end; ++i) {
        const std::vector<int32_t> ids = model.tokenizer->encode(texts[static_cast<size_t>(i)].text).ids;
        const auto count = static_cast<int64_t>(ids.size());
        const Tensor hidden = model.model->hidden({.ids = tensor(ids, {1, count}, run.device())}).to(kCpu);
        last.push_back(select(select(hidden, 0, 0), 0, count - 1).to_vector<double>());
      }
      return last;
    });
  }));
  RealFeatures out;
  const auto standardised = [](Tensor x) {
    x = x - mean(x, 0, true);
    return (x / sqrt(mean(x * x, 0, true) + 1e-12)).to_vector<double>();
  };
  out.size = static_cast<int64_t>(states[0].size());
  for (const std::vector<double>& state : states)
    out.states.insert(out.states.end(), state.begin(), state.end());
  out.states = standardised(tensor(out.states, {config.texts, out.size}));
  for (const kit::RatedText& text : texts) {
    out.targets["valence"].push_back(text.mean);
    out.targets["length"].push_back(static_cast<double>(text.text.size()));
  }
  for (auto& [name, values] : out.targets) values = standardised(tensor(values, {config.texts, 1}));
  return out;
}

SplitCurve split_curve(const Config& config, const RealFeatures& features, const std::string& target,
                       uint64_t seed) {
  const int64_t N = config.texts, n = config.text_labelled;
  const Tensor X = tensor(features.states, {N, features.size}),
               Y = tensor(features.targets.at(target), {N, 1});
  SplitCurve out;
  out.curve.n = n, out.curve.p = sizes_around(n, features.size);
  for (const int64_t p : out.curve.p) {
    std::vector<double> risks, ridge;
    std::vector<std::vector<double>> of_text(static_cast<size_t>(N));
    for (int64_t split = 0; split < config.splits; ++split) {
      stats::RandomStream random(seed, static_cast<uint64_t>(split));  // the same texts at every size
      const std::vector<int64_t> order = stats::random_permutation(N, random);
      const Tensor shuffled = tensor(order, {N});
      const Tensor seen =
          columns(index_select(X, 0, shuffled), first(stats::random_permutation(features.size, random), p));
      const Tensor y = index_select(Y, 0, shuffled), test = rows(seen, n, N);
      const auto errors = [&](const Tensor& head) {
        return squared_errors(matmul(test, head), rows(y, n, N));
      };
      const std::vector<double> error =
          errors(min_norm_head(rows(seen, 0, n), rows(y, 0, n))).to_vector<double>();
      for (size_t i = 0; i < error.size(); ++i)
        of_text[static_cast<size_t>(order[i + static_cast<size_t>(n)])].push_back(error[i]);
      risks.push_back(mean_of(error));
      if (split % 4 != 0) continue;
      ridge.push_back(mean(errors(ridge_head(rows(seen, 0, n), rows(y, 0, n)))).item());
    }
    out.curve.mean.push_back(mean_of(risks)), out.curve.median.push_back(median_of(risks));
    out.curve.ridge.push_back(median_of(ridge));
    out.of_text.emplace_back();
    // A text that no split has left unlabelled cannot be compared; with the default's splits there is none.
    for (const std::vector<double>& of_one : of_text) {
      out.of_text.back().push_back(of_one.empty() ? 0 : p == n ? median_of(of_one) : mean_of(of_one));
    }
  }
  out.curve.bias2 = out.curve.variance = out.curve.theory =
      std::vector<double>(out.curve.p.size(), std::numeric_limits<double>::quiet_NaN());
  return out;
}

}  // namespace roux::hmm_complexity
