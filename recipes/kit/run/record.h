// Values as bytes, bit for bit: what parts return and what checkpoints hold beside tensors.
//
//   struct Curves {
//     std::vector<double> d0, d1;
//     template <class V> void visit(V&& v) { v("d0", d0), v("d1", d1); }
//   };
//   std::string bytes = encode_value(curves);
//   ROUX_RETURN_IF_ERROR(decode_value(bytes, curves));      // all or nothing
//
// A value is a number, a bool, an enum, a string, a vector of values, a map from strings to values, or a
// record: a struct whose visit() names its fields, each a value. Bytes carry names and kinds, so that what no
// longer fits is an error that names the field.
#ifndef ROUX_RECIPES_KIT_RUN_RECORD_H_
#define ROUX_RECIPES_KIT_RUN_RECORD_H_

#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tensor/error.h"

namespace roux::kit {
namespace internal {

struct AnyField {
  template <class T, class... More>
  void operator()(const char*, T&, const More&...) const {}
};

}  // namespace internal

// A struct with visit().
template <class T>
concept Record = std::is_class_v<T> && requires(T& record) {
  record.visit(internal::AnyField{});
};

namespace internal {

template <class T>
struct IsValue : std::bool_constant<std::is_arithmetic_v<T> || std::is_enum_v<T> || Record<T>> {};
template <>
struct IsValue<std::string> : std::true_type {};
template <class T>
struct IsValue<std::vector<T>> : IsValue<T> {};
template <class T>
struct IsValue<std::map<std::string, T>> : IsValue<T> {};

}  // namespace internal

// What encode_value takes.
template <class T>
concept Value = !std::is_const_v<T> && internal::IsValue<T>::value;

namespace internal {

enum ValueKind : char { kInteger = 'i', kNumber = 'd', kText = 's', kList = 'l', kMap = 'm', kRecord = 'r' };

class ValueWriter {
 public:
  void kind(ValueKind kind) { bytes_ += kind; }
  void word(uint64_t word);
  void text(absl::string_view text);

  template <class T>
  void value(const T& value) {
    if constexpr (std::is_floating_point_v<T>) {
      kind(kNumber), word(std::bit_cast<uint64_t>(static_cast<double>(value)));
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      kind(kInteger), word(static_cast<uint64_t>(value));
    } else if constexpr (std::is_same_v<T, std::string>) {
      kind(kText), text(value);
    } else if constexpr (Record<T>) {
      record(const_cast<T&>(value));  // visit() hands out references; nothing is written through them
    } else {
      container(value);
    }
  }
  std::string take() { return std::move(bytes_); }

 private:
  template <class T>
  void container(const std::vector<T>& list) {
    kind(kList), word(list.size());
    for (const T& item : list) value(item);
  }
  void container(const std::vector<bool>& list) {
    kind(kList), word(list.size());
    for (const bool item : list) value(item);
  }
  template <class T>
  void container(const std::map<std::string, T>& map) {
    kind(kMap), word(map.size());
    for (const auto& [key, item] : map) text(key), value(item);
  }
  template <class T>
  void record(T& record) {
    uint64_t fields = 0;
    record.visit([&](const char*, auto&, const auto&...) { ++fields; });
    kind(kRecord), word(fields);
    record.visit([&](const char* name, auto& field, const auto&...) { text(name), value(field); });
  }

  std::string bytes_;
};

// Reads what ValueWriter wrote. Errors say where: "fields.d1[3]: ...".
class ValueReader {
 public:
  explicit ValueReader(absl::string_view bytes) : rest_(bytes) {}

  template <class T>
  absl::Status value(T& value) {
    if constexpr (std::is_floating_point_v<T>) {
      uint64_t bits = 0;
      ROUX_RETURN_IF_ERROR(scalar(kNumber, bits));
      value = static_cast<T>(std::bit_cast<double>(bits));
      return absl::OkStatus();
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      uint64_t bits = 0;
      ROUX_RETURN_IF_ERROR(scalar(kInteger, bits));
      value = static_cast<T>(bits);
      return static_cast<uint64_t>(value) == bits ? absl::OkStatus()
                                                  : fail("the number does not fit its type");
    } else if constexpr (std::is_same_v<T, std::string>) {
      ROUX_RETURN_IF_ERROR(kind(kText));
      return text(value);
    } else if constexpr (Record<T>) {
      return record(value);
    } else {
      return container(value);
    }
  }
  absl::Status end() const;

 private:
  absl::Status fail(absl::string_view what) const;
  absl::Status kind(ValueKind wanted);
  absl::Status word(uint64_t& word);
  absl::Status scalar(ValueKind wanted, uint64_t& bits);
  // A count of items that take at least a byte each, so no more than there are bytes.
  absl::Status count(ValueKind wanted, uint64_t& count);
  absl::Status text(std::string& text);
  absl::Status field_name(const char* wanted);

  template <class T>
  absl::Status at(const std::string& where, T& item) {
    const size_t before = path_.size();
    path_ += where;
    ROUX_RETURN_IF_ERROR(value(item));
    path_.resize(before);
    return absl::OkStatus();
  }
  template <class T>
  absl::Status container(std::vector<T>& list) {
    uint64_t items = 0;
    ROUX_RETURN_IF_ERROR(count(kList, items));
    list.clear();
    for (uint64_t i = 0; i < items; ++i) {
      T item{};
      ROUX_RETURN_IF_ERROR(at("[" + std::to_string(i) + "]", item));
      list.push_back(std::move(item));
    }
    return absl::OkStatus();
  }
  template <class T>
  absl::Status container(std::map<std::string, T>& map) {
    uint64_t items = 0;
    ROUX_RETURN_IF_ERROR(count(kMap, items));
    map.clear();
    for (uint64_t i = 0; i < items; ++i) {
      std::string key;
      ROUX_RETURN_IF_ERROR(text(key));
      ROUX_RETURN_IF_ERROR(at("[" + key + "]", map[key]));
    }
    return absl::OkStatus();
  }
  template <class T>
  absl::Status record(T& record) {
    uint64_t there = 0, wanted = 0;
    ROUX_RETURN_IF_ERROR(count(kRecord, there));
    absl::Status status;
    record.visit([&](const char* name, auto& field, const auto&...) {
      if (++wanted > there || !status.ok()) return;
      status = field_name(name);
      if (status.ok()) status = at(std::string(".") + name, field);
    });
    ROUX_RETURN_IF_ERROR(status);
    return wanted == there
               ? absl::OkStatus()
               : fail("it has " + std::to_string(there) + " fields, needed are " + std::to_string(wanted));
  }

  absl::string_view rest_;
  std::string path_;
};

}  // namespace internal

template <Value T>
std::string encode_value(const T& value) {
  internal::ValueWriter writer;
  writer.value(value);
  return writer.take();
}

// DataLoss, with the field, when the bytes do not hold a T; then `value` has not changed.
template <Value T>
absl::Status decode_value(absl::string_view bytes, T& value) {
  T read{};
  internal::ValueReader reader(bytes);
  ROUX_RETURN_IF_ERROR(reader.value(read));
  ROUX_RETURN_IF_ERROR(reader.end());
  value = std::move(read);
  return absl::OkStatus();
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_RECORD_H_
