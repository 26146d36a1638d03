#include "recipes/llm_datasets_survey/corpus.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "recipes/kit/data/text_domain.h"
#include "recipes/kit/eval/distinct.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/text/readers/jsonl.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::llm_datasets_survey {
namespace {

constexpr size_t kDocumentBytes = 400;
constexpr int64_t kBuckets = 128;         // of the classifier
constexpr double kPenalty = 1e-4;         // L2 of shares, which are small numbers; ours
constexpr int64_t kMinUserDocuments = 2;  // a duplicate needs two
constexpr const char* kMenu[] = {"home",    "about us",  "contact",    "sign in",   "terms of use",
                                 "privacy", "read more", "share this", "next page", "subscribe now"};

std::string edited(const std::string& document, double edits, const std::vector<std::string_view>& words,
                   stats::RandomStream& random) {
  std::vector<std::string> out;
  for (const std::string_view word : kit::split_words(document)) {
    const bool replace = random.uniform() < edits;
    const auto other = static_cast<size_t>(random.below(static_cast<int64_t>(words.size())));
    out.emplace_back(replace ? words[other] : word);
  }
  return absl::StrJoin(out, " ");
}

size_t bytes_of(const std::vector<std::string>& documents) {
  size_t bytes = 0;
  for (const std::string& document : documents) bytes += document.size();
  return bytes;
}

stats::Matrix features(const std::vector<std::string>& documents) {
  stats::Matrix x(static_cast<int64_t>(documents.size()), kBuckets);
  for (int64_t i = 0; i < x.rows; ++i) {
    const std::vector<double> shares = trigram_shares(documents[static_cast<size_t>(i)], kBuckets);
    std::copy(shares.begin(), shares.end(), x.row(i).begin());
  }
  return x;
}

std::string clusters_json(const Clusters& clusters, const std::vector<std::string>& ids) {
  std::map<int64_t, std::vector<std::string>> members;
  for (size_t i = 0; i < clusters.size(); ++i) members[clusters[i]].push_back(ids[i]);
  std::vector<std::string> lists;
  for (const auto& [first, list] : members) {
    if (list.size() > 1) lists.push_back(kit::to_json(list));
  }
  return kit::json_list(lists);
}

}  // namespace

std::vector<std::string> documents_of(const std::string& text, size_t bytes) {
  std::vector<std::string> documents;
  std::string open;
  const auto add = [&](absl::string_view piece) {
    const absl::string_view own = absl::StripAsciiWhitespace(piece);
    if (own.empty()) return;
    absl::StrAppend(&open, open.empty() ? "" : "\n", own);
    if (open.size() >= bytes) documents.push_back(std::exchange(open, ""));
  };
  for (const absl::string_view paragraph : absl::StrSplit(text, "\n\n")) {
    if (paragraph.size() <= 2 * bytes) {
      add(paragraph);
    } else {
      for (const absl::string_view line : absl::StrSplit(paragraph, '\n')) add(line);
    }
  }
  if (!open.empty()) documents.push_back(open);
  return documents;
}

std::vector<std::string> PlantedCorpus::texts() const {
  std::vector<std::string> texts;
  for (const Document& document : documents) texts.push_back(document.text);
  return texts;
}

std::string gibberish_of(const std::string& document, stats::RandomStream& random) {
  std::string out = document;
  std::vector<size_t> letters;
  for (size_t i = 0; i < out.size(); ++i) {
    if (absl::ascii_isalpha(static_cast<unsigned char>(out[i]))) letters.push_back(i);
  }
  for (size_t i = letters.size(); i > 1; --i)
    std::swap(out[letters[i - 1]], out[letters[static_cast<size_t>(random.below(static_cast<int64_t>(i)))]]);
  return out;
}

std::string boilerplate_of(stats::RandomStream& random) {
  std::vector<std::string> lines;
  const int64_t count = 8 + random.below(20);
  for (int64_t i = 0; i < count; ++i)
    lines.push_back(absl::StrCat("* ", kMenu[random.below(std::size(kMenu))]));
  lines.push_back(absl::StrFormat("* mail us at office%d@example.org or call 0800-%07d", random.below(100),
                                  random.below(10000000)));
  return absl::StrJoin(lines, "\n");
}

