#include "tensor/io/safetensors_header.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux {
namespace {

constexpr int64_t kPrefix = 8;  // bytes of the header's length
constexpr const char* kDTypeNames[kPlainDTypeCount] = {"F32", "F64", "BF16", "F16",
                                                       "I32", "I64", "U8",   "BOOL"};

class HeaderReader {
 public:
  HeaderReader(absl::string_view file, const std::string& path)
      : file_(file), path_(path), size_(static_cast<int64_t>(file.size())) {}

  absl::StatusOr<SafetensorsHeader> read() {
    ROUX_ASSIGN_OR_RETURN(const JsonValue json, parse());
    SafetensorsHeader header;
    for (const auto& [name, value] : json.members()) {
      if (name == kSafetensorsMetadataKey) {
        ROUX_RETURN_IF_ERROR(read_metadata(value, &header));
      } else {
        ROUX_ASSIGN_OR_RETURN(SafetensorsEntry entry, read_entry(name, value));
        header.entries.push_back(std::move(entry));
      }
    }
    ROUX_RETURN_IF_ERROR(check_coverage(header.entries));
    return header;
  }

 private:
  absl::Status damaged(int64_t offset, absl::string_view what) const {
    return absl::DataLossError(absl::StrCat(path_, ": byte ", offset, ": ", what));
  }
  absl::Status damaged(const JsonValue& value, const std::string& name, absl::string_view what) const {
    return damaged(kPrefix + value.offset(), absl::StrCat("tensor \"", name, "\": ", what));
  }

  absl::StatusOr<JsonValue> parse() {
    if (size_ < kPrefix) {
      return damaged(size_, absl::StrCat("the file ends here; a safetensors file has at least 8 bytes"));
    }
    uint64_t length;
    std::memcpy(&length, file_.data(), kPrefix);
    const auto rest = static_cast<uint64_t>(size_ - kPrefix);
    if (length > rest || length > static_cast<uint64_t>(kMaxSafetensorsHeader)) {
      return damaged(0, absl::StrCat("a header of ", length, " bytes does not fit: the file has ", rest,
                                     " behind its length and a header at most ", kMaxSafetensorsHeader));
    }
    data_begin_ = kPrefix + static_cast<int64_t>(length);
    const absl::string_view text = file_.substr(kPrefix, length);
    if (text.empty() || text[0] != '{') return damaged(kPrefix, "the header is no JSON object");
    // Offsets in the parser's own messages count from the header's start, and say so.
    absl::StatusOr<JsonValue> json =
        parse_json_value({text.data(), text.size()}, absl::StrCat(path_, ": header (from byte 8)"),
                         {.max_depth = 4, .unique_keys = true});
    if (!json.ok()) return absl::DataLossError(json.status().message());
    return json;
  }

  absl::Status read_metadata(const JsonValue& value, SafetensorsHeader* header) const {
    if (!value.is_object()) {
      return damaged(kPrefix + value.offset(), absl::StrCat("__metadata__ is a ", value.type_name()));
    }
    for (const auto& [key, text] : value.members()) {
      if (!text.is_string()) {
        return damaged(kPrefix + text.offset(),
                       absl::StrCat("__metadata__: \"", key, "\" is a ", text.type_name(), ", not a string"));
      }
      header->metadata.emplace_back(key, text.string());
    }
    return absl::OkStatus();
  }

  absl::StatusOr<SafetensorsEntry> read_entry(const std::string& name, const JsonValue& value) const {
    if (!value.is_object()) return damaged(value, name, absl::StrCat("is a ", value.type_name()));
    const JsonValue* const dtype = value.find("dtype");
    const JsonValue* const shape = value.find("shape");
    const JsonValue* const offsets = value.find("data_offsets");
    if (dtype == nullptr || shape == nullptr || offsets == nullptr || value.members().size() != 3) {
      return damaged(value, name, "does not have exactly dtype, shape and data_offsets");
    }
    SafetensorsEntry entry;
    entry.name = name;
    entry.offset = kPrefix + value.offset();
    ROUX_ASSIGN_OR_RETURN(entry.spec.dtype, read_dtype(name, *dtype));
    ROUX_ASSIGN_OR_RETURN(const int64_t bytes, read_shape(name, *shape, &entry.spec));
    ROUX_RETURN_IF_ERROR(read_offsets(*offsets, bytes, &entry));
    return entry;
  }

