// CUDA kernels of ctc_loss: forward and backward masses in the log domain, in f64. A block of threads takes a
// sequence, its threads the places of a step, one step after the other.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "cuda/fault.h"
#include "cuda/rows.h"
#include "tensor/ops/ctc_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr double infinity() { return __builtin_inf(); }
constexpr double kNothing = -__builtin_inf();

__device__ __forceinline__ double log_add(double a, double b, double c) {
  const double larger = a < b ? b : a, largest = larger < c ? c : larger;
  if (largest == kNothing) return kNothing;
  return largest + vmath::log(vmath::exp(a - largest) + vmath::exp(b - largest) + vmath::exp(c - largest));
}

// [N, S], [N], [N]; log_probs [T, N, C], log_alpha [N, T, width].
struct Targets {
  const int64_t *targets, *input_lengths, *target_lengths;
  int64_t blank, width, steps, batch, classes;
};

// A block's sequence of the batch.
template <class T>
struct Sequence {
  const T* log_probs;
  const int64_t* targets;
  int64_t blank, stride, steps, places;  // stride: from one step to the next

  __device__ __forceinline__ Sequence(const T* all, const Targets& t, int64_t n)
      : log_probs(all + n * t.classes),
        targets(t.targets + n * t.width),
        blank(t.blank),
        stride(t.batch * t.classes),
        steps(t.input_lengths[n]),
        places(2 * t.target_lengths[n] + 1) {}

  __device__ __forceinline__ int64_t class_at(int64_t place) const {
    return place % 2 == 0 ? blank : targets[place / 2];
  }
  __device__ __forceinline__ double log_prob(int64_t step, int64_t place) const {
    return static_cast<double>(log_probs[step * stride + class_at(place)]);
  }
  // Whether an alignment may go from place - 2 to place: over a blank, between different symbols.
  __device__ __forceinline__ bool may_skip_to(int64_t place) const {
    return place >= 2 && place % 2 == 1 && class_at(place) != class_at(place - 2);
  }
  // From the masses after the last step.
  __device__ __forceinline__ double loss(const double* log_alpha, int64_t width) const {
    if (steps == 0) return places == 1 ? 0 : infinity();
    const double* last = log_alpha + (steps - 1) * width;
    return -log_add(last[places - 1], places >= 2 ? last[places - 2] : kNothing, kNothing);
  }
};

// Whether the lengths and targets of sequence n can be used; all threads of a block ask. Calls note(which,
// value) for what is wrong: 0 and 1 are the lengths, 2 + s a target.
template <class Note>
__device__ __forceinline__ bool usable(const Targets& t, int64_t n, Note note) {
  const int64_t input = t.input_lengths[n], length = t.target_lengths[n];
  bool good = true;
  if (input < 0 || input > t.steps) {
    good = false;
    if (threadIdx.x == 0) note(0, input);
  }
  if (length < 0 || length > t.width) {
    good = false;
    if (threadIdx.x == 0) note(1, length);
  }
  for (int64_t s = threadIdx.x; s < min(length, t.width); s += kRowBlock) {
    const int64_t target = t.targets[n * t.width + s];
    if (target >= 0 && target < t.classes && target != t.blank) continue;
    good = false;
    note(2 + s, target);
  }
  return __syncthreads_and(good) != 0;
}

