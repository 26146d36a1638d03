// Every optimizer follows its reference where gradients begin late or miss steps, keeps nothing of a step
// whose gradients are not finite, and goes on bit for bit from a saved state.
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "optim/adafactor.h"
#include "optim/give_gradient.h"
#include "optim/muon.h"
#include "optim/online_merging.h"
#include "optim/optimizer.h"
#include "optim/rmsprop.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/golden/optimizer.h"

namespace roux {
namespace {

using Groups = std::vector<ParamGroup>;
using Make = std::function<std::unique_ptr<Optimizer>(Groups)>;
using Shapes = const int (&)[3][3];

template <class Kind, class Options>
Make make(const Options& options) {
  return [options](Groups groups) { return std::make_unique<Kind>(std::move(groups), options); };
}

// Steps (from 1), values and gradients of tests/golden/optimizer.py.
bool has_gradient(int step, int parameter) {
  if (parameter == 0) return true;
  if (parameter == 1) return step >= 5;
  return step == 2 || step == 3 || step == 7 || step == 9 || step == 15;
}
double initial(int parameter, int element) { return ((5 * element + 3 * parameter) % 7 - 3) / 4.0 + 0.125; }
double gradient(int step, int parameter, int element) {
  return ((7 * step + 3 * element + 5 * parameter) % 11 - 5) / 8.0;
}

Tensor filled(const int (&sizes)[3], DType dtype, const std::function<double(int)>& value) {
  std::vector<int64_t> dims;
  for (int size : sizes) {
    if (size > 0) dims.push_back(size);
  }
  std::vector<double> values;
  for (int64_t e = 0; e < numel(Shape(dims)); ++e) values.push_back(value(static_cast<int>(e)));
  return tensor(values, Shape(dims)).to(dtype);
}

class Training {
 public:
  Training(const Make& make, Shapes shapes, DType dtype = kF64, ParamGroup group = {}) : shapes_(shapes) {
    for (int p = 0; p < 3; ++p) {
      group.params.emplace_back(std::string(1, static_cast<char>('a' + p)),
                                filled(shapes[p], dtype, [&](int e) { return initial(p, e); }));
      group.params.back().second.set_requires_grad(true);
    }
    params_ = group.params;
    optimizer_ = make({group});
  }

  void step(int t, const StepOptions& options, double factor = 1) {
    optimizer_->zero_grad();
    for (int p = 0; p < 3; ++p) {
      if (!has_gradient(t, p)) continue;
      const Tensor& param = params_[static_cast<size_t>(p)].second;
      give_gradient(param,
                    filled(shapes_[p], param.dtype(), [&](int e) { return factor * gradient(t, p, e); }));
    }
    optimizer_->step(options);
  }

  std::vector<double> values() const {
    std::vector<double> all;
    for (const auto& entry : params_) {
      for (double value : entry.second.to_vector<double>()) all.push_back(value);
    }
    return all;
  }
  NamedTensors& params() { return params_; }
  Optimizer& optimizer() { return *optimizer_; }

