// What is trained: one small model an arm, on original, rephrased or mixed text, for the same number of
// tokens.
#ifndef ROUX_RECIPES_REPHRASING_ARMS_H_
#define ROUX_RECIPES_REPHRASING_ARMS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/train/pretrain.h"
#include "recipes/rephrasing/corpora.h"

namespace roux::rephrasing {

struct Arm {
  std::string name;               // "mix.clean"
  std::vector<std::string> sets;  // of SeedTexts
  std::vector<double> shares;
  std::vector<std::string> judged;  // HeldOut::source of the sets that it is judged on
};

struct JudgedOn {
  std::string name, source;
  bool main = true;
  kit::WindowSet windows;
  double bits_per_character = 0;  // for a nat per token
  double unigram_bits = 0;        // bits per character by how often the training books have each token
};

struct Data {
  int64_t vocab = 0;
  std::vector<std::pair<std::string, std::string>> sources;  // name, language
  std::vector<JudgedOn> judged;
  std::map<std::string, kit::WindowSet> cloze;  // "older", "modern": four rows an item, the true one first
  std::vector<std::string> cloze_items;         // their references
  std::vector<SeedTexts> texts;                 // a seed each, in the order of the run's
  // chrF of held-out verses against the modern wording, by rephraser ("none": the older wording as it is),
  // and the chapter of each.
  std::map<std::string, std::vector<double>> chrf;
  std::vector<int64_t> chapters;
  uint64_t first_seed = 0;
  bool users = false;
  std::string missing;
  const SeedTexts& of_seed(uint64_t seed) const { return texts.at(static_cast<size_t>(seed - first_seed)); }
};

// `world` is not needed any more afterwards.
absl::StatusOr<Data> make_data(const Config& config, const World& world, const std::vector<uint64_t>& seeds);
// The same shape without texts, for a plan.
absl::StatusOr<Data> stand_in(const Config& config, const std::vector<uint64_t>& seeds);

// Original, synthetic and mixed text of every source; for the kit's own texts also other rephrasers, styles
// and shares, half of the documents twice, and both languages together.
std::vector<Arm> arms_of(const Config& config, const Data& data);

struct Trained {
  kit::Pretrained run;
  std::map<std::string, double> bits;      // bits per character, by held-out set
  std::map<std::string, double> accuracy;  // of the cloze items, by wording
  std::map<std::string, int64_t> unique;   // different tokens that were trained on, by training set
  template <class Visit>
  void visit(Visit&& visit) {
    visit("run", run), visit("bits", bits), visit("accuracy", accuracy), visit("unique", unique);
  }
};
absl::StatusOr<Trained> train_arm(const Config& config, const Data& data, const Arm& arm, uint64_t seed,
                                  kit::Part& part);

// Items of four endings: the mean log-likelihood of a token decides, ties go to a wrong ending. losses: four
// an item, the true one first. Share that is right. Error unless four divides their number.
double cloze_accuracy(const std::vector<double>& losses);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_ARMS_H_
