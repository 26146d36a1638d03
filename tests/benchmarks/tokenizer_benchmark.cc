// Training and encoding with a byte-level BPE tokenizer (GPT-2's pattern), one thread, for comparison with
// Hugging Face's library (tests/peers/tokenizer.py runs it beside that). Times are CPU seconds.
//
//   tokenizer_benchmark CORPUS VOCAB_SIZE OUT.json
//
// trains on the lines of the corpus, writes the tokenizer, reads it back and encodes the lines. Prints names
// and values, one a line; `hash` is FNV-1a over the ids of all lines.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/bpe_trainer.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

absl::Status run(const std::string& corpus, int32_t vocab_size, const std::string& out) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_text(corpus));
  const std::vector<std::string_view> lines = lines_of(text);
  double begin = cpu_seconds();
  ROUX_ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer, pattern_pre_tokenizer({kGpt2Pattern}));
  BpeTrainer trainer(std::move(pre_tokenizer));
  for (const std::string_view line : lines) trainer.add(line);
  ROUX_ASSIGN_OR_RETURN(const TrainedBpe trained, trainer.train({.vocab_size = vocab_size}));
  std::printf("train_s %.4f\n", cpu_seconds() - begin);
  std::ofstream(out) << trained_tokenizer_json(trained, {kGpt2Pattern});
  ROUX_ASSIGN_OR_RETURN(const auto tokenizer, load_tokenizer_json(out));
  uint64_t hash = 0xCBF29CE484222325u;
  size_t count = 0;
  begin = cpu_seconds();
  for (const std::string_view line : lines) {
    for (const int32_t id : tokenizer->encode(line).ids) {
      hash = (hash ^ static_cast<uint32_t>(id)) * 0x100000001B3u;
      ++count;
    }
  }
  std::printf("encode_s %.4f\n", cpu_seconds() - begin);
  std::printf("bytes %zu\nlines %zu\nids %zu\nhash %llu\n", text.size(), lines.size(), count,
              static_cast<unsigned long long>(hash));
  return absl::OkStatus();
}

}  // namespace
}  // namespace roux::kit

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: tokenizer_benchmark CORPUS VOCAB_SIZE OUT.json\n");
    return 2;
  }
  const absl::Status status = roux::kit::run(argv[1], std::atoi(argv[2]), argv[3]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
