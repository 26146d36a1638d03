// The strings of text_strings.py: same index, same bytes.
#ifndef ROUX_TESTS_GOLDEN_TEXT_STRINGS_H_
#define ROUX_TESTS_GOLDEN_TEXT_STRINGS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace roux::golden {

std::string make_string(uint64_t index);

// 64-bit FNV-1a over 32-bit little-endian words, as text_strings.fnv.
uint64_t fnv(const std::vector<uint32_t>& words);

}  // namespace roux::golden

#endif  // ROUX_TESTS_GOLDEN_TEXT_STRINGS_H_
