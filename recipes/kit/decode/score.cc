#include "recipes/kit/decode/score.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "recipes/kit/decode/sampling.h"
#include "recipes/kit/decode/trie.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/softmax.h"

namespace roux::kit {
namespace {

// Some choices of one question, which stand behind its prompt together.
struct Job {
  const Question* question;
  std::vector<int32_t> choices;
  TokenTrie trie;
  std::vector<TokenScore> scores;  // of each node's token

  Job(const Question& q, std::vector<int32_t> some) : question(&q), choices(std::move(some)) {
    for (const int32_t choice : choices) trie.add(q.choices[static_cast<size_t>(choice)], choice);
    scores.resize(static_cast<size_t>(trie.size()));
  }
  // Choices that begin alike stand together, so that pieces of them share what they can.
  static std::vector<int32_t> sorted_choices(const Question& q) {
    std::vector<int32_t> order(q.choices.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return q.choices[static_cast<size_t>(a)] < q.choices[static_cast<size_t>(b)];
    });
    return order;
  }
  // Rows that it needs at once, at most: of inner nodes without inner children, one of which is below every
  // row. Tokens that are only looked up need none.
  int64_t widest() const {
    int64_t rows = 0;
    for (int32_t node = 0; node < trie.size(); ++node) {
      const auto& children = trie.children(node);
      const bool last = std::none_of(children.begin(), children.end(),
                                     [&](const auto& child) { return !trie.children(child.second).empty(); });
      rows += !children.empty() && last;
    }
    return rows;
  }
  size_t longest_choice() const {
    size_t most = 0;
    for (const int32_t choice : choices) {
      most = std::max(most, question->choices[static_cast<size_t>(choice)].size());
    }
    return most;
  }
};

// A row of the session: it ends where a node's token stands.
struct Row {
  Job* job;
  int32_t node;
};
// Log-probabilities that are looked up behind one token of the last extend(): of the node's children.
struct Lookup {
  Job* job;
  int32_t node;
};

// Behind token i of the last extend() stand the children of lookups[i].
void look_up(const DecodeSession& session, int64_t vocabulary, absl::Span<const Lookup> lookups) {
  constexpr int64_t kLogits = 1 << 24;  // held at once
  const auto step = static_cast<size_t>(std::max<int64_t>(1, kLogits / std::max<int64_t>(vocabulary, 1)));
  for (size_t begin = 0; begin < lookups.size(); begin += step) {
    std::vector<int64_t> tokens(std::min(step, lookups.size() - begin));
    std::iota(tokens.begin(), tokens.end(), static_cast<int64_t>(begin));
    const Tensor log_probs = log_softmax(session.logits(tokens), -1);
    const float* row = log_probs.data<float>();
    for (size_t i = 0; i < tokens.size(); ++i, row += vocabulary) {
      const auto& [job, node] = lookups[begin + i];
      const int32_t best = most_probable(absl::MakeConstSpan(row, static_cast<size_t>(vocabulary)));
      for (const auto& [token, child] : job->trie.children(node)) {
        ROUX_CHECK(token >= 0 && token < vocabulary)
            << "choice_log_probs: question \"" << job->question->id << "\" has token " << token
            << ", the vocabulary " << vocabulary;
        ROUX_CHECK(!std::isnan(row[token])) << "choice_log_probs: question \"" << job->question->id
                                            << "\": the model's logits are not finite";
        job->scores[static_cast<size_t>(child)] = {row[token], token == best};
      }
    }
  }
}

void run(const DecodeModel& model, absl::Span<Job> jobs) {
  int64_t rows = 0, new_tokens = 0;
  std::vector<Tokens> prompts;
  std::vector<Row> ends;
  std::vector<Lookup> lookups;
  for (Job& job : jobs) {
    rows += job.widest();
    new_tokens = std::max(new_tokens, static_cast<int64_t>(job.longest_choice()) - 1);
    prompts.push_back(job.question->prompt);
    ends.push_back({&job, TokenTrie::kRoot});
    lookups.push_back({&job, TokenTrie::kRoot});
  }
  // A row's longest piece may be padding behind another row's longest.
  const auto session = model.start(prompts, rows, 2 * new_tokens);
  look_up(*session, model.vocabulary, lookups);
  for (;;) {
    // Each child that has children goes on as a row, up to the next fork.
    std::vector<Row> next;
    std::vector<int64_t> from;
    std::vector<Tokens> pieces;
    lookups.clear();
    for (size_t row = 0; row < ends.size(); ++row) {
      const TokenTrie& trie = ends[row].job->trie;
      for (const auto& [first, child] : trie.children(ends[row].node)) {
        if (trie.children(child).empty()) continue;
        Tokens piece = {first};
        int32_t node = child;
        lookups.push_back({ends[row].job, node});
        while (trie.children(node).size() == 1 && !trie.children(trie.children(node)[0].second).empty()) {
          piece.push_back(trie.children(node)[0].first);
          node = trie.children(node)[0].second;
          lookups.push_back({ends[row].job, node});
        }
        next.push_back({ends[row].job, node});
        from.push_back(static_cast<int64_t>(row));
        pieces.push_back(std::move(piece));
      }
    }
    if (next.empty()) return;
    session->select(from);
    session->extend(pieces);
    look_up(*session, model.vocabulary, lookups);
    ends = std::move(next);
  }
}

// Jobs, so large that each fits into `rows`.
std::vector<Job> make_jobs(const DecodeModel& model, absl::Span<const Question> questions, int64_t rows) {
  std::vector<Job> jobs;
  for (size_t i = 0; i < questions.size(); ++i) {
    const Question& question = questions[i];
    size_t longest = 1;
    for (size_t choice = 0; choice < question.choices.size(); ++choice) {
      ROUX_CHECK(!question.choices[choice].empty())
          << "choice_log_probs: question \"" << question.id << "\": choice " << choice << " has no tokens";
      longest = std::max(longest, question.choices[choice].size());
    }
    const auto new_tokens = static_cast<int64_t>(longest) - 1;
    internal::check_prompt("choice_log_probs", model, i, question.prompt, new_tokens);
    // Where the context is too short for the padding of rows beside each other: one choice at a time.
    const bool tight = model.context && model.taken(question.prompt) + 2 * new_tokens > *model.context;
    const auto most = static_cast<size_t>(tight ? 1 : rows);
    const std::vector<int32_t> order = Job::sorted_choices(question);
    if (!tight && !order.empty()) {
      Job whole(question, order);
      if (whole.widest() <= rows) {
        jobs.push_back(std::move(whole));
        continue;
      }
    }
    for (size_t begin = 0; begin < order.size(); begin += most) {
      const size_t end = std::min(order.size(), begin + most);
      jobs.emplace_back(question, std::vector<int32_t>(order.begin() + static_cast<int64_t>(begin),
                                                       order.begin() + static_cast<int64_t>(end)));
    }
  }
  std::stable_sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) {
    return a.question->prompt.size() < b.question->prompt.size();
  });
  return jobs;
}

