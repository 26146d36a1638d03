#include "recipes/alice_in_wonderland/reasoner.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nn/heads.h"
#include "nn/models/transformer.h"
#include "optim/optimizer.h"
#include "optim/schedules.h"
#include "recipes/kit/data/index_loader.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/text/word_tokenizer.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/update.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/softmax.h"

namespace roux::alice {
namespace {

struct Name {
  const char* name;
  bool girl;
};
constexpr Name kNames[] = {{"Alice", true}, {"Carol", true},  {"Emma", true},
                           {"Bob", false},  {"David", false}, {"Frank", false}};

TransformerConfig shape(const ReasonerConfig& c, const FamilyTask& task) {
  return {.vocab_size = task.tokenizer->vocab_size(),
          .hidden_size = c.hidden,
          .intermediate_size = 2 * c.hidden,
          .num_hidden_layers = c.layers,
          .num_attention_heads = c.heads,
          .max_position_embeddings = static_cast<int64_t>(task.longest),
          .key_smear = true};
}

std::string with_answer(const Problem& p, int64_t answer) {
  return absl::StrCat(text(p), " Answer: ", answer);
}

// What the model says to all items, some hundred at a time.
void examine(const Transformer& model, const FamilyTask& task, Device device, Reasoned& out) {
  const NoGradGuard no_grad;
  constexpr size_t kRows = 324;
  for (size_t begin = 0; begin < task.items.size(); begin += kRows) {
    std::vector<int64_t> some(std::min(kRows, task.items.size() - begin));
    std::iota(some.begin(), some.end(), static_cast<int64_t>(begin));
    const kit::LmBatch batch = kit::to_batch(documents_of(task, some), device);
    const Tensor hidden = last_token(model.hidden({.ids = batch.input}), batch.lengths);
    const std::vector<double> p = softmax(model.project(hidden), -1).to_vector<double>();
    const auto width = static_cast<std::ptrdiff_t>(task.tokenizer->vocab_size());
    for (size_t i = 0; i < some.size(); ++i) {
      const auto row = p.begin() + static_cast<std::ptrdiff_t>(i) * width;
      const auto best = static_cast<int32_t>(std::max_element(row, row + width) - row);
      int64_t number = -1;
      if (!absl::SimpleAtoi(task.tokenizer->decode({best}), &number)) number = -1;
      out.said.push_back(number);
      out.probability.push_back(row[task.items[begin + i].tokens.back()]);
    }
  }
}

}  // namespace

absl::StatusOr<FamilyTask> family_task(const ReasonerConfig& c) {
  FamilyTask task;
  task.cells = static_cast<size_t>(c.most_brothers * c.most_sisters);
  kit::WordTokenizerTrainer words({});
  for (int64_t brothers = 1; brothers <= c.most_brothers; ++brothers) {
    for (int64_t sisters = 1; sisters <= c.most_sisters; ++sisters) {
      const std::array<int64_t, 9> of_girl = answers(true, brothers, sisters),
                                   of_boy = answers(false, brothers, sisters);
      for (const bool sisters_first : {false, true}) {
        for (const Asked asked : kAllAsked) {
          for (const Name& name : kNames) {
            FamilyItem item{{.name = name.name,
                             .girl = name.girl,
                             .brothers = brothers,
                             .sisters = sisters,
                             .sisters_first = sisters_first,
                             .asked = asked}};
            item.answer = (name.girl ? of_girl : of_boy)[static_cast<size_t>(asked)];
            item.crossed = crossed(item.problem);
            item.cell = static_cast<size_t>((brothers - 1) * c.most_sisters + sisters - 1);
            words.add(with_answer(item.problem, item.answer));
            task.items.push_back(std::move(item));
          }
        }
      }
    }
  }
  ROUX_ASSIGN_OR_RETURN(const std::string json, words.tokenizer_json());
  ROUX_ASSIGN_OR_RETURN(task.tokenizer,
                        kit::word_tokenizer(json, words.options().special, "family questions"));
  for (FamilyItem& item : task.items) {
    item.tokens = task.tokenizer->encode(with_answer(item.problem, item.answer)).ids;
    task.longest = std::max(task.longest, item.tokens.size());
  }
  return task;
}

std::vector<TrainedArm> trained_arms(bool all) {
  if (all) return {{"none"}, {"mirror"}, {"few"}, {"full"}, {"hidden"}};
  return {{"none"}, {"few"}, {"full"}};
}

std::vector<size_t> few_cells(const FamilyTask& task) {
  // The first of each quarter, each a little further in.
  std::vector<size_t> cells;
  for (size_t i = 0; i < 4; ++i) cells.push_back(i * task.cells / 4 + i);
  return cells;
}

std::vector<int64_t> training_items(const FamilyTask& task, const std::string& arm, const ReasonerConfig& c,
                                    uint64_t seed) {
  const std::vector<size_t> few = few_cells(task);
  std::set<std::pair<Asked, size_t>> hidden;
  if (arm == "hidden") {
    std::vector<std::pair<Asked, size_t>> pairs;
    for (const Asked asked : kAllAsked)
      for (size_t cell = 0; cell < task.cells; ++cell) pairs.emplace_back(asked, cell);
    stats::RandomStream random(seed, /*stream=*/1);
    const std::vector<int64_t> order = stats::random_permutation(static_cast<int64_t>(pairs.size()), random);
    const auto count = static_cast<size_t>(c.hidden_share * static_cast<double>(pairs.size()));
    for (size_t i = 0; i < count; ++i) hidden.insert(pairs[static_cast<size_t>(order[i])]);
  }
  std::vector<int64_t> chosen;
  for (size_t i = 0; i < task.items.size(); ++i) {
    const FamilyItem& item = task.items[i];
    const bool trained = item.crossed
                             ? arm == "full" || (arm == "mirror" && !item.problem.girl) ||
                                   (arm == "few" && std::count(few.begin(), few.end(), item.cell) > 0)
                             : !hidden.contains({item.problem.asked, item.cell});
    if (trained) chosen.push_back(static_cast<int64_t>(i));
  }
  return chosen;
}

std::vector<kit::MaskedDocument> documents_of(const FamilyTask& task, const std::vector<int64_t>& items) {
  std::vector<kit::MaskedDocument> documents;
  for (const int64_t i : items) {
    kit::MaskedDocument document;
    document.tokens = task.items[static_cast<size_t>(i)].tokens;
    document.loss_mask.assign(document.tokens.size(), 0);
    document.loss_mask.back() = 1;
    documents.push_back(std::move(document));
  }
  return documents;
}

kit::FirstBatch first_batch(const ReasonerConfig& c, const FamilyTask& task,
                            const std::vector<int64_t>& items) {
  kit::FirstBatch batch;
  batch.columns = static_cast<int64_t>(task.longest);
  const std::vector<int64_t> some(
      items.begin(), items.begin() + std::min<int64_t>(c.batch, static_cast<int64_t>(items.size())));
  for (const kit::MaskedDocument& document : documents_of(task, some)) {
    for (size_t i = 0; i < task.longest; ++i) {
      const bool padding = i >= document.tokens.size();
      batch.tokens.push_back(padding ? 0 : document.tokens[i]);
      batch.loss_mask.push_back(padding ? 0 : document.loss_mask[i]);
    }
  }
  batch.decode = [tokenizer = task.tokenizer](int64_t token) {
    return absl::StrCat(tokenizer->decode({static_cast<int32_t>(token)}), " ");
  };
  return batch;
}

absl::StatusOr<Reasoned> train_reasoner(const ReasonerConfig& c, const FamilyTask& task,
                                        const std::string& arm, uint64_t seed, kit::Part& part) {
  Generator init(seed);
  Transformer model(shape(c, task), Init{&init, c.init_std, kF32, part.device()});
  AdamW optimizer({{model.named_parameters()}},
                  {.beta1 = c.beta1, .beta2 = c.beta2, .weight_decay = c.weight_decay});
  const std::vector<int64_t> chosen = training_items(task, arm, c, seed);
  ROUX_ASSIGN_OR_RETURN(
      kit::IndexLoader loader,
      kit::IndexLoader::create(static_cast<int64_t>(chosen.size()), {.seed = seed, .global_batch = c.batch}));
  const Schedule lr = linear_schedule({.peak = c.lr, .total = c.steps, .warmup = c.warmup});
  const auto loss_sum = [&](const kit::LmBatch& b) { return model.loss_sum(b.input, b.target); };
  const auto step = [&](int64_t at) {
    std::vector<int64_t> rows;
    for (const int64_t i : loader.next()) rows.push_back(chosen[static_cast<size_t>(i)]);
    const std::vector<kit::LmBatch> batch = {kit::to_batch(documents_of(task, rows), part.device())};
    return kit::update(optimizer, {.lr = lr(at), .max_grad_norm = c.max_grad_norm}, batch, loss_sum);
  };
  const auto evaluate = [&](int64_t) -> kit::Values {
    Reasoned now;
    examine(model, task, part.device(), now);
    const auto crossed = [&](size_t i) { return task.items[i].crossed; };
    return {{"crossed_accuracy", accuracy(task, now, crossed)},
            {"control_accuracy", accuracy(task, now, [&](size_t i) { return !crossed(i); })}};
  };
  ROUX_RETURN_IF_ERROR(kit::train(part,
                                  {.steps = c.steps,
                                   .evaluate_at = kit::every(std::max<int64_t>(1, c.steps / 3), c.steps),
                                   .evaluate = evaluate,
                                   .parameters = model.num_parameters()},
                                  {{"model", model}, {"optimizer", optimizer}, {"loader", loader}}, step)
                           .status());
  model.eval();
  Reasoned out;
  examine(model, task, part.device(), out);
  for (size_t i = 0; i < task.items.size(); ++i) {
    if (!task.items[i].crossed) continue;
    part.prediction({.item = text(task.items[i].problem),
                     .gold = absl::StrCat(task.items[i].answer),
                     .output = absl::StrCat(out.said[i]),
                     .scores = {out.probability[i]}});
  }
  return out;
}

int64_t parameter_count(const ReasonerConfig& c, const FamilyTask& task) {
  Generator unused;
  return Transformer(shape(c, task), Init{&unused, c.init_std, kF32, kMeta}).num_parameters();
}

double accuracy(const FamilyTask& task, const Reasoned& result, const Which& which) {
  int64_t right = 0, all = 0;
  for (const Cell& cell : cells_of(task, result, which)) right += cell.right, all += cell.trials;
  return static_cast<double>(right) / static_cast<double>(all);
}

double mean_probability(const FamilyTask& task, const Reasoned& result, const Which& which) {
  double sum = 0;
  int64_t all = 0;
  for (size_t i = 0; i < task.items.size(); ++i)
    if (which(i)) sum += result.probability[i], ++all;
  ROUX_CHECK(all > 0) << "alice: no item is taken";
  return sum / static_cast<double>(all);
}

std::vector<Cell> cells_of(const FamilyTask& task, const Reasoned& result, const Which& which) {
  std::vector<Cell> cells(task.cells);
  for (size_t i = 0; i < task.items.size(); ++i) {
    if (!which(i)) continue;
    const FamilyItem& item = task.items[i];
    Cell& cell = cells[item.cell];
    cell.variation = absl::StrCat(item.problem.brothers, "+", item.problem.sisters);
    cell.right += result.said[i] == item.answer, ++cell.trials;
  }
  cells.erase(std::remove_if(cells.begin(), cells.end(), [](const Cell& cell) { return cell.trials == 0; }),
              cells.end());
  ROUX_CHECK(!cells.empty()) << "alice: no item is taken";
  return cells;
}

WrongAnswers wrong_answers(const FamilyTask& task, const Reasoned& result, const Which& which) {
  int64_t wrong = 0, copies = 0;
  std::array<int64_t, 6> others{};
  for (size_t i = 0; i < task.items.size(); ++i) {
    const FamilyItem& item = task.items[i];
    const int64_t said = result.said[i];
    if (!which(i) || said == item.answer) continue;
    const int64_t m = copied_count(item.problem), n = item.problem.brothers + item.problem.sisters - m;
    const std::array<int64_t, 6> rules = {n, n + m, n + m + 1, m - 1, n - 1, n + 1};
    ++wrong;
    copies += said == m;
    for (size_t rule = 0; rule < rules.size(); ++rule) others[rule] += said == rules[rule] && said != m;
  }
  if (wrong == 0) return {};
  const auto all = static_cast<double>(wrong);
  return {wrong, static_cast<double>(copies) / all,
          static_cast<double>(*std::max_element(others.begin(), others.end())) / all};
}

}  // namespace roux::alice
