// Compiled gettext catalogues (.mo): pairs of an English key and its translation, the parallel text of
// Debian's localisation packages.
//
//   ROUX_ASSIGN_OR_RETURN(MoCatalog catalog, MoCatalog::open(".../LC_MESSAGES/sw.mo"));
//   for (int64_t i = 0; i < catalog.size(); ++i) {
//     ROUX_ASSIGN_OR_RETURN(const MoEntry entry, catalog.entry(i));
//     if (!entry.id.empty()) use(entry.id, entry.translations[0]);
//   }
//
// Format: GNU gettext manual, section "The Format of GNU MO Files"; both byte orders. The file is kept in
// memory, entries are cut out of it on demand. Immutable, so thread-safe.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_MO_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_MO_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

struct MoEntry {
  std::string_view context;    // what stands before \x04 in the key; empty without one
  std::string_view id;         // the English text; empty for the header entry
  std::string_view id_plural;  // empty without plural forms
  std::vector<std::string_view>
      translations;  // one, or one a plural form; views live as long as the catalogue
};

class MoCatalog {
 public:
  static constexpr int64_t kMaxBytes = int64_t{1} << 26;

  static absl::StatusOr<MoCatalog> open(const std::string& path);  // .gz is decompressed
  // `name` is for errors. DataLoss with the position: no magic number, a table or a string outside the file,
  // a string without its final zero, tables that use the same bytes over and over, a string that is not in
  // the character set of the header. Unimplemented: an unknown revision or character set. Other sets than
  // UTF-8 are converted.
  static absl::StatusOr<MoCatalog> parse(std::string bytes, std::string name);

  int64_t size() const { return count_; }
  // DataLoss when the entry has fewer than one translation or is not UTF-8; Error when i is out of range.
  absl::StatusOr<MoEntry> entry(int64_t i) const;

  // The value of a header line, e.g. header("Plural-Forms"); empty when it is missing.
  std::string header(const std::string& field) const;

 private:
  MoCatalog() = default;
  uint32_t word(int64_t offset) const;
  absl::Status check_table(int64_t table, const char* what) const;
  absl::Status convert(const std::string& charset);
  std::string_view string_at(int64_t table, int64_t i) const;

  std::string name_;
  std::string bytes_;
  bool swapped_ = false;
  int64_t count_ = 0;
  int64_t ids_ = 0;           // offset of the table of keys: count_ pairs of length and offset
  int64_t translations_ = 0;  // the same of translations
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_MO_H_
