// Whether two runs gave the same numbers: one device against another.
#ifndef ROUX_RECIPES_SAME_NUMBERS_H_
#define ROUX_RECIPES_SAME_NUMBERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "recipes/compare.h"

namespace roux::kit {

struct NumberComparison {
  int64_t numbers = 0;                   // that both runs have
  double largest = 0;                    // of |a - b| / max(1, |a|, |b|)
  std::vector<std::string> differences;  // "metrics.jsonl line 3 (salt/seed1, step 2): loss is 1.25 and 1.5"
};

// Every value of metrics.jsonl and claims.json, line by line and claim by claim. Numbers are the same where
// |a - b| <= tolerance * max(1, |a|, |b|); all else must be equal, but
// for verdicts, which follow from the numbers.
NumberComparison compare_numbers(const RunFolder& a, const RunFolder& b, double tolerance);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_SAME_NUMBERS_H_
