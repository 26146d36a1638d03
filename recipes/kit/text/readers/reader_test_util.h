// What the tests of the readers share: files in the test's folder, gzip data, and a status check.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_READER_TEST_UTIL_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_READER_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "recipes/kit/text/readers/byte_source.h"

namespace roux::kit {

// Writes a file below the test's temporary folder and returns its path.
std::string write_test_file(const std::string& name, const std::string& content);

// Hands out at most `step` bytes at a time, so that look-ahead crosses a buffer's end.
std::unique_ptr<ByteSource> dripping_source(std::string bytes, std::string name, size_t step);

// One gzip member.
std::string gzip_bytes(const std::string& content);

// A file as dictzip writes it, with chunks of `chunk_bytes`.
std::string dictzip_bytes(const std::string& content, int chunk_bytes);

// Checks that a status failed and that its message holds `text`.
testing::AssertionResult fails_with(const absl::Status& status, const std::string& text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_READER_TEST_UTIL_H_
