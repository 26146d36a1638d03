#include "recipes/rephrasing/corpora.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/eval/likelihood.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::rephrasing {
namespace {

constexpr size_t kSamples = 3;
// Chapters, noise and planted faults are drawn once: seeds differ in weights and in the order of rows.
constexpr uint64_t kTextSeed = 17;
constexpr uint64_t kOrderStream = 1;

struct Asked {
  size_t passage;  // among all of the corpus
  uint64_t key;
  Prompt prompt;
  std::string source;
};

double perplexity_of(const Substitution& reference, const std::vector<std::string>& texts) {
  double nats = 0;
  int64_t words = 0;
  for (const std::string& text : texts) {
    const std::vector<int32_t> ids = reference.ids_of(text);
    nats -= reference.language_model().log_likelihood(ids);
    words += static_cast<int64_t>(ids.size());
  }
  return words > 0 ? kit::perplexity(nats, words) : 0;
}

Quality quality_of(const Config& config, const World& world, const std::vector<Candidate>& kept,
                   const std::string& language) {
  Quality q;
  if (kept.empty()) return q;
  std::vector<std::string> sources, outputs;
  for (const Candidate& c : kept) {
    sources.push_back(c.source), outputs.push_back(c.output.text);
    q.length_ratio += static_cast<double>(words_of(c.output.text).size()) /
                      std::max(1.0, static_cast<double>(words_of(c.source).size()));
    q.overlap += ngram_overlap(c.source, c.output.text, static_cast<size_t>(config.limits.n));
    q.content += content_overlap(c.source, c.output.text);
    q.fidelity += fact_fidelity(c.source, c.output.text);
    q.types_source += type_token_ratio(c.source), q.types_output += type_token_ratio(c.output.text);
  }
  for (double* sum : {&q.length_ratio, &q.overlap, &q.content, &q.fidelity, &q.types_source, &q.types_output})
    *sum /= static_cast<double>(kept.size());
  if (language == "en") {
    q.perplexity_source = perplexity_of(*world.large, sources);
    q.perplexity_output = perplexity_of(*world.large, outputs);
  }
  return q;
}

// What became of the answers with a planted fault.
std::array<PlantedFault, std::size(kFaults)> faults_of(const std::vector<Asked>& asked, const Faulty& faulty,
                                                       const Rephraser& inner,
                                                       const std::vector<std::optional<std::string>>& kept) {
  std::array<PlantedFault, std::size(kFaults)> all = {};
  for (const Asked& a : asked) {
    const Fault fault = faulty.fault_of(a.key);
    if (fault == Fault::kNone) continue;
    PlantedFault& count = all[static_cast<size_t>(std::find(std::begin(kFaults), std::end(kFaults), fault) -
                                                  std::begin(kFaults))];
    ++count.planted;
    const std::optional<std::string>& text = kept[a.passage];
    if (!text) {
      ++count.dropped;
    } else if (*text == clean(inner.answer(a.prompt, a.key)).text) {
      ++count.repaired;
    }
  }
  return all;
}

absl::StatusOr<kit::WindowSet> windows_of(const Config& config, const World& world,
                                          const std::vector<Document>& documents, const std::string& name) {
  std::string text;
  for (const Document& document : documents) absl::StrAppend(&text, document.text, "\n\n");
  return kit::WindowSet::stream(world.tokenizer->encode(text).ids, config.decoder.length, name);
}

// Documents in a random order until they have so many tokens.
std::vector<Document> drawn(const std::vector<Document>& all, int64_t tokens, const World& world) {
  stats::RandomStream random(kTextSeed, kOrderStream);
  std::vector<Document> some;
  int64_t sum = 0;
  for (const int64_t i : stats::random_permutation(static_cast<int64_t>(all.size()), random)) {
    if (sum >= tokens) break;
    some.push_back(all[static_cast<size_t>(i)]);
    sum += static_cast<int64_t>(world.tokenizer->encode(some.back().text).ids.size());
  }
  return some;
}

class Maker {
 public:
  Maker(const Config& config, const World& world) : config_(config), world_(world) {}

