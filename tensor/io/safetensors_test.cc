#include "tensor/io/safetensors.h"
#include "tensor/fresh_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tensor/io/atomic_file.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

const SafetensorsMetadata kMetadata = {{"format", "np"}, {"text", "quote \" and Grüße"}};

testing::AssertionResult fails_with(const absl::Status& status, const std::string& text) {
  if (!status.ok() && absl::StrContains(status.message(), text)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status << "\n  wanted: " << text;
}

// f(0), f(1), ... f(5) as [2,3].
template <class F>
Tensor six(DType dtype, const F& f) {
  std::vector<double> values;
  for (int i = 0; i < 6; ++i) values.push_back(f(i));
  return cast(tensor(values, {2, 3}), dtype);
}

// The tensors of tests/golden/safetensors_files.py.
NamedTensors all_dtypes() {
  std::vector<int64_t> large;
  for (int64_t i = 0; i < 6; ++i) large.push_back(i * (int64_t{1} << 40) - 1);
  return {{"f32", six(kF32, [](int i) { return i / 4.0 - 0.5; })},
          {"f64", six(kF64, [](int i) { return i / 3.0; })},
          {"bf16", six(kBF16, [](int i) { return i * 1.5 - 2; })},
          {"f16", six(kF16, [](int i) { return i * 0.125; })},
          {"i32", six(kI32, [](int i) { return i * -1000; })},
          {"i64", tensor(large, {2, 3})},
          {"u8", six(kU8, [](int i) { return i * 51; })},
          {"bool", six(kBool, [](int i) { return i % 2; })},
          {"scalar", full({}, 2.5)},
          {"no_rows", zeros({0, 3})},
          {"layers.0.weight \"quoted\" ä", tensor({1, -0.0f, std::numeric_limits<float>::infinity()})}};
}

void expect_same(const NamedTensors& got, const NamedTensors& want) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [name, x] : want) {
    const Tensor* found = nullptr;
    for (const auto& entry : got) found = entry.first == name ? &entry.second : found;
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->spec(), x.spec()) << name;
    const bool equal = x.numel() == 0 || std::memcmp(found->raw_data(), x.raw_data(), x.bytes()) == 0;
    EXPECT_TRUE(equal) << name;
  }
}

// A file with this header and these data bytes behind it.
std::string file_of(const std::string& json, const std::string& data) {
  const uint64_t length = json.size();
  std::string file(8, '\0');
  std::memcpy(&file[0], &length, 8);
  return file + json + data;
}
absl::StatusOr<NamedTensors> parse(const std::string& file) {
  auto owner = std::make_shared<std::string>(file);
  return parse_safetensors(*owner, owner, "w.safetensors");
}
absl::Status status_of(const std::string& json, size_t data_bytes) {
  return parse(file_of(json, std::string(data_bytes, '\0'))).status();
}

TEST(Safetensors, ReadsWhatPythonWrote) {
  SafetensorsMetadata metadata;
  const auto loaded = load_safetensors("tests/golden/safetensors/python.safetensors", &metadata);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  expect_same(*loaded, all_dtypes());
  std::sort(metadata.begin(), metadata.end());
  EXPECT_EQ(metadata, kMetadata);
}

// tests/golden/safetensors_files.py check FILE reads this file in Python.
TEST(Safetensors, RoundTripKeepsOrderBitsAndMetadata) {
  const std::string path = testing::TempDir() + "/all_dtypes.safetensors";
  const NamedTensors tensors = all_dtypes();
  ASSERT_TRUE(save_safetensors(path, tensors, kMetadata).ok());
  SafetensorsMetadata metadata;
  const auto loaded = load_safetensors(path, &metadata);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  expect_same(*loaded, tensors);
  for (size_t i = 0; i < tensors.size(); ++i) EXPECT_EQ((*loaded)[i].first, tensors[i].first);
  EXPECT_EQ(metadata, kMetadata);
}