  absl::StatusOr<DType> read_dtype(const std::string& name, const JsonValue& value) const {
    if (!value.is_string()) return damaged(value, name, absl::StrCat("dtype is a ", value.type_name()));
    for (int i = 0; i < kPlainDTypeCount; ++i) {
      if (value.string() == kDTypeNames[i]) return static_cast<DType>(i);
    }
    return absl::UnimplementedError(absl::StrCat(path_, ": byte ", kPrefix + value.offset(), ": tensor \"",
                                                 name, "\" has dtype ", value.string(),
                                                 "; F32, F64, BF16, F16, I32, I64, U8, BOOL can be read"));
  }

  // Fills the shape; returns the bytes it needs.
  absl::StatusOr<int64_t> read_shape(const std::string& name, const JsonValue& value,
                                     TensorSpec* spec) const {
    if (!value.is_array()) return damaged(value, name, absl::StrCat("shape is a ", value.type_name()));
    if (value.items().size() > kMaxRank) {
      return absl::UnimplementedError(absl::StrCat(path_, ": byte ", kPrefix + value.offset(), ": tensor \"",
                                                   name, "\" has ", value.items().size(),
                                                   " axes, Roux tensors have at most ", kMaxRank));
    }
    // Zero sizes are left out of the product, so that strides cannot overflow either.
    auto bytes = static_cast<int64_t>(size_of(spec->dtype));
    bool empty = false;
    for (const JsonValue& item : value.items()) {
      if (!item.is_integer() || item.integer() < 0) {
        return damaged(item, name, "a size in its shape is no integer from 0 to 2^63 - 1");
      }
      spec->shape.push_back(item.integer());
      empty |= item.integer() == 0;
      if (item.integer() != 0 && __builtin_mul_overflow(bytes, item.integer(), &bytes)) {
        return damaged(item, name, "its shape needs more than 2^63 bytes");
      }
    }
    return empty ? 0 : bytes;
  }

  absl::Status read_offsets(const JsonValue& value, int64_t bytes, SafetensorsEntry* entry) const {
    if (!value.is_array() || value.items().size() != 2 || !value.items()[0].is_integer() ||
        !value.items()[1].is_integer()) {
      return damaged(value, entry->name, "data_offsets is no pair of integers");
    }
    const int64_t begin = value.items()[0].integer(), end = value.items()[1].integer();
    if (begin < 0 || begin > end || end > size_ - data_begin_) {
      return damaged(value, entry->name,
                     absl::StrCat("data_offsets [", begin, ",", end, "] do not lie in the ",
                                  size_ - data_begin_, " bytes of data"));
    }
    if (end - begin != bytes) {
      return damaged(value, entry->name,
                     absl::StrCat("data_offsets [", begin, ",", end, "] hold ", end - begin, " bytes, ",
                                  to_string(entry->spec), " needs ", bytes));
    }
    entry->begin = data_begin_ + begin;
    entry->end = data_begin_ + end;
    return absl::OkStatus();
  }

  absl::Status check_coverage(const std::vector<SafetensorsEntry>& entries) const {
    std::vector<const SafetensorsEntry*> sorted;
    sorted.reserve(entries.size());
    for (const SafetensorsEntry& entry : entries) sorted.push_back(&entry);
    std::sort(sorted.begin(), sorted.end(), [](const SafetensorsEntry* a, const SafetensorsEntry* b) {
      return std::make_pair(a->begin, a->end) < std::make_pair(b->begin, b->end);
    });
    int64_t covered = data_begin_;
    for (const SafetensorsEntry* entry : sorted) {
      if (entry->begin != covered) {
        return damaged(entry->offset,
                       absl::StrCat("tensor \"", entry->name, "\": its data begin at byte ", entry->begin,
                                    entry->begin < covered ? ", inside another tensor that ends at "
                                                           : ", behind a gap that begins at ",
                                    covered));
      }
      covered = entry->end;
    }
    if (covered != size_) {
      return damaged(covered, absl::StrCat(size_ - covered, " bytes that belong to no tensor end the file"));
    }
    return absl::OkStatus();
  }

  const absl::string_view file_;
  const std::string path_;
  const int64_t size_;
  int64_t data_begin_ = kPrefix;
};

}  // namespace

const char* safetensors_dtype_name(DType dtype) { return kDTypeNames[static_cast<int>(dtype)]; }

absl::StatusOr<SafetensorsHeader> read_safetensors_header(absl::string_view file, const std::string& path) {
  return HeaderReader(file, path).read();
}

}  // namespace roux
