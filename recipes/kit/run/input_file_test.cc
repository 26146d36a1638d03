// What users give as --data: each mistake is one line that says what the file is.
#include "recipes/kit/run/input_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/sha256.h"
#include "recipes/kit/run/atomic_file.h"

namespace roux::kit {
namespace {

std::string folder() {
  static const std::string* path = [] {
    auto* made = new std::string(testing::TempDir() + "/roux-XXXXXX");
    EXPECT_NE(::mkdtemp(made->data()), nullptr);
    return made;
  }();
  return *path;
}

std::string file_with(const std::string& name, const std::string& bytes) {
  const std::string path = absl::StrCat(folder(), "/", name);
  EXPECT_TRUE(write_file_atomically(path, bytes).ok());
  return path;
}

// The message after "--data=<path>: ".
std::string complaint(const std::string& path, InputKind kind = InputKind::kText) {
  const absl::StatusOr<InputFile> file = inspect_input("--data", path, kind);
  if (file.ok()) return "";
  const std::string prefix = absl::StrCat("--data=", path, ": ");
  EXPECT_TRUE(absl::StartsWith(file.status().message(), prefix)) << file.status();
  return std::string(file.status().message().substr(prefix.size()));
}
std::string complaint_of(const std::string& bytes) { return complaint(file_with("text.txt", bytes)); }

// Reference: sha256sum.
TEST(Sha256, EqualsTheReference) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::pair<int, const char*> lengths[] = {
      {55, "9f4390f8d30c2dd9"}, {56, "b35439a4ac6f0948"},  {63, "7d3e74a05d7db15b"}, {64, "ffe054fe7ae0cb6d"},
      {65, "635361c48bb9eab1"}, {119, "31eba51c313a5c08"}, {120, "2f3d335432c70b58"}};
  for (const auto& [length, start] : lengths) {
    EXPECT_EQ(sha256(std::string(static_cast<size_t>(length), 'a')).substr(0, 16), start) << length;
  }
  std::string large;
  for (int i = 0; i < 1000000; ++i) large += static_cast<char>(i % 251);
  EXPECT_EQ(sha256(large), "2c030d49ec131bfbbb446ad21e7a2f12cdb4f2f4f3fda3ac709dd2e68a4646c7");
  EXPECT_EQ(*sha256_of_file(file_with("large", large)), sha256(large));
  Sha256 pieces;
  for (size_t at = 0, length = 1; at < large.size(); at += length, length = length % 200 + 1) {
    pieces.update(absl::string_view(large).substr(at, length));
  }
  EXPECT_EQ(pieces.hex(), sha256(large));
  EXPECT_FALSE(sha256_of_file("/no/such/file").ok());
}

TEST(InspectInput, TextIsHashed) {
  const std::string text = "Emma Woodhouse, handsome, clever, and rich \xE2\x80\x94 na\xC3\xAFve\n";
  const absl::StatusOr<InputFile> file =
      inspect_input("--data", file_with("emma.txt", text), InputKind::kText);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->sha256, sha256(text));
  EXPECT_EQ(file->bytes, static_cast<int64_t>(text.size()));
  EXPECT_EQ(complaint_of("\xEF\xBB\xBFwith a byte order mark\r\n"), "");
}

TEST(InspectInput, SaysWhatIsNoFile) {
  EXPECT_EQ(complaint(folder() + "/absent"), "No such file or directory");
  EXPECT_EQ(complaint(folder()), "is a folder, a regular file is needed");
  const std::string fifo = folder() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(complaint(fifo), "is a pipe, a regular file is needed");  // and does not wait for a writer
  EXPECT_EQ(complaint("/dev/null"), "is a device, a regular file is needed");
  EXPECT_EQ(complaint_of(""), "is empty");
  EXPECT_EQ(complaint(file_with("empty", ""), InputKind::kFile), "is empty");
}

