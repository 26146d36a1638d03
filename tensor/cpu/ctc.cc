// CPU kernels of ctc_loss: forward and backward masses in the log domain, in f64, one sequence a task.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/error.h"
#include "tensor/ops/ctc_tables.h"
#include "tensor/parallel.h"

namespace roux::cpu {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

double log_add(double a, double b, double c = kNothing) {
  if (a == kNothing && b == kNothing && c == kNothing) return kNothing;
  const double largest = std::max({a, b, c});
  return largest + std::log(std::exp(a - largest) + std::exp(b - largest) + std::exp(c - largest));
}

void check_targets(const CtcTargets& t, int64_t steps, int64_t classes) {
  const int64_t batch = t.targets.shape()[0], width = t.targets.shape()[1];
  const auto check_length = [](const char* name, const Tensor& lengths, int64_t n, int64_t most) {
    const int64_t length = lengths.data<const int64_t>()[n];
    ROUX_CHECK(length >= 0 && length <= most)
        << "ctc_loss: length is out of range: " << name << "[" << n << "] is " << length
        << ", needed 0 <= " << name << " <= " << most;
  };
  for (int64_t n = 0; n < batch; ++n) {
    check_length("input_lengths", t.input_lengths, n, steps);
    check_length("target_lengths", t.target_lengths, n, width);
    for (int64_t s = 0; s < t.target_lengths.data<const int64_t>()[n]; ++s) {
      const int64_t target = t.targets.data<const int64_t>()[n * width + s];
      ROUX_CHECK(target >= 0 && target < classes && target != t.blank)
          << "ctc_loss: target is out of range: targets[" << n << ", " << s << "] is " << target
          << ", needed 0 <= target < " << classes << " and not blank " << t.blank;
    }
  }
}

// One sequence of the batch.
template <class T>
struct Sequence {
  const T* log_probs;
  const int64_t* targets;
  int64_t blank, stride, steps, places;  // stride: from one step to the next

  Sequence(const Tensor& all, const CtcTargets& t, int64_t n)
      : log_probs(all.data<const T>() + n * all.shape()[2]),
        targets(t.targets.data<const int64_t>() + n * t.targets.shape()[1]),
        blank(t.blank),
        stride(all.shape()[1] * all.shape()[2]),
        steps(t.input_lengths.data<const int64_t>()[n]),
        places(2 * t.target_lengths.data<const int64_t>()[n] + 1) {}

  int64_t class_at(int64_t place) const { return place % 2 == 0 ? blank : targets[place / 2]; }
  double log_prob(int64_t step, int64_t place) const {
    return static_cast<double>(log_probs[step * stride + class_at(place)]);
  }
  // Whether an alignment may go from place - 2 to place: over a blank, between different symbols.
  bool may_skip_to(int64_t place) const {
    return place >= 2 && place % 2 == 1 && class_at(place) != class_at(place - 2);
  }
};

// The loss, from the masses after the last step.
template <class T>
double loss_of(const Sequence<T>& s, int64_t width, const double* log_alpha) {
  if (s.steps == 0) return s.places == 1 ? 0 : std::numeric_limits<double>::infinity();
  const double* last = log_alpha + (s.steps - 1) * width;
  return -log_add(last[s.places - 1], s.places >= 2 ? last[s.places - 2] : kNothing);
}

template <class T>
void forward(const Sequence<T>& s, int64_t width, double* log_alpha) {
  for (int64_t step = 0; step < s.steps; ++step) {
    const double* before = log_alpha + (step - 1) * width;
    double* now = log_alpha + step * width;
    for (int64_t place = 0; place < s.places; ++place) {
      const double arriving = step == 0 ? (place < 2 ? 0 : kNothing)
                                        : log_add(before[place], place >= 1 ? before[place - 1] : kNothing,
                                                  s.may_skip_to(place) ? before[place - 2] : kNothing);
      now[place] = arriving + s.log_prob(step, place);
    }
  }
}

// Sets the gradient in the steps of the sequence: the probability of each class in the alignments, negated.
// scratch: the mass of all ends of alignments behind each place for this step and the next, and classes.
template <class T>
void backward(const Sequence<T>& s, int64_t width, int64_t classes, const double* log_alpha, double loss,
              double scale, double* scratch, T* grad) {
  double* of_classes = scratch + 2 * width;
  for (int64_t step = s.steps - 1; step >= 0; --step) {
    double *now = scratch + step % 2 * width, *after = scratch + (step + 1) % 2 * width;
    std::fill_n(of_classes, classes, 0.0);
    for (int64_t place = 0; place < s.places; ++place) {
      if (step == s.steps - 1) {
        now[place] = place >= s.places - 2 ? 0 : kNothing;
      } else {
        now[place] = log_add(after[place], place + 1 < s.places ? after[place + 1] : kNothing,
                             place + 2 < s.places && s.may_skip_to(place + 2) ? after[place + 2] : kNothing);
      }
      of_classes[s.class_at(place)] += std::exp(log_alpha[step * width + place] + now[place] + loss);
    }
    for (int64_t place = 0; place < s.places; ++place) now[place] += s.log_prob(step, place);
    for (int64_t c = 0; c < classes; ++c) grad[step * s.stride + c] = static_cast<T>(-scale * of_classes[c]);
  }
}

void ctc_cpu(const Tensor& log_probs, const CtcTargets& t, Tensor& losses, Tensor& log_alpha) {
  const int64_t steps = log_probs.shape()[0], batch = log_probs.shape()[1], width = log_alpha.shape()[2];
  check_targets(t, steps, log_probs.shape()[2]);
  dispatch_floating(log_probs.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    parallel_for(0, batch, 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const Sequence<T> s(log_probs, t, n);
        double* alpha = log_alpha.data<double>() + n * steps * width;
        forward(s, width, alpha);
        losses.data<C>()[n] = static_cast<C>(loss_of(s, width, alpha));
      }
    });
  });
}

void ctc_backward_cpu(const Tensor& log_probs, const CtcTargets& t, const Tensor& log_alpha,
                      const Tensor& scales, bool zero_infinity, Tensor& scratch, Tensor& grad) {
  const int64_t steps = log_probs.shape()[0], batch = log_probs.shape()[1], classes = log_probs.shape()[2];
  const int64_t width = log_alpha.shape()[2];
  dispatch_floating(log_probs.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    parallel_for(0, batch, 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const Sequence<T> s(log_probs, t, n);
        const double* alpha = log_alpha.data<const double>() + n * steps * width;
        const double loss = loss_of(s, width, alpha);
        const bool infinite = loss == std::numeric_limits<double>::infinity();
        T* out = grad.data<T>() + n * classes;
        for (int64_t step = infinite ? 0 : s.steps; step < steps; ++step) {
          const bool undefined = infinite && !zero_infinity && step < s.steps;
          std::fill_n(out + step * s.stride, classes, static_cast<T>(undefined ? NAN : 0.0f));
        }
        if (infinite) continue;
        backward(s, width, classes, alpha, loss, static_cast<double>(scales.data<const C>()[n]),
                 scratch.data<double>() + n * scratch.shape()[1], out);
      }
    });
  });
}

const RegisterKernel kCtc(ctc_kernels, DeviceType::kCpu, kFloating, ctc_cpu);
const RegisterKernel kCtcBackward(ctc_backward_kernels, DeviceType::kCpu, kFloating, ctc_backward_cpu);

}  // namespace
}  // namespace roux::cpu