 private:
  Shapes shapes_;
  NamedTensors params_;
  std::unique_ptr<Optimizer> optimizer_;
};

template <size_t kColumns>
void expect_golden(const double (&golden)[5][kColumns], Training run, const StepOptions& options,
                   double tolerance = 1e-14) {
  size_t row = 0;
  for (int t = 1; t <= golden::kRecorded[4]; ++t) {
    run.step(t, options);
    if (t != golden::kRecorded[row]) continue;
    const std::vector<double> values = run.values();
    ASSERT_EQ(values.size(), kColumns);
    for (size_t k = 0; k < kColumns; ++k) {
      EXPECT_NEAR(values[k], golden[row][k], tolerance) << "step " << t << " element " << k;
    }
    ++row;
  }
  EXPECT_EQ(row, 5u);
}

const AdamWOptions kAdamW{.beta2 = 0.95, .weight_decay = 0.1};
const RmspropOptions kRmsprop{
    .alpha = 0.8, .eps = 0.01, .weight_decay = 0.1, .momentum = 0.7, .centered = true};
const AdafactorOptions kFixed{.eps1 = 1e-3,
                              .clip_threshold = 0.5,
                              .decay_rate = -0.6,
                              .beta1 = 0.9,
                              .weight_decay = 0.1,
                              .scale_parameter = false,
                              .relative_step = false};

TEST(Trajectories, AdamWAndSgdArePyTorchs) {
  expect_golden(golden::kAdamW, {make<AdamW>(kAdamW), golden::kVectors}, {.lr = 0.05});
  expect_golden(golden::kAdam, {make<Adam>(kAdamW), golden::kVectors}, {.lr = 0.05, .max_grad_norm = 0.5});
  expect_golden(
      golden::kSgd,
      {make<Sgd>(SgdOptions{.momentum = 0.9, .weight_decay = 0.01, .nesterov = true}), golden::kVectors},
      {.lr = 0.05});
}

TEST(Trajectories, RmspropIsPyTorchs) {
  expect_golden(golden::kRmsprop, {make<Rmsprop>(RmspropOptions{.alpha = 0.9}), golden::kVectors},
                {.lr = 0.05}, 1e-12);
  expect_golden(golden::kRmspropAll, {make<Rmsprop>(kRmsprop), golden::kVectors}, {.lr = 0.01}, 1e-13);
}

TEST(Trajectories, AdafactorIsThatOfTransformers) {
  expect_golden(golden::kAdafactor, {make<Adafactor>(AdafactorOptions{}), golden::kMixed}, {.lr = 1}, 1e-13);
  expect_golden(golden::kAdafactorWarmup,
                {make<Adafactor>(AdafactorOptions{.weight_decay = 0.5, .warmup_init = true}), golden::kMixed},
                {.lr = 1}, 1e-13);
  expect_golden(golden::kAdafactorFixed, {make<Adafactor>(kFixed), golden::kMixed}, {.lr = 0.05}, 1e-13);
}

TEST(Trajectories, MuonIsPyTorchs) {
  expect_golden(golden::kMuon, {make<Muon>(MuonOptions{}), golden::kMatrices}, {.lr = 0.02}, 1e-11);
  expect_golden(
      golden::kMuonPlain,
      {make<Muon>(MuonOptions{
           .momentum = 0.8, .weight_decay = 0, .nesterov = false, .scale = MuonScale::kMatchRmsAdamW}),
       golden::kMatrices},
      {.lr = 0.05}, 1e-11);
}

TEST(Trajectories, OnlineMergingIsItsFormulas) {
  Generator generator(1);
  const auto merging = [&](Merging kind, double keep, bool rescale) -> Make {
    return [&generator, kind, keep, rescale](std::vector<ParamGroup> groups) {
      NamedTensors tasks;
      for (const auto& [name, param] : groups[0].params) {
        std::vector<double> values;
        for (int64_t e = 0; e < param.numel(); ++e) {
          values.push_back(static_cast<double>((11 * e + 2 * (name[0] - 'a')) % 9 - 4) / 3);
        }
        tasks.emplace_back(name, tensor(values, param.shape()));
      }
      OnlineMergingOptions options{.merging = kind,
                                   .merge_weight = kind == Merging::kTies ? 0.05 : 0.25,
                                   .keep = keep,
                                   .rescale = rescale};
      options.adamw = {.beta2 = 0.95, .eps = 0.01, .weight_decay = 0.1};
      return std::make_unique<OnlineMergingAdamW>(std::move(groups), tasks, options, generator);
    };
  };
  const StepOptions options{.lr = 0.05};
  expect_golden(golden::kOnDare, {merging(Merging::kDare, 1, false), golden::kMatrices}, options, 1e-13);
  expect_golden(golden::kOnTies, {merging(Merging::kTies, 1, false), golden::kMatrices}, options, 1e-13);
  expect_golden(golden::kOnTiesHalf, {merging(Merging::kTies, 0.5, false), golden::kMatrices}, options,
                1e-13);
  expect_golden(golden::kOnTiesRescaled, {merging(Merging::kTies, 0.5, true), golden::kMatrices}, options,
                1e-13);
}

// Gradients are masked after clipping; what decay does to the excluded element is an option.
TEST(Masks, GradientsAreMaskedAfterTheNorm) {
  const auto masked = [](bool masked_decay) {
    ParamGroup group;
    for (const char* name : {"a", "b", "c"}) {
      group.masks.emplace_back(name, gt(tensor(std::vector<double>{1, 0, 1}, {3}), 0));
    }
    group.masked_decay = masked_decay;
    return Training(make<AdamW>(kAdamW), golden::kVectors, kF64, group);
  };
  const StepOptions options{.lr = 0.05, .max_grad_norm = 0.5};
  expect_golden(golden::kMaskedAdamW, masked(false), options);
  Training strict = masked(true);
  for (int t = 1; t <= 20; ++t) strict.step(t, options);
  const std::vector<double> values = strict.values();
  for (size_t k = 0; k < values.size(); ++k) {
    if (k % 3 == 1) {
      EXPECT_EQ(values[k], initial(static_cast<int>(k / 3), 1));
    } else {
      EXPECT_NEAR(values[k], golden::kMaskedAdamW[4][k], 1e-14);
    }
  }
}

struct Kind {
  const char* name;
  Make make;
  Shapes shapes;
};
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"AdamW", make<AdamW>(kAdamW), golden::kVectors},
      {"Adam", make<Adam>(kAdamW), golden::kVectors},
      {"Sgd", make<Sgd>(SgdOptions{.momentum = 0.9, .weight_decay = 0.1}), golden::kVectors},
      {"Rmsprop", make<Rmsprop>(kRmsprop), golden::kVectors},
      {"Adafactor", make<Adafactor>(AdafactorOptions{.weight_decay = 0.1}), golden::kMixed},
      {"Adafactor with beta1", make<Adafactor>(kFixed), golden::kMixed},
      {"Muon", make<Muon>(MuonOptions{}), golden::kMatrices},
  };
  return all;
}

