#include "tensor/ops/ctc.h"

#include "tensor/ops/creation.h"
#include "tensor/ops/index.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// Lengths for any sizes: whole inputs and shorter ones, whole targets and shorter ones, down to nothing.
int64_t input_length(int64_t n, int64_t steps) { return std::max<int64_t>(0, steps - n % 3); }
int64_t target_length(int64_t n, int64_t symbols) { return std::max<int64_t>(0, symbols - n % 2 * 2); }

Tensor lengths(int64_t (*of)(int64_t, int64_t), int64_t batch, int64_t most, DType dtype, Device device) {
  std::vector<int64_t> values;
  for (int64_t n = 0; n < batch; ++n) values.push_back(of(n, most));
  return tensor(values, {batch}).to(dtype).to(device);
}

// The loss of outputs [T, N, C] beside a last class, the blank, of output 0; targets [N, S] of the others.
Tensor loss_of(const Tensors& in, DType integers, CtcOptions options) {
  const Tensor& x = in[0];
  options.blank = x.size(2);
  const Tensor outputs = cat({x, zeros({x.size(0), x.size(1), 1}, x.dtype(), x.device())}, 2);
  return ctc_loss(log_softmax(outputs.to(x.dtype() == kF64 ? kF64 : kF32)), in[1].to(integers),
                  lengths(input_length, x.size(1), x.size(0), kI64, x.device()),
                  lengths(target_length, x.size(1), in[1].size(1), integers, x.device()), options);
}

// Probabilities of all alignments, step by step, scaled to a sum of 1; no logarithm but at the end.
Ref losses_f64(const Ref& x, const Ref& targets, bool zero_infinity) {
  const int64_t steps = x.shape[0], batch = x.shape[1], classes = x.shape[2], symbols = targets.shape[1];
  Ref losses({batch});
  for (int64_t n = 0; n < batch; ++n) {
    const int64_t length = target_length(n, symbols), places = 2 * length + 1;
    const auto symbol = [&](int64_t place) {
      return place % 2 == 0 ? classes : static_cast<int64_t>(targets[n * symbols + place / 2]);
    };
    std::vector<double> mass(static_cast<size_t>(places), 0);
    double log_total = 0;
    for (int64_t step = 0; step < input_length(n, steps); ++step) {
      const auto output = [&](int64_t c) { return c == classes ? 0 : x[(step * batch + n) * classes + c]; };
      double normalizer = 0;
      for (int64_t c = 0; c <= classes; ++c) normalizer += std::exp(output(c));
      std::vector<double> next(mass.size(), 0);
      for (int64_t place = 0; place < places; ++place) {
        const size_t at = static_cast<size_t>(place);
        double arriving = step == 0 ? (place < 2 ? 1 : 0) : mass[at];
        if (step > 0 && place >= 1) arriving += mass[at - 1];
        if (step > 0 && place >= 2 && place % 2 == 1 && symbol(place) != symbol(place - 2)) {
          arriving += mass[at - 2];
        }
        next[at] = arriving * std::exp(output(symbol(place))) / normalizer;
      }
      double total = 0;
      for (double m : next) total += m;
      for (double& m : next) m = total > 0 ? m / total : 0;
      log_total += total > 0 ? std::log(total) : 0;
      mass = next;
    }
    double end = mass.back() + (places > 1 ? mass[mass.size() - 2] : 0);
    if (input_length(n, steps) == 0) end = places == 1 ? 1 : 0;
    losses[n] = end > 0 ? -(log_total + std::log(end)) : zero_infinity ? 0 : INFINITY;
  }
  return losses;
}

Refs both_f64(const Refs& in) {
  const Ref losses = losses_f64(in[0], in[1], true);
  double total = 0;
  for (double loss : losses.v) total += loss;
  return {losses, Ref({}, total)};
}

