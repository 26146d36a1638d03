// Suite entries of the optimizer updates. They write in place, so each call works on copies and returns them.
#include <algorithm>
#include <cmath>

#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/optimizer.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

constexpr double kLr = 0.1, kStepNumber = 3, kFactor = 0.5;
constexpr double kOwnStep[] = {3, 17};  // of the first and the second parameter, this update included

Tensor copy_of(const Tensor& x) {
  Tensor y = empty(x.spec(), x.device());
  copy_(y, x);
  return y;
}

Tensor scalars_on(Device device, double finite = 1) {
  return tensor(std::vector<double>{kLr, kStepNumber, kFactor, finite}, {kStepScalarCount}, device);
}

std::vector<Tensor> steps_on(Device device, size_t count) {
  std::vector<Tensor> steps;
  for (size_t i = 0; i < count; ++i) steps.push_back(full({1}, kOwnStep[i] - 1, kF64, device));
  return steps;
}

// in: p, g, m, v of one shape. Two tensors a list: the second has the values in reverse roles of p and g, and
// its own count of steps.
Tensors run_adamw(const Tensors& in, const AdamWOptions& options) {
  NoGradGuard no_grad;
  const std::vector<Tensor> p{copy_of(in[0]), copy_of(in[1])}, g{copy_of(in[1]), copy_of(in[0])},
      m{copy_of(in[2]), copy_of(in[2])}, v{copy_of(in[3]), copy_of(in[3])};
  const std::vector<Tensor> steps = steps_on(in[0].device(), 2);
  adamw_(p, g, m, v, steps, scalars_on(in[0].device()), options);
  const DType dtype = in[0].dtype();
  return {p[0], m[0], v[0], steps[0].to(dtype), p[1], m[1], v[1], steps[1].to(dtype)};
}

Refs adamw_f64(const Ref& p0, const Ref& g0, const Ref& m0, const Ref& v0, double step,
               const AdamWOptions& o) {
  Refs out{p0, m0, v0, Ref(Shape{1}, step)};
  const double lr = kLr * o.lr_scale;
  for (int64_t i = 0; i < p0.size(); ++i) {
    const double g = g0[i] * kFactor;
    double& p = out[0][i];
    double& m = out[1][i];
    double& v = out[2][i];
    p -= lr * o.weight_decay * p;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const double mhat = m / (1 - std::pow(o.beta1, step)), vhat = v / (1 - std::pow(o.beta2, step));
    p -= lr * mhat / (std::sqrt(vhat) + o.eps);
  }
  return out;
}

Tensors run_sgd(const Tensors& in, const SgdOptions& options) {
  NoGradGuard no_grad;
  const std::vector<Tensor> p{copy_of(in[0])}, g{copy_of(in[1])}, b{copy_of(in[2])};
  sgd_(p, g, b, scalars_on(in[0].device()), options);
  return {p[0], b[0]};
}

Refs sgd_f64(const Refs& in, double momentum, double decay, bool nesterov, double lr_scale = 1) {
  Refs out{in[0], in[2]};
  for (int64_t i = 0; i < in[0].size(); ++i) {
    const double g = in[1][i] * kFactor + decay * in[0][i];
    out[1][i] = momentum * in[2][i] + g;
    out[0][i] -= kLr * lr_scale * (nesterov ? g + momentum * out[1][i] : out[1][i]);
  }
  return out;
}

// in: p, g, v, a, b of one shape.
Tensors run_rmsprop(const Tensors& in, const RmspropOptions& options) {
  NoGradGuard no_grad;
  const std::vector<Tensor> p{copy_of(in[0])}, g{copy_of(in[1])}, v{copy_of(in[2])}, a{copy_of(in[3])},
      b{copy_of(in[4])}, none;
  rmsprop_(p, g, v, options.centered ? a : none, options.momentum != 0 ? b : none, scalars_on(in[0].device()),
           options);
  return {p[0], v[0], a[0], b[0]};
}