TEST(Safetensors, TensorsOutliveTheFileAndLeaveItAlone) {
  const std::string path = fresh_directory() + "/t.safetensors";
  ASSERT_TRUE(save_safetensors(path, {{"x", tensor({1, 2, 3})}}).ok());
  const std::string before = *read_file(path);
  Tensor x;
  {
    const auto loaded = load_safetensors(path);
    ASSERT_TRUE(loaded.ok());
    x = (*loaded)[0].second;
  }
  EXPECT_EQ(reinterpret_cast<uintptr_t>(x.raw_data()) % 64, 0u);
  x.data<float>()[0] = 7;
  EXPECT_EQ(*read_file(path), before);
  ASSERT_TRUE(save_safetensors(path, {{"x", zeros({100})}}).ok());  // replaces it by rename
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{7, 2, 3}));
}

TEST(Safetensors, ViewsAreWrittenInRowMajorOrder) {
  const std::string path = fresh_directory() + "/t.safetensors";
  const Tensor x = reshape(arange(0, 12), {3, 4});
  ASSERT_TRUE(save_safetensors(path, {{"t", x.transpose(0, 1)},
                                      {"s", x.slice(1, 1, 4, 2)},
                                      {"e", x.slice(0, 1, 2).expand({2, 4})},
                                      {"offset", x.slice(0, 1, 3)}})
                  .ok());
  const auto loaded = load_safetensors(path);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ((*loaded)[0].second.to_vector<float>(), x.transpose(0, 1).to_vector<float>());
  EXPECT_EQ((*loaded)[1].second.to_vector<float>(), (std::vector<float>{1, 3, 5, 7, 9, 11}));
  EXPECT_EQ((*loaded)[2].second.to_vector<float>(), (std::vector<float>{4, 5, 6, 7, 4, 5, 6, 7}));
  EXPECT_EQ((*loaded)[3].second.to_vector<float>(), (std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11}));
}

TEST(Safetensors, UnalignedDataAreCopied) {
  std::string data(9, '\0');
  const float values[2] = {1.5f, -2};
  std::memcpy(&data[1], values, sizeof values);
  const auto loaded = parse(file_of(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                    R"("f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})",
                                    data));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Tensor& f = (*loaded)[1].second;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(f.raw_data()) % 4, 0u);
  EXPECT_EQ(f.to_vector<float>(), (std::vector<float>{1.5f, -2}));
}

TEST(Safetensors, SmallestFiles) {
  EXPECT_TRUE(parse(file_of("{}", ""))->empty());
  EXPECT_TRUE(parse(file_of("{}   ", ""))->empty());
  const std::string path = fresh_directory() + "/empty.safetensors";
  ASSERT_TRUE(save_safetensors(path, {}).ok());
  EXPECT_TRUE(load_safetensors(path)->empty());
}

TEST(SafetensorsDamage, LengthAndJson) {
  EXPECT_TRUE(fails_with(parse("").status(), "w.safetensors: byte 0: the file ends here"));
  EXPECT_TRUE(fails_with(parse("1234567").status(), "byte 7: the file ends here"));
  EXPECT_TRUE(fails_with(parse(std::string("\x03\0\0\0\0\0\0\0{}", 10)).status(),
                         "byte 0: a header of 3 bytes does not fit: the file has 2"));
  EXPECT_TRUE(
      fails_with(parse(std::string(8, '\xff') + "{}").status(), "byte 0: a header of 18446744073709551615"));
  EXPECT_TRUE(fails_with(status_of("", 0), "byte 8: the header is no JSON object"));
  EXPECT_TRUE(fails_with(status_of("[]", 0), "byte 8: the header is no JSON object"));
  EXPECT_TRUE(fails_with(status_of("{} x", 0), "header (from byte 8): byte 3: not JSON"));
  EXPECT_TRUE(fails_with(status_of("{\"a\":", 0), "not JSON"));
  EXPECT_TRUE(fails_with(status_of("{\"\xff\":1}", 0), "not JSON"));
  EXPECT_TRUE(fails_with(status_of("{\"a\":" + std::string(100000, '['), 0), "nested deeper than 4"));
}

