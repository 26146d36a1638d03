#include "recipes/kit/run/checkpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/crc32c.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

CheckpointWriter sample(double mark) {
  CheckpointWriter writer;
  writer.add("text", "some bytes");
  writer.add("empty", "");
  writer.add_numbers("numbers", {mark, -0.0, 1e-310});
  return writer;
}

TEST(Crc32c, KnownValues) {
  // RFC 3720 appendix B.4: 32 zeros, 32 ones, 0..31; and the usual check value.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
}

TEST(Crc32c, ContinuesOverAnyCut) {
  const std::string text = "the quick brown fox jumps over it";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text));
  }
}

TEST(Checkpoint, ReturnsWhatWasAddedBitForBit) {
  const std::string path = fresh_directory() + "/c.ckpt";
  CheckpointWriter writer = sample(2.5);
  const std::string borrowed(100000, 'z');
  writer.add_view("view", borrowed);
  ASSERT_TRUE(writer.write(path).ok());
  const absl::StatusOr<Checkpoint> read = Checkpoint::open(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read->section("text"), "some bytes");
  EXPECT_EQ(*read->section("empty"), "");
  EXPECT_EQ(*read->section("view"), borrowed);
  const std::vector<double> numbers = *read->numbers("numbers");
  ASSERT_EQ(numbers.size(), 3u);
  EXPECT_EQ(numbers[0], 2.5);
  EXPECT_TRUE(std::signbit(numbers[1]));
  EXPECT_EQ(numbers[2], 1e-310);
  const absl::Status missing = read->section("other").status();
  EXPECT_TRUE(
      absl::StrContains(missing.message(), "no section 'other' (it has: text, empty, numbers, view)"));
  EXPECT_FALSE(read->numbers("text").ok());
}

TEST(Checkpoint, EveryCutIsDetected) {
  const std::string path = fresh_directory() + "/c.ckpt";
  ASSERT_TRUE(sample(1).write(path).ok());
  const std::string whole = *read_file(path);
  ASSERT_TRUE(Checkpoint::parse(whole, "c").ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    const absl::Status status = Checkpoint::parse(whole.substr(0, size), "c").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << "cut to " << size << " bytes";
    EXPECT_TRUE(absl::StartsWith(status.message(), "c: damaged checkpoint: ")) << status;
  }
  EXPECT_FALSE(Checkpoint::parse(whole + "x", "c").ok());
}

TEST(Checkpoint, EveryFlippedBitIsDetected) {
  const std::string path = fresh_directory() + "/c.ckpt";
  ASSERT_TRUE(sample(1).write(path).ok());
  std::string bytes = *read_file(path);
  for (size_t i = 0; i < 8 * bytes.size(); ++i) {
    bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(Checkpoint::parse(bytes, "c").ok()) << "bit " << i;
    bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ (1 << (i % 8)));
  }
}

TEST(Checkpoint, NewerVersionIsNamed) {
  const std::string path = fresh_directory() + "/c.ckpt";
  ASSERT_TRUE(sample(1).write(path).ok());
  std::string bytes = *read_file(path);
  bytes[8] = 2;
  const absl::Status status = Checkpoint::parse(bytes, "c").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status.message(), "c: checkpoint of format version 2, this program reads up to 1");
}

TEST(CheckpointStore, KeepsTheLastTwo) {
  const CheckpointStore store(fresh_directory() + "/deep/part");
  EXPECT_FALSE((*store.load_newest()).has_value());
  for (const int64_t step : {10, 20, 30})
    ASSERT_TRUE(store.save(step, sample(static_cast<double>(step))).ok());
  EXPECT_EQ(store.steps(), (std::vector<int64_t>{20, 30}));
  ASSERT_TRUE(store.save(25, sample(25)).ok());  // going on from 20: 30 is of an abandoned attempt
  EXPECT_EQ(store.steps(), (std::vector<int64_t>{20, 25}));
  ASSERT_TRUE(store.clear().ok());
  EXPECT_TRUE(store.steps().empty());
}

TEST(CheckpointStore, DamagedNewestFallsBackToPrevious) {
  const CheckpointStore store(fresh_directory());
  ASSERT_TRUE(store.save(1, sample(1)).ok());
  ASSERT_TRUE(store.save(2, sample(2)).ok());
  const std::string whole = *read_file(store.path_of(2));
  ASSERT_TRUE(write_file_atomically(store.path_of(2), whole.substr(0, whole.size() / 2)).ok());
  const auto newest = store.load_newest();
  ASSERT_TRUE(newest.ok() && newest->has_value());
  EXPECT_EQ((*newest)->step, 1);
  EXPECT_EQ((*(*newest)->checkpoint.numbers("numbers"))[0], 1);
  ASSERT_EQ((*newest)->warnings.size(), 1u);
  EXPECT_TRUE(absl::StrContains((*newest)->warnings[0], store.path_of(2)));
  ASSERT_TRUE(write_file_atomically(store.path_of(1), "").ok());
  EXPECT_EQ(store.load_newest().status().code(), absl::StatusCode::kDataLoss);
}

TEST(CheckpointStore, FullDiskKeepsThePrevious) {
  const CheckpointStore store(fresh_directory());
  ASSERT_TRUE(store.save(1, sample(1)).ok());
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    CheckpointWriter large = sample(2);
    large.add("weights", std::string(100000, 'w'));
    ::_exit(store.save(2, large).ok() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(store.steps(), std::vector<int64_t>{1});
  EXPECT_EQ((*store.load_newest())->step, 1);
}

TEST(CheckpointStore, KilledSaverNeverLosesThePrevious) {
  const std::string directory = fresh_directory();
  int64_t highest = 0;
  for (int round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      const CheckpointStore store(directory);
      for (int64_t step = highest + 1;; ++step) {
        CheckpointWriter writer = sample(static_cast<double>(step));
        writer.add("weights", std::string(300000, static_cast<char>(step)));
        if (!store.save(step, writer).ok()) ::_exit(1);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + 7 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const CheckpointStore store(directory);
    const auto newest = store.load_newest();
    ASSERT_TRUE(newest.ok()) << newest.status();
    if (!newest->has_value()) continue;        // killed before its first save was done
    EXPECT_TRUE((*newest)->warnings.empty());  // whatever has the final name is whole
    EXPECT_GE((*newest)->step, highest);
    highest = (*newest)->step;
    EXPECT_EQ((*(*newest)->checkpoint.numbers("numbers"))[0], static_cast<double>(highest));
  }
  EXPECT_GT(highest, 0);
}

TEST(CheckpointStore, WhatKilledSaversBeganIsRemoved) {
  const std::string directory = fresh_directory();
  const CheckpointStore store(directory);
  const std::string begun = store.path_of(7) + ".partial", other = directory + "/left-base.ckpt.partial";
  for (const bool clearing : {false, true}) {
    for (const std::string& path : {begun, other}) ASSERT_TRUE(write_file_atomically(path, "half").ok());
    ASSERT_TRUE((clearing ? store.clear() : store.save(9, sample(9))).ok());
    EXPECT_FALSE(read_file(begun).ok());
    EXPECT_TRUE(read_file(other).ok());  // another writer's
    EXPECT_EQ(store.steps().size(), clearing ? 0u : 1u);
  }
}

}  // namespace
}  // namespace roux::kit
