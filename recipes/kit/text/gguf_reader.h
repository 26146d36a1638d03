// Plain values one behind another in the bytes of a GGUF file; damage is a Status with path and byte.
#ifndef ROUX_RECIPES_KIT_TEXT_GGUF_READER_H_
#define ROUX_RECIPES_KIT_TEXT_GGUF_READER_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::kit {

class GgufReader {
 public:
  // Both must outlive the reader. `name` stands in messages.
  GgufReader(std::string_view bytes, const std::string& name, size_t offset = 0)
      : bytes_(bytes), name_(name), at_(offset) {}

  const std::string& name() const { return name_; }
  size_t offset() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  absl::Status error(size_t offset, const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": byte ", offset, ": ", what));
  }

  template <class T>
  absl::StatusOr<T> plain(const char* what) {
    if (left() < sizeof(T)) return error(at_, absl::StrCat("the file ends inside ", what));
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  // Its length as u64, then so many bytes.
  absl::StatusOr<std::string> text(const char* what) {
    const size_t start = at_;
    ROUX_ASSIGN_OR_RETURN(const uint64_t size, plain<uint64_t>(what));
    if (size > left())
      return error(start, absl::StrCat(what, " claims ", size, " bytes, ", left(), " are left"));
    std::string value(bytes_.substr(at_, size));
    at_ += size;
    return value;
  }

 private:
  std::string_view bytes_;
  const std::string& name_;
  size_t at_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_GGUF_READER_H_