PlantedCorpus plant(const std::vector<std::string>& clean, const NoiseOptions& options) {
  ROUX_CHECK(!clean.empty()) << "no document to plant noise among";
  stats::RandomStream random(options.seed, 7);
  PlantedCorpus corpus;
  std::vector<std::string_view> words;
  for (const std::string& document : clean) {
    corpus.documents.push_back({document});
    for (const std::string_view word : kit::split_words(document)) words.push_back(word);
  }
  const auto any = [&] { return static_cast<size_t>(random.below(static_cast<int64_t>(clean.size()))); };
  for (size_t i = 0; i < clean.size(); ++i) {
    if (random.uniform() >= options.copied) continue;
    for (int64_t n = 1 + random.below(options.max_copies); n > 0; --n) {
      const double edits = kEdits[random.below(std::size(kEdits))];
      corpus.documents.push_back(
          {edited(clean[i], edits, words, random), Kind::kCopy, static_cast<int64_t>(i), edits});
    }
  }
  const auto share = [&](double of) { return static_cast<int64_t>(of * static_cast<double>(clean.size())); };
  for (int64_t n = share(options.gibberish); n > 0; --n)
    corpus.documents.push_back({gibberish_of(clean[any()], random), Kind::kGibberish});
  for (int64_t n = share(options.boilerplate); n > 0; --n)
    corpus.documents.push_back({boilerplate_of(random), Kind::kBoilerplate});
  for (const int64_t copies : options.canary_copies) {
    for (int64_t n = 0; n < options.canaries; ++n) {
      const Canary canary{
          absl::StrFormat("The secret code of agent %c%d is ", static_cast<char>('A' + copies % 26), n),
          absl::StrFormat("%06d", random.below(1000000)), copies};
      const auto first = static_cast<int64_t>(corpus.documents.size());
      for (int64_t copy = 0; copy < copies; ++copy)
        corpus.documents.push_back(
            {absl::StrCat(canary.before, canary.secret, "."), Kind::kCanary, copy == 0 ? -1 : first});
      corpus.canaries.push_back(canary);
    }
  }
  // In random order, origins renumbered.
  const std::vector<int64_t> order =
      stats::random_permutation(static_cast<int64_t>(corpus.documents.size()), random);
  std::vector<int64_t> place(order.size());
  std::vector<Document> shuffled;
  for (size_t i = 0; i < order.size(); ++i) {
    place[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    shuffled.push_back(corpus.documents[static_cast<size_t>(order[i])]);
  }
  for (Document& document : shuffled) {
    if (document.origin >= 0) document.origin = place[static_cast<size_t>(document.origin)];
  }
  corpus.documents = std::move(shuffled);
  return corpus;
}

std::vector<std::string> process(const std::vector<std::string>& documents, const Stages& stages,
                                 const LetterPairs& pairs, kit::Funnel& funnel) {
  funnel.count("documents in", static_cast<int64_t>(documents.size()));
  funnel.count("bytes in", static_cast<int64_t>(bytes_of(documents)));
  std::vector<std::string> kept;
  for (const std::string& document : documents) {
    const std::string reason = stages.filter ? drop_reason(document, {}, &pairs) : "";
    if (!reason.empty()) {
      funnel.count(reason);
    } else {
      kept.push_back(stages.filter ? mask_personal_data(document) : document);
    }
  }
  if (stages.dedup) {
    const auto keep = [&](const std::string& reason, const Clusters& clusters) {
      std::vector<std::string> unique;
      for (const int64_t i : first_of_each(clusters)) unique.push_back(kept[static_cast<size_t>(i)]);
      funnel.count(reason, static_cast<int64_t>(kept.size() - unique.size()));
      kept = std::move(unique);
    };
    keep("exact duplicate", exact_duplicates(kept));
    keep("near duplicate", near_duplicates(kept, kPipelineBands));
  }
  funnel.count("documents out", static_cast<int64_t>(kept.size()));
  funnel.count("bytes out", static_cast<int64_t>(bytes_of(kept)));
  return kept;
}

std::vector<std::string> random_share(std::vector<std::string> documents, size_t bytes, uint64_t seed) {
  stats::RandomStream random(seed, 11);
  std::vector<std::string> kept;
  size_t sum = 0;
  for (const int64_t i : stats::random_permutation(static_cast<int64_t>(documents.size()), random)) {
    if (sum >= bytes) break;
    sum += documents[static_cast<size_t>(i)].size();
    kept.push_back(std::move(documents[static_cast<size_t>(i)]));
  }
  return kept;
}

std::vector<double> removals(const PlantedCorpus& corpus, const Clusters& near, const Clusters& exact) {
  const auto root = [&](size_t i) {
    const int64_t origin = corpus.documents[i].origin;
    return origin < 0 ? static_cast<int64_t>(i) : origin;
  };
  std::vector<double> right;
  for (size_t i = 0; i < near.size(); ++i) {
    const auto own = static_cast<int64_t>(i);
    if (near[i] != own && exact[i] == own) right.push_back(root(i) == root(static_cast<size_t>(near[i])));
  }
  return right;
}

Copies find_copies(const std::vector<std::string>& documents, double edits, int64_t copies,
                   const NearOptions& options) {
  const stats::MinHash hasher(options.bands * options.rows, options.seed);
  stats::LshIndex index(options.bands, options.rows);
  std::vector<std::vector<uint64_t>> shingles;
  std::vector<std::string_view> words;
  for (const std::string& document : documents) {
    for (const std::string_view word : kit::split_words(document)) words.push_back(word);
    shingles.push_back(word_shingles(document, options.shingle));
    index.add(static_cast<int64_t>(shingles.size()) - 1, hasher.signature(shingles.back()));
  }
  stats::RandomStream random(options.seed, 19);
  Copies result;
  for (size_t i = 0; i < documents.size(); ++i) {
    for (int64_t copy = 0; copy < copies; ++copy) {
      const auto own = word_shingles(edited(documents[i], edits, words, random), options.shingle);
      const std::vector<int64_t> near = index.candidates(hasher.signature(own));
      const double similarity = stats::jaccard(own, shingles[i]);
      const bool confirmed = similarity >= options.min_jaccard;
      result.found.push_back(confirmed &&
                             std::binary_search(near.begin(), near.end(), static_cast<int64_t>(i)));
      result.expected.push_back(confirmed ? index.collision_probability(similarity) : 0);
      result.jaccard.push_back(similarity);
      result.origin.push_back(static_cast<int64_t>(i));
    }
  }
  return result;
}

std::vector<bool> find_leaks(const std::vector<std::string>& documents, const std::vector<std::string>& items,
                             int64_t replaced, int64_t n) {
  ROUX_CHECK(!documents.empty()) << "find_leaks: no document to put items into";
  stats::RandomStream random(1, 31);
  std::vector<bool> found;
  for (const std::string& item : items) {
    std::vector<std::string> words;
    for (const std::string_view word : kit::split_words(item)) words.emplace_back(word);
    const auto count = static_cast<int64_t>(words.size());
    if (count < n) continue;
    const std::vector<int64_t> order = stats::random_permutation(count, random);
    for (int64_t i = 0; i < std::min(replaced, count); ++i)
      words[static_cast<size_t>(order[static_cast<size_t>(i)])] = absl::StrCat("replaced", i);
    const auto place = static_cast<size_t>(random.below(static_cast<int64_t>(documents.size())));
    std::vector<std::string> around;
    for (const std::string_view word : kit::split_words(documents[place])) around.emplace_back(word);
    const auto middle = around.begin() + static_cast<std::ptrdiff_t>(around.size() / 2);
    const std::string leaky =
        absl::StrCat(absl::StrJoin(around.begin(), middle, " "), " ", absl::StrJoin(words, " "), " ",
                     absl::StrJoin(middle, around.end(), " "));
    found.push_back(contaminated({leaky}, {item}, n)[0]);
  }
  return found;
}

QualityClassifier::QualityClassifier(const std::vector<std::string>& reference,
                                     const std::vector<std::string>& raw) {
  std::vector<std::string> all = reference;
  all.insert(all.end(), raw.begin(), raw.end());
  std::vector<int64_t> labels(all.size());
  std::fill_n(labels.begin(), reference.size(), 1);
  stats::LogisticOptions options{.l2 = kPenalty * static_cast<double>(all.size()), .max_iterations = 300};
  // Both classes count the same, however many documents they have.
  for (const int64_t label : labels)
    options.sample_weights.push_back(0.5 * static_cast<double>(all.size()) /
                                     static_cast<double>(label == 1 ? reference.size() : raw.size()));
  fit_ = stats::fit_logistic(features(all), labels, options);
}

std::vector<double> QualityClassifier::operator()(const std::vector<std::string>& documents) const {
  return stats::predict_probability(fit_, features(documents));
}

absl::StatusOr<UserDocuments> read_documents(const std::string& path) {
  UserDocuments documents;
  const auto add = [&](const std::string& id, std::string text) {
    documents.ids.push_back(id.empty() ? absl::StrCat(documents.ids.size() + 1) : id);
    documents.texts.push_back(std::move(text));
  };
  if (absl::EndsWith(path, ".jsonl") || absl::EndsWith(path, ".jsonl.gz")) {
    ROUX_ASSIGN_OR_RETURN(kit::JsonlReader reader, kit::JsonlReader::open(path));
    for (;;) {
      ROUX_ASSIGN_OR_RETURN(const bool more, reader.next());
      if (!more) break;
      ROUX_ASSIGN_OR_RETURN(std::string text, reader.string_field("text"));
      const JsonValue* id = reader.value().find("id");
      add(id != nullptr && id->is_string() ? id->string() : "", std::move(text));
    }
  } else {
    std::vector<kit::NamedText> domains;
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
      ROUX_ASSIGN_OR_RETURN(domains, kit::folder_domains(path));
    } else {
      ROUX_ASSIGN_OR_RETURN(kit::NamedText text, kit::read_domain(path));
      domains.push_back(std::move(text));
    }
    for (const kit::NamedText& domain : domains) {
      int64_t number = 0;
      for (std::string& text : documents_of(domain.text, kDocumentBytes))
        add(absl::StrCat(domain.name, "/", ++number), std::move(text));
    }
  }
  if (static_cast<int64_t>(documents.texts.size()) < kMinUserDocuments)
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": two documents are the least, not ", documents.texts.size()));
  return documents;
}

