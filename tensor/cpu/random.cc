// CPU kernels of the random family.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tensor/convert.h"
#include "tensor/cpu/draw.h"
#include "tensor/cpu/elementwise_loops.h"
#include "tensor/ops/random_tables.h"

namespace roux::cpu {
namespace {

// What a strip becomes, beside UnitUniform.
template <class C>
struct Uniform {
  using Value = C;
  UniformIn<C> in;
  ROUX_ALWAYS_INLINE void operator()(const uint32_t (&words)[4][kDrawLanes], C* values) const {
    for (int l = 0; l < kDrawLanes; ++l) {
      for (int i = 0; i < 4; ++i) values[4 * l + i] = in(words[i][l]);
    }
  }
};
struct Normal {
  using Value = float;
  float mean, std;
  ROUX_ALWAYS_INLINE void operator()(const uint32_t (&words)[4][kDrawLanes], float* values) const {
    float z[4][kDrawLanes];
    for (int l = 0; l < kDrawLanes; ++l) philox_normal(words[0][l], words[1][l], &z[0][l], &z[1][l]);
    for (int l = 0; l < kDrawLanes; ++l) philox_normal(words[2][l], words[3][l], &z[2][l], &z[3][l]);
    for (int l = 0; l < kDrawLanes; ++l) {
      for (int i = 0; i < 4; ++i) values[4 * l + i] = vmath::fma(z[i][l], std, mean);
    }
  }
};

template <class Make>
void strip_avx2(const Draw& draw, int64_t first_block, const Make& make, typename Make::Value* values) {
  make_strip(draw, first_block, make, values);
}
template <class Make>
ROUX_TARGET_AVX512 void strip_avx512(const Draw& draw, int64_t first_block, const Make& make,
                                     typename Make::Value* values) {
  make_strip(draw, first_block, make, values);
}

// Calls store(element, values, count) for the strips of n elements, in parallel.
template <class Make, class Store>
void for_each_strip(const Draw& draw, int64_t n, const Make& make, const Store& store) {
  const auto strip = has_avx512() ? strip_avx512<Make> : strip_avx2<Make>;
  parallel_for(0, (n + kDrawStrip - 1) / kDrawStrip, items_per_task(8 * kDrawStrip),
               [&](int64_t begin, int64_t end) {
                 typename Make::Value values[kDrawStrip];
                 for (int64_t s = begin; s < end; ++s) {
                   strip(draw, s * kDrawLanes, make, values);
                   store(s * kDrawStrip, values, std::min(kDrawStrip, n - s * kDrawStrip));
                 }
               });
}

template <class T, class Make>
void fill_strips(const Tensor& state, int64_t increment, const Make& make, Tensor& y) {
  T* py = y.data<T>();
  for_each_strip(Draw(state, increment), y.numel(), make,
                 [=](int64_t at, const typename Make::Value* values, int64_t count) {
                   for (int64_t i = 0; i < count; ++i) py[at + i] = static_cast<T>(values[i]);
                 });
}

void uniform_cpu(const Tensor& state, int64_t increment, const UniformRange& range, Tensor& y) {
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    fill_strips<T>(state, increment,
                   Uniform<C>{{static_cast<C>(range.low), static_cast<C>(range.width),
                               static_cast<C>(range.first), static_cast<C>(range.last)}},
                   y);
  });
}
void normal_cpu(const Tensor& state, int64_t increment, double mean, double std, Tensor& y) {
  dispatch_floating(y.dtype(), [&](auto tag) {
    fill_strips<decltype(tag)>(state, increment, Normal{static_cast<float>(mean), static_cast<float>(std)},
                               y);
  });
}

// Words 0, 1 or 2, 3 of a block as one, low half first.
uint64_t wide_word(const Draw& draw, int64_t element) {
  const PhiloxWords block = draw.block(element / 2);
  const int64_t first = element % 2 * 2;
  return block.word[first] | uint64_t{block.word[first + 1]} << 32;
}

void randint_cpu(const Tensor& state, int64_t increment, int64_t low, uint64_t count, Tensor& y) {
  const Draw draw(state, increment);
  dispatch_index(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* py = y.data<T>();
    parallel_for(0, y.numel(), items_per_task(8), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const uint64_t step =
            static_cast<uint64_t>(static_cast<unsigned __int128>(wide_word(draw, i)) * count >> 64);
        py[i] = static_cast<T>(static_cast<uint64_t>(low) + step);
      }
    });
  });
}

void randperm_cpu(const Tensor& state, int64_t increment, Tensor& y) {
  const Draw draw(state, increment);
  std::vector<std::pair<uint64_t, int64_t>> keys(static_cast<size_t>(y.numel()));
  for (int64_t i = 0; i < y.numel(); ++i) keys[static_cast<size_t>(i)] = {wide_word(draw, i), i};
  std::sort(keys.begin(), keys.end());
  for (int64_t i = 0; i < y.numel(); ++i) y.data<int64_t>()[i] = keys[static_cast<size_t>(i)].second;
}