  absl::Status original(const std::string& source, const std::vector<Document>& documents) {
    ROUX_ASSIGN_OR_RETURN(kit::WindowSet windows,
                          windows_of(config_, world_, documents, absl::StrCat("original.", source)));
    texts_.sets.emplace(absl::StrCat("original.", source), std::move(windows));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Document>> rephrased(const std::string& name,
                                                  const std::vector<Document>& documents,
                                                  const std::string& language, const Rephraser& rephraser,
                                                  const std::vector<Style>& styles = {Style::kMedium}) {
    ROUX_ASSIGN_OR_RETURN(Rephrased result,
                          rephrase(config_, world_, documents, language, rephraser, styles));
    if (result.documents.empty()) {
      std::string counts;
      for (const std::string& reason : result.funnel.reasons)
        absl::StrAppend(&counts, counts.empty() ? "" : ", ", reason, " ", result.funnel[reason]);
      return absl::InvalidArgumentError(absl::StrCat(name, ": the filters leave no passage (", counts, ")"));
    }
    std::vector<Document> made = std::move(result.documents);
    result.documents.clear();
    texts_.pipelines.push_back({name, std::move(result)});
    ROUX_ASSIGN_OR_RETURN(kit::WindowSet windows, windows_of(config_, world_, made, name));
    texts_.sets.emplace(name, std::move(windows));
    return made;
  }

  // Clean text of the kit: all styles; and, of all arms, other rephrasers, single styles, and half of the
  // documents.
  absl::Status controls(const std::string& clean, const std::vector<Document>& documents,
                        const std::vector<Document>& by_large) {
    const auto in_styles = [&](const char* name, const std::vector<Style>& styles) {
      return rephrased(absl::StrCat(name, clean), documents, "en", *world_.large, styles).status();
    };
    ROUX_RETURN_IF_ERROR(in_styles("a_styles.", {Style::kEasy, Style::kMedium, Style::kQa}));
    if (config_.arms != "all") return absl::OkStatus();
    ROUX_RETURN_IF_ERROR(in_styles("a_easy.", {Style::kEasy}));
    ROUX_RETURN_IF_ERROR(in_styles("a_qa.", {Style::kQa}));
    ROUX_RETURN_IF_ERROR(rephrased(absl::StrCat("b.", clean), documents, "en", world_.rules).status());
    ROUX_RETURN_IF_ERROR(rephrased(absl::StrCat("a_small.", clean), documents, "en", *world_.small).status());
    const std::vector<Document> half(documents.begin(),
                                     documents.begin() + (static_cast<int64_t>(documents.size()) + 1) / 2);
    ROUX_RETURN_IF_ERROR(original("half", half));
    std::vector<Document> of_half;
    for (const Document& document : by_large) {
      if (std::any_of(half.begin(), half.end(), [&](const Document& d) { return d.id == document.id; }))
        of_half.push_back(document);
    }
    ROUX_ASSIGN_OR_RETURN(kit::WindowSet windows, windows_of(config_, world_, of_half, "a.half"));
    texts_.sets.emplace("a.half", std::move(windows));
    return absl::OkStatus();
  }

  Texts texts_;

 private:
  const Config& config_;
  const World& world_;
};

}  // namespace

absl::StatusOr<Rephrased> rephrase(const Config& config, const World& world,
                                   const std::vector<Document>& documents, const std::string& language,
                                   const Rephraser& rephraser, const std::vector<Style>& styles) {
  const TokenCount count = [&](std::string_view text) {
    return static_cast<int64_t>(world.tokenizer->encode(text).ids.size());
  };
  Rephrased result;
  std::vector<Split> splits;
  std::vector<Asked> asked;
  size_t passages = 0;
  result.funnel.count("passages", 0), result.funnel.count("short passage", 0);
  for (size_t d = 0; d < documents.size(); ++d) {
    ROUX_ASSIGN_OR_RETURN(Split split,
                          split_passages(documents[d].text, language, config.passage_tokens, count));
    for (size_t p = 0; p < split.passages.size(); ++p) {
      const std::string& text = split.passages[p].text;
      result.funnel.count("passages");
      if (count(text) < config.min_tokens) {
        result.funnel.count("short passage");
      } else {
        asked.push_back({passages + p, (uint64_t{d} << 32) + p,
                         build_prompt(styles[d % styles.size()], Template::kOptimised, language, text),
                         text});
      }
    }
    passages += split.passages.size();
    splits.push_back(std::move(split));
  }
  const Faulty faulty(rephraser, config.faults, kTextSeed, language == "es" ? world.english : world.spanish);
  std::vector<Candidate> candidates(asked.size());
  parallel_for(0, static_cast<int64_t>(asked.size()), 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Asked& a = asked[static_cast<size_t>(i)];
      candidates[static_cast<size_t>(i)] = {a.source, clean(faulty.answer(a.prompt, a.key)),
                                            static_cast<int64_t>(a.passage)};
    }
  });
  const std::vector<Candidate> kept =
      kit::filter(std::move(candidates), filters(language, world.languages, config.limits), result.funnel);
  std::vector<std::optional<std::string>> rewritten(passages);
  for (const Candidate& c : kept) {
    rewritten[static_cast<size_t>(c.passage)] = c.output.text;
    if (result.samples.size() < kSamples) result.samples.emplace_back(c.source, c.output.text);
  }
  result.quality = quality_of(config, world, kept, language);
  result.faults = faults_of(asked, faulty, rephraser, rewritten);
  auto at = rewritten.begin();
  for (size_t d = 0; d < documents.size(); ++d) {
    const auto next = at + static_cast<int64_t>(splits[d].passages.size());
    std::string merged = merge_passages(splits[d], {at, next}, Policy::kDropPassage);
    if (!merged.empty()) result.documents.push_back({documents[d].id, std::move(merged)});
    at = next;
  }
  return result;
}

absl::StatusOr<Texts> make_texts(const Config& config, const World& world) {
  Maker maker(config, world);
  uint64_t stream = kOrderStream;
  for (const Source& source : world.sources) {
    std::vector<Document> documents = drawn(source.documents, config.budget(), world);
    for (Document& document : documents)
      document.text = noisy(document.text, source.noise, kTextSeed, ++stream);
    ROUX_RETURN_IF_ERROR(maker.original(source.name, documents));
    const Rephraser* by =
        source.language == "es" ? static_cast<const Rephraser*>(&world.rules) : world.large.get();
    ROUX_ASSIGN_OR_RETURN(const std::vector<Document> made,
                          maker.rephrased(absl::StrCat("a.", source.name), documents, source.language, *by));
    if (&source == &world.sources.front() && !world.users)
      ROUX_RETURN_IF_ERROR(maker.controls(source.name, documents, made));
  }
  return std::move(maker.texts_);
}

}  // namespace roux::rephrasing
