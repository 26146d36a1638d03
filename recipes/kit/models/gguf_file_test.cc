#include "recipes/kit/models/gguf_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "recipes/kit/text/gguf_test_writer.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/atomic_file.h"

namespace roux::kit {
namespace {

enum Type : uint32_t { kTypeF32 = 0, kTypeF16 = 1, kTypeIQ2XXS = 16, kTypeBF16 = 30 };

// The bytes at a place that is aligned as a mapping is.
absl::StatusOr<GgufFile> parse(const std::string& bytes) {
  auto copy = std::make_shared<std::vector<double>>((bytes.size() + 7) / 8);
  std::memcpy(copy->data(), bytes.data(), bytes.size());
  return GgufFile::parse({reinterpret_cast<const char*>(copy->data()), bytes.size()}, copy, "m.gguf");
}
std::string complaint(const GgufTestWriter& w) { return std::string(parse(w.bytes()).status().message()); }

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

TEST(GgufFile, HasTensorsInOurOrderOfAxes) {
  GgufTestWriter w(0, 3);
  w.tensor("a", {3, 2}, kTypeF32, 0).tensor("h", {2}, kTypeBF16, 32).tensor("scalar", {}, kTypeF32, 64);
  const uint16_t half[2] = {0x3F80, 0xC000};  // 1, -2
  w.data(floats({1, 2, 3, 4, 5, 6})).data({reinterpret_cast<const char*>(half), 4}).data(floats({7}));
  const auto file = parse(w.bytes());
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(file->tensors()[0].shape, (Shape{2, 3}));
  EXPECT_EQ(file->find("a"), &file->tensors()[0]);
  EXPECT_EQ(file->find("b"), nullptr);
  const auto a = file->load(*file->find("a")), h = file->load(*file->find("h"));
  const auto scalar = file->load(*file->find("scalar"));
  ASSERT_TRUE(a.ok() && h.ok() && scalar.ok());
  EXPECT_EQ(a->to_vector<float>(), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(h->dtype(), kBF16);
  EXPECT_EQ(h->to_vector<float>(), (std::vector<float>{1, -2}));
  EXPECT_EQ(scalar->item(), 7);
}

TEST(GgufFile, TensorsOutliveItAndTheFileStaysAsItIs) {
  const std::string path = fresh_directory() + "/m.gguf";
  GgufTestWriter w(0, 1);
  w.tensor("a", {2}, kTypeF32, 0).data(floats({1, 2}));
  ASSERT_TRUE(write_file_atomically(path, w.bytes()).ok());
  Tensor a;
  {
    const auto file = GgufFile::open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    a = *file->load(file->tensors()[0]);
  }
  a.data<float>()[1] = 5;
  EXPECT_EQ(a.to_vector<float>(), (std::vector<float>{1, 5}));
  EXPECT_EQ(*read_file(path), w.bytes());
}

TEST(GgufFile, TypesThatCannotBeReadAreFoundWhenTheyAreAsked) {
  GgufTestWriter w(0, 1);
  w.tensor("a", {256, 1}, kTypeIQ2XXS, 0).data(std::string(66, '\1'));
  const auto file = parse(w.bytes());
  ASSERT_TRUE(file.ok()) << file.status();
  const auto a = file->load(file->tensors()[0]);
  EXPECT_EQ(a.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(a.status().message(), "m.gguf: tensor \"a\" has type IQ2_XXS, which cannot be read");
}

TEST(GgufFile, DamageIsNamedWithItsByte) {
  const auto one = [](const std::vector<uint64_t>& sizes, uint32_t type, uint64_t offset) {
    GgufTestWriter w(0, 1);
    w.tensor("a", sizes, type, offset).data(floats({1, 2}));
    return complaint(w);
  };
  EXPECT_EQ(one({2}, kTypeF32, 0), "");
  EXPECT_EQ(one({2}, 99, 0), "m.gguf: byte 33: tensor \"a\": type 99 is not known");
  EXPECT_EQ(one({2, 1, 1, 1, 1}, kTypeF32, 0), "m.gguf: byte 33: tensor \"a\": 5 axes, expected at most 4");
  EXPECT_EQ(
      one({3}, kTypeF32, 0),
      "m.gguf: byte 64: tensor \"a\": its data of 12 bytes begin at 0 of the data, of which there are 8");
  EXPECT_EQ(one({2}, kTypeF32, 8),
            "m.gguf: byte 64: tensor \"a\": its data of 8 bytes begin at 8 of the data, no multiple of 32");
  EXPECT_EQ(one({2}, kTypeF32, uint64_t{1} << 62),
            "m.gguf: byte 64: tensor \"a\": its data of 8 bytes begin at 4611686018427387904 of the data, of "
            "which there are 8");
  EXPECT_EQ(one({100}, kTypeIQ2XXS, 0),
            "m.gguf: byte 33: tensor \"a\": rows of 100 values, IQ2_XXS has blocks of 256");
  EXPECT_EQ(one({uint64_t{1} << 40, uint64_t{1} << 40}, kTypeF32, 0),
            "m.gguf: byte 33: tensor \"a\": its shape needs more than 2^63 bytes");
  EXPECT_EQ(one({~uint64_t{0}}, kTypeF32, 0),
            "m.gguf: byte 33: tensor \"a\": an axis of 18446744073709551615");

  GgufTestWriter twice(0, 2);
  twice.tensor("a", {2}, kTypeF32, 0)
      .tensor("a", {2}, kTypeF32, 32)
      .data(floats({1, 2}))
      .data(floats({1, 2}));
  EXPECT_EQ(complaint(twice), "m.gguf: byte 57: tensor \"a\" comes twice");
  GgufTestWriter inside(0, 2);
  inside.tensor("a", {16}, kTypeF32, 0).tensor("b", {2}, kTypeF32, 32);
  inside.data(std::string(64, '\0'));
  EXPECT_EQ(complaint(inside), "m.gguf: byte 128: tensor \"b\" begins inside of \"a\"");
  EXPECT_EQ(complaint(GgufTestWriter(0, 1u << 30)),
            "m.gguf: byte 8: the header claims 1073741824 tensors, 0 bytes are left");
  GgufTestWriter odd(1, 0);
  odd.key("general.alignment", 4).plain<uint32_t>(12);
  EXPECT_EQ(complaint(odd), "m.gguf: general.alignment is 12, expected a multiple of 8 up to 2^30");
  for (const size_t size : {size_t{30}, size_t{40}, size_t{50}}) {
    GgufTestWriter w(0, 1);
    w.tensor("a", {2}, kTypeF32, 0);
    EXPECT_FALSE(parse(w.bytes().substr(0, size)).ok()) << size;
  }
}

TEST(GgufFile, OpensWhatIsThere) {
  EXPECT_EQ(GgufFile::open("/nowhere/m.gguf").status().code(), absl::StatusCode::kNotFound);
  const std::string path = fresh_directory() + "/m.gguf";
  ASSERT_TRUE(write_file_atomically(path, "").ok());
  EXPECT_EQ(GgufFile::open(path).status().message(),
            path + ": byte 0: not a GGUF file: it does not begin with \"GGUF\"");
}

}  // namespace
}  // namespace roux::kit
