// Made by unicode_forms.py: FNV-1a hashes of Python's unicodedata (Unicode 15.0).
#ifndef ROUX_TESTS_GOLDEN_UNICODE_FORMS_H_
#define ROUX_TESTS_GOLDEN_UNICODE_FORMS_H_

#include <cstdint>

namespace roux::golden {

struct Range {
  char32_t low, high;
};
constexpr Range kUnicodeRanges[] = {
    {0x41, 0x5B},     {0x61, 0x7B},     {0xC0, 0x250},      {0x300, 0x370},   {0x590, 0x5C8},
    {0x900, 0xA00},   {0xF40, 0xFC0},   {0x1100, 0x1200},   {0x1E00, 0x2000}, {0x3041, 0x3130},
    {0xAC00, 0xAC80}, {0xF900, 0xFB50}, {0x1D150, 0x1D1D0},
};
constexpr uint64_t kUnicodeForms[4] = {  // NFC, NFD, NFKC, NFKD
    0xB648D582BD4240ABu, 0x1AD8D6ECAC4334EEu, 0x5C93E5DB9184D2C7u, 0x16C021E3CFC2119Bu};
constexpr uint64_t kUnicodeLowercase = 0x49599F96588B2802u;  // str.lower()
constexpr uint64_t kUnicodeCategories = 0x9B253317B8921349u;

}  // namespace roux::golden

#endif  // ROUX_TESTS_GOLDEN_UNICODE_FORMS_H_
