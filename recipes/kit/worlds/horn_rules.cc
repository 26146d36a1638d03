#include "recipes/kit/worlds/horn_rules.h"

#include <functional>
#include <limits>
#include <set>

#include "tensor/error.h"

namespace roux::kit {
namespace {

using Pairs = std::map<std::pair<int64_t, int64_t>, int64_t>;
using Values = std::map<char, int64_t>;

void check(const HornRule& rule) {
  std::set<char> variables;
  for (const HornRule::Atom& atom : rule.body) variables.insert({atom.first, atom.second});
  const auto needs = [&](char variable) {
    ROUX_CHECK(variables.contains(variable)) << "Closure: the rule for " << rule.head << " has the variable "
                                             << variable << ", which its body lacks";
  };
  needs(rule.first), needs(rule.second);
  for (const auto& [a, b] : rule.different) needs(a), needs(b);
}

// Calls found(values) for every way to make the atoms from `at` on true.
void match(const HornRule& rule, size_t at, const std::map<std::string, Pairs>& facts, Values& values,
           const std::function<void(const Values&)>& found) {
  if (at == rule.body.size()) {
    for (const auto& [a, b] : rule.different)
      if (values.at(a) == values.at(b)) return;
    found(values);
    return;
  }
  const HornRule::Atom& atom = rule.body[at];
  const auto relation = facts.find(atom.relation);
  if (relation == facts.end()) return;
  const auto first = values.find(atom.first);
  auto pair = first == values.end()
                  ? relation->second.begin()
                  : relation->second.lower_bound({first->second, std::numeric_limits<int64_t>::min()});
  const std::optional<int64_t> wanted =
      first == values.end() ? std::nullopt : std::optional<int64_t>(first->second);
  for (; pair != relation->second.end() && (!wanted || pair->first.first == *wanted); ++pair) {
    Values next = values;
    next.emplace(atom.first, pair->first.first);
    if (next.emplace(atom.second, pair->first.second).first->second != pair->first.second) continue;
    match(rule, at + 1, facts, next, found);
  }
}

}  // namespace

Closure::Closure(const std::vector<BinaryFact>& facts, const std::vector<HornRule>& rules) {
  for (const HornRule& rule : rules) check(rule);
  for (const BinaryFact& fact : facts) facts_[fact.relation].emplace(std::pair(fact.first, fact.second), 0);
  for (int64_t round = 1;; ++round) {
    std::vector<BinaryFact> derived;
    for (const HornRule& rule : rules) {
      Values values;
      match(rule, 0, facts_, values, [&](const Values& found) {
        derived.push_back({rule.head, found.at(rule.first), found.at(rule.second)});
      });
    }
    bool any = false;
    for (const BinaryFact& fact : derived)
      any |= facts_[fact.relation].emplace(std::pair(fact.first, fact.second), round).second;
    if (!any) return;
  }
}

std::optional<int64_t> Closure::depth(const std::string& name, int64_t first, int64_t second) const {
  const Pairs& pairs = relation(name);
  const auto at = pairs.find({first, second});
  if (at == pairs.end()) return std::nullopt;
  return at->second;
}

const Pairs& Closure::relation(const std::string& name) const {
  static const Pairs& none = *new Pairs();
  const auto at = facts_.find(name);
  return at == facts_.end() ? none : at->second;
}

int64_t Closure::size() const {
  int64_t size = 0;
  for (const auto& [name, pairs] : facts_) size += static_cast<int64_t>(pairs.size());
  return size;
}

}  // namespace roux::kit
