#include "recipes/kit/text/gguf_metadata.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/gguf_reader.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

enum Type : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
  kTypeCount
};

constexpr size_t kTypeSize[kTypeCount] = {1, 1, 2,  2, 4, 4, 4,
                                          1, 8, 12, 8, 8, 8};  // least bytes a value takes

// An element takes up to 32 bytes of memory and perhaps one of the file. The largest vocabularies have a
// quarter million, with as many scores and merges.
constexpr uint64_t kMaxElements = uint64_t{1} << 24;

class ValueReader {
 public:
  explicit ValueReader(GgufReader& reader) : reader_(reader) {}

  absl::StatusOr<int64_t> integer(uint32_t type) {
    switch (type) {
      case kU8:
        return widen<uint8_t>();
      case kI8:
        return widen<int8_t>();
      case kU16:
        return widen<uint16_t>();
      case kI16:
        return widen<int16_t>();
      case kU32:
        return widen<uint32_t>();
      case kI32:
        return widen<int32_t>();
      case kI64:
        return widen<int64_t>();
      default:
        break;
    }
    const size_t start = reader_.offset();
    ROUX_ASSIGN_OR_RETURN(const uint64_t value, reader_.plain<uint64_t>("a value"));
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return reader_.error(start, absl::StrCat("the integer ", value, " is above 2^63 - 1"));
    }
    return static_cast<int64_t>(value);
  }

  absl::StatusOr<double> real(uint32_t type) {
    if (type == kF64) return reader_.plain<double>("a value");
    ROUX_ASSIGN_OR_RETURN(const float value, reader_.plain<float>("a value"));
    return static_cast<double>(value);
  }

  absl::StatusOr<bool> boolean() {
    const size_t start = reader_.offset();
    ROUX_ASSIGN_OR_RETURN(const uint8_t value, reader_.plain<uint8_t>("a boolean"));
    if (value > 1)
      return reader_.error(start,
                           absl::StrCat("a boolean is ", static_cast<int>(value), ", expected 0 or 1"));
    return value == 1;
  }

  absl::StatusOr<GgufValue> value(uint32_t type, const std::string& key) {
    switch (type) {
      case kString:
        return lift(reader_.text("a string"));
      case kBool:
        return lift(boolean());
      case kF32:
      case kF64:
        return lift(real(type));
      case kArray:
        return array(key);
      default:
        return lift(integer(type));
    }
  }

 private:
  template <class T>
  absl::StatusOr<int64_t> widen() {
    ROUX_ASSIGN_OR_RETURN(const T value, reader_.plain<T>("a value"));
    return static_cast<int64_t>(value);
  }
  template <class T>
  static absl::StatusOr<GgufValue> lift(absl::StatusOr<T> value) {
    if (!value.ok()) return value.status();
    return GgufValue(*std::move(value));
  }
  template <class T, class Read>
  absl::StatusOr<GgufValue> list(uint64_t count, Read read) {
    std::vector<T> values;
    values.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      ROUX_ASSIGN_OR_RETURN(T value, read());
      values.push_back(std::move(value));
    }
    return GgufValue(std::move(values));
  }

  absl::StatusOr<GgufValue> array(const std::string& key) {
    const size_t start = reader_.offset();
    ROUX_ASSIGN_OR_RETURN(const uint32_t type, reader_.plain<uint32_t>("an array"));
    ROUX_ASSIGN_OR_RETURN(const uint64_t count, reader_.plain<uint64_t>("an array"));
    if (type >= kTypeCount)
      return reader_.error(start, absl::StrCat(key, " has element type ", type, ", expected 0 .. 12"));
    if (type == kArray)
      return reader_.error(start, absl::StrCat(key, " is an array of arrays, which is not supported"));
    if (count > reader_.left() / kTypeSize[type]) {
      return reader_.error(
          start, absl::StrCat(key, " claims ", count, " elements, ", reader_.left(), " bytes are left"));
    }
    elements_ += count;
    if (elements_ > kMaxElements) {
      return absl::ResourceExhaustedError(absl::StrCat(reader_.name(), ": byte ", start, ": with ", key,
                                                       " the arrays hold ", elements_, " elements, at most ",
                                                       kMaxElements, " are read"));
    }
    if (type == kString) return list<std::string>(count, [&] { return reader_.text("a string"); });
    if (type == kBool) return list<bool>(count, [&] { return boolean(); });
    if (type == kF32 || type == kF64) return list<double>(count, [&] { return real(type); });
    return list<int64_t>(count, [&] { return integer(type); });
  }

  GgufReader& reader_;
  uint64_t elements_ = 0;  // of all arrays
};

}  // namespace

