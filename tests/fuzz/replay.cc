// Runs a fuzz entry point over the files given as arguments, and over fixed mutations of them: cuts, flipped,
// repeated and replaced bytes, halves of two files joined. A crash, a sanitizer report or an uncaught
// exception fails the test.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr int kMutationsPerFile = 400;

// A heap copy of exactly the input's size, so that reading past its end is seen by AddressSanitizer.
void run(const std::string& input) {
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

uint64_t next_random() {  // splitmix64
  static uint64_t state = 1;
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

std::string mutate(std::string input, const std::string& other) {
  for (uint64_t steps = 1 + next_random() % 4; steps > 0; --steps) {
    const size_t at = input.empty() ? 0 : next_random() % input.size();
    switch (next_random() % 6) {
      case 0:
        input.resize(at);
        break;
      case 1:
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << next_random() % 8));
        break;
      case 2:
        if (!input.empty()) input[at] = static_cast<char>(next_random());
        break;
      case 3:
        input.insert(at, input.substr(at, next_random() % 32));
        break;
      case 4:
        input.erase(at, next_random() % 8);
        break;
      default:
        input = input.substr(0, at) + other.substr(other.empty() ? 0 : next_random() % other.size());
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> corpus;
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "replay: %s cannot be opened\n", argv[i]);
      return 1;
    }
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "replay: the corpus is empty\n");
    return 1;
  }
  run("");
  for (size_t i = 0; i < corpus.size(); ++i) {
    run(corpus[i]);
    for (int m = 0; m < kMutationsPerFile; ++m) run(mutate(corpus[i], corpus[next_random() % corpus.size()]));
  }
  std::printf("replay: %zu files, %d mutations each\n", corpus.size(), kMutationsPerFile);
  return 0;
}