NamedTensors copied(const NamedTensors& state) {
  NamedTensors copies;
  for (const auto& [name, value] : state) {
    copies.emplace_back(name, empty_like(value));
    copy_(copies.back().second, value);
  }
  return copies;
}

void expect_same(const NamedTensors& a, const NamedTensors& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].second.to_vector<double>(), b[i].second.to_vector<double>()) << what << " " << a[i].first;
  }
}

TEST(EachKind, KeepsNothingOfAStepThatIsNotFinite) {
  for (const Kind& kind : kinds()) {
    for (DType dtype : {kF32, kF64}) {
      Training plain(kind.make, kind.shapes, dtype), skipping(kind.make, kind.shapes, dtype);
      for (int t = 1; t <= 6; ++t) {
        skipping.step(t, {.lr = 0.05}, INFINITY);  // 0 * INFINITY is NaN: both kinds
        EXPECT_TRUE(skipping.optimizer().skipped());
        plain.step(t, {.lr = 0.05, .max_grad_norm = 0.25});
        skipping.step(t, {.lr = 0.05, .max_grad_norm = 0.25});
        EXPECT_FALSE(skipping.optimizer().skipped());
      }
      EXPECT_EQ(skipping.optimizer().steps(), 6);
      EXPECT_EQ(plain.values(), skipping.values()) << kind.name;
      expect_same(plain.optimizer().state_dict(), skipping.optimizer().state_dict(), kind.name);
    }
  }
}

TEST(EachKind, GoesOnFromASavedStateBitForBit) {
  for (const Kind& kind : kinds()) {
    Training whole(kind.make, kind.shapes, kF32), resumed(kind.make, kind.shapes, kF32);
    for (int t = 1; t <= 6; ++t) whole.step(t, {.lr = 0.05});
    {
      NoGradGuard no_grad;
      for (size_t p = 0; p < 3; ++p) copy_(resumed.params()[p].second, whole.params()[p].second);
    }
    ASSERT_TRUE(resumed.optimizer().load_state_dict(copied(whole.optimizer().state_dict())).ok());
    for (int t = 7; t <= 12; ++t) whole.step(t, {.lr = 0.05}), resumed.step(t, {.lr = 0.05});
    EXPECT_EQ(whole.values(), resumed.values()) << kind.name;
    expect_same(whole.optimizer().state_dict(), resumed.optimizer().state_dict(), kind.name);
  }
}

