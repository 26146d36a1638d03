#include "recipes/kit/run/checkpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/crc32c.h"
#include "tensor/error.h"
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

std::vector<std::string> files_of(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    files.push_back(entry.path().filename());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// As `ranks` ranks do it, one after the other.
absl::Status save_divided(const CheckpointStore& store, int64_t step, int ranks, const std::string& weights) {
  std::vector<std::string> files;
  CheckpointWriter first;
  for (int rank = ranks - 1; rank >= 0; --rank) {
    CheckpointWriter writer = rank == 0 ? sample(static_cast<double>(step)) : CheckpointWriter();
    writer.divide(rank, ranks, 5000);
    for (const char* name : {"small weights", "weights", "bias"}) {
      writer.add(name, name == std::string("bias") ? weights.substr(0, 7) : weights);
    }
    EXPECT_TRUE(writer.is_divided());
    ROUX_ASSIGN_OR_RETURN(const std::string file, store.save_part(step, writer));
    files.insert(files.begin(), file);
    if (rank == 0) first = std::move(writer);
  }
  first.add_parts(files);
  return store.save(step, first);
}

TEST(CheckpointStore, PartsOfRanksAreReadAsOne) {
  std::string weights;
  for (int i = 0; i < 4001; ++i) weights += static_cast<char>(i * i % 251);
  for (const int ranks : {2, 3}) {
    const std::string directory = fresh_directory();
    const CheckpointStore store(directory);
    ASSERT_TRUE(save_divided(store, 1, ranks, weights).ok());
    EXPECT_EQ(files_of(directory).size(), 1u + static_cast<size_t>(ranks));
    const auto newest = store.load_newest();
    ASSERT_TRUE(newest.ok() && newest->has_value()) << newest.status();
    const Checkpoint& read = (*newest)->checkpoint;
    EXPECT_EQ(*read.section("small weights"), weights);
    EXPECT_EQ(*read.section("weights"), weights);
    EXPECT_EQ(*read.section("bias"), weights.substr(0, 7));
    EXPECT_EQ((*read.numbers("numbers"))[0], 1);
  }
}

TEST(CheckpointStore, PartsLiveAsLongAsTheirCheckpoint) {
  const std::string directory = fresh_directory(), weights(4000, 'w');
  const CheckpointStore store(directory);
  for (const int64_t step : {1, 2})
    ASSERT_TRUE(save_divided(store, step, 2, weights + std::to_string(step)).ok());
  const std::vector<std::string> two = files_of(directory);
  EXPECT_EQ(two.size(), 6u);
  // A rank was killed in step 3, and one that repeats step 2 with other values.
  CheckpointWriter killed;
  killed.divide(1, 2, 0);
  killed.add("weights", std::string(5000, 'k'));
  for (const int64_t step : {2, 3}) ASSERT_TRUE(store.save_part(step, killed).ok());
  EXPECT_EQ((*store.load_newest())->step, 2);
  EXPECT_TRUE((*store.load_newest())->warnings.empty());
  // A damaged part, a lost one: the checkpoint before.
  std::string part;
  for (const std::string& file : two) {
    if (absl::StartsWith(file, "step-000000000002.2of2.")) part = directory + "/" + file;
  }
  const std::string whole = *read_file(part);
  ASSERT_TRUE(write_file_atomically(part, whole.substr(0, whole.size() - 70)).ok());
  EXPECT_EQ((*store.load_newest())->step, 1);
  EXPECT_TRUE(absl::StrContains((*store.load_newest())->warnings[0], part));
  ASSERT_EQ(::unlink(part.c_str()), 0);
  EXPECT_EQ((*store.load_newest())->step, 1);
  ASSERT_TRUE(write_file_atomically(part, whole).ok());
  EXPECT_EQ((*store.load_newest())->step, 2);
  // The next save leaves nothing but two checkpoints with their parts; by another number of ranks, or whole.
  ASSERT_TRUE(save_divided(store, 4, 3, weights).ok());
  EXPECT_EQ(files_of(directory).size(), 3u + 4u);
  EXPECT_EQ((*store.load_newest())->step, 4);
  ASSERT_TRUE(store.save(5, sample(5)).ok());
  ASSERT_TRUE(store.save(6, sample(6)).ok());
  EXPECT_EQ(files_of(directory).size(), 2u);
  ASSERT_TRUE(save_divided(store, 7, 2, weights).ok());
  ASSERT_TRUE(store.clear().ok());
  EXPECT_TRUE(files_of(directory).empty());
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
