// Dictionaries in dictd's format: `name.index` (headword, position) with `name.dict` or `name.dict.dz`
// (definitions).
//
//   ROUX_ASSIGN_OR_RETURN(DictdReader reader, DictdReader::open("/usr/share/dictd/gcide.index"));
//   DictdEntry entry;
//   for (;;) {
//     ROUX_ASSIGN_OR_RETURN(const bool more, reader.next(&entry));
//     if (!more) break;
//     if (!entry.about_database) use(entry.headword, entry.definition);
//   }
//
// Streams the index; a definition is read where it stands. `.dict.dz` is dictzip: gzip whose extra field
// lists the compressed sizes of chunks that can be inflated alone, so a few chunks are in memory (16 MB at
// most). The checksum covers the whole text and is not looked at: a chunk may be damaged unnoticed where it
// still inflates to its size. One thread at a time.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_DICTD_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_DICTD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "recipes/kit/text/readers/byte_source.h"

namespace roux::kit {

// Random access to the bytes of a .dict or .dict.dz file.
class DictFile {
 public:
  virtual ~DictFile() = default;
  // `length` bytes at `offset` of the uncompressed text; DataLoss when they are not all there.
  virtual absl::StatusOr<std::string> read(int64_t offset, int64_t length) = 0;

  static absl::StatusOr<std::unique_ptr<DictFile>> open(const std::string& path);
  // From memory, for tests.
  static absl::StatusOr<std::unique_ptr<DictFile>> from_bytes(std::string bytes, const std::string& name);
};

struct DictdEntry {
  std::string headword;
  std::string definition;
  int64_t offset = 0;           // of the definition in the uncompressed text
  bool about_database = false;  // 00-database-info and the like: a description of the dictionary
};

class DictdReader {
 public:
  static constexpr int64_t kMaxDefinitionBytes = int64_t{1} << 24;

  // The .dict.dz or .dict beside the index is found by its name.
  static absl::StatusOr<DictdReader> open(const std::string& index_path);
  DictdReader(std::unique_ptr<ByteSource> index, std::unique_ptr<DictFile> definitions);

  // False at the end. Errors: "<index>: byte N: line L: ..." for a line that is not headword, offset, length;
  // the definition file's path and position for what is missing or damaged there.
  absl::StatusOr<bool> next(DictdEntry* entry);

 private:
  absl::Status error(const std::string& what) const;

  LineReader lines_;
  std::unique_ptr<DictFile> definitions_;
};

// dictd's number: base 64 with the digits A-Z a-z 0-9 + /, most significant first. InvalidArgument for
// anything else and for numbers above 2^62.
absl::StatusOr<int64_t> parse_dictd_number(const std::string& text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_DICTD_H_