// Whether prompts and choices of all fit beside each other, padded.
bool fit_together(const DecodeModel& model, int64_t taken, size_t longest_choice) {
  return !model.context || taken + 2 * (static_cast<int64_t>(longest_choice) - 1) <= *model.context;
}

void check_lengths(const char* op, size_t log_probs, size_t others) {
  ROUX_CHECK(log_probs == others) << op << ": " << log_probs << " log-probabilities, " << others
                                  << " choices";
}

// e^(x - max) over their sum.
std::vector<double> normalised(absl::Span<const double> log_probs) {
  ROUX_CHECK(!log_probs.empty()) << "choices: none";
  const double largest = *std::max_element(log_probs.begin(), log_probs.end());
  ROUX_CHECK(std::isfinite(largest)) << "choices: no log-probability is finite";
  std::vector<double> p;
  double total = 0;
  for (const double x : log_probs) total += p.emplace_back(std::exp(x - largest));
  for (double& x : p) x /= total;
  return p;
}

}  // namespace

std::vector<std::vector<std::vector<TokenScore>>> choice_token_scores(const DecodeModel& model,
                                                                      absl::Span<const Question> questions,
                                                                      const ScoreOptions& options) {
  ROUX_CHECK(options.rows > 0) << "choice_log_probs: rows is " << options.rows << ", needed above 0";
  NoGradGuard no_grad;
  std::vector<Job> jobs = make_jobs(model, questions, options.rows);
  for (size_t begin = 0; begin < jobs.size();) {
    size_t end = begin, longest = 0;
    int64_t rows = 0, taken = 0;
    for (; end < jobs.size(); ++end) {
      const int64_t more = rows + jobs[end].widest();
      longest = std::max(longest, jobs[end].longest_choice());
      taken = std::max(taken, model.taken(jobs[end].question->prompt));
      if (end > begin && (more > options.rows || !fit_together(model, taken, longest))) break;
      rows = more;
    }
    run(model, absl::MakeSpan(jobs).subspan(begin, end - begin));
    begin = end;
  }
  std::vector<std::vector<std::vector<TokenScore>>> all;
  for (const Question& question : questions) all.emplace_back(question.choices.size());
  for (const Job& job : jobs) {
    auto& of_question = all[static_cast<size_t>(job.question - questions.data())];
    for (const int32_t choice : job.choices) {
      const Tokens& tokens = job.question->choices[static_cast<size_t>(choice)];
      for (size_t length = 1; length <= tokens.size(); ++length) {
        const int32_t node = *job.trie.find(absl::MakeConstSpan(tokens).first(length));
        of_question[static_cast<size_t>(choice)].push_back(job.scores[static_cast<size_t>(node)]);
      }
    }
  }
  return all;
}

