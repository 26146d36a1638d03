// Compressed modules of the SWORD project (zText, zCom): an archive of entries in the order of the verses.
//
//   ROUX_ASSIGN_OR_RETURN(SwordEntries entries, SwordEntries::open(".../ztext/engKJV2006eb/ot"));
//   for (int64_t i = 0; i < entries.size(); ++i) {
//     ROUX_ASSIGN_OR_RETURN(const std::string markup, entries.entry(i));      // OSIS; empty where there is none
//   }
//
// Three files: `.bzs` lists the compressed blocks (offset, size, size uncompressed), `.bzz` holds them
// (zlib),
// `.bzv` says for each entry in which block it lies, where, and how long it is; little-endian words of four
// bytes, the length in two bytes or in four. With blocks of chapters the letter is c, of verses v. Which
// verse an entry belongs to is not in the files but follows from the order. One block is kept; one thread at
// a time.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_SWORD_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_SWORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

class SwordEntries {
 public:
  static constexpr int64_t kMaxBlockBytes = int64_t{1} << 26;

  // `stem`: the path without its ending. NotFound without the three files; DataLoss for entries outside of
  // their blocks, blocks outside of the file.
  static absl::StatusOr<SwordEntries> open(const std::string& stem);
  // The endings of a module's three files, for the letter of its blocks.
  static std::vector<std::string> endings(char letter);

  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  // DataLoss for a block that does not inflate to its size. Throws Error when i is out of range.
  absl::StatusOr<std::string> entry(int64_t i);

 private:
  struct Block {
    int64_t offset, size, inflated;
  };
  struct Entry {
    int64_t block, start, size;
  };
  SwordEntries() = default;
  bool read_entries(const std::string& bytes, int64_t width);
  absl::Status inflate(int64_t block);

  std::string name_;
  std::string compressed_;
  std::vector<Block> blocks_;
  std::vector<Entry> entries_;
  int64_t current_ = -1;  // the block that text_ holds
  std::string text_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_SWORD_H_
