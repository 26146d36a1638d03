#include "tensor/io/atomic_folder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/atomic_file.h"

namespace roux {
namespace {

using Files = std::map<std::string, std::string>;

Files files_of(const std::string& folder) {
  Files files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files[entry.path().filename()] = *read_file(entry.path());
  return files;
}

absl::Status write_both(const std::string& folder, const std::string& text) {
  return write_folder_atomically(folder, [&](const std::string& partial) {
    const absl::Status first = write_file_atomically(partial + "/a", text);
    return first.ok() ? write_file_atomically(partial + "/b", text) : first;
  });
}

TEST(AtomicFolder, ReplacesItsFilesAndKeepsOthers) {
  const std::string folder = fresh_directory() + "/deep/er";
  ASSERT_TRUE(write_both(folder, "old").ok());
  ASSERT_TRUE(write_file_atomically(folder + "/notes", "mine").ok());
  ASSERT_TRUE(write_both(folder + "/", "new").ok());
  EXPECT_EQ(files_of(folder), (Files{{"a", "new"}, {"b", "new"}, {"notes", "mine"}}));
  EXPECT_FALSE(std::filesystem::exists(folder + ".partial"));
}

TEST(AtomicFolder, AfterAnErrorAllIsAsItWas) {
  const std::string folder = fresh_directory() + "/f";
  const auto fails = [](const std::string& partial) {
    EXPECT_TRUE(write_file_atomically(partial + "/a", "new").ok());
    return absl::ResourceExhaustedError("full");
  };
  EXPECT_EQ(write_folder_atomically(folder, fails).message(), "full");
  EXPECT_FALSE(std::filesystem::exists(folder));
  ASSERT_TRUE(write_both(folder, "old").ok());
  EXPECT_EQ(write_folder_atomically(folder, fails).message(), "full");
  EXPECT_EQ(files_of(folder), (Files{{"a", "old"}, {"b", "old"}}));
  EXPECT_FALSE(std::filesystem::exists(folder + ".partial"));
}

// A child writes the folder again and again and is killed at 40 moments.
TEST(AtomicFolder, KilledAtAnyMomentItHoldsOneWriting) {
  const std::string folder = fresh_directory() + "/f";
  ASSERT_TRUE(write_both(folder, "0").ok());
  std::string last;
  int changes = 0;
  for (int i = 0; i < 40; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int k = 0;; ++k) (void)write_both(folder, absl::StrCat(i, ".", k));
    }
    ::usleep(500 + 700 * i);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const Files files = files_of(folder);
    ASSERT_EQ(files.size(), 2u);
    EXPECT_EQ(files.at("a"), files.at("b"));
    changes += files.at("a") != last;
    last = files.at("a");
  }
  EXPECT_GT(changes, 5);
  ASSERT_TRUE(write_both(folder, "end").ok());
  EXPECT_FALSE(std::filesystem::exists(folder + ".partial"));
}

TEST(AtomicFolder, ALinkStaysOne) {
  const std::string base = fresh_directory();
  ASSERT_TRUE(write_both(base + "/run3", "old").ok());
  std::filesystem::create_symlink("run3", base + "/latest");
  ASSERT_TRUE(write_both(base + "/latest", "new").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(base + "/latest"));
  EXPECT_EQ(files_of(base + "/run3"), (Files{{"a", "new"}, {"b", "new"}}));
}

TEST(AtomicFolder, WhatIsNoFolderIsRefused) {
  const std::string path = fresh_directory() + "/f";
  ASSERT_TRUE(write_file_atomically(path, "a file").ok());
  EXPECT_EQ(write_both(path, "x").message(), absl::StrCat("cannot write folder ", path, ": it is no folder"));
  EXPECT_EQ(*read_file(path), "a file");
  EXPECT_EQ(write_both(".", "x").message(), "cannot replace .: it is the working directory");
  EXPECT_FALSE(write_both("/proc/nowhere/f", "x").ok());
}

}  // namespace
}  // namespace roux