TEST(SafetensorsDamage, Entries) {
  const struct {
    const char* entry;
    const char* message;
  } kCases[] = {
      {R"([])", "tensor \"x\": is a array"},
      {R"({"dtype":"F32","shape":[1]})", "does not have exactly dtype, shape and data_offsets"},
      {R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"y":1})", "does not have exactly"},
      {R"({"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]})", "the key \"shape\" repeats"},
      {R"({"dtype":32,"shape":[1],"data_offsets":[0,4]})", "dtype is a number"},
      {R"({"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]})", "tensor \"x\" has dtype F8_E4M3; F32, F64"},
      {R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})", "shape is a number"},
      {R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", "no integer from 0"},
      {R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})", "no integer from 0"},
      {R"({"dtype":"F32","shape":[18446744073709551617],"data_offsets":[0,4]})", "no integer from 0"},
      {R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]})", "more than 2^63 bytes"},
      {R"({"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})", "more than 2^63 bytes"},
      {R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]})", "has 9 axes"},
      {R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", "no pair of integers"},
      {R"({"dtype":"F32","shape":[1],"data_offsets":[0,"4"]})", "no pair of integers"},
      {R"({"dtype":"F32","shape":[1],"data_offsets":[-4,0]})", "do not lie in the 4 bytes of data"},
      {R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", "do not lie in the 4 bytes of data"},
      {R"({"dtype":"F32","shape":[1],"data_offsets":[1,5]})", "do not lie in the 4 bytes of data"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", "hold 4 bytes, f32[2] needs 8"},
      {R"({"dtype":"U8","shape":[3],"data_offsets":[1,4]})",
       "begin at byte 62, behind a gap that begins at 61"},
      {R"({"dtype":"U8","shape":[3],"data_offsets":[0,3]})", "byte 64: 1 bytes that belong to no tensor"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = status_of(absl::StrCat("{\"x\":", c.entry, "}"), 4);
    EXPECT_TRUE(fails_with(status, c.message)) << c.entry;
    EXPECT_TRUE(fails_with(status, "w.safetensors: ")) << c.entry;
    EXPECT_TRUE(fails_with(status, "byte ")) << c.entry;
  }
}

TEST(SafetensorsDamage, SeveralEntries) {
  const std::string a = R"("a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]})";
  EXPECT_TRUE(fails_with(status_of(absl::StrCat("{", a, ",", a, "}"), 3), "the key \"a\" repeats"));
  const std::string b = R"("b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]})";
  EXPECT_TRUE(fails_with(status_of(absl::StrCat("{", a, ",", b, "}"), 5), "inside another tensor"));
  EXPECT_TRUE(fails_with(status_of(R"({"__metadata__":{"k":1}})", 0), "\"k\" is a number, not a string"));
  EXPECT_TRUE(fails_with(status_of(R"({"__metadata__":1})", 0), "__metadata__ is a number"));
  EXPECT_TRUE(fails_with(
      parse(file_of(R"({"x":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", "\x01\x02")).status(),
      "tensor \"x\" is BOOL and holds 2"));
}

// Reads every value, so that a sanitizer sees a tensor that leaves its memory.
void touch(const absl::StatusOr<NamedTensors>& loaded) {
  if (!loaded.ok()) return;
  for (const auto& entry : *loaded) (void)entry.second.to_vector<double>();
}

TEST(SafetensorsDamage, EveryCutIsFound) {
  const std::string file = *read_file("tests/golden/safetensors/python.safetensors");
  for (size_t size = 0; size < file.size(); ++size) {
    const auto loaded = parse(file.substr(0, size));
    ASSERT_FALSE(loaded.ok()) << "cut at " << size;
    ASSERT_TRUE(fails_with(loaded.status(), "w.safetensors: ")) << size;
    ASSERT_TRUE(fails_with(loaded.status(), "byte ")) << size;
  }
  EXPECT_FALSE(parse(file + '\0').ok());
}

TEST(SafetensorsDamage, EveryFlippedBitIsFoundOrHarmless) {
  const std::string file = *read_file("tests/golden/safetensors/python.safetensors");
  int found = 0, harmless = 0;
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string flipped = file;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto loaded = parse(flipped);
    touch(loaded);
    loaded.ok() ? ++harmless : ++found;
    // No tensor can vanish; what a flip may change is a name, a value, or a dtype or shape of equal size.
    if (loaded.ok()) {
      ASSERT_EQ(loaded->size(), all_dtypes().size()) << bit;
      ASSERT_GE(bit, 64u) << "of the header's length";
    }
  }
  EXPECT_GT(found, harmless / 4);
}