std::string table_json(const UserDocuments& documents, const std::vector<std::string>& reference) {
  const LetterPairs pairs(absl::StrJoin(reference, "\n"));
  stats::RandomStream random(1);
  std::vector<std::string> noise;
  for (size_t i = 0; i < reference.size(); ++i)
    noise.push_back(i % 2 == 0 ? gibberish_of(reference[i], random) : boilerplate_of(random));
  const std::vector<double> quality = QualityClassifier(reference, noise)(documents.texts);
  kit::Funnel dropped;
  std::vector<std::string> rows;
  std::vector<int64_t> lengths;
  std::unordered_set<std::string> types;
  int64_t words = 0, bytes = 0, masked = 0;
  for (size_t i = 0; i < documents.texts.size(); ++i) {
    const std::string& text = documents.texts[i];
    const std::string reason = drop_reason(text, {}, &pairs), lowered = normalised(text);
    if (!reason.empty()) dropped.count(reason);
    const auto own = kit::split_words(lowered);
    for (const std::string_view word : own) types.emplace(word);
    lengths.push_back(static_cast<int64_t>(own.size()));
    words += lengths.back(), bytes += static_cast<int64_t>(text.size());
    masked += mask_personal_data(text) != text;
    kit::JsonObject row;
    row.add("id", documents.ids[i])
        .add("words", lengths.back())
        .add("drop", reason)
        .add("quality", quality[i]);
    rows.push_back(row.text());
  }
  std::sort(lengths.begin(), lengths.end());
  const Clusters exact = exact_duplicates(documents.texts);
  const Clusters near = near_duplicates(documents.texts, kPipelineBands);
  const auto unique = [](const Clusters& clusters) {
    return static_cast<int64_t>(first_of_each(clusters).size());
  };
  kit::JsonObject statistics, duplicates, reasons, table;
  statistics.add("documents", static_cast<int64_t>(documents.texts.size()))
      .add("bytes", bytes)
      .add("words", words);
  statistics.add("types", static_cast<int64_t>(types.size()));
  statistics.add("distinct_2", kit::distinct_n(documents.texts, 2));
  statistics.add("median_words", lengths[lengths.size() / 2]).add("longest_words", lengths.back());
  statistics.add("with_personal_data", masked).add("without_exact_duplicates", unique(exact));
  statistics.add("without_near_duplicates", unique(near));
  duplicates.add_raw("exact", clusters_json(exact, documents.ids))
      .add_raw("near", clusters_json(near, documents.ids));
  for (const std::string& reason : dropped.reasons) reasons.add(reason, dropped[reason]);
  table.add_raw("statistics", statistics.text()).add_raw("duplicates", duplicates.text());
  table.add_raw("dropped", reasons.text()).add_raw("documents", kit::json_list(rows));
  return table.text(kit::JsonObject::kPretty) + "\n";
}

}  // namespace roux::llm_datasets_survey
