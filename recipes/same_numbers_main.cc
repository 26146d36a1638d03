// Compares the numbers of two runs:  same_numbers DIR DIR TOLERANCE. Exit code 1 where they differ.
#include <algorithm>
#include <cstdio>

#include "absl/strings/numbers.h"
#include "recipes/same_numbers.h"

int main(int argc, char** argv) {
  double tolerance = 0;
  if (argc != 4 || !absl::SimpleAtod(argv[3], &tolerance) || !(tolerance >= 0)) {
    std::fprintf(stderr, "usage: same_numbers DIR DIR TOLERANCE\n");
    return 2;
  }
  const auto a = roux::kit::read_run_folder(argv[1]), b = roux::kit::read_run_folder(argv[2]);
  for (const auto* folder : {&a, &b}) {
    if (folder->ok()) continue;
    std::fprintf(stderr, "%s\n", std::string(folder->status().message()).c_str());
    return 2;
  }
  const roux::kit::NumberComparison compared = roux::kit::compare_numbers(*a, *b, tolerance);
  constexpr size_t kShown = 20;
  const size_t differing = compared.differences.size();
  for (size_t i = 0; i < std::min(kShown, differing); ++i)
    std::printf("%s\n", compared.differences[i].c_str());
  if (differing > kShown) std::printf("... and %zu more\n", differing - kShown);
  std::printf("%lld numbers, the largest difference is %.2g of max(1, |x|), allowed are %g\n",
              static_cast<long long>(compared.numbers), compared.largest, tolerance);
  return differing == 0 && compared.numbers > 0 ? 0 : 1;
}