// All losses and their sum; some inputs of the random sizes are too short for their targets.
OP_SUITE(ctc_loss)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-2, 2), index_into(0, 2)})
    .call([](const Tensors& in) {
      return Tensors{loss_of(in, kI32, {.zero_infinity = true, .reduction = Reduction::kNone}),
                     loss_of(in, kI64, {.zero_infinity = true, .reduction = Reduction::kSum})};
    })
    .reference(both_f64)
    .sample({{7, 4, 3}, {4, 2}})
    .sample({{5, 3, 1}, {3, 2}})
    .sample({{1, 1, 1}, {1, 1}})
    .sample({{6, 2, 4}, {2, 0}})
    .sample({{3, 3, 2}, {3, 3}})
    .sample({{2, 0, 3}, {0, 2}})
    .tolerance(kF32, 2e-5)
    .tolerance(kF64, 1e-11)
    .error("arguments do not match: log_probs is f32[5,2,4], targets is i64[3,2]",
           [](Device d) {
             const Tensor two = zeros({2}, kI64, d);
             ctc_loss(zeros({5, 2, 4}, kF32, d), zeros({3, 2}, kI64, d), two, two);
           })
    .error("blank is out of range: blank is 4, log_probs is f32[5,2,4], needed 0 <= blank < 4",
           [](Device d) {
             const Tensor two = zeros({2}, kI64, d);
             ctc_loss(zeros({5, 2, 4}, kF32, d), zeros({2, 2}, kI64, d), two, two, {.blank = 4});
           })
    .value_error("length is out of range: input_lengths[1] is 6, needed 0 <= input_lengths <= 5",
                 [](Device d) {
                   ctc_loss(zeros({5, 2, 4}, kF32, d), ones({2, 2}, kI64, d),
                            tensor(std::vector<int64_t>{5, 6}, {2}, d), ones({2}, kI64, d));
                 })
    .value_error("length is out of range: target_lengths[0] is 3, needed 0 <= target_lengths <= 2",
                 [](Device d) {
                   ctc_loss(zeros({5, 2, 4}, kF32, d), ones({2, 2}, kI64, d), ones({2}, kI64, d),
                            tensor(std::vector<int64_t>{3, 1}, {2}, d));
                 })
    .value_error("target is out of range: targets[1, 0] is 0, needed 0 <= target < 4 and not blank 0",
                 [](Device d) {
                   ctc_loss(zeros({5, 2, 4}, kF32, d), tensor(std::vector<int64_t>{1, 9, 0, 1}, {2, 2}, d),
                            ones({2}, kI64, d), ones({2}, kI64, d));
                 });

OP_SUITE_VARIANT(ctc_loss, mean)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-2, 2), index_into(0, 2)})
    .call([](const Tensors& in) { return Tensors{loss_of(in, kI64, {})}; })
    .reference([](const Refs& in) {
      const Ref losses = losses_f64(in[0], in[1], false);
      double total = 0;
      for (int64_t n = 0; n < losses.size(); ++n) {
        total += losses[n] / static_cast<double>(std::max<int64_t>(1, target_length(n, in[1].shape[1])));
      }
      return Refs{Ref({}, total / static_cast<double>(losses.size()))};
    })
    .sample({{9, 4, 3}, {4, 3}})
    .sample({{5, 1, 1}, {1, 2}})
    .tolerance(kF32, 2e-5)
    .tolerance(kF64, 1e-11)
    .skip("zero_size", "the mean over no sequence is NaN")
    .skip("errors", "in the main entry");

OP_SUITE_VARIANT(ctc_loss, half)
    .devices(kF32 | kBF16 | kF16)
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .inputs({uniform_in(-4, -1), index_into(0, 2)})
    .call([](const Tensors& in) {
      const Tensor& x = in[0];
      const Tensor log_probs = cat({x, zeros({x.size(0), x.size(1), 1}, x.dtype(), x.device())}, 2);
      return Tensors{ctc_loss(log_probs, in[1], lengths(input_length, x.size(1), x.size(0), kI64, x.device()),
                              lengths(target_length, x.size(1), in[1].size(1), kI64, x.device()),
                              {.blank = x.size(2), .zero_infinity = true, .reduction = Reduction::kNone})};
    })
    .reference([](const Refs& in) {
      // log_probs need no sum of 1: what the reference normalizes comes back.
      Ref losses = losses_f64(in[0], in[1], true);
      const int64_t steps = in[0].shape[0], batch = in[0].shape[1], classes = in[0].shape[2];
      for (int64_t n = 0; n < batch; ++n) {
        if (losses[n] == 0) continue;  // no alignment
        for (int64_t step = 0; step < input_length(n, steps); ++step) {
          double normalizer = 1;
          for (int64_t c = 0; c < classes; ++c)
            normalizer += std::exp(in[0][(step * batch + n) * classes + c]);
          losses[n] -= std::log(normalizer);
        }
      }
      return Refs{losses};
    })
    .sample({{7, 4, 3}, {4, 2}})
    .sample({{1, 1, 1}, {1, 1}})
    .sample({{2, 0, 3}, {0, 2}})
    .tolerance(kF32, 2e-5)
    .tolerance(kBF16, 2e-5)
    .tolerance(kF16, 2e-5)
    .skip("errors", "in the main entry");

}  // namespace
}  // namespace roux::testing