// ln of a gamma draw of shape a.
double log_gamma_draw(const Draw& draw, int64_t element, double a) {
  const double d = (a < 1 ? a + 1 : a) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  const auto unit = [](uint32_t word) { return ((word >> 8) + 1) * 0x1p-24; };  // in (0, 1]
  for (int64_t attempt = 0;; ++attempt) {
    const PhiloxWords block = draw.block(element + (attempt << 40));
    float normal, unused;
    philox_normal(block.word[0], block.word[1], &normal, &unused);
    const double z = normal, v = 1 + c * z;
    if (v <= 0) continue;
    const double log_cube = 3 * std::log(v);
    if (std::log(unit(block.word[2])) >= 0.5 * z * z + d - d * v * v * v + d * log_cube) continue;
    const double boost = a < 1 ? std::log(unit(draw.block(element).word[3])) / a : 0;
    return std::log(d) + log_cube + boost;
  }
}

void gamma_cpu(const Tensor& concentration, const Tensor& state, int64_t increment, bool log, Tensor& y) {
  const Draw draw(state, increment);
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* pa = concentration.data<const T>();
    T* py = y.data<T>();
    parallel_for(0, y.numel(), items_per_task(64), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const double a = static_cast<double>(pa[i]);
        if (!(a > 0 && std::isfinite(a))) {
          throw Error(absl::StrCat(log ? "log_gamma" : "gamma", ": concentration is ", a, " at element ", i,
                                   ", needed above 0 and finite"));
        }
        const double value = log_gamma_draw(draw, i, a);
        py[i] = convert<T>(log ? value : std::exp(value));
      }
    });
  });
}

// The first index at which the running sum of e^(logit - max) exceeds u times the total (f64).
void categorical_cpu(const Tensor& logits, const Tensor& state, int64_t increment, Tensor& y) {
  const Draw draw(state, increment);
  const int64_t v = logits.shape().back();
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* px = logits.data<const T>();
    int64_t* py = y.data<int64_t>();
    parallel_for(0, y.numel(), items_per_task(8 * v), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* row = px + r * v;
        double largest = -INFINITY;
        for (int64_t i = 0; i < v; ++i) {
          const double x = static_cast<double>(row[i]);
          largest = x > largest || x != x ? x : largest;
        }
        if (!std::isfinite(largest)) {
          throw Error(
              absl::StrCat("categorical: row ", r, " of logits has no finite largest element: ", largest));
        }
        double total = 0;
        for (int64_t i = 0; i < v; ++i) total += std::exp(static_cast<double>(row[i]) - largest);
        const double limit = philox_uniform(draw.block(r / 4).word[r % 4]) * total;
        double sum = 0;
        int64_t chosen = 0;
        for (int64_t i = 0; i < v; ++i) {
          const double weight = std::exp(static_cast<double>(row[i]) - largest);
          if (weight > 0)
            chosen = i;  // rounding may leave the sum below the limit: the last possible index then
          sum += weight;
          if (sum > limit) break;
        }
        py[r] = chosen;
      }
    });
  });
}

void dropout_cpu(const Tensor& x, const Tensor& state, int64_t increment, double p, Tensor& y) {
  const float threshold = static_cast<float>(p);
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = accumulate_t<T>;
    const C scale = static_cast<C>(1 / (1 - p));
    const T* px = x.data<const T>();
    T* py = y.data<T>();
    for_each_strip(Draw(state, increment), y.numel(), UnitUniform{},
                   [=](int64_t at, const float* uniform, int64_t count) {
                     for (int64_t i = 0; i < count; ++i) {
                       const C value = static_cast<C>(px[at + i]) * scale;
                       py[at + i] = static_cast<T>(uniform[i] >= threshold ? value : C(0));
                     }
                   });
  });
}

const RegisterKernel kUniform(uniform_kernels, DeviceType::kCpu, kFloating, uniform_cpu);
const RegisterKernel kNormal(normal_kernels, DeviceType::kCpu, kFloating, normal_cpu);
const RegisterKernel kRandint(randint_kernels, DeviceType::kCpu, kI32 | kI64, randint_cpu);
const RegisterKernel kRandperm(randperm_kernels, DeviceType::kCpu, kI64, randperm_cpu);
const RegisterKernel kGamma(gamma_kernels, DeviceType::kCpu, kFloating, gamma_cpu);
const RegisterKernel kCategorical(categorical_kernels, DeviceType::kCpu, kFloating, categorical_cpu);
const RegisterKernel kDropout(dropout_kernels, DeviceType::kCpu, kFloating, dropout_cpu);

}  // namespace
}  // namespace roux::cpu
