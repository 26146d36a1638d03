// The texts: what rephrasers learn from, the corpora to be rephrased, and what models are judged on. Books of
// the Bible in older English (1769), modern English and Spanish (1909) are split three ways; no chapter of
// one part is in another, in any wording.
#ifndef ROUX_RECIPES_REPHRASING_WORLD_H_
#define ROUX_RECIPES_REPHRASING_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/text/language_id.h"
#include "recipes/kit/text/tokenizer.h"
#include "recipes/kit/train/decoder.h"
#include "recipes/rephrasing/method.h"
#include "recipes/rephrasing/rephraser.h"

namespace roux::rephrasing {

struct Config {
  kit::DecoderConfig decoder{.layers = 2, .hidden = 64, .heads = 4, .intermediate = 176, .init_std = 0.12};
  // Sizes are ours. The rate is the best of the README's grid by the mean over all arms; the best of a single
  // arm may be the next one of the grid.
  int64_t vocab = 1024, steps = 180, batch = 16;
  double lr = 2.4e-2, warmup = 0.1, end = 0.1, weight_decay = 0.1, max_grad_norm = 1;
  int64_t passage_tokens = 96, min_tokens = 12;  // the paper's limit is 350, of another tokenizer
  double mix = 0.5;                              // share of rephrased rows in a mixture
  double faults = 0.02;                          // share of the answers with a planted fault
  std::vector<double> noises = {0, 0.5};         // the quality tiers; the first is clean
  int64_t pairs = 4000, small_pairs = 400;       // verses that A and A-small learn from; 0: all
  SubstitutionOptions substitution;
  Limits limits;
  int64_t eval_windows = 128;
  double validation_share = 0.1;  // of the documents of --data
  int64_t split = 0;              // which books are which: 0 is reported, 1 was for choosing settings
  bool excerpts = false;
  std::vector<std::string> more = {};  // English texts of the kit that are added to the corpus
  std::string language = "en";
  std::string arms = "central";
  int64_t cloze_items = 100;  // of each wording; 0: none

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Flag;
    using kit::Range;
    decoder.visit(visit);
    visit("vocab", vocab, Range{257, 65536}), visit("steps", steps, Range{2}),
        visit("batch", batch, Range{2});
    visit("lr", lr, Range{0}), visit("warmup", warmup, Range{0, 0.9}), visit("end", end, Range{0, 1});
    visit("weight_decay", weight_decay, Range{0}), visit("max_grad_norm", max_grad_norm, Range{0});
    visit("passage_tokens", passage_tokens, Range{8}), visit("min_tokens", min_tokens, Range{0});
    visit("mix", mix, Range{0.05, 0.95}), visit("faults", faults, Range{0, 1});
    visit("noises", noises, Range{0, 1});
    visit("pairs", pairs, Range{0}), visit("small_pairs", small_pairs, Range{1});
    visit("iterations", substitution.iterations, Range{1}), visit("beam", substitution.beam, Range{1});
    visit("translations", substitution.translations, Range{1});
    visit("min_count", substitution.min_count, Range{1}),
        visit("lm_weight", substitution.lm_weight, Range{0});
    visit("nothing_cost", substitution.nothing_cost, Range{0});
    visit("near_copy", limits.near_copy, Range{0, 1}), visit("ngram", limits.n, Range{1});
    visit("off_topic", limits.off_topic, Range{0, 1});
    visit("eval_windows", eval_windows, Range{1});
    visit("validation_share", validation_share, Range{0.01, 0.5}), visit("split", split, Range{0, 5});
    visit("excerpts", excerpts), visit("more", more);
    visit("language", language, Flag{"language of --data", {"en", "es"}});
    visit(
        "arms", arms,
        Flag{
            "central: original, rephrased and mixed text of each source, and several styles; all: also other "
            "rephrasers, single styles, half of the documents and both languages together",
            {"central", "all"}});
    visit("cloze_items", cloze_items, Range{0});
  }
  absl::Status check() const;
  int64_t budget() const { return steps * batch * decoder.length; }  // tokens that an arm trains on
};

struct Document {
  std::string id, text;
};
// A corpus to be rephrased; noise is put into what is drawn from it.
struct Source {
  std::string name, language;
  std::vector<Document> documents;
  double noise = 0;
};
struct HeldOut {
  std::string name, text;
  std::string source;  // the language of the arms that are judged on it, or the source of --data
  bool main = true;    // counts in the mean; the rest is another domain
};
struct Verse2 {  // in both wordings
  std::string old_text, new_text, id;
  int64_t chapter = 0;
};

struct World {
  std::vector<std::pair<std::string, std::string>> pairs;  // older, modern wording
  std::vector<Source> sources;
  std::vector<HeldOut> held_out;
  std::vector<Verse2> held_verses;            // none with --data
  std::vector<std::string> english, spanish;  // verses that may stand where another language is meant
  kit::LanguageIdentifier languages;
  std::shared_ptr<const kit::Tokenizer> tokenizer;
  std::unique_ptr<const Substitution> large, small;
  Rules rules;
  bool users = false;
  std::string missing;  // why this is less than the default's text, with the command that helps
  const Source& source(const std::string& name) const;  // Error for another name
};

// The Bibles, or the folder of --data: each text file or folder in it is a source, documents are apart by an
// empty line, and pairs.tsv is what A learns from. InvalidArgument for a source too short to be split.
absl::StatusOr<World> load_world(const Config& config, kit::Run& run);

std::string tier_name(double noise);  // "clean", "noise_0.5"

// Each word is hit with probability noise / 2: by a typing error (3 in 5), left out (1) or written twice (1);
// a line is followed by a line of web furniture with probability noise / 5.
std::string noisy(const std::string& text, double noise, uint64_t seed, uint64_t stream);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_WORLD_H_
