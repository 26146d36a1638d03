// CPU kernels of the random family.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tensor/cpu/strided_loop.h"
#include "tensor/ops/random_tables.h"
#include "tensor/philox.h"

namespace roux::cpu {
namespace {

struct Draw {
  uint64_t seed, offset;
  Draw(const Tensor& state, int64_t increment) {
    const int64_t* words = state.data<const int64_t>();
    seed = static_cast<uint64_t>(words[0]);
    offset = static_cast<uint64_t>(words[1] + increment);
  }
  PhiloxWords block(int64_t index) const { return philox(seed, offset, static_cast<uint64_t>(index)); }
};

// Calls fn(block words, first element, elements) for the blocks of n elements, in parallel.
template <class Fn>
void for_each_block(const Draw& draw, int64_t n, Fn&& fn) {
  parallel_for(0, (n + 3) / 4, kElementwiseGrain / 16, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) fn(draw.block(b), 4 * b, std::min<int64_t>(4, n - 4 * b));
  });
}

void uniform_cpu(const Tensor& state, int64_t increment, double low, double high, Tensor& y) {
  const float from = static_cast<float>(low), width = static_cast<float>(high - low);
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* py = y.data<T>();
    for_each_block(Draw(state, increment), y.numel(), [=](const PhiloxWords& words, int64_t at, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        py[at + i] = static_cast<T>(vmath::fma(philox_uniform(words.word[i]), width, from));
    });
  });
}

void normal_cpu(const Tensor& state, int64_t increment, double mean, double std, Tensor& y) {
  const float center = static_cast<float>(mean), scale = static_cast<float>(std);
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* py = y.data<T>();
    for_each_block(Draw(state, increment), y.numel(), [=](const PhiloxWords& words, int64_t at, int64_t n) {
      float z[4];
      philox_normal(words.word[0], words.word[1], &z[0], &z[1]);
      philox_normal(words.word[2], words.word[3], &z[2], &z[3]);
      for (int64_t i = 0; i < n; ++i) py[at + i] = static_cast<T>(vmath::fma(z[i], scale, center));
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
    parallel_for(
        0, y.numel(), std::max<int64_t>(1, kElementwiseGrain / 8 / v), [&](int64_t begin, int64_t end) {
          for (int64_t r = begin; r < end; ++r) {
            const T* row = px + r * v;
            double largest = -INFINITY;
            for (int64_t i = 0; i < v; ++i) {
              const double x = static_cast<double>(row[i]);
              largest = x > largest || x != x ? x : largest;
            }
            if (!std::isfinite(largest)) {
              throw Error(absl::StrCat("categorical: row ", r,
                                       " of logits has no finite largest element: ", largest));
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
    for_each_block(Draw(state, increment), y.numel(), [=](const PhiloxWords& words, int64_t at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        const bool kept = philox_uniform(words.word[i]) >= threshold;
        py[at + i] = kept ? static_cast<T>(static_cast<C>(px[at + i]) * scale) : T(0.0f);
      }
    });
  });
}

const RegisterKernel kUniform(uniform_kernels, DeviceType::kCpu, kFloating, uniform_cpu);
const RegisterKernel kNormal(normal_kernels, DeviceType::kCpu, kFloating, normal_cpu);
const RegisterKernel kCategorical(categorical_kernels, DeviceType::kCpu, kFloating, categorical_cpu);
const RegisterKernel kDropout(dropout_kernels, DeviceType::kCpu, kFloating, dropout_cpu);

}  // namespace
}  // namespace roux::cpu