absl::StatusOr<GgufMetadata> parse_gguf_metadata(std::string_view bytes, const std::string& name) {
  GgufReader reader(bytes, name);
  if (bytes.substr(0, 4) != "GGUF")
    return reader.error(0, "not a GGUF file: it does not begin with \"GGUF\"");
  ROUX_RETURN_IF_ERROR(reader.plain<uint32_t>("the header").status());
  ROUX_ASSIGN_OR_RETURN(const uint32_t version, reader.plain<uint32_t>("the header"));
  if (version != 2 && version != 3)
    return reader.error(4, absl::StrCat("GGUF version ", version, ", expected 2 or 3"));
  ROUX_ASSIGN_OR_RETURN(const uint64_t tensors, reader.plain<uint64_t>("the header"));
  ROUX_ASSIGN_OR_RETURN(const uint64_t count, reader.plain<uint64_t>("the header"));
  if (tensors > bytes.size() * 1024 + (uint64_t{1} << 40))
    return reader.error(8, absl::StrCat(tensors, " tensors"));
  if (count > reader.left() / 13) {  // 8 bytes of key length, 4 of type, 1 of value
    return reader.error(
        16, absl::StrCat("the header claims ", count, " keys, ", reader.left(), " bytes are left"));
  }
  ValueReader values_reader(reader);
  std::map<std::string, GgufValue> values;
  for (uint64_t i = 0; i < count; ++i) {
    const size_t start = reader.offset();
    ROUX_ASSIGN_OR_RETURN(std::string key, reader.text("a key"));
    ROUX_ASSIGN_OR_RETURN(const uint32_t type, reader.plain<uint32_t>("a value type"));
    if (type >= kTypeCount) {
      return reader.error(reader.offset() - 4, absl::StrCat(key, " has type ", type, ", expected 0 .. 12"));
    }
    ROUX_ASSIGN_OR_RETURN(GgufValue value, values_reader.value(type, key));
    if (!values.emplace(key, std::move(value)).second)
      return reader.error(start, absl::StrCat("key ", key, " comes twice"));
  }
  return GgufMetadata(name, std::move(values), static_cast<int64_t>(tensors), reader.offset());
}

absl::StatusOr<GgufMetadata> load_gguf_metadata(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot open"));
  struct stat info;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
    close(file);
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file with content"));
  }
  const auto size = static_cast<size_t>(info.st_size);
  void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  const int error = errno;
  close(file);
  if (map == MAP_FAILED) return absl::ErrnoToStatus(error, absl::StrCat(path, ": cannot map"));
  absl::StatusOr<GgufMetadata> result = parse_gguf_metadata({static_cast<const char*>(map), size}, path);
  munmap(map, size);
  return result;
}

template <class T>
absl::StatusOr<T> GgufMetadata::get(const std::string& key, const char* expected) const {
  const auto at = values_.find(key);
  if (at == values_.end()) return absl::NotFoundError(absl::StrCat(name_, ": no key ", key));
  if (const T* value = std::get_if<T>(&at->second)) return *value;
  return absl::InvalidArgumentError(absl::StrCat(name_, ": key ", key, " is not ", expected));
}

absl::StatusOr<int64_t> GgufMetadata::integer(const std::string& key) const {
  return get<int64_t>(key, "an integer");
}
absl::StatusOr<bool> GgufMetadata::boolean(const std::string& key) const {
  return get<bool>(key, "a boolean");
}
absl::StatusOr<std::string> GgufMetadata::text(const std::string& key) const {
  return get<std::string>(key, "a text");
}

absl::StatusOr<double> GgufMetadata::number(const std::string& key) const {
  if (const absl::StatusOr<int64_t> value = integer(key); value.ok()) return static_cast<double>(*value);
  return get<double>(key, "a number");
}
absl::StatusOr<std::vector<std::string>> GgufMetadata::texts(const std::string& key) const {
  return get<std::vector<std::string>>(key, "an array of texts");
}
absl::StatusOr<std::vector<int64_t>> GgufMetadata::integers(const std::string& key) const {
  return get<std::vector<int64_t>>(key, "an array of integers");
}
absl::StatusOr<std::vector<double>> GgufMetadata::numbers(const std::string& key) const {
  return get<std::vector<double>>(key, "an array of numbers");
}

}  // namespace roux::kit
