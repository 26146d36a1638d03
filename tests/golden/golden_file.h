// Reads tests/golden/tokenizers/NAME.golden (written by make_tokenizer_golden.py) and compares a tokenizer
// with it.
#ifndef ROUX_TESTS_GOLDEN_GOLDEN_FILE_H_
#define ROUX_TESTS_GOLDEN_GOLDEN_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::golden {

struct GoldenFile {
  int64_t strings = 0;
  size_t line = 0;               // ids written per full line
  std::vector<uint16_t> ids;     // hash per string
  std::vector<uint8_t> offsets;  // empty: the reference gives none
  std::vector<uint8_t> texts;    // decoded text of the first strings; empty: the reference gives none
  std::vector<std::vector<int32_t>> full;  // first ids of the first strings
};

absl::StatusOr<GoldenFile> read_golden(const std::string& path);

struct GoldenResult {
  int64_t strings = 0;
  int64_t wrong_ids = 0;
  int64_t wrong_offsets = 0;
  int64_t wrong_texts = 0;   // decoded text differs from the reference's
  int64_t wrong_stream = 0;  // streamed text differs from decoded text, or splits a character
  std::string first_wrong;   // index and what was seen, for the message
};

// Encodes make_string(i), with invalid bytes replaced as the references need it, for all i.
GoldenResult compare(const kit::Tokenizer& tokenizer, const GoldenFile& golden, kit::EncodeOptions options);

}  // namespace roux::golden

#endif  // ROUX_TESTS_GOLDEN_GOLDEN_FILE_H_