Refs rmsprop_f64(const Refs& in, const RmspropOptions& o) {
  Refs out{in[0], in[2], in[3], in[4]};
  for (int64_t i = 0; i < in[0].size(); ++i) {
    const double g = in[1][i] * kFactor + o.weight_decay * in[0][i];
    double variance = out[1][i] = o.alpha * in[2][i] + (1 - o.alpha) * g * g;
    if (o.centered) {
      out[2][i] = o.alpha * in[3][i] + (1 - o.alpha) * g;
      variance = std::max(0.0, variance - out[2][i] * out[2][i]);
    }
    double direction = g / (std::sqrt(variance) + o.eps);
    if (o.momentum != 0) direction = out[3][i] = o.momentum * in[4][i] + direction;
    out[0][i] -= kLr * o.lr_scale * direction;
  }
  return out;
}

std::vector<Tensor> list(std::initializer_list<Shape> shapes, Device d) {
  std::vector<Tensor> out;
  for (const Shape& shape : shapes) out.push_back(zeros(shape, kF32, d));
  return out;
}

}  // namespace

std::function<void(Suite&)> adamw(const AdamWOptions& options) {
  return [=](Suite& suite) {
    suite.dtypes(kF32 | kF64)
        .inputs({constant_in(-2, 2), constant_in(-2, 2), constant_in(-1, 1), constant_in(0.1, 1)})
        .call([=](const Tensors& in) { return run_adamw(in, options); })
        .reference([=](const Refs& in) {
          Refs out = adamw_f64(in[0], in[1], in[2], in[3], kOwnStep[0], options);
          for (const Ref& more : adamw_f64(in[1], in[0], in[2], in[3], kOwnStep[1], options))
            out.push_back(more);
          return out;
        });
  };
}

OP_SUITE(adamw_)
    .devices(kF32 | kF64)
    .with(adamw({.weight_decay = 0.1, .lr_scale = 0.5}))
    .sample({{2, 7}, {2, 7}, {2, 7}, {2, 7}})
    .sample({{0}, {0}, {0}, {0}})
    .sample({{1, 33000}, {1, 33000}, {1, 33000}, {1, 33000}})
    .error("exp_avg[0] is f32[3]",
           [](Device d) {
             adamw_(list({{2}}, d), list({{2}}, d), list({{3}}, d), list({{2}}, d), steps_on(d, 1),
                    scalars_on(d), {});
           })
    .error("steps[0] is f32[2], needed f64[1]",
           [](Device d) {
             adamw_(list({{2}}, d), list({{2}}, d), list({{2}}, d), list({{2}}, d), list({{2}}, d),
                    scalars_on(d), {});
           })
    .error("steps has 0 tensors, params has 1",
           [](Device d) {
             adamw_(list({{2}}, d), list({{2}}, d), list({{2}}, d), list({{2}}, d), {}, scalars_on(d), {});
           })
    .error("beta2 is 1, needed 0 <= beta2 < 1",
           [](Device d) {
             adamw_(list({{2}}, d), list({{2}}, d), list({{2}}, d), list({{2}}, d), steps_on(d, 1),
                    scalars_on(d), {.beta2 = 1});
           })
    .error("grads has 1 tensors, params has 2", [](Device d) {
      adamw_(list({{2}, {2}}, d), list({{2}}, d), list({{2}, {2}}, d), list({{2}, {2}}, d), steps_on(d, 2),
             scalars_on(d), {});
    });

// Every option at a value that matters, and where an implementation may take 0 or 1 for none.
OP_SUITE_VARIANT(adamw_, options)
    .devices(kF32 | kF64)
    .with(adamw({.beta1 = 0.7, .beta2 = 0.95, .eps = 0.3, .weight_decay = 1, .lr_scale = 2}))
    .sample({{3, 5}, {3, 5}, {3, 5}, {3, 5}})
    .skip("entry", "covered by the main entry");
OP_SUITE_VARIANT(adamw_, zeros)
    .devices(kF32 | kF64)
    .with(adamw({.beta1 = 0, .beta2 = 0, .eps = 1, .weight_decay = 0, .lr_scale = 1}))
    .sample({{3, 5}, {3, 5}, {3, 5}, {3, 5}})
    .skip("entry", "covered by the main entry");

