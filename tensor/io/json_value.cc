#include "tensor/io/json_value.h"

#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tensor/error.h"

namespace roux {
namespace {

// Tells the builder how far the parser has read, which its events do not.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, int64_t* read) : at_(at), read_(read) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*read_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  int64_t* read_;
};

// Builds the value from the events of the library's parser, which uses no recursion. Open containers are kept
// by value: a pointer into a growing parent would dangle.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(const JsonLimits& limits, const std::string& where, const int64_t& read)
      : limits_(limits), where_(where), read_(read) {}

  bool null() override { return add(JsonValue()); }
  bool boolean(bool value) override { return add(JsonValue(value)); }
  bool number_integer(number_integer_t value) override { return add(JsonValue(static_cast<int64_t>(value))); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value <= static_cast<uint64_t>(INT64_MAX)) return add(JsonValue(static_cast<int64_t>(value)));
    return add(JsonValue(static_cast<double>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return add(JsonValue(value)); }
  bool string(string_t& value) override { return add(JsonValue(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(JsonValue(JsonValue::Members())); }
  bool start_array(std::size_t) override { return open(JsonValue(JsonValue::Items())); }
  bool key(string_t& value) override {
    keys_.back() = std::move(value);
    return count();
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ...": the part after
    // the position
    std::string what = error.what();
    const size_t start = what.find(": ");
    if (start != std::string::npos) what = what.substr(start + 2);
    if (what.rfind("syntax error ", 0) == 0) what = what.substr(13);
    (void)token;
    status_ = absl::InvalidArgumentError(absl::StrCat(where_, ": byte ", position > 0 ? position - 1 : 0,
                                                      ": not JSON: ", what.substr(0, 300)));
    return false;
  }

  absl::StatusOr<JsonValue> result() {
    if (!status_.ok()) return status_;
    return std::move(root_);
  }

 private:
  bool count() {
    if (++values_ <= limits_.max_values) return true;
    status_ = absl::ResourceExhaustedError(
        absl::StrCat(where_, ": byte ", read_, ": holds more than ", limits_.max_values, " values"));
    return false;
  }
  bool open(JsonValue container) {
    container.set_offset(read_ - 1);
    if (static_cast<int>(open_.size()) >= limits_.max_depth) {
      status_ = absl::ResourceExhaustedError(
          absl::StrCat(where_, ": byte ", read_ - 1, ": nested deeper than ", limits_.max_depth));
      return false;
    }
    open_.push_back(std::move(container));
    keys_.emplace_back();
    return count();
  }
  bool close() {
    JsonValue done = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    if (limits_.unique_keys && done.is_object() && !check_unique(done)) return false;
    attach(std::move(done));
    return true;
  }
  bool check_unique(const JsonValue& object) {
    absl::flat_hash_set<absl::string_view> keys;
    for (const auto& member : object.members()) {
      if (keys.insert(member.first).second) continue;
      status_ = absl::InvalidArgumentError(absl::StrCat(where_, ": byte ", member.second.offset(),
                                                        ": the key \"", member.first, "\" repeats"));
      return false;
    }
    return true;
  }
  bool add(JsonValue value) {
    value.set_offset(read_ - 1);
    attach(std::move(value));
    return count();
  }
  void attach(JsonValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().is_array()) {
      open_.back().items().push_back(std::move(value));
    } else {
      open_.back().members().emplace_back(std::move(keys_.back()), std::move(value));
    }
  }

  JsonLimits limits_;
  std::string where_;
  const int64_t& read_;  // bytes that the parser has taken
  std::vector<JsonValue> open_;
  std::vector<std::string> keys_;  // of each open object: the key whose value comes next
  JsonValue root_;
  int64_t values_ = 0;
  absl::Status status_;
};

template <class T, class Data>
auto& get(Data& data, const JsonValue& value, const char* wanted) {
  auto* found = std::get_if<T>(&data);
  ROUX_CHECK(found != nullptr) << "json_value: wrong type: value is " << value.type_name() << ", not "
                               << wanted;
  return *found;
}

}  // namespace

const char* JsonValue::type_name() const {
  static const char* const names[] = {"null", "bool", "number", "number", "string", "array", "object"};
  return names[data_.index()];
}

bool JsonValue::boolean() const { return get<bool>(data_, *this, "bool"); }
int64_t JsonValue::integer() const { return get<int64_t>(data_, *this, "an integer"); }
double JsonValue::number() const {
  if (is_integer()) return static_cast<double>(integer());
  return get<double>(data_, *this, "a number");
}
const std::string& JsonValue::string() const { return get<std::string>(data_, *this, "a string"); }
const JsonValue::Items& JsonValue::items() const { return get<Items>(data_, *this, "an array"); }
const JsonValue::Members& JsonValue::members() const { return get<Members>(data_, *this, "an object"); }
JsonValue::Items& JsonValue::items() { return get<Items>(data_, *this, "an array"); }
JsonValue::Members& JsonValue::members() { return get<Members>(data_, *this, "an object"); }

const JsonValue* JsonValue::find(std::string_view key) const {
  const auto* members = std::get_if<Members>(&data_);
  if (members == nullptr) return nullptr;
  for (auto member = members->rbegin(); member != members->rend(); ++member) {
    if (member->first == key) return &member->second;
  }
  return nullptr;
}

absl::StatusOr<JsonValue> parse_json_value(std::string_view text, const std::string& where,
                                           const JsonLimits& limits) {
  int64_t read = 0;
  Builder builder(limits, where, read);
  nlohmann::json::sax_parse(CountingIterator(text.data(), &read),
                            CountingIterator(text.data() + text.size(), nullptr), &builder);
  return builder.result();
}

}  // namespace roux
