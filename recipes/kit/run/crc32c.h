// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected; RFC 3720 appendix B.4): the checksum of checkpoints.
#ifndef ROUX_RECIPES_KIT_RUN_CRC32C_H_
#define ROUX_RECIPES_KIT_RUN_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace roux::kit {

// Checksum of `bytes`, going on from the checksum of what came before (0 at the start).
uint32_t crc32c(absl::string_view bytes, uint32_t crc = 0);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CRC32C_H_
