#include "recipes/kit/data/text_file.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>

namespace roux::kit {
namespace {

std::string write_file(const std::string& name, const std::string& content) {
  const std::string path = testing::TempDir() + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(ReadText, ReturnsEveryByte) {
  const std::string content("a\0b\r\n\xFF", 6);
  const absl::StatusOr<std::string> text = read_text(write_file("bytes", content));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, content);
}

TEST(ReadText, ErrorsNameThePath) {
  const std::string missing = testing::TempDir() + "/no_such_file";
  EXPECT_EQ(read_text(missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(read_text(missing).status().message().find(missing), absl::string_view::npos);
  const absl::Status folder = read_text(testing::TempDir()).status();
  EXPECT_EQ(folder.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(folder.message().find("not a regular file"), absl::string_view::npos);
  const std::string empty = write_file("empty", "");
  EXPECT_EQ(read_text(empty).status().message(), empty + ": is empty");
  const std::string ten = write_file("ten", "0123456789");
  EXPECT_EQ(read_text(ten, 9).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(read_text(ten, 10).ok());
}

TEST(ReadText, UnpacksGzip) {
  const std::string content(5000, 'x');
  const std::string path = testing::TempDir() + "/text.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_EQ(gzwrite(file, content.data(), 5000), 5000);
  gzclose(file);
  const absl::StatusOr<std::string> text = read_text(path);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, content);
  EXPECT_EQ(read_text(path, 4999).status().code(), absl::StatusCode::kResourceExhausted);
  const std::string cut = write_file("cut.gz", "\x1F\x8B\x08");
  EXPECT_EQ(read_text(cut).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(read_text(cut).status().message().find(cut), absl::string_view::npos);
}

TEST(SplitText, TakesTheLastShare) {
  const absl::StatusOr<TextSplit> split = split_text(std::string(97, 'a') + "bbb", 0.03, "x");
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->train, std::string(97, 'a'));
  EXPECT_EQ(split->validation, "bbb");
  const absl::StatusOr<TextSplit> all = split_text("abc", 0, "x");
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->train, "abc");
  EXPECT_EQ(all->validation, "");
}

TEST(SplitText, NeverCutsACharacter) {
  const std::string text = "xxx€€€";  // 3 + 3 * 3 bytes
  for (double share = 0.05; share < 0.75; share += 0.05) {
    const absl::StatusOr<TextSplit> split = split_text(text, share, "x");
    if (!split.ok()) continue;
    EXPECT_EQ(split->train + split->validation, text);
    EXPECT_TRUE(split->validation[0] == '\xE2' || split->validation[0] == 'x') << share;
  }
  const std::string noise(20, '\x80');  // not UTF-8: still split
  EXPECT_TRUE(split_text(noise, 0.5, "x").ok());
}

TEST(SplitText, RefusesWhatCannotBeSplit) {
  EXPECT_EQ(split_text("", 0.1, "a/b.txt").status().message(), "a/b.txt: is empty");
  EXPECT_FALSE(split_text("abc", 1.0, "x").ok());
  EXPECT_FALSE(split_text("abc", -0.1, "x").ok());
  EXPECT_FALSE(split_text("abc", 0.0 / 0.0, "x").ok());
  EXPECT_FALSE(split_text("abc", 0.01, "x").ok());  // no byte for validation
  EXPECT_FALSE(split_text("abc", 0.99, "x").ok());  // no byte for training
}

}  // namespace
}  // namespace roux::kit
