// What the recipe trains and asks: real text as slices with a planted change of sense (world.cc), models of
// each slice from scratch and by adapters (arms.cc), and what is read off them (report.cc).
#ifndef ROUX_RECIPES_DIACHRONIC_LM_STUDY_H_
#define ROUX_RECIPES_DIACHRONIC_LM_STUDY_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "nn/models/language_model.h"
#include "recipes/diachronic_lm/method.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/text/tokenizer.h"
#include "recipes/kit/train/decoder.h"

namespace roux::diachronic_lm {

// Sizes are ours; the paper's: 10M / 5M / 1M words, 16,000 entries, 345M parameters, batches of 128 rows of
// 128 tokens, 8 epochs at 7e-4.
struct Config {
  kit::DecoderConfig decoder{
      .layers = 1, .hidden = 64, .heads = 4, .intermediate = 176, .length = 64, .init_std = 0.125};
  int64_t kv_heads = 2;  // the paper: 5 for 15 heads
  int64_t vocab = 768;
  int64_t train_words = 60000, test_words = 12000, dev_words = 3000, base_words = 24000;  // of a slice
  int64_t batch = 8, steps = 200, base_steps = 400;
  double teacher_lr = 16e-3, student_lr = 16e-3, base_lr = 16e-3, dora_lr = 16e-3;  // of one grid (README)
  double warmup = 0.094;       // share of the steps: 600 of some 6,400; DoRA's is a tenth of it
  double rate_decay = 3.5e-3;  // the student's rate times weight decay: the paper has 7e-4 and 5
  double alpha = 0.5, temperature = 1;
  std::string reduction = "batchmean";
  int64_t rank = 4;  // of DoRA; the paper: 16, alpha 32
  double lora_alpha = 8, lora_dropout = 0.05;
  std::vector<std::string> slices = {"bible_kjv", "commentary_henry", "commentary_spurgeon"};
  std::vector<std::string> modern = {"bible_web"};
  bool excerpts = false;

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Flag;
    using kit::Range;
    decoder.visit(visit);
    visit("kv_heads", kv_heads, Range{1}), visit("vocab", vocab, Range{260});
    visit("train_words", train_words, Range{1}), visit("test_words", test_words, Range{1});
    visit("dev_words", dev_words, Range{1}), visit("base_words", base_words, Range{1});
    visit("batch", batch, Range{1}), visit("steps", steps, Range{2}),
        visit("base_steps", base_steps, Range{2});
    visit("teacher_lr", teacher_lr, Range{1e-9}), visit("student_lr", student_lr, Range{1e-9});
    visit("base_lr", base_lr, Range{1e-9}), visit("dora_lr", dora_lr, Range{1e-9});
    visit("warmup", warmup, Range{0, 0.9}), visit("rate_decay", rate_decay, Range{0});
    visit("alpha", alpha, Range{0, 1}), visit("temperature", temperature, Range{1e-3});
    visit("reduction", reduction, Flag{"of the student's KL", {"batchmean", "mean"}});
    visit("rank", rank, Range{1}), visit("lora_alpha", lora_alpha, Range{0});
    visit("lora_dropout", lora_dropout, Range{0, 0.9});
    visit("slices", slices, Flag{"text domains, the oldest language first"});
    visit("modern", modern, Flag{"text domains that only the shared base sees"});
    visit("excerpts", excerpts, Flag{"true: the excerpts of the domains that have one"});
  }
  absl::Status check() const;
};

struct Slice {
  std::string name;
  std::string train, test, dev, base;  // no paragraph in two of them
  Counts counts, whole;                // of the training words; of all words of the text that it is cut from
  std::vector<Word> test_words;
  std::shared_ptr<const kit::Tokenizer> tokenizer;
};

// Places in a slice's test text, and words to try there: of the slice, and for each one that only later text
// has, as long and about as frequent in the base's text.
struct Frames {
  std::vector<std::string> contexts;
  std::vector<std::pair<std::string, std::string>> own_and_later;
};