// The scale of the gradients is undone before anything else is done with them.
TEST(EachKind, GradScaleIsThatOfTheGradients) {
  for (const Kind& kind : kinds()) {
    Training plain(kind.make, kind.shapes), scaled(kind.make, kind.shapes);
    for (int t = 1; t <= 6; ++t) {
      plain.step(t, {.lr = 0.05, .max_grad_norm = 0.25});
      scaled.step(t, {.lr = 0.05, .max_grad_norm = 0.25, .grad_scale = 0.125}, 8);
    }
    for (size_t k = 0; k < plain.values().size(); ++k) {
      EXPECT_NEAR(plain.values()[k], scaled.values()[k], 1e-12) << kind.name;
    }
  }
}

// A group's lr_scale is a factor of lr, and its weight_decay replaces the optimizer's.
TEST(EachKind, GroupsHaveTheirOwnRateAndDecay) {
  for (const Kind& kind : kinds()) {
    ParamGroup group{.lr_scale = 0.5, .weight_decay = 0.25};
    Training grouped(kind.make, kind.shapes, kF64, group),
        other(kind.make, kind.shapes, kF64, {.weight_decay = 0.25}), plain(kind.make, kind.shapes);
    for (int t = 1; t <= 3; ++t) {
      grouped.step(t, {.lr = 0.1}), other.step(t, {.lr = 0.05}), plain.step(t, {.lr = 0.05});
    }
    const std::vector<double> a = grouped.values(), b = other.values();
    for (size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-14) << kind.name;
    EXPECT_NE(b, plain.values()) << kind.name;
  }
}

// Frozen for three steps is as begun three steps later, for a model whose other half has trained.
TEST(EachKind, AGroupBeginsAtItsStep) {
  for (const Kind& kind : kinds()) {
    const auto named = [&](const char* name, int p) {
      return NamedTensors{
          {name, filled(kind.shapes[p], kF32, [&](int e) { return initial(p, e); }).set_requires_grad(true)}};
    };
    const NamedTensors early = named("early", 0), late = named("late", 1), alone = named("late", 1);
    const auto frozen = kind.make({{early}, {late, 1, {}, 3}}), fresh = kind.make({{alone}});
    const std::vector<double> before = late[0].second.to_vector<double>();
    for (int t = 1; t <= 7; ++t) {
      const auto give = [&](const NamedTensors& to, int p, double factor) {
        give_gradient(to[0].second,
                      filled(kind.shapes[p], kF32, [&](int e) { return factor * gradient(t, p, e); }));
      };
      give(early, 0, 1);
      give(late, 1, t <= 3 ? INFINITY : 1);  // no norm has it while the group is frozen
      frozen->step({.lr = 0.05});
      EXPECT_FALSE(frozen->skipped());
      if (t <= 3) {
        EXPECT_EQ(late[0].second.to_vector<double>(), before) << kind.name;
      } else {
        give(alone, 1, 1);
        fresh->step({.lr = 0.05});
      }
    }
    EXPECT_EQ(late[0].second.to_vector<double>(), alone[0].second.to_vector<double>()) << kind.name;
    for (const auto& [name, value] : fresh->state_dict()) {
      if (name == "step") continue;
      for (const auto& [other, same] : frozen->state_dict()) {
        if (other != name) continue;
        EXPECT_EQ(value.to_vector<double>(), same.to_vector<double>()) << kind.name;
      }
    }
  }
}

TEST(Groups, AFrozenGroupIsInNoNorm) {
  const Tensor p = zeros({1}, kF64).set_requires_grad(true), q = zeros({1}, kF64).set_requires_grad(true);
  Sgd optimizer({{{{"p", p}}}, {{{"q", q}}, 1, {}, 1}});
  give_gradient(p, full({1}, 3, kF64)), give_gradient(q, full({1}, 4, kF64));
  EXPECT_EQ(optimizer.step({.lr = 1}).item(), 3);
  EXPECT_EQ(optimizer.step({.lr = 1}).item(), 5);
  EXPECT_EQ(q.item(), -4);
}

