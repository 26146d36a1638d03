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
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/train/pretrain.h"
#include "recipes/rephrasing/corpora.h"

namespace roux::rephrasing {

struct Arm {
  std::string name;               // "mix.clean"
  std::vector<std::string> sets;  // of Texts
  std::vector<double> shares;
  std::vector<std::string> judged;  // HeldOut::source of the sets that it is judged on
  // Arms of one seed share the rows at positions where they choose the same set: a rephrased row stands in
  // the place of an original one.
  kit::MixtureOrder order = kit::MixtureOrder::kByPosition;
};

struct JudgedOn {
  std::string name, source;
  bool main = true;
  kit::WindowSet windows;
  double bits_per_character = 0;  // for a nat per token
  double unigram_bits = 0;        // bits per character by how often the training books have each token
};

// Verses of both wordings: which second half belongs to the first, the true one or those of three other
// verses?
struct Cloze {
  struct Item {
    std::string id, wording;
    size_t gold = 0;
  };
  static constexpr size_t kChoices = 4;
  std::vector<Item> items;
  std::optional<kit::WindowSet> windows;  // kChoices rows an item, the second half as targets
};

struct Data {
  int64_t vocab = 0;
  std::vector<std::pair<std::string, std::string>> sources;  // name, language
  std::vector<JudgedOn> judged;
  Texts texts;
  Cloze cloze;
  // chrF of held-out verses against the modern wording, by rephraser ("none": the older wording as it is),
  // and the chapter of each.
  std::map<std::string, std::vector<double>> chrf;
  std::vector<int64_t> chapters;
  bool users = false;
  std::string missing;
};

// `world` is not needed any more afterwards.
absl::StatusOr<Data> make_data(const Config& config, const World& world);
// The same shape without texts, for a plan.
absl::StatusOr<Data> stand_in(const Config& config);

// Original, synthetic and mixed text of every source; for the kit's own texts also several styles, and with
// --arms=all other rephrasers, single styles, half of the documents twice, and both languages together.
std::vector<Arm> arms_of(const Config& config, const Data& data);

struct Trained {
  kit::PretrainResult run;
  std::map<std::string, double> bits;     // bits per character, by held-out set
  std::map<std::string, int64_t> unique;  // different tokens that were trained on, by training set
  std::map<std::string, double> cloze;    // share of the items with the right choice, by wording
  template <class Visit>
  void visit(Visit&& visit) {
    visit("run", run), visit("bits", bits), visit("unique", unique), visit("cloze", cloze);
  }
};
absl::StatusOr<Trained> train_arm(const Config& config, const Data& data, const Arm& arm, uint64_t seed,
                                  kit::Part& part);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_ARMS_H_