TEST(InspectInput, StandardInput) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int saved = ::dup(STDIN_FILENO);
  ::dup2(ends[0], STDIN_FILENO);
  EXPECT_EQ(complaint("/dev/stdin"), "is a pipe, a regular file is needed");
  ::dup2(saved, STDIN_FILENO);
  for (const int fd : {ends[0], ends[1], saved}) ::close(fd);
}

TEST(InspectInput, SaysWhatIsNoUtf8) {
  const std::string latin = complaint_of("first line\nna\xEFve caf\xE9\n");
  EXPECT_TRUE(absl::StartsWith(latin,
                               "UTF-8 text is needed, this has the byte 0xef at offset 13, line 2; it may be "
                               "Latin-1; to convert it: iconv -f LATIN1 -t UTF-8 /"))
      << latin;
  const std::string cut = complaint_of("na\u00EFve\xE2\x80");
  EXPECT_TRUE(absl::StrContains(
      cut, "this ends inside a character: it was cut; to drop the rest of that: head -c 6 /"))
      << cut;
  EXPECT_TRUE(absl::StrContains(complaint_of("caf\xE9"), "it may be Latin-1"));
  const std::string little("\xFF\xFEh\0i\0", 6), big("\xFE\xFF\0h\0i", 6);
  for (const std::string& text : {little, big}) {
    EXPECT_TRUE(
        absl::StrContains(complaint_of(text), "this is UTF-16; to convert it: iconv -f UTF-16 -t UTF-8"))
        << complaint_of(text);
  }
  EXPECT_TRUE(absl::StrContains(complaint_of(little.substr(2)),
                                "looks like UTF-16; to convert it: iconv -f UTF-16LE"));
  EXPECT_TRUE(
      absl::StrContains(complaint_of(big.substr(2)), "looks like UTF-16; to convert it: iconv -f UTF-16BE"));
  EXPECT_TRUE(absl::StrContains(complaint_of(std::string("\xFF\xFE\0\0h\0\0\0", 8)), "this is UTF-32"));
  EXPECT_TRUE(absl::StrContains(complaint_of(std::string("\x7F"
                                                         "ELF\2\1\0\0\0abcdefgh",
                                                         17)),
                                "this is binary (a zero at byte 6)"));
  EXPECT_TRUE(absl::StrContains(complaint_of("\x01\x02\xFF\x03 packed"), "it looks binary"));
}

TEST(InspectInput, KindsOfInput) {
  EXPECT_EQ(complaint(file_with("weights", std::string("\0\xFF", 2)), InputKind::kFile), "");
  EXPECT_EQ(complaint(folder(), InputKind::kFile), "is a folder, a regular file is needed");
  EXPECT_TRUE(inspect_input("--model", folder(), InputKind::kAny).ok());
  EXPECT_TRUE(inspect_input("--model", "smollm2-135m", InputKind::kAny).ok());  // a name
  EXPECT_FALSE(inspect_input("--model", "./smollm2-135m", InputKind::kAny).ok());
  EXPECT_TRUE(inspect_input("--data", folder(), InputKind::kPaths).ok());
  EXPECT_FALSE(inspect_input("--data", "no_name", InputKind::kPaths).ok());
}

TEST(InspectInput, PackedText) {
  // printf 'caf\xe9' | gzip -n and printf 'tea' | gzip -n
  const std::string latin("\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4e\x4c\x7b\x09\0\x1b\xb0\xb3\xab\x04\0\0\0", 24);
  const std::string tea("\x1f\x8b\x08\0\0\0\0\0\0\x03\x2b\x49\x4d\x04\0\xb2\xd7\x86\x8e\x03\0\0\0", 23);
  EXPECT_EQ(complaint_of(tea), "");
  EXPECT_TRUE(absl::StrContains(complaint_of(latin), "byte 0xe9 at offset 3")) << complaint_of(latin);
  EXPECT_NE(complaint_of(tea.substr(0, 14)), "");  // damaged
}

}  // namespace
}  // namespace roux::kit