std::vector<std::vector<std::vector<double>>> choice_token_log_probs(const DecodeModel& model,
                                                                     absl::Span<const Question> questions,
                                                                     const ScoreOptions& options) {
  std::vector<std::vector<std::vector<double>>> all;
  for (const auto& choices : choice_token_scores(model, questions, options)) {
    auto& of_question = all.emplace_back();
    for (const std::vector<TokenScore>& tokens : choices) {
      auto& log_probs = of_question.emplace_back();
      for (const TokenScore& token : tokens) log_probs.push_back(token.log_prob);
    }
  }
  return all;
}

std::vector<std::vector<double>> choice_log_probs(const DecodeModel& model,
                                                  absl::Span<const Question> questions,
                                                  const ScoreOptions& options) {
  std::vector<std::vector<double>> sums;
  for (const auto& choices : choice_token_log_probs(model, questions, options)) {
    std::vector<double>& of_question = sums.emplace_back();
    for (const std::vector<double>& tokens : choices) {
      of_question.push_back(std::accumulate(tokens.begin(), tokens.end(), 0.0));
    }
  }
  return sums;
}

std::vector<std::vector<double>> continuation_log_probs(const DecodeModel& model,
                                                        absl::Span<const Tokens> prompts,
                                                        absl::Span<const Tokens> continuations,
                                                        const ScoreOptions& options) {
  check_lengths("continuation_log_probs", prompts.size(), continuations.size());
  std::vector<Question> questions;
  for (size_t i = 0; i < prompts.size(); ++i) {
    questions.push_back({.id = std::to_string(i), .prompt = prompts[i], .choices = {continuations[i]}});
  }
  std::vector<std::vector<double>> all;
  for (auto& choices : choice_token_log_probs(model, questions, options)) {
    all.push_back(std::move(choices[0]));
  }
  return all;
}

size_t best_choice(absl::Span<const double> scores) {
  ROUX_CHECK(!scores.empty()) << "best_choice: no choices";
  return static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

std::vector<double> per_token(absl::Span<const double> log_probs, absl::Span<const Tokens> choices) {
  check_lengths("per_token", log_probs.size(), choices.size());
  std::vector<double> means(log_probs.begin(), log_probs.end());
  for (size_t i = 0; i < means.size(); ++i) {
    ROUX_CHECK(!choices[i].empty()) << "per_token: choice " << i << " has no tokens";
    means[i] /= static_cast<double>(choices[i].size());
  }
  return means;
}

std::vector<double> per_byte(absl::Span<const double> log_probs, absl::Span<const std::string> texts) {
  check_lengths("per_byte", log_probs.size(), texts.size());
  std::vector<double> means(log_probs.begin(), log_probs.end());
  for (size_t i = 0; i < means.size(); ++i) {
    ROUX_CHECK(!texts[i].empty()) << "per_byte: choice " << i << " has no text";
    means[i] /= static_cast<double>(texts[i].size());
  }
  return means;
}

std::vector<double> pointwise_mutual_information(absl::Span<const double> log_probs,
                                                 absl::Span<const double> neutral) {
  check_lengths("pointwise_mutual_information", log_probs.size(), neutral.size());
  std::vector<double> scores;
  for (size_t i = 0; i < neutral.size(); ++i) {
    ROUX_CHECK(std::isfinite(neutral[i]))
        << "pointwise_mutual_information: choice " << i << " is impossible behind the neutral prompt";
    scores.push_back(log_probs[i] - neutral[i]);
  }
  return scores;
}

std::vector<double> contextual_calibration(absl::Span<const double> log_probs,
                                           absl::Span<const std::vector<double>> content_free) {
  ROUX_CHECK(!content_free.empty()) << "contextual_calibration: no prompt without content";
  std::vector<double> mean(log_probs.size(), 0);
  for (const std::vector<double>& prompt : content_free) {
    check_lengths("contextual_calibration", log_probs.size(), prompt.size());
    const std::vector<double> p = normalised(prompt);
    for (size_t i = 0; i < p.size(); ++i) mean[i] += p[i] / static_cast<double>(content_free.size());
  }
  std::vector<double> scores;
  for (size_t i = 0; i < mean.size(); ++i) {
    ROUX_CHECK(mean[i] > 0) << "contextual_calibration: choice " << i
                            << " is impossible behind the prompts without content";
    scores.push_back(log_probs[i] - std::log(mean[i]));
  }
  return normalised(scores);
}

std::vector<double> answer_probabilities(const Question& question, absl::Span<const double> log_probs) {
  check_lengths("answer_probabilities", log_probs.size(), question.choices.size());
  std::vector<double> p = normalised(log_probs);
  if (question.answer.empty()) return p;
  check_lengths("answer_probabilities", log_probs.size(), question.answer.size());
  std::vector<double> of_answers(
      static_cast<size_t>(*std::max_element(question.answer.begin(), question.answer.end())) + 1, 0);
  for (size_t i = 0; i < p.size(); ++i) {
    ROUX_CHECK(question.answer[i] >= 0)
        << "answer_probabilities: choice " << i << " stands for answer " << question.answer[i];
    of_answers[static_cast<size_t>(question.answer[i])] += p[i];
  }
  return of_answers;
}

}  // namespace roux::kit
