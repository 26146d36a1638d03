#include "recipes/loss_reweighting/loss_table.h"

#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/text/readers/csv.h"
#include "tensor/error.h"

namespace roux::loss_reweighting {

absl::StatusOr<std::vector<LossBatch>> read_losses(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(kit::CsvReader csv, kit::CsvReader::open(path));
  ROUX_ASSIGN_OR_RETURN(const size_t step_column, csv.column("step"));
  ROUX_ASSIGN_OR_RETURN(const size_t sequence_column, csv.column("sequence"));
  ROUX_ASSIGN_OR_RETURN(const size_t loss_column, csv.column("loss"));
  std::vector<LossBatch> batches;
  std::map<std::string, size_t> index;
  std::set<std::pair<std::string, std::string>> seen;
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, csv.next());
    if (!more) break;
    const auto refuse = [&](const std::string& what) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": line ", csv.line_number(), ": ", what));
    };
    const std::string& step = csv.fields()[step_column];
    const std::string& sequence = csv.fields()[sequence_column];
    const std::string& text = csv.fields()[loss_column];
    if (step.empty() || sequence.empty()) return refuse("step and sequence must have a name");
    double loss = 0;
    if (!absl::SimpleAtod(text, &loss) || !std::isfinite(loss)) {
      return refuse(absl::StrCat("loss is '", text, "', needed a finite number"));
    }
    if (!seen.emplace(step, sequence).second) {
      return refuse(absl::StrCat("step ", step, " has sequence ", sequence, " twice"));
    }
    const auto [at, is_new] = index.emplace(step, batches.size());
    if (is_new) batches.push_back({step, {}, {}});
    batches[at->second].sequences.push_back(sequence);
    batches[at->second].losses.push_back(loss);
  }
  if (batches.empty()) return absl::InvalidArgumentError(path + ": holds no losses");
  return batches;
}

std::string weights_json(const std::vector<LossBatch>& batches, const Weighting& weighting) {
  std::vector<std::string> described;
  for (const LossBatch& batch : batches) {
    kit::JsonObject one, weights, sizes;
    for (const Strategy strategy : kStrategies) {
      Weighting used = weighting;
      used.strategy = strategy;
      const std::vector<double> w = loss_weights(batch.losses, used);
      weights.add(strategy_name(strategy), w);
      sizes.add(strategy_name(strategy), effective_sample_size(w));
    }
    one.add("step", batch.step).add("sequences", batch.sequences).add("losses", batch.losses);
    one.add("h", normalized_losses(clipped_losses(batch.losses, weighting.clip_quantile), weighting.d));
    one.add_raw("weights", weights.text()).add_raw("effective_sample_size", sizes.text());
    described.push_back(one.text());
  }
  kit::JsonObject all;
  all.add("r", weighting.r).add("d", weighting.d).add("clip_quantile", weighting.clip_quantile);
  return all.add_raw("batches", kit::json_list(described)).text() + "\n";
}

}  // namespace roux::loss_reweighting
