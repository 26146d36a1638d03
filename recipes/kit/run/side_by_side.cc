// Run's parts: their order, their threads, what they wait for, and what --plan makes of them.
#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/run/run.h"
#include "tensor/comm/communicator.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::kit {
namespace {

// What `from` may mean for a part: that arm's part of its seed, the shared part of that name, or just that
// part.
std::vector<std::string> meanings(const std::string& part, const std::string& from) {
  const PartName name(part);
  if (!name.seed) return {from};
  return {absl::StrCat(from, "/seed", *name.seed), from};
}

Table plan_table(const std::vector<PartPlan>& plans) {
  const std::string of_rank =
      world().size() > 1 ? absl::StrCat(", rank 0 of ", world().size()) : std::string();
  Table table{absl::StrCat("Memory of one training step (tensors, MiB)", of_rank),
              {"part", "parameters", "with optimizer", "the step adds", "peak"},
              {}};
  const auto mib = [](int64_t bytes) {
    return absl::StrFormat("%.2f", static_cast<double>(bytes) / (1 << 20));
  };
  for (const PartPlan& plan : plans) {
    table.rows.push_back({plan.part, absl::StrCat(plan.parameters), mib(plan.persistent),
                          mib(plan.peak - plan.persistent), mib(plan.peak)});
  }
  return table;
}

// Hands out parts in the order of the list, each when what it waits for has ended. Thread-safe.
class Schedule {
 public:
  explicit Schedule(std::vector<std::vector<size_t>> waits)
      : waits_(std::move(waits)), state_(waits_.size(), kWaiting) {}

  // The next part to run; none when all are taken or stop() was called.
  std::optional<size_t> take() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopped_) {
      bool waiting = false;
      for (size_t i = 0; i < state_.size(); ++i) {
        if (state_[i] != kWaiting) continue;
        waiting = true;
        const bool ready = std::all_of(waits_[i].begin(), waits_[i].end(),
                                       [&](size_t other) { return state_[other] == kEnded; });
        if (!ready) continue;
        state_[i] = kRunning;
        return i;
      }
      if (!waiting) break;
      changed_.wait(lock);
    }
    return std::nullopt;
  }
  void ended(size_t part) {
    const std::lock_guard<std::mutex> lock(mutex_);
    state_[part] = kEnded;
    changed_.notify_all();
  }
  void stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  enum State { kWaiting, kRunning, kEnded };
  const std::vector<std::vector<size_t>> waits_;
  std::vector<State> state_;
  bool stopped_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace

void Run::check_part_name(const std::string& name) {
  const bool plain = !name.empty() && name.front() != '/' && name.back() != '/' &&
                     !absl::StrContains(name, "..") && std::all_of(name.begin(), name.end(), [](char c) {
                       return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                              absl::StrContains("_-./=+", absl::string_view(&c, 1));
                     });
  ROUX_CHECK(plain) << "run.part: a name is letters, digits and _-./=+: got '" << name << "'";
  ROUX_CHECK(std::find(part_names_.begin(), part_names_.end(), name) == part_names_.end())
      << "run.part: there are two parts called '" << name << "'";
  part_names_.push_back(name);
}

std::vector<std::vector<size_t>> Run::dependencies(const std::vector<AnyPart>& parts) {
  std::vector<std::vector<size_t>> waits(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    for (const std::string& from : parts[i].after) {
      bool found = false;
      for (const std::string& meant : meanings(parts[i].name, from)) {
        if (ended_.count(meant) > 0) found = true;
        for (size_t other = 0; other < i && !found; ++other) {
          if (parts[other].name != meant) continue;
          waits[i].push_back(other);
          found = true;
        }
        if (found) break;
      }
      ROUX_CHECK(found) << "run.side_by_side: " << parts[i].name << " is after '" << from
                        << "', which is neither earlier in the list nor ended ("
                        << absl::StrJoin(meanings(parts[i].name, from), ", ") << ")";
    }
  }
  return waits;
}

absl::StatusOr<Run::Ended> Run::ended(const std::string& part, const std::string& from) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::string& meant : meanings(part, from)) {
    const auto found = ended_.find(meant);
    if (found != ended_.end()) return Ended{meant, found->second};
  }
  return absl::FailedPreconditionError(absl::StrCat(part, ": no part '",
                                                    absl::StrJoin(meanings(part, from), "' or '"),
                                                    "' has ended: name '", from, "' in `after`"));
}

