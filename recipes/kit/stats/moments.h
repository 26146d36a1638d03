// Means and variances that keep their digits: exact for constant samples, and without overflow or underflow.
#ifndef ROUX_RECIPES_KIT_STATS_MOMENTS_H_
#define ROUX_RECIPES_KIT_STATS_MOMENTS_H_

#include <span>

namespace roux::stats {

// The power of two at or below the largest |x| (1 if all are 0). Values divided by it, which is exact, can be
// squared and added up whatever their size. x is not empty.
double unit_of(std::span<const double> x);

// Mean of x, which is not empty. Equal values have exactly their value as mean.
double mean_of(std::span<const double> x);

struct Moments {
  double mean = 0;
  double variance_of_mean =
      0;  // s^2 / n with s^2 = sum (x - mean)^2 / (n - 1); 0 exactly for a constant sample
};

// Of x / unit; at least two values.
Moments moments(std::span<const double> x, double unit = 1);

// Degrees of freedom of the difference of two means by Welch and Satterthwaite; NaN when both variances are
// 0.
double welch_degrees(const Moments& a, double size_a, const Moments& b, double size_b);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_MOMENTS_H_
