// gzip decompression (RFC 1952) as a source: any number of members one after the other, checksums verified.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_GZIP_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_GZIP_H_

#include <memory>
#include <string>

#include "recipes/kit/text/readers/byte_source.h"

namespace roux::kit {

// The content of `compressed`. Errors name its position in the compressed file: not gzip, damaged, cut off,
// or followed by something else (zero padding is allowed). Memory is bounded whatever the content; how much
// comes out is not: pass a limit to what consumes it.
std::unique_ptr<ByteSource> gzip_source(std::unique_ptr<ByteSource> compressed);

// A file, decompressed when it starts with gzip's magic bytes.
absl::StatusOr<std::unique_ptr<ByteSource>> open_source(const std::string& path);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_GZIP_H_
