// What is trained on data of each role: language models on five versions of one corpus (pre-training), one of
// them tuned on instructions made of a traditional task, and a reward model on people's votes (votes.cc).
#ifndef ROUX_RECIPES_LLM_DATASETS_SURVEY_ARMS_H_
#define ROUX_RECIPES_LLM_DATASETS_SURVEY_ARMS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "optim/schedules.h"
#include "recipes/kit/data/example.h"
#include "recipes/kit/data/sources/vader.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/train/decoder.h"
#include "recipes/kit/train/train.h"
#include "recipes/llm_datasets_survey/corpus.h"

namespace roux::llm_datasets_survey {

struct Config {
  kit::DecoderConfig decoder = {
      .layers = 2, .hidden = 64, .heads = 4, .intermediate = 172, .length = 64, .init_std = 0.125};
  int64_t steps = 600, batch = 8;
  double lr = 6e-3;
  int64_t instruct_steps = 400;
  double instruct_lr = 2e-3;
  int64_t reward_steps = 300, reward_pairs = 64;
  double reward_lr = 1;        // of shares of trigrams, which are small numbers
  int64_t text_bytes = 60000;  // of each text
  int64_t eval_windows = 120, candidates = 128;
  std::vector<std::string> texts = {"austen_emma", "web_luke_john", "wordnet"};
  std::string unseen = "libreoffice_help_en_us", reference = "bible_kjv";
  bool excerpts = true;
  std::string catalogue;  // empty: the shipped records

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Flag;
    using kit::Range;
    decoder.visit(visit);
    visit("steps", steps, Range{1}), visit("batch", batch, Range{1}), visit("lr", lr, Range{0});
    visit("instruct_steps", instruct_steps, Range{1}), visit("instruct_lr", instruct_lr, Range{0});
    visit("reward_steps", reward_steps, Range{1}), visit("reward_pairs", reward_pairs, Range{1});
    visit("reward_lr", reward_lr, Range{0}), visit("text_bytes", text_bytes, Range{1000});
    visit("eval_windows", eval_windows, Range{1}), visit("candidates", candidates, Range{2});
    visit("texts", texts, Flag{"text domains, from which the corpus is made"});
    visit("unseen", unseen, Flag{"a text domain that is evaluated on alone"});
    visit("reference", reference, Flag{"a text domain: what good text is like"});
    visit("excerpts", excerpts, Flag{"false: the whole texts; what is missing is downloaded"});
    visit("catalogue", catalogue,
          Flag{"records in place of the shipped ones: README.md of Awesome-LLMs-Datasets as it is, or JSON "
               "lines of "
               "strings, name and category (\"part/leaf\") and any other of the 20 dimensions, as "
               "catalogue.jsonl of "
               "the recipe and of each run has them"});
  }
  absl::Status check() const;
};

// One corpus for all seeds, which differ in weights, orders and what the preference pairs are.
struct Data {
  std::vector<std::string> clean;  // the documents among which noise is planted
  PlantedCorpus corpus;
  std::map<std::string, kit::WindowSet> train;  // by arm
  std::map<std::string, kit::Funnel> funnels;
  // Documents that the quality classifier has not seen: 1 for a clean one, 0 for noise, and what it says.
  std::vector<int64_t> is_clean;
  std::vector<double> quality;
  std::vector<kit::WindowSet> held_out;               // of the corpus's own texts, of the unseen one
  std::vector<kit::Example> instructions, questions;  // for tuning, for evaluation
  std::vector<kit::RatedText> rated;                  // words with the ratings of ten people
  std::vector<bool> leaked;                           // of each question, whether the corpus holds it
};
absl::StatusOr<Data> load_data(const Config& config, kit::Run& run);

// A traditional task as instructions: the category of a WordNet gloss. The id, source and label stay.
inline constexpr const char* kCategories[] = {"animal", "artifact", "person"};
kit::Example instruction_of(int64_t offset, const std::string& word, const std::string& definition,
                            const std::string& category);

// Questions and documents that share so many words in a row are told to be contaminated: GPT-3's 13 is more
// than most glosses have.
inline constexpr int64_t kContaminatedRun = 8;

struct Arm {
  std::string name, from = {};
};
std::vector<Arm> arms();  // raw, random, filter, dedup, both; instruct; reward

struct Outcome {
  kit::TrainLog log;
  std::map<std::string, double> scores;
  template <class Visit>
  void visit(Visit&& visit) {
    visit("log", log), visit("scores", scores);
  }
};
using Results = kit::Results<Outcome>;
// Decays by a cosine to a tenth of the peak after a fiftieth of warm-up.
Schedule cosine(double peak, int64_t steps);
absl::StatusOr<Outcome> train_arm(const Config& config, const Data& data, const Arm& arm, uint64_t seed,
                                  kit::Part& part);

// The first rated words as records of the three kinds, in pairs: votes of ten people about every two of them,
// a score a word (the mean of its ratings), one sort of all by their scores.
struct PairForms {
  int64_t words = 0, votes = 0, scores = 0, sorts = 0;  // pairs; ties are dropped
  double agree = 0;      // share of the pairs of votes in which the score says the same
  double agree_far = 0;  // of those whose scores are a rating or more apart
};
PairForms pair_forms(const std::vector<kit::RatedText>& rated, size_t words);

// Bradley and Terry's model on the votes, a linear one of hashed trigrams. The seed decides which words are
// for evaluation. Scores: "accuracy" on pairs of these, "accuracy_unknown_stems" on those of which no word
// has its first four letters in common with a word of training (0.5 without one), and Cohen's kappa with the
// majority of the people, "model_kappa"; of one of them with the majority of the others, "person_kappa".
absl::StatusOr<Outcome> train_reward(const Config& config, const std::vector<kit::RatedText>& rated,
                                     uint64_t seed, kit::Part& part);

}  // namespace roux::llm_datasets_survey

#endif  // ROUX_RECIPES_LLM_DATASETS_SURVEY_ARMS_H_
