// SHA-256 (FIPS 180-4): names the bytes that a run read. Not for secrets.
//
//   Sha256 hash;
//   hash.update(block);
//   hash.hex();                       // 64 lower-case digits, as sha256sum prints them
#ifndef ROUX_RECIPES_KIT_DATA_SHA256_H_
#define ROUX_RECIPES_KIT_DATA_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roux::kit {

class Sha256 {
 public:
  void update(absl::string_view bytes);
  // Of everything so far; update() may go on afterwards.
  std::string hex() const;

 private:
  void compress(const unsigned char* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> tail_ = {};
  uint64_t bytes_ = 0;
};

std::string sha256(absl::string_view bytes);

// Of a file, read in blocks. Errors name the path and the system's reason.
absl::StatusOr<std::string> sha256_of_file(const std::string& path);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SHA256_H_