// An update whose gradients were not finite changes nothing.
OP_SUITE_VARIANT(adamw_, not_finite)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({constant_in(-2, 2)})
    .call([](const Tensors& in) {
      NoGradGuard no_grad;
      const std::vector<Tensor> p{copy_of(in[0])}, m{copy_of(in[0])}, v{copy_of(in[0])};
      const std::vector<Tensor> steps = steps_on(in[0].device(), 1);
      adamw_(p, {copy_of(in[0])}, m, v, steps, scalars_on(in[0].device(), 0), {});
      return Tensors{p[0], m[0], v[0], steps[0].to(in[0].dtype())};
    })
    .reference([](const Refs& in) {
      return Refs{in[0], in[0], in[0], Ref(Shape{1}, kOwnStep[0] - 1)};
    })
    .sample({{3, 5}})
    .skip("entry", "covered by the main entry");

// The values of the maps, by their definition.
std::vector<double> dynamic_map(bool is_signed) {
  std::vector<double> values{0, 1};
  for (int decade = 0; decade < 7; ++decade) {
    const int steps = 1 << (is_signed ? decade : decade + 1);
    for (int i = 0; i < steps; ++i) {
      values.push_back(std::pow(10.0, decade - 6) * (0.1 + 0.9 * (i + 0.5) / steps));
      if (is_signed) values.push_back(-values.back());
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}
Ref decoded(bool is_signed, const Ref& codes, const Ref& absmax) {
  Ref out(codes.shape);
  const std::vector<double> values = dynamic_map(is_signed);
  for (int64_t i = 0; i < codes.size(); ++i)
    out[i] = values[static_cast<size_t>(codes[i])] * absmax[i / kMomentBlock];
  return out;
}
int64_t blocks_of(int64_t elements) { return (elements + kMomentBlock - 1) / kMomentBlock; }
Ref absmax_of(const Ref& x) {
  Ref out({blocks_of(x.size())});
  for (int64_t i = 0; i < x.size(); ++i)
    out[i / kMomentBlock] = std::max(out[i / kMomentBlock], std::fabs(x[i]));
  return out;
}
const AdamWOptions k8bit{.beta1 = 0.8, .beta2 = 0.95, .eps = 0.1, .weight_decay = 0.1, .lr_scale = 0.5};

// The first elements of x, one for each block.
Ref one_a_block(const Ref& x) {
  Ref out({blocks_of(x.size())});
  for (int64_t i = 0; i < out.size(); ++i) out[i] = x[i];
  return out;
}

// in: p, g, codes of m and v, the absmax of their blocks (the first elements), all of one shape. The codes
// that come out are bitsandbytes' in optim/adamw_8bit_test.cc; here what depends on them smoothly.
OP_SUITE(adamw_8bit_)
    .devices(kF32)
    .dtypes(kF32)
    .inputs({constant_in(-2, 2), constant_in(-2, 2), integers_in(0, 256, kU8), integers_in(0, 256, kU8),
             constant_in(0.1, 1), constant_in(0.1, 1)})
    .call([](const Tensors& in) {
      NoGradGuard no_grad;
      std::vector<std::vector<Tensor>> lists;
      for (const Tensor& x : in) lists.push_back({copy_of(x)});
      for (size_t i : {4, 5}) {
        const int64_t n = in[i].numel();
        lists[i][0] = copy_of(lists[i][0].view({n}).slice(0, 0, blocks_of(n)));
      }
      const std::vector<Tensor> steps = steps_on(in[0].device(), 1);
      adamw_8bit_(lists[0], lists[1], lists[2], lists[3], lists[4], lists[5], steps,
                  scalars_on(in[0].device()), k8bit);
      return Tensors{lists[0][0], lists[4][0], lists[5][0], steps[0].to(kF32)};
    })
    .reference([](const Refs& in) {
      const Refs whole = adamw_f64(in[0], in[1], decoded(true, in[2], one_a_block(in[4])),
                                   decoded(false, in[3], one_a_block(in[5])), kOwnStep[0], k8bit);
      return Refs{whole[0], absmax_of(whole[1]), absmax_of(whole[2]), whole[3]};
    })
    .sample({{3, 100}, {3, 100}, {3, 100}, {3, 100}, {3, 100}, {3, 100}})
    .sample({{0}, {0}, {0}, {0}, {0}, {0}})
    .sample({{1, 257}, {1, 257}, {1, 257}, {1, 257}, {1, 257}, {1, 257}})
    .tolerance(kF32, 1e-5)
    .error("exp_avg[0] is f32[2], needed u8[2]",
           [](Device d) {
             adamw_8bit_(list({{2}}, d), list({{2}}, d), list({{2}}, d), list({{2}}, d), list({{1}}, d),
                         list({{1}}, d), steps_on(d, 1), scalars_on(d), {});
           })
    .error("exp_avg_absmax[0] is f32[2], needed f32[1]", [](Device d) {
      const std::vector<Tensor> codes{zeros({2}, kU8, d)}, more{zeros({2}, kU8, d)};
      adamw_8bit_(list({{2}}, d), list({{2}}, d), codes, more, list({{2}}, d), list({{1}}, d), steps_on(d, 1),
                  scalars_on(d), {});
    });

std::function<void(Suite&)> rmsprop(const RmspropOptions& options) {
  return [=](Suite& suite) {
    suite.dtypes(kF32 | kF64)
        .inputs({constant_in(-2, 2), constant_in(-2, 2), constant_in(1.1, 2), constant_in(-1, 1),
                 constant_in(-1, 1)})
        .call([=](const Tensors& in) { return run_rmsprop(in, options); })
        .reference([=](const Refs& in) { return rmsprop_f64(in, options); });
  };
}

OP_SUITE(rmsprop_)
    .devices(kF32 | kF64)
    .with(rmsprop({.alpha = 0.9, .weight_decay = 0.1}))
    .sample({{2, 7}, {2, 7}, {2, 7}, {2, 7}, {2, 7}})
    .sample({{0}, {0}, {0}, {0}, {0}})
    .sample({{1, 33000}, {1, 33000}, {1, 33000}, {1, 33000}, {1, 33000}})
    .error("alpha is 1, needed 0 <= alpha < 1",
           [](Device d) {
             rmsprop_(list({{2}}, d), list({{2}}, d), list({{2}}, d), {}, {}, scalars_on(d), {.alpha = 1});
           })
    .error("grad_avg has 0 tensors, params has 1",
           [](Device d) {
             rmsprop_(list({{2}}, d), list({{2}}, d), list({{2}}, d), {}, {}, scalars_on(d),
                      {.centered = true});
           })
    .error("momentum_buffers has 0 tensors, params has 1", [](Device d) {
      rmsprop_(list({{2}}, d), list({{2}}, d), list({{2}}, d), {}, {}, scalars_on(d), {.momentum = 0.5});
    });

// Every option at a value that matters, each state alone and all together.
OP_SUITE_VARIANT(rmsprop_, centered)
    .devices(kF32 | kF64)
    .with(rmsprop({.alpha = 0.8, .eps = 0.1, .centered = true, .lr_scale = 0.5}))
    .sample({{3, 5}, {3, 5}, {3, 5}, {3, 5}, {3, 5}})
    .skip("entry", "covered by the main entry");
OP_SUITE_VARIANT(rmsprop_, momentum)
    .devices(kF32 | kF64)
    .with(rmsprop({.alpha = 0, .eps = 0.2, .momentum = 1}))
    .sample({{3, 5}, {3, 5}, {3, 5}, {3, 5}, {3, 5}})
    .skip("entry", "covered by the main entry");
OP_SUITE_VARIANT(rmsprop_, all)
    .devices(kF32 | kF64)
    .with(rmsprop(
        {.alpha = 0.7, .eps = 0.3, .weight_decay = 1, .momentum = 0.6, .centered = true, .lr_scale = 2}))
    .sample({{3, 5}, {3, 5}, {3, 5}, {3, 5}, {3, 5}})
    .skip("entry", "covered by the main entry");

OP_SUITE(sgd_)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({constant_in(-2, 2), constant_in(-2, 2), constant_in(-1, 1)})
    .call([](const Tensors& in) { return run_sgd(in, {.momentum = 0.9, .weight_decay = 0.01}); })
    .reference([](const Refs& in) { return sgd_f64(in, 0.9, 0.01, false); })
    .sample({{2, 7}, {2, 7}, {2, 7}})
    .sample({{0}, {0}, {0}})
    .sample({{1, 33000}, {1, 33000}, {1, 33000}})
    .error("nesterov needs a momentum",
           [](Device d) { sgd_(list({{2}}, d), list({{2}}, d), {}, scalars_on(d), {.nesterov = true}); })
    .error("scalars is f32[2]",
           [](Device d) { sgd_(list({{2}}, d), list({{2}}, d), {}, zeros({2}, kF32, d), {}); });

OP_SUITE_VARIANT(sgd_, nesterov)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({constant_in(-2, 2), constant_in(-2, 2), constant_in(-1, 1)})
    .call([](const Tensors& in) {
      return run_sgd(in, {.momentum = 0.8, .weight_decay = 0.1, .nesterov = true});
    })
    .reference([](const Refs& in) { return sgd_f64(in, 0.8, 0.1, true); })
    .sample({{3, 5}, {3, 5}, {3, 5}})
    .skip("entry", "covered by the main entry");

OP_SUITE_VARIANT(sgd_, ones)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({constant_in(-2, 2), constant_in(-2, 2), constant_in(-1, 1)})
    .call([](const Tensors& in) { return run_sgd(in, {.momentum = 1, .weight_decay = 1, .lr_scale = 0.3}); })
    .reference([](const Refs& in) { return sgd_f64(in, 1, 1, false, 0.3); })
    .sample({{3, 5}, {3, 5}, {3, 5}})
    .skip("entry", "covered by the main entry");

OP_SUITE(grad_norm)
    .devices(kFloating)
    .dtypes(kFloating)
    .inputs({constant_in(-2, 2), constant_in(-2, 2)})
    .output_dtype(kF64)
    .call([](const Tensors& in) {
      const std::vector<Tensor> grads{in[0].contiguous(), in[1].contiguous()};
      return Tensors{grad_norm(grads)};
    })
    .reference([](const Refs& in) {
      double sum = 0;
      for (const Ref& x : in) {
        for (double v : x.v) sum += v * v;
      }
      Ref out(Shape{1});
      out[0] = std::sqrt(sum);
      return Refs{out};
    })
    .sample({{2, 7}, {1, 3}})
    .sample({{0, 3}, {5}})
    .sample({{40000}, {1, 16385}})
    .error("at least one gradient", [](Device) { grad_norm({}); });

OP_SUITE(clip_factor_)
    .devices(kF64)
    .dtypes(kF64)
    .inputs({constant_in(0, 4)})
    .call([](const Tensors& in) {
      NoGradGuard no_grad;
      Tensor clipped = scalars_on(in[0].device()), free = scalars_on(in[0].device());
      clip_factor_(in[0].contiguous(), 1.0, 0.5, clipped);
      clip_factor_(in[0].contiguous(), 0.0, 0.5, free);
      return Tensors{clipped, free};
    })
    .reference([](const Refs& in) {
      Ref clipped(Shape{kStepScalarCount}), free(Shape{kStepScalarCount});
      const double norm = 0.5 * in[0][0];
      for (Ref* x : {&clipped, &free})
        (*x)[kLearningRate] = kLr, (*x)[kStep] = kStepNumber + 1, (*x)[kFinite] = 1;
      clipped[kGradFactor] = 0.5 * std::min(1.0, 1.0 / (norm + 1e-6));
      free[kGradFactor] = 0.5;
      return Refs{clipped, free};
    })
    .sample({{1}})
    .skip("zero_size", "a norm is one number")
    .skip("odd_size", "a norm is one number")
    .skip("shape_fuzz", "a norm is one number")
    .error("factor is nan, needed finite and above 0",
           [](Device d) { clip_factor_(zeros({1}, kF64, d), 1, std::nan(""), scalars_on(d)); })
    .error("max_norm is -1, needed finite and at least 0",
           [](Device d) { clip_factor_(zeros({1}, kF64, d), -1, 1, scalars_on(d)); })
    .error("norm is f32[2]", [](Device d) { clip_factor_(zeros({2}, kF32, d), 1, 1, scalars_on(d)); });

}  // namespace roux::testing
