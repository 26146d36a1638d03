#include "recipes/kit/worlds/gloss_category.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"

namespace roux::kit {

GlossTask make_gloss_task(const std::vector<Synset>& synsets, const GlossTaskOptions& options,
                          uint64_t seed) {
  GlossTask task;
  std::map<std::string, std::string> labels;  // by category
  std::set<std::string> known;
  for (int category = 0; category <= 44; ++category) known.insert(wordnet_category(category));
  for (const std::string& category : options.categories) {
    ROUX_CHECK(known.count(category) > 0) << "gloss task: there is no category '" << category << "'";
    const std::string label = category.substr(category.find('.') + 1);
    ROUX_CHECK(labels.emplace(category, label).second) << "gloss task: '" << category << "' is there twice";
    task.labels.push_back(label);
  }
  std::map<std::string, int> definitions;
  for (const Synset& synset : synsets) ++definitions[synset.definition];

  stats::RandomStream random(seed);
  std::map<std::string, int64_t> taken;
  std::vector<Example> items;
  for (const int64_t i : stats::random_permutation(static_cast<int64_t>(synsets.size()), random)) {
    const Synset& synset = synsets[static_cast<size_t>(i)];
    const auto label = labels.find(wordnet_category(synset.category));
    if (label == labels.end() || definitions[synset.definition] > 1) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(synset.definition, ' ', absl::SkipEmpty());
    const auto length = static_cast<int64_t>(words.size());
    if (length < options.least_words || length > options.most_words) continue;
    int64_t& count = taken[label->second];
    if (options.most_per_category > 0 && count >= options.most_per_category) continue;
    ++count;
    items.push_back({absl::StrCat(std::string(1, synset.part), synset.offset), synset.definition,
                     label->second, label->second, "wordnet", ""});
  }
  const int64_t held_out = options.test + options.validation;
  ROUX_CHECK(options.test >= 0 && options.validation >= 0 && static_cast<int64_t>(items.size()) > held_out)
      << "gloss task: " << items.size() << " definitions are left, more than " << options.test << " + "
      << options.validation << " are needed";
  const auto test_end = items.begin() + options.test, validation_end = test_end + options.validation;
  task.test.assign(items.begin(), test_end);
  task.validation.assign(test_end, validation_end);
  task.train.assign(validation_end, items.end());
  return task;
}

bool is_category(const Example& item, std::string_view text) {
  absl::string_view word = absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size()));
  absl::ConsumeSuffix(&word, ".");
  return absl::AsciiStrToLower(word) == absl::AsciiStrToLower(item.label);
}

}  // namespace roux::kit
