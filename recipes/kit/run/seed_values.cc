#include "recipes/kit/run/seed_values.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace roux::kit {
namespace {

template <class F>
SeedValues combined(const char* what, SeedValues a, const SeedValues& b, F f) {
  ROUX_CHECK(a.size() == b.size()) << what << ": " << a.size() << " and " << b.size()
                                   << " values, needed one a seed on both sides";
  for (size_t s = 0; s < a.size(); ++s) a[s] = f(a[s], b[s]);
  return a;
}

}  // namespace

SeedValues each_seed(size_t seeds, const std::function<double(size_t seed)>& f) {
  SeedValues values;
  for (size_t s = 0; s < seeds; ++s) values.push_back(f(s));
  return values;
}

SeedValues minus(const SeedValues& a, const SeedValues& b) {
  return combined("minus", a, b, [](double x, double y) { return x - y; });
}

SeedValues relative(const SeedValues& a, const SeedValues& b) {
  return combined("relative", a, b, [](double x, double y) { return x / y - 1; });
}

SeedValues lowest(const std::vector<SeedValues>& of) {
  ROUX_CHECK(!of.empty()) << "lowest: of nothing";
  SeedValues out = of[0];
  for (const SeedValues& one : of)
    out = combined("lowest", std::move(out), one, [](double x, double y) { return std::min(x, y); });
  return out;
}

SeedValues absolute(const SeedValues& a) {
  SeedValues out = a;
  for (double& x : out) x = std::abs(x);
  return out;
}

}  // namespace roux::kit