absl::StatusOr<std::vector<std::vector<double>>> Run::side_by_side(const std::vector<std::string>& names,
                                                                   const PartFunction& function,
                                                                   int threads) {
  std::vector<PartOf<std::vector<double>>> parts;
  for (const std::string& name : names) parts.push_back({name, function});
  ROUX_ASSIGN_OR_RETURN(Results<std::vector<double>> results, side_by_side(parts, threads));
  return std::move(results.results);
}

absl::StatusOr<std::vector<std::string>> Run::run_parts(const std::vector<AnyPart>& parts, int threads,
                                                        AfterPlan after_plan) {
  for (const AnyPart& part : parts) check_part_name(part.name);
  const std::vector<std::vector<size_t>> waits = dependencies(parts);
  if (planning()) return plan_parts(parts, after_plan);
  std::vector<size_t> segments;
  close_segment(root_segment_);
  for (size_t i = 0; i < parts.size(); ++i) segments.push_back(add_segment());
  root_segment_ = add_segment();

  const int width = num_threads();
  if (threads == 0) threads = width;
  threads = std::clamp<int>(threads, 1, static_cast<int>(std::max<size_t>(parts.size(), 1)));
  threads = world().size() > 1 ? 1 : parallel_parts(threads, device_, setup_.memory);
  std::vector<absl::StatusOr<std::string>> results(parts.size(), absl::CancelledError("interrupted"));
  std::vector<std::exception_ptr> thrown(parts.size());
  Schedule schedule(waits);
  const auto work = [&] {
    set_num_threads(std::max(1, width / threads));  // thread-local; results do not depend on it
    while (const std::optional<size_t> i = schedule.take()) {
      if (!any_rank_interrupted()) {
        try {
          results[*i] = run_part(parts[*i], segments[*i]);
        } catch (...) {
          thrown[*i] = std::current_exception();
        }
      }
      schedule.ended(*i);
      if (results[*i].ok()) continue;
      stopping_ = true;
      schedule.stop();
    }
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  set_num_threads(width);
  for (std::thread& helper : helpers) helper.join();

  const absl::Status flushed = flush();
  absl::Status first = absl::OkStatus();
  std::vector<std::string> values;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (thrown[i]) std::rethrow_exception(thrown[i]);
    if (results[i].ok()) {
      values.push_back(*std::move(results[i]));
    } else if (first.ok() || (absl::IsCancelled(first) && !absl::IsCancelled(results[i].status()))) {
      first = results[i].status();  // the cause rather than those that stopped because of it
    }
  }
  ROUX_RETURN_IF_ERROR(first);
  ROUX_RETURN_IF_ERROR(flushed);
  return values;
}

absl::StatusOr<std::string> Run::run_part(const AnyPart& any, size_t segment) {
  Part part(*this, any.name, segment);
  if (setup_.options.resume) ROUX_RETURN_IF_ERROR(part.restore(any.fits));
  if (!part.result_) {
    part.last_step_ = part.last_save_ = Part::Clock::now();
    ROUX_TRACE_SCOPE("part");
    part.begin_step(part.start_step() + 1);
    absl::StatusOr<std::string> result = any.run(part);
    trace_steps_end();
    ROUX_ASSIGN_OR_RETURN(part.result_, std::move(result));
    worked_ = true;
    ROUX_RETURN_IF_ERROR(part.finish(*part.result_));
  }
  close_segment(segment);
  ROUX_RETURN_IF_ERROR(flush());
  const std::lock_guard<std::mutex> lock(mutex_);
  ended_[any.name] = part.left_;
  return *part.result_;
}

absl::Status Run::plan_ended(const std::string& why) { return absl::CancelledError(why); }

void Run::add_plan(PartPlan plan) { plans_.push_back(std::move(plan)); }

absl::StatusOr<std::vector<std::string>> Run::plan_parts(const std::vector<AnyPart>& parts,
                                                         AfterPlan after_plan) {
  std::vector<std::string> results;
  for (const AnyPart& any : parts) {
    const std::optional<uint64_t> seed = PartName(any.name).seed;
    if (!seed || *seed == seeds_.front()) {
      Part part(*this, any.name, root_segment_);
      const absl::StatusOr<std::string> result = any.run(part);
      if (!result.ok() && !absl::IsCancelled(result.status())) return result.status();
    }
    ended_[any.name] = {};
    results.push_back(any.empty);
  }
  if (after_plan == kGoOn) return results;
  ROUX_RETURN_IF_ERROR(show_plans());
  return plan_ended("the plan is printed");
}

absl::Status Run::show_plans() {
  if (plans_.empty()) return absl::NotFoundError("--plan: this recipe has no memory plan");
  print(text_table(plan_table(plans_)));
  return absl::OkStatus();
}

}  // namespace roux::kit