TEST(Muon, NewtonSchulzBringsSingularValuesNear1) {
  // Two orthogonal rows of lengths 3 and 0.5: they stay orthogonal.
  const Tensor x = tensor(std::vector<double>{3, 0, 0, 0, 0.3, 0.4}, {2, 3});
  for (const Tensor& y : {newton_schulz(x, 5), newton_schulz(x.transpose(0, 1), 5).transpose(0, 1)}) {
    const std::vector<double> v = y.to_vector<double>();
    EXPECT_NEAR(v[0], 1, 0.3);
    EXPECT_NEAR(std::hypot(v[4], v[5]), 1, 0.3);
    EXPECT_NEAR(v[5] / v[4], 4.0 / 3, 1e-12);
    for (size_t zero : {1, 2, 3}) EXPECT_NEAR(v[zero], 0, 1e-14);
  }
  EXPECT_EQ(newton_schulz(zeros({2, 3}), 5).to_vector<double>(), std::vector<double>(6, 0));
}

std::string error_of_making(const Make& make, const ParamGroup& group) {
  try {
    make({group});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Errors, OfOptionsAndGroups) {
  const Tensor p = zeros({3}).set_requires_grad(true);
  const ParamGroup vector{.params = {{"p", p}}};
  const auto expect_error = [](const std::string& text, const Make& make, const ParamGroup& group) {
    EXPECT_NE(error_of_making(make, group).find("optimizer: " + text), std::string::npos)
        << text << " is not in " << error_of_making(make, group);
  };
  expect_error("parameter p is f32[3], needed rank 2", make<Muon>(MuonOptions{}), vector);
  const ParamGroup matrix{.params = {{"p", zeros({2, 2}).set_requires_grad(true)}}};
  expect_error("momentum is 1", make<Muon>(MuonOptions{.momentum = 1}), matrix);
  expect_error("weight_decay is -1", make<Muon>(MuonOptions{.weight_decay = -1}), matrix);
  expect_error("newton_schulz_steps is 0", make<Muon>(MuonOptions{.newton_schulz_steps = 0}), matrix);
  expect_error("alpha is 1", make<Rmsprop>(RmspropOptions{.alpha = 1}), vector);
  expect_error("eps is nan", make<Rmsprop>(RmspropOptions{.eps = NAN}), vector);
  expect_error("weight_decay is -1", make<Rmsprop>(RmspropOptions{.weight_decay = -1}), vector);
  expect_error("momentum is inf", make<Rmsprop>(RmspropOptions{.momentum = INFINITY}), vector);
  expect_error("eps1 is 0", make<Adafactor>(AdafactorOptions{.eps1 = 0}), vector);
  expect_error("eps2 is -1", make<Adafactor>(AdafactorOptions{.eps2 = -1}), vector);
  expect_error("clip_threshold is 0", make<Adafactor>(AdafactorOptions{.clip_threshold = 0}), vector);
  expect_error("decay_rate is 0.5", make<Adafactor>(AdafactorOptions{.decay_rate = 0.5}), vector);
  expect_error("beta1 is 1", make<Adafactor>(AdafactorOptions{.beta1 = 1}), vector);
  expect_error("weight_decay is nan", make<Adafactor>(AdafactorOptions{.weight_decay = NAN}), vector);
  expect_error("warmup_init needs",
               make<Adafactor>(AdafactorOptions{.relative_step = false, .warmup_init = true}), vector);
  const Make sgd = make<Sgd>(SgdOptions{});
  expect_error("a group's start_step is -1", sgd, {.params = {{"p", p}}, .start_step = -1});
  expect_error("there is a mask of q", sgd, {.params = {{"p", p}}, .masks = {{"q", zeros({3}, kBool)}}});
  expect_error("the mask of p is bool[2], needed bool of the shape of f32[3]", sgd,
               {.params = {{"p", p}}, .masks = {{"p", zeros({2}, kBool)}}});
  expect_error("the mask of p is f32[3]", sgd, {.params = {{"p", p}}, .masks = {{"p", zeros({3})}}});
}

}  // namespace
}  // namespace roux
