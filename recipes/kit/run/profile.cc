#include "recipes/kit/run/profile.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/text_table.h"

namespace roux::kit {
namespace {

// The calls of one name.
struct Row {
  int64_t calls = 0;
  double self = 0, total = 0;  // seconds
  double bytes = 0, flops = 0;
  bool flops_known = true;
  double least_memory = 0, least_compute = 0;  // of the calls that memory, or compute, bounds
};
using Rows = std::map<std::string, Row>;

double seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

bool computes_in_f64(const TraceCall& call) {
  const auto& specs = call.outputs.empty() ? call.inputs : call.outputs;
  return !specs.empty() && specs[0].dtype == kF64;
}

std::string name_of(const TraceCall& call) {
  if (call.kind == ScopeKind::kKernel) return call.name;
  return absl::StrCat("(", call.kind == ScopeKind::kBackward ? "backward" : call.name, ", between ops)");
}

void add(const TraceCall& call, const std::map<int, cpu::Roofs>& roofs, Row& row) {
  const auto calls = static_cast<double>(call.calls);
  row.calls += call.calls;
  row.self += seconds(call.self_ns);
  row.total += seconds(call.total_ns);
  if (call.kind != ScopeKind::kKernel) return;
  row.bytes += calls * static_cast<double>(call.cost.read + call.cost.written);
  row.flops += calls * static_cast<double>(std::max<int64_t>(call.cost.flops, 0));
  row.flops_known = row.flops_known && call.cost.flops >= 0;
  const cpu::LeastTime least = cpu::least_time(call.cost, computes_in_f64(call), roofs.at(call.width));
  const bool by_memory = least.memory >= least.compute;
  (by_memory ? row.least_memory : row.least_compute) += calls * std::max(least.memory, least.compute);
}

std::string percent(double share) { return absl::StrFormat("%.*f%%", share < 0.0995 ? 1 : 0, 100 * share); }

// Three digits: more would change from run to run.
std::string rate(double amount, double seconds) {
  return seconds > 0 ? format_number(amount / seconds / 1e9, 3) : "-";
}

// A long name may be wrapped before its last word.
std::string breakable(const std::string& name) {
  constexpr size_t kLong = 28;
  if (name.size() <= kLong || name[0] == '(') return name;
  const size_t last = name.rfind('_');
  return absl::StrCat(name.substr(0, last), " ", name.substr(last));
}

std::vector<std::string> cells(const std::string& name, const Row& row, double time) {
  std::vector<std::string> cells = {breakable(name), absl::StrCat(row.calls),
                                    absl::StrFormat("%.1f", row.self * 1e3), percent(row.self / time)};
  const double least = row.least_memory + row.least_compute;
  if (least <= 0 || row.total <= 0) return cells;
  cells.push_back(rate(row.bytes, row.total));
  cells.push_back(row.flops_known ? rate(row.flops, row.total) : "-");
  cells.push_back(
      absl::StrCat(percent(least / row.total), row.least_memory >= row.least_compute ? " mem" : " fma"));
  return cells;
}

std::string roof_line(int width, const cpu::Roofs& roofs) {
  return absl::StrFormat("roof of %d thread%s: read %s, copy %s GB/s; fma %s (f32), %s (f64) GFLOP/s\n",
                         width, width == 1 ? "" : "s", rate(roofs.read, 1), rate(roofs.copy, 1),
                         rate(roofs.fma_f32, 1), rate(roofs.fma_f64, 1));
}

}  // namespace

std::vector<int> widths_of(const Trace& trace) {
  std::set<int> widths;
  for (const TraceCall& call : trace.calls) {
    if (call.kind == ScopeKind::kKernel) widths.insert(call.width);
  }
  return {widths.begin(), widths.end()};
}

std::string profile_text(const Trace& trace, const std::map<int, cpu::Roofs>& roofs) {
  Rows ops, between;
  double recorded = 0;
  for (const TraceCall& call : trace.calls) {
    add(call, roofs, (call.kind == ScopeKind::kKernel ? ops : between)[name_of(call)]);
    recorded += seconds(call.self_ns);
  }
  const double wall = seconds(trace.wall_ns);
  // Threads that record at a time: the self times of one add up to the wall at most.
  const double lanes = std::max(1.0, std::ceil(recorded / std::max(wall, 1e-9) - 1e-3));
  const double time = std::max(wall * lanes, 1e-9);

  std::vector<std::pair<std::string, Row>> sorted(ops.begin(), ops.end());
  const size_t kernels = sorted.size();
  sorted.insert(sorted.end(), between.begin(), between.end());
  const auto longer = [](const auto& a, const auto& b) { return a.second.self > b.second.self; };
  std::stable_sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(kernels), longer);
  std::stable_sort(sorted.begin() + static_cast<std::ptrdiff_t>(kernels), sorted.end(), longer);

  Table table{"", {"op", "calls", "ms", "share", "GB/s", "GFLOP/s", "roof"}, {}};
  for (const auto& [name, row] : sorted) table.rows.push_back(cells(name, row, time));
  table.rows.push_back({"(not recorded)", "", absl::StrFormat("%.1f", (time - recorded) * 1e3),
                        percent((time - recorded) / time)});
  std::string text = absl::StrFormat("\nProfile: wall %.3f s", wall);
  if (lanes > 1) absl::StrAppendFormat(&text, ", shares are of %.0f threads side by side", lanes);
  absl::StrAppend(&text, "\n");
  for (const auto& [width, roof] : roofs) absl::StrAppend(&text, roof_line(width, roof));
  return absl::StrCat(text, text_table(table));
}

}  // namespace roux::kit