TEST(SafetensorsSave, RefusesWhatCannotBeRead) {
  const std::string path = fresh_directory() + "/t.safetensors";
  const Tensor x = ones({2});
  EXPECT_TRUE(fails_with(save_safetensors(path, {{"x", x}, {"x", x}}), "tensor \"x\": this name repeats"));
  EXPECT_TRUE(fails_with(save_safetensors(path, {{"__metadata__", x}}), "is reserved"));
  EXPECT_TRUE(fails_with(save_safetensors(path, {{"x", Tensor()}}), "it is undefined"));
  EXPECT_TRUE(fails_with(save_safetensors(path, {{"x", empty({kF32, {2}}, kMeta)}}), "it is on meta"));
  EXPECT_TRUE(fails_with(save_safetensors(path, {{"\xff", x}}), "is not UTF-8"));
  EXPECT_EQ(load_safetensors(path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(fails_with(save_safetensors("/no/such/folder/f", {{"x", x}}), "/no/such/folder/f"));
}

TEST(SafetensorsSharded, RoundTrip) {
  const std::string folder = fresh_directory();
  const NamedTensors tensors = all_dtypes();
  ASSERT_TRUE(save_safetensors_sharded(folder, tensors, 60).ok());
  const auto loaded = load_safetensors(folder);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  expect_same(*loaded, tensors);
  for (size_t i = 0; i < tensors.size(); ++i) EXPECT_EQ((*loaded)[i].first, tensors[i].first);
  EXPECT_TRUE(
      fails_with(save_safetensors_sharded(folder, tensors, 60), "model.safetensors.index.json exists"));
}

TEST(SafetensorsSharded, DamageIsNamed) {
  const std::string folder = fresh_directory();
  const std::string index = folder + "/model.safetensors.index.json";
  EXPECT_TRUE(
      fails_with(load_safetensors(folder).status(), "it holds neither model.safetensors.index.json nor"));
  ASSERT_TRUE(save_safetensors_sharded(folder, {{"a", ones({4})}, {"b", ones({4})}}, 16).ok());
  const std::string good = *read_file(index);
  const auto with = [&](const std::string& text) {
    EXPECT_TRUE(write_file_atomically(index, text).ok());
    return load_safetensors(folder).status();
  };
  EXPECT_TRUE(with(good).ok());
  EXPECT_TRUE(fails_with(with(good.substr(0, 50)), "not JSON"));
  EXPECT_TRUE(fails_with(with("{}"), "byte 0: there is no object weight_map"));
  EXPECT_TRUE(fails_with(with(R"({"weight_map":{"a":1}})"), "the file of \"a\" is no string"));
  EXPECT_TRUE(fails_with(with(R"({"weight_map":{"a":"../x"}})"), "is no file name: \"../x\""));
  EXPECT_TRUE(fails_with(with(absl::StrReplaceAll(good, {{"\"a\"", "\"b\""}})), "the key \"b\" repeats"));
  EXPECT_TRUE(
      fails_with(with(absl::StrReplaceAll(good, {{"\"a\"", "\"c\""}})), "tensor \"c\" is not in its shard"));
  const absl::Status missing = with(absl::StrReplaceAll(good, {{"00002-of", "00003-of"}}));
  EXPECT_TRUE(fails_with(missing, "model-00003-of-00002.safetensors: No such file"));
  EXPECT_TRUE(fails_with(missing, "(a shard of " + index + ")"));
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
}

TEST(SafetensorsLoad, NamesWhatIsNoFile) {
  EXPECT_TRUE(fails_with(load_safetensors("/no/such/file").status(), "cannot read /no/such/file"));
  const std::string pipe = fresh_directory() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(fails_with(load_safetensors(pipe).status(), "not a regular file"));
}

}  // namespace
}  // namespace roux
