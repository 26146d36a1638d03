#include "recipes/kit/text/readers/sword.h"

#include <zlib.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/byte_source.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 30;
constexpr int64_t kBlockWidth = 12;

absl::StatusOr<std::string> read_whole(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source, open_file(path));
  return read_all(*source, kMaxFileBytes);
}

int64_t little_endian(const std::string& bytes, int64_t at, int width) {
  int64_t value = 0;
  for (int i = 0; i < width; ++i)
    value |= int64_t{static_cast<unsigned char>(bytes[static_cast<size_t>(at + i)])} << (8 * i);
  return value;
}

}  // namespace

std::vector<std::string> SwordEntries::endings(char letter) {
  const std::string stem(1, letter);
  return {"." + stem + "zs", "." + stem + "zv", "." + stem + "zz"};
}

absl::StatusOr<SwordEntries> SwordEntries::open(const std::string& stem) {
  for (const char letter : {'b', 'c', 'v'}) {
    const std::vector<std::string> ends = endings(letter);
    const absl::StatusOr<std::string> blocks = read_whole(stem + ends[0]);
    if (absl::IsNotFound(blocks.status())) continue;
    ROUX_RETURN_IF_ERROR(blocks.status());
    ROUX_ASSIGN_OR_RETURN(const std::string entries, read_whole(stem + ends[1]));
    SwordEntries module;
    module.name_ = stem + ends[2];
    ROUX_ASSIGN_OR_RETURN(module.compressed_, read_whole(module.name_));
    const auto file_size = static_cast<int64_t>(module.compressed_.size());
    for (int64_t at = 0; at + kBlockWidth <= static_cast<int64_t>(blocks->size()); at += kBlockWidth) {
      const Block block{little_endian(*blocks, at, 4), little_endian(*blocks, at + 4, 4),
                        little_endian(*blocks, at + 8, 4)};
      if (block.offset + block.size > file_size || block.inflated > kMaxBlockBytes)
        return damaged(stem + ends[0], at, "a block is not inside of the file");
      module.blocks_.push_back(block);
    }
    // Modules do not say reliably how wide their lengths are; a wrong width leads outside of the blocks.
    if (!module.read_entries(entries, 10) && !module.read_entries(entries, 12))
      return damaged(stem + ends[1], 0, "entries are not inside of their blocks");
    return module;
  }
  return absl::NotFoundError(absl::StrCat(stem, ": no module of SWORD (.bzs, .czs or .vzs)"));
}

bool SwordEntries::read_entries(const std::string& bytes, int64_t width) {
  entries_.clear();
  const auto size = static_cast<int64_t>(bytes.size());
  if (size % width != 0) return false;
  for (int64_t at = 0; at < size; at += width) {
    const Entry entry{little_endian(bytes, at, 4), little_endian(bytes, at + 4, 4),
                      little_endian(bytes, at + 8, static_cast<int>(width - 8))};
    const bool inside = entry.block < static_cast<int64_t>(blocks_.size()) &&
                        entry.start + entry.size <= blocks_[static_cast<size_t>(entry.block)].inflated;
    if (entry.size > 0 && !inside) return false;
    entries_.push_back(entry);
  }
  return true;
}

absl::Status SwordEntries::inflate(int64_t block) {
  const Block& where = blocks_[static_cast<size_t>(block)];
  text_.resize(static_cast<size_t>(where.inflated));
  uLongf size = text_.size();
  const int result = ::uncompress(reinterpret_cast<Bytef*>(text_.data()), &size,
                                  reinterpret_cast<const Bytef*>(compressed_.data() + where.offset),
                                  static_cast<uLong>(where.size));
  current_ = -1;
  if (result != Z_OK || size != text_.size())
    return damaged(name_, where.offset,
                   absl::StrCat("block ", block, " does not inflate to ", where.inflated, " bytes"));
  current_ = block;
  return absl::OkStatus();
}

absl::StatusOr<std::string> SwordEntries::entry(int64_t i) {
  ROUX_CHECK(i >= 0 && i < size()) << "sword: there is no entry " << i << " of " << size();
  const Entry& entry = entries_[static_cast<size_t>(i)];
  if (entry.size == 0) return std::string();
  if (entry.block != current_) ROUX_RETURN_IF_ERROR(inflate(entry.block));
  return text_.substr(static_cast<size_t>(entry.start), static_cast<size_t>(entry.size));
}

}  // namespace roux::kit