struct World {
  std::vector<Slice> slices;
  std::shared_ptr<const kit::Tokenizer> shared;  // of the base
  std::string base_text;
  size_t late = 0;                          // slices from here on have the exchanged words
  std::vector<std::string> planted, nouns;  // 2 k and 2 k + 1 were exchanged; they begin the nouns
  std::vector<Frames> frames;               // of each slice but the last
};
// From the domains, or from --data: a folder of which each text, or folder of texts, is a slice, in the order
// of their names. Under --plan slices are empty but for their names. Errors: those of the sources;
// InvalidArgument for texts that are too short and fewer than three slices.
absl::StatusOr<World> load_world(const Config& config, kit::Run& run);
// They end at an empty line, or with the sentence that reaches 100 words.
std::vector<std::string> paragraphs_of(const std::string& text);

enum class Kind {
  kBase,     // battery B's: one model of other paragraphs of all slices, and of modern text
  kTeacher,  // battery A's, from scratch: cross-entropy
  kStudent,  // battery A's, from scratch: from two teachers
  kDora,     // battery B's: an adapter on the base
  kShared,   // a teacher with the base's tokenizer
};
struct Arm {
  std::string name, from = {};
  Kind kind = Kind::kBase;
  size_t slice = 0;
  uint64_t number = 0;  // of its draws: `shared` has those of teacher1
  int64_t steps = 0;
  double lr = 0;
};
int64_t parameters(const Config& config);  // of a model with Config::vocab tokens
// Each comes after what it needs. A student needs "teacher2.<slice>" beside `from`.
std::vector<Arm> arms_of(const Config& config, const World& world);

struct Outcome {
  double dev_bits = 0;       // a byte of the slice's tuning text; the base: mean over slices
  std::vector<double> bits;  // a byte of each test text; teachers: 0 but for their own
  std::vector<std::vector<double>>
      words;                  // of each test word of each text its bits; -1 where a token is no target
  double own = 0, later = 0;  // log2-probability a byte of the frames' words; not of teachers
  template <class Visit>
  void visit(Visit&& visit) {
    visit("dev_bits", dev_bits), visit("bits", bits), visit("words", words);
    visit("own", own), visit("later", later);
  }
};
absl::StatusOr<Outcome> train_arm(const Config& config, const World& world, const Arm& arm, uint64_t seed,
                                  kit::Part& part);

// Rows of T tokens: chunk i from T i + an offset in [0, T), drawn by (seed, number of the row).
kit::TokenBatch random_chunks(const std::vector<int32_t>& tokens, int64_t length,
                              const std::vector<int64_t>& chunks, uint64_t seed, int64_t first_row);
// What a teacher sees first: these tokens are its slice's.
absl::StatusOr<kit::TokenBatch> first_batch(const Config& config, const std::vector<int32_t>& tokens,
                                            const Arm& arm, uint64_t seed);
// Of each token in nats, in windows of `length`; -1 for the first and for what is left over at the end.
std::vector<double> token_surprisals(const LanguageModel& model, const std::vector<int32_t>& tokens,
                                     int64_t length, Device device);

struct Outcomes {
  const Config& config;
  const World& world;
  const kit::Results<Outcome>& results;

  // kind: "teacher1" "teacher2" "student" "shared" "dora".
  const Outcome& of(const std::string& kind, size_t slice, size_t seed) const;
  Grid grid(const std::string& kind, size_t seed) const;
  double mean(const std::string& kind, double Outcome::*field, size_t slices,
              size_t seed) const;  // of the first ones
};
// Of each of World::nouns, by the students of a seed.
std::vector<double> sense_changes(const Outcomes& outcomes, size_t seed);
// Words of the first and last slice, the most changed first, by the students' surprisals and by the ratio of
// frequencies in the training texts: of the words that the test texts have often, names left out.
std::vector<std::string> by_surprisal(const Outcomes& outcomes, size_t seed);
std::vector<std::string> by_frequency(const World& world);

absl::Status judge(const Outcomes& outcomes, kit::Run& run);
absl::Status report(const Outcomes& outcomes, kit::Run& run);

}  // namespace roux::diachronic_lm

#endif  // ROUX_RECIPES_DIACHRONIC_LM_STUDY_H_