template <class T, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock)
    ctc_kernel(const T* log_probs, Targets t, FaultSlot fault, C* losses, double* log_alpha) {
  const int64_t n = blockIdx.x, width = 2 * t.width + 1;
  const auto note = [&](int64_t which, int64_t value) {
    note_bad_index(fault, n * (t.width + 2) + which, value);
  };
  if (!usable(t, n, note)) return;
  const Sequence<T> s(log_probs, t, n);
  double* now = log_alpha + n * t.steps * width;
  for (int64_t step = 0; step < s.steps; ++step, now += width) {
    const double* before = now - width;
    for (int64_t place = threadIdx.x; place < s.places; place += kRowBlock) {
      const double arriving = step == 0 ? (place < 2 ? 0 : kNothing)
                                        : log_add(before[place], place >= 1 ? before[place - 1] : kNothing,
                                                  s.may_skip_to(place) ? before[place - 2] : kNothing);
      now[place] = arriving + s.log_prob(step, place);
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) losses[n] = static_cast<C>(s.loss(log_alpha + n * t.steps * width, width));
}

// The gradient of a step is the probability of each class in the alignments, negated: the blank's is summed
// over the block, another one's by the thread of its first place in the target. scratch: the mass of all ends
// of alignments behind each place, for this step and the next.
template <class T, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock)
    ctc_backward_kernel(const T* log_probs, Targets t, const double* log_alpha, const C* scales,
                        bool zero_infinity, int64_t scratch_width, double* scratch, T* grad) {
  const int64_t n = blockIdx.x, width = 2 * t.width + 1;
  if (!usable(t, n, [](int64_t, int64_t) {})) return;
  const Sequence<T> s(log_probs, t, n);
  log_alpha += n * t.steps * width;
  scratch += n * scratch_width;
  grad += n * t.classes;
  const double loss = s.loss(log_alpha, width), scale = static_cast<double>(scales[n]);
  const bool infinite = loss == infinity();
  for (int64_t step = infinite ? 0 : s.steps; step < t.steps; ++step) {
    const bool undefined = infinite && !zero_infinity && step < s.steps;
    const T value = static_cast<T>(undefined ? __builtin_nanf("") : 0.0f);
    for (int64_t c = threadIdx.x; c < t.classes; c += kRowBlock) grad[step * s.stride + c] = value;
  }
  if (infinite) return;
  for (int64_t step = s.steps - 1; step >= 0; --step) {
    double *now = scratch + step % 2 * width, *after = scratch + (step + 1) % 2 * width;
    T* out = grad + step * s.stride;
    for (int64_t place = threadIdx.x; place < s.places; place += kRowBlock) {
      if (step == s.steps - 1) {
        now[place] = place >= s.places - 2 ? 0 : kNothing;
      } else {
        now[place] = log_add(after[place], place + 1 < s.places ? after[place + 1] : kNothing,
                             place + 2 < s.places && s.may_skip_to(place + 2) ? after[place + 2] : kNothing);
      }
    }
    for (int64_t c = threadIdx.x; c < t.classes; c += kRowBlock) out[c] = T(0.0f);
    __syncthreads();
    const auto probability = [&](int64_t place) {
      return vmath::exp(log_alpha[step * width + place] + now[place] + loss);
    };
    Sum<double> of_blank{0};
    for (int64_t place = 2 * int64_t{threadIdx.x}; place < s.places; place += 2 * kRowBlock) {
      of_blank.value += probability(place);
    }
    of_blank = BlockTeam::reduce(of_blank);
    if (threadIdx.x == 0) out[s.blank] = static_cast<T>(-scale * of_blank.value);
    const int64_t symbols = s.places / 2;
    for (int64_t i = threadIdx.x; i < symbols; i += kRowBlock) {
      bool first = true;
      for (int64_t j = 0; j < i && first; ++j) first = s.targets[j] != s.targets[i];
      if (!first) continue;
      double sum = 0;
      for (int64_t j = i; j < symbols; ++j) {
        if (s.targets[j] == s.targets[i]) sum += probability(2 * j + 1);
      }
      out[s.targets[i]] = static_cast<T>(-scale * sum);
    }
    __syncthreads();
    for (int64_t place = threadIdx.x; place < s.places; place += kRowBlock) {
      now[place] += s.log_prob(step, place);
    }
    __syncthreads();
  }
}

Targets targets_of(const Tensor& log_probs, const CtcTargets& t) {
  return {t.targets.data<const int64_t>(),
          t.input_lengths.data<const int64_t>(),
          t.target_lengths.data<const int64_t>(),
          t.blank,
          t.targets.size(1),
          log_probs.size(0),
          log_probs.size(1),
          log_probs.size(2)};
}

void ctc(const Tensor& log_probs, const CtcTargets& targets, Tensor& losses, Tensor& log_alpha) {
  const Targets t = targets_of(log_probs, targets);
  if (t.batch == 0) return;
  const FaultSlot fault = open_fault_slot();
  dispatch_floating(log_probs.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(ctc_kernel<T>, {.grid = static_cast<unsigned>(t.batch), .block = kRowBlock},
           log_probs.data<const T>(), t, fault, losses.data<compute_t<T>>(), log_alpha.data<double>());
  });
  close_fault_slot(fault, [width = t.width, steps = t.steps, classes = t.classes, blank = t.blank](
                              int64_t position, int64_t value) {
    const int64_t n = position / (width + 2), which = position % (width + 2);
    if (which >= 2) {
      return absl::StrCat("ctc_loss: target is out of range: targets[", n, ", ", which - 2, "] is ", value,
                          ", needed 0 <= target < ", classes, " and not blank ", blank);
    }
    const char* lengths = which == 0 ? "input_lengths" : "target_lengths";
    return absl::StrCat("ctc_loss: length is out of range: ", lengths, "[", n, "] is ", value,
                        ", needed 0 <= ", lengths, " <= ", which == 0 ? steps : width);
  });
}

void ctc_backward(const Tensor& log_probs, const CtcTargets& targets, const Tensor& log_alpha,
                  const Tensor& scales, bool zero_infinity, Tensor& scratch, Tensor& grad) {
  const Targets t = targets_of(log_probs, targets);
  if (t.batch == 0) return;
  dispatch_floating(log_probs.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(ctc_backward_kernel<T>, {.grid = static_cast<unsigned>(t.batch), .block = kRowBlock},
           log_probs.data<const T>(), t, log_alpha.data<const double>(), scales.data<const compute_t<T>>(),
           zero_infinity, scratch.size(1), scratch.data<double>(), grad.data<T>());
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kCtc(ctc_kernels, kDevice, kFloating, ctc);
const RegisterKernel kCtcBackward(ctc_backward_kernels, kDevice, kFloating, ctc_backward);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
