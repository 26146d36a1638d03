#include "recipes/alice_in_wonderland/exam.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/decode/generate.h"
#include "recipes/kit/decode/score.h"
#include "recipes/kit/run/items.h"
#include "tensor/error.h"

namespace roux::alice {
namespace {

constexpr char kAnswer[] = "### Answer:";

std::string cell_id(const Problem& p) {
  const std::string brothers = absl::StrCat(p.brothers, p.brothers == 1 ? " brother" : " brothers"),
                    sisters = absl::StrCat(p.sisters, p.sisters == 1 ? " sister" : " sisters");
  return p.sisters_first ? absl::StrCat(sisters, ", ", brothers) : absl::StrCat(brothers, ", ", sisters);
}

Counts counts_of(const Problem& p) {
  const int64_t copied = copied_count(p);
  return {answer(p), copied, p.brothers + p.sisters - copied};
}

ExactItem item_of(const std::string& arm, const Problem& p, const std::string& prompt) {
  return {.arm = arm, .id = cell_id(p), .messages = {{"user", prompt}}, .counts = counts_of(p)};
}

// The cell under an arm that is told of it otherwise than in a prompt of its own.
ExactItem few_shot(const Problem& p) {
  const std::vector<Problem> solved = {{.brothers = 8, .sisters = 3},
                                       {.brothers = 2, .sisters = 8, .sisters_first = true},
                                       {.brothers = 9, .sisters = 5}};
  return item_of("few_shot", p, few_shot_prompt(solved, text(p), PromptType::kStandard));
}

ExactItem recheck(const Problem& p) {
  ExactItem item = item_of("recheck", p, prompt(text(p), PromptType::kStandard));
  item.messages.push_back({"assistant", absl::StrCat(kAnswer, " ", copied_count(p))});
  item.messages.push_back({"user", kRecheck});
  return item;
}

ExactItem attribute(const Problem& p) {
  ExactItem item = item_of("attribute", p, prompt(attribute_text(p), PromptType::kStandard));
  item.attribute = true;
  return item;
}

Problem asking(Problem p, Asked asked) {
  p.asked = asked;
  return p;
}

Problem framed(Problem p, Framing framing) {
  p.framing = framing;
  return p;
}

// Bob with the numbers of his sisters and brothers changed, so that brothers are asked for as sisters were.
Problem bob(const Problem& p) {
  return {.name = "Bob",
          .girl = false,
          .brothers = p.sisters,
          .sisters = p.brothers,
          .sisters_first = !p.sisters_first,
          .asked = Asked::kBrothersOfSister};
}

// `second`: also the arms that are asked in one order of the clauses.
void add_arms(const Problem& p, bool second, bool all, std::vector<ExactItem>& items) {
  const auto standard = [&](const char* arm, const Problem& of) {
    items.push_back(item_of(arm, of, prompt(text(of), PromptType::kStandard)));
  };
  standard("standard", p);
  standard("siblings", asking(p, Asked::kSiblings));
  standard("sister's brothers", asking(p, Asked::kBrothersOfSister));
  standard("girls", asking(p, Asked::kGirls));
  if (!second) return;
  items.push_back(attribute(p));
  items.push_back(item_of("thinking", p, prompt(text(p), PromptType::kThinking)));
  items.push_back(item_of("restricted", p, prompt(text(p), PromptType::kRestricted)));
  items.push_back(few_shot(p));
  items.push_back(recheck(p));
  if (!all) return;
  standard("bob", bob(p));
  standard("words", framed(p, Framing::kWords));
  standard("lines", framed(p, Framing::kLines));
  standard("friends", framed(p, Framing::kFriends));
  standard("colleagues", framed(p, Framing::kColleagues));
  standard("alice_and_bob", framed(p, Framing::kAliceAndBob));
  ExactItem base = item_of("base", p, "");
  base.messages.clear();
  base.base_prompt = base_prompt(text(p));
  items.push_back(base);
}

std::string output_of(const ExactItem& item, const IntegerDistribution& result) {
  const auto best = std::max_element(result.probabilities.begin(), result.probabilities.end());
  const auto index = best - result.probabilities.begin();
  return item.attribute ? (index == 1 ? "female" : "male") : absl::StrCat(index);
}

}  // namespace

std::vector<ExactItem> exact_items(const ExactOptions& options) {
  std::vector<ExactItem> items;
  for (int64_t brothers = 1; brothers <= options.largest_count; ++brothers) {
    for (int64_t sisters = 1; sisters <= options.largest_count; ++sisters) {
      if ((brothers + sisters) % options.every != 0) continue;
      for (const bool sisters_first : {false, true}) {
        const bool second = options.all_arms || sisters_first == (brothers % 2 == 0);
        add_arms({.brothers = brothers, .sisters = sisters, .sisters_first = sisters_first}, second,
                 options.all_arms, items);
      }
    }
  }
  for (const PromptType type : kPromptTypes) {
    int number = 0;
    for (const Problem& p : aiw_variations()) {
      items.push_back(item_of(absl::StrCat("variations ", name_of(type)), p, prompt(text(p), type)));
      items.back().id = absl::StrCat("V", ++number);
    }
  }
  for (const PlusProblem& p : plus_variations()) {
    items.push_back({.arm = "plus",
                     .id = absl::StrCat(p.sisters, " ", p.nephews, " ", p.uncles, " ", p.fathers_nephews, " ",
                                        p.children),
                     .messages = {{"user", prompt(text(p), PromptType::kStandard)}},
                     .counts = {answer(p), p.nephews, p.fathers_nephews}});
  }
  std::stable_sort(items.begin(), items.end(),
                   [](const ExactItem& a, const ExactItem& b) { return a.arm < b.arm; });
  return items;
}

absl::StatusOr<kit::Tokens> exact_prompt(const Subject& subject, const ExactItem& item) {
  // Base prompts end with what the answer begins with.
  if (!item.base_prompt.empty()) return subject.tokenizer.encode(item.base_prompt, {.add_special = true}).ids;
  if (subject.chat == nullptr) {
    return absl::FailedPreconditionError(
        "the model has no chat template that is known: exact mode asks chat models; --data=FILE asks any");
  }
  ROUX_ASSIGN_OR_RETURN(const kit::EncodedChat chat,
                        kit::encode_chat(subject.tokenizer, *subject.chat, item.messages, /*generate=*/true));
  kit::Tokens ids = chat.ids;
  for (const int32_t id : subject.tokenizer.encode(kAnswer).ids) ids.push_back(id);
  return ids;
}

absl::StatusOr<std::vector<IntegerDistribution>> score_items(const Subject& subject,
                                                             const std::vector<ExactItem>& items,
                                                             kit::Part& part) {
  const TokenTexts texts(subject.tokenizer);
  const IntegerChoices integers(texts, kLargestAnswer);
  std::vector<kit::Tokens> sexes = texts.spellings(" male");
  const size_t male = sexes.size();
  for (const kit::Tokens& spelling : texts.spellings(" female")) sexes.push_back(spelling);
  std::vector<int> sex(sexes.size(), 1);
  std::fill(sex.begin(), sex.begin() + static_cast<std::ptrdiff_t>(male), 0);

  const kit::DecodeModel model = kit::decode_model(subject.model);
  const auto score = [&](int64_t begin, int64_t end,
                         const auto&) -> absl::StatusOr<std::vector<IntegerDistribution>> {
    std::vector<kit::Question> questions;
    for (int64_t i = begin; i < end; ++i) {
      const ExactItem& item = items[static_cast<size_t>(i)];
      ROUX_ASSIGN_OR_RETURN(kit::Tokens tokens, exact_prompt(subject, item));
      questions.push_back({.id = absl::StrCat(item.arm, "/", item.id),
                           .prompt = std::move(tokens),
                           .choices = item.attribute ? sexes : integers.choices(),
                           .answer = item.attribute ? sex : std::vector<int>()});
    }
    const auto log_probs = kit::choice_log_probs(model, questions, {.rows = 25});
    std::vector<IntegerDistribution> out;
    for (size_t i = 0; i < questions.size(); ++i) {
      out.push_back(items[static_cast<size_t>(begin) + i].attribute
                        ? IntegerDistribution{kit::answer_probabilities(questions[i], log_probs[i]), 1}
                        : integers.distribution(log_probs[i]));
    }
    return out;
  };
  // A slice shares the beginning of its prompts, so that arms, which are sorted, are best kept together.
  ROUX_ASSIGN_OR_RETURN(auto results, kit::for_items(part, static_cast<int64_t>(items.size()), 50, score));
  for (size_t i = 0; i < results.size(); ++i) {
    const ExactItem& item = items[i];
    part.prediction({.item = absl::StrCat(item.arm, "/", item.id),
                     .gold = item.attribute ? "female" : absl::StrCat(item.counts.right),
                     .output = output_of(item, results[i]),
                     .scores = results[i].probabilities});
  }
  return results;
}

double right_probability(const ExactItem& item, const IntegerDistribution& result) {
  const auto index = static_cast<size_t>(item.attribute ? 1 : item.counts.right);
  return index < result.probabilities.size() ? result.probabilities[index] : 0;
}

ByCell right_probabilities(const std::vector<ExactItem>& items,
                           const std::vector<IntegerDistribution>& results, const std::string& arm) {
  ROUX_CHECK(items.size() == results.size())
      << "alice: " << results.size() << " results of " << items.size() << " items";
  ByCell out;
  for (size_t i = 0; i < items.size(); ++i)
    if (items[i].arm == arm) out[items[i].id] = right_probability(items[i], results[i]);
  return out;
}

std::vector<SampledItem> sampled_items() {
  std::vector<SampledItem> items;
  for (const PromptType type : {PromptType::kStandard, PromptType::kRestricted}) {
    int number = 0;
    for (const Problem& p : aiw_variations()) {
      items.push_back({.variation = absl::StrCat("V", ++number),
                       .type = name_of(type),
                       .prompt = prompt(text(p), type),
                       .right_answer = absl::StrCat(answer(p)),
                       .counts = counts_of(p)});
    }
  }
  return items;
}

absl::StatusOr<std::vector<Responses>> sample_items(const Subject& subject,
                                                    const std::vector<SampledItem>& items,
                                                    const SampledOptions& options, kit::Part& part) {
  const kit::DecodeModel model = kit::decode_model(subject.model);
  const auto sample = [&](int64_t begin, int64_t, const auto&) -> absl::StatusOr<std::vector<Responses>> {
    const SampledItem& item = items[static_cast<size_t>(begin)];
    kit::Tokens prompt;
    if (subject.chat != nullptr) {
      ROUX_ASSIGN_OR_RETURN(const kit::EncodedChat chat, kit::encode_chat(subject.tokenizer, *subject.chat,
                                                                          {{"user", item.prompt}}, true));
      prompt = chat.ids;
    } else {
      prompt = subject.tokenizer.encode(item.prompt, {.add_special = true, .parse_special = false}).ids;
    }
    if (model.context && model.taken(prompt) >= *model.context) {
      return absl::InvalidArgumentError(
          absl::StrCat("prompt ", item.type, " ", item.variation, " takes ", model.taken(prompt),
                       " tokens of the model's context of ", *model.context, ": no room for a response"));
    }
    const std::vector<kit::Generation> texts =
        kit::generate(model, {prompt},
                      {.max_tokens = options.new_tokens,
                       .samples = options.trials,
                       .sampling = {.temperature = options.temperature},
                       .seed = options.seed,
                       .keys = {static_cast<uint64_t>(begin)},
                       .stop_tokens = subject.stop_tokens,
                       .text = kit::text_of(subject.tokenizer)});
    Responses responses;
    for (const kit::Generation& generation : texts) responses.texts.push_back(generation.text);
    return std::vector<Responses>{responses};
  };
  ROUX_ASSIGN_OR_RETURN(auto results, kit::for_items(part, static_cast<int64_t>(items.size()), 1, sample));
  for (size_t i = 0; i < results.size(); ++i) {
    for (size_t trial = 0; trial < results[i].texts.size(); ++trial) {
      part.prediction({.item = absl::StrCat(items[i].type, "/", items[i].variation, "/", trial),
                       .gold = items[i].right_answer,
                       .output = results[i].texts[trial],
                       .scores = {}});
    }
  }
  return results;
}

bool is_right(const SampledItem& item, const std::string& response) {
  return item.symbol != 0 ? names_one_more(response, item.symbol)
                          : parse_answer(response) == item.right_answer;
}

Cell cell_of(const SampledItem& item, const Responses& responses) {
  Cell cell{item.variation, item.type, 0, static_cast<int64_t>(responses.texts.size())};
  for (const std::string& response : responses.texts) cell.right += is_right(item, response);
  return cell;
}

std::vector<Cell> cells_of(const std::vector<SampledItem>& items, const std::vector<Responses>& responses) {
  std::vector<Cell> cells;
  for (size_t i = 0; i < items.size(); ++i) cells.push_back(cell_of(items[i], responses[i]));
  return cells;
}

std::array<int64_t, kKinds> kinds_of(const SampledItem& item, const Responses& responses) {
  std::array<int64_t, kKinds> kinds{};
  for (const std::string& response : responses.texts) {
    const auto parsed = parse_answer(response);
    const Kind kind = item.counts                ? kind_of(parsed, response, *item.counts)
                      : is_right(item, response) ? Kind::kRight
                      : !parsed                  ? Kind::kUnparsed
                                                 : Kind::kElse;
    ++kinds[static_cast<size_t>(kind)];
  }
  return kinds;
}

}  // namespace roux::alice
