// What is left of data at each stage, and why the rest went.
//
//   Funnel funnel;
//   items = filter(std::move(items), {{"no answer", [](const Example& e) { return e.response.empty(); }},
//                                     {"too long", [](const Example& e) { return e.response.size() > 400; }}},
//                  funnel);
//   run.table({"answers", {"", "items"}, funnel.rows()});
//
// Generate, filter, retrain: one funnel a round, count("asked", n) before and filter() after.
#ifndef ROUX_RECIPES_KIT_DATA_FUNNEL_H_
#define ROUX_RECIPES_KIT_DATA_FUNNEL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace roux::kit {

// Counts by reason, in the order of their first mention. A record, so it may be a part's result or a state.
struct Funnel {
  std::vector<std::string> reasons;
  std::vector<int64_t> counts;

  void count(const std::string& reason, int64_t n = 1);
  int64_t operator[](const std::string& reason) const;  // 0 where it was never counted
  std::vector<std::vector<std::string>> rows() const;   // {reason, count}: the cells of a table

  bool operator==(const Funnel&) const = default;
  template <class V>
  void visit(V&& v) {
    v("reasons", reasons), v("counts", counts);
  }
};

template <class T>
struct Rule {
  std::string reason;
  std::function<bool(const T&)> drops;  // may remember what it has seen: duplicates
};

// The items that no rule drops, in their order. Each item meets the rules in theirs, and the first that drops
// it counts it. "in" and "kept" are counted too, and every reason is there, if with 0: "in" is "kept" and all
// reasons of the rules together.
template <class T>
std::vector<T> filter(std::vector<T> items, const std::vector<Rule<T>>& rules, Funnel& funnel) {
  funnel.count("in", static_cast<int64_t>(items.size()));
  for (const Rule<T>& rule : rules) funnel.count(rule.reason, 0);
  std::vector<T> kept;
  for (T& item : items) {
    const Rule<T>* dropped_by = nullptr;
    for (const Rule<T>& rule : rules) {
      if (!rule.drops(item)) continue;
      dropped_by = &rule;
      break;
    }
    if (dropped_by != nullptr) {
      funnel.count(dropped_by->reason);
    } else {
      kept.push_back(std::move(item));
    }
  }
  funnel.count("kept", static_cast<int64_t>(kept.size()));
  return kept;
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_FUNNEL_H_
