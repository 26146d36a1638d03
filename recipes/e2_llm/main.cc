// E^2-LLM: one short fine-tuning with drawn scales and offsets of rotary positions, beside position
// interpolation, NTK, YaRN and plain positions, at windows up to sixteen times the trained one.
#include "recipes/kit/run/main.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/e2_llm/arms.h"
#include "recipes/e2_llm/claims.h"
#include "recipes/e2_llm/table.h"
#include "recipes/e2_llm/windows.h"
#include "recipes/kit/data/byte_tokenizer.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/train/train_arms.h"
#include "recipes/kit/train/training.h"
#include "tensor/error.h"

namespace roux::e2_llm {
namespace {

using kit::Run;

std::string decode(int64_t id) {
  if (id == kMarker) return "<?>";
  if (id >= kFirstSymbol) return absl::StrCat("<", id - kFirstSymbol, ">");
  const auto byte = static_cast<int32_t>(id);
  return kit::ByteTokenizer().decode(absl::MakeConstSpan(&byte, 1));
}

// The first batch of the base, with what is planted in it.
absl::Status show_data(const Config& config, const Data& data, const Arm& base, Run& run) {
  const kit::WindowSet& rows = data.train.at(config.L());
  run.print(absl::StrFormat(
      "Data: %s, %.1f epochs of the base; %d windows of %d unseen bytes\n", data.description,
      static_cast<double>(config.base_steps * config.batch) / static_cast<double>(rows.size()),
      config.eval_windows, data.unseen.size()));
  const uint64_t seed = run.seeds()[0];
  ROUX_ASSIGN_OR_RETURN(kit::BatchLoader loader,
                        kit::BatchLoader::create(rows, {.seed = seed, .global_batch = config.batch}));
  kit::TokenBatch first = loader.next();
  const Batch batch = make_batch(config, base, first, seed, 0, kCpu);
  first.input = batch.ids.to_vector<int32_t>();
  first.target = batch.target.to_vector<int32_t>();
  return run.show_batch(kit::first_batch_of(first, decode));
}

// 1. Train a base at windows of L. 2. Each arm goes on from it: for each row g and t, positions (m + t_m) /
// g, next-token cross-entropy, AdamW. 3. Read each checkpoint at all windows with g = W / R, t = 0.
absl::Status reproduce(const Config& config, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const Data data, load_data(config, run));
  const std::vector<Arm> all = arms(config);
  if (!run.planning()) ROUX_RETURN_IF_ERROR(show_data(config, data, all[0], run));
  ROUX_ASSIGN_OR_RETURN(const Results results,
                        kit::train_arms(run, all, [&](const Arm& arm, uint64_t seed, kit::Part& part) {
                          return train_arm(config, data, arm, seed, part);
                        }));
  const Outcomes outcomes(config, results);
  ROUX_RETURN_IF_ERROR(report(outcomes, run));
  return judge(outcomes,
               absl::StrCat(config.decoder.parameters(kVocabulary), " parameters, R = ", config.L(),
                            ", G_max = ", config.g_max, ", ", config.tune_steps, " steps of ",
                            config.batch * config.L(), " bytes"),
               run);
}

absl::Status table(const Config&, const std::string& path, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, kit::read_text(path));
  ROUX_ASSIGN_OR_RETURN(const std::vector<TableRow> rows, parse_rows(text, path));
  kit::Table shown{absl::StrCat("Positions of ", path), {"g", "t", "R", "length", "first", "last"}, {}};
  for (const TableRow& row : rows) {
    const std::vector<double> p = positions(row.draw, row.length, row.sinks);
    shown.rows.push_back({kit::format_number(row.draw.g), absl::StrCat(row.draw.t), absl::StrCat(row.R),
                          absl::StrCat(row.length), kit::format_number(p.front()),
                          kit::format_number(p.back())});
  }
  run.table(shown);
  return run.write("table.json", tables_json(rows));
}

}  // namespace
}  // namespace roux::e2_llm

int main(int argc, char** argv) {
  using roux::e2_llm::Config;
  Config smoke, standard, gpu;
  smoke.decoder = {.layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 16, .init_std = 0.25};
  smoke.g_max = 4, smoke.batch = 4, smoke.base_steps = 20, smoke.tune_steps = 6;
  smoke.eval_windows = 16, smoke.last = 8;
  gpu.decoder = {
      .layers = 6, .hidden = 384, .heads = 6, .intermediate = 1024, .length = 256, .init_std = 0.05};
  gpu.text = {"manpages"}, gpu.excerpts = false, gpu.rope_theta = 10000;
  gpu.batch = 64, gpu.base_steps = 2000, gpu.tune_steps = 300, gpu.base_lr = 1e-3;
  gpu.control_lr = gpu.pi_lr = gpu.pi_long_lr = gpu.e2_lr = 3e-4;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "e2_llm",
                .title = "E^2-LLM: Efficient and Extreme Length Extension of Large Language Models",
                .arxiv = "2401.06951",
                .model_help = "",
                .data_help = "a UTF-8 text in place of the text domains",
                .table_help = "JSON rows {g, t, R, length}: their positions, into table.json"},
       .presets = {{{.name = "smoke", .what = "a toy model, 20 and 6 steps", .minutes = 0.05, .seeds = 1},
                    smoke},
                   {{.name = "default", .what = "14 arms of a 0.08M model, 2000 and 150 steps", .minutes = 2},
                    standard},
                   {{.name = "gpu",
                     .what = "manual pages, an 11M model, windows of 256 to 4096 (never run yet)",
                     .minutes = 10},
                    gpu}},
       .reproduce = roux::e2_llm::reproduce,
       .table = roux::e2_llm::table});
}
