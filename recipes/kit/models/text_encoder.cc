#include "recipes/kit/models/text_encoder.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nn/heads.h"
#include "nn/models/config_fields.h"
#include "recipes/kit/models/gguf_model.h"
#include "recipes/kit/text/unicode.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/io/atomic_file.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

absl::StatusOr<JsonValue> read_json(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_json_value(text, path);
}

// 1_Pooling/config.json: pooling_mode_cls_token, pooling_mode_mean_tokens, ... of which one is true.
absl::Status read_pooling(const std::string& path, TextEncoder* encoder) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, read_json(path));
  if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(path, ": not an object"));
  std::vector<std::string> modes;
  for (const auto& [name, value] : json.members()) {
    if (absl::StartsWith(name, "pooling_mode_") && value.is_bool() && value.boolean()) modes.push_back(name);
  }
  if (const JsonValue* mode = json.find("pooling_mode"); mode != nullptr && mode->is_string())
    modes.push_back(mode->string());  // newer files
  const std::string mode = modes.size() == 1 ? modes[0] : absl::StrCat(modes.size(), " modes at once");
  if (mode == "pooling_mode_mean_tokens" || mode == "mean") {
    encoder->pooling = Pooling::kMean;
  } else if (mode == "pooling_mode_cls_token" || mode == "cls") {
    encoder->pooling = Pooling::kFirst;
  } else if (mode == "pooling_mode_lasttoken" || mode == "lasttoken") {
    encoder->pooling = Pooling::kLast;
  } else {
    return absl::UnimplementedError(absl::StrCat(path, ": pooling by ", mode, " is not supported"));
  }
  return absl::OkStatus();
}

// What modules.json and the files that it names say.
absl::Status read_modules(const std::string& folder, TextEncoder* encoder) {
  const std::string path = folder + "/modules.json";
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, read_json(path));
  if (!json.is_array()) return absl::InvalidArgumentError(absl::StrCat(path, ": not an array"));
  for (const JsonValue& module : json.items()) {
    if (!module.is_object()) return absl::InvalidArgumentError(absl::StrCat(path, ": a module is no object"));
    Fields f(module, path);
    const std::string type = f.text("type", ""), place = f.text("path", "");
    ROUX_RETURN_IF_ERROR(f.status());
    if (absl::EndsWith(type, ".Transformer") && place.empty()) continue;
    if (absl::EndsWith(type, ".Pooling")) {
      ROUX_RETURN_IF_ERROR(read_pooling(absl::StrCat(folder, "/", place, "/config.json"), encoder));
    } else if (absl::EndsWith(type, ".Normalize")) {
      encoder->normalize = true;
    } else {
      return absl::UnimplementedError(
          absl::StrCat(path, ": a module \"", type, "\" at \"", place, "\" is not supported"));
    }
  }
  return absl::OkStatus();
}

absl::Status read_sentence_config(const std::string& path, TextEncoder* encoder) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, read_json(path));
  if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(path, ": not an object"));
  Fields f(json, path);
  encoder->max_tokens = f.integer("max_seq_length", 0);
  encoder->lowercase = f.boolean("do_lower_case", false);
  return f.status();
}

absl::Status read_folder(const std::string& folder, const PretrainedOptions& options, TextEncoder* encoder) {
  if (exists(folder + "/modules.json")) {
    ROUX_RETURN_IF_ERROR(read_modules(folder, encoder));
  }
  if (const std::string path = folder + "/sentence_bert_config.json"; exists(path)) {
    ROUX_RETURN_IF_ERROR(read_sentence_config(path, encoder));
  }
  ROUX_ASSIGN_OR_RETURN(encoder->model, load_pretrained<Transformer>(folder, options));
  return absl::OkStatus();
}

absl::Status read_gguf(const std::string& path, const PretrainedOptions& options, TextEncoder* encoder) {
  constexpr char kKey[] = "bert.pooling_type";
  ROUX_ASSIGN_OR_RETURN(const GgufFile file, GgufFile::open(path));
  encoder->normalize = true;
  if (file.metadata().has(kKey)) {
    ROUX_ASSIGN_OR_RETURN(const int64_t type, file.metadata().integer(kKey));
    if (type < 1 || type > 3)
      return absl::UnimplementedError(absl::StrCat(path, ": ", kKey, " ", type, " is not supported"));
    encoder->pooling = type == 1 ? Pooling::kMean : type == 2 ? Pooling::kFirst : Pooling::kLast;
  }
  ROUX_ASSIGN_OR_RETURN(encoder->model, load_gguf_model(file, options));
  return absl::OkStatus();
}

}  // namespace

std::vector<int32_t> TextEncoder::ids(std::string_view text) const {
  const std::string lower = lowercase ? kit::lowercase(text) : std::string();
  const Encoding all = tokenizer->encode(lowercase ? lower : text, {.add_special = true, .offsets = true});
  const size_t most = static_cast<size_t>(max_tokens);
  if (all.ids.size() <= most) return all.ids;
  size_t behind = 0;  // special tokens at the end, which stay
  while (behind < most && all.offsets[all.ids.size() - 1 - behind].end == 0) ++behind;
  std::vector<int32_t> cut(all.ids.begin(), all.ids.begin() + static_cast<int64_t>(most - behind));
  cut.insert(cut.end(), all.ids.end() - static_cast<int64_t>(behind), all.ids.end());
  return cut;
}

Tensor TextEncoder::pool(const Tensor& ids, const Tensor& lengths) const {
  const Tensor hidden = model->hidden({.ids = ids, .lengths = lengths});
  const Tensor pooled = pooling == Pooling::kFirst  ? first_token(hidden)
                        : pooling == Pooling::kLast ? last_token(hidden, lengths)
                                                    : mean_of_tokens(hidden, lengths);
  if (!normalize) return pooled;
  const Tensor length = sqrt(sum(pooled * pooled, {1}, /*keepdim=*/true));
  return pooled / maximum(length, full({}, 1e-12, length.dtype(), length.device()));
}

Tensor TextEncoder::encode(absl::Span<const std::string> texts, int64_t rows) const {
  ROUX_CHECK(rows > 0) << "text encoder: batches of " << rows << " rows";
  NoGradGuard no_grad;
  const Device device = model->embedding_weight().device();
  std::vector<std::vector<int32_t>> all;
  for (const std::string& text : texts) all.push_back(ids(text));
  std::vector<int64_t> order(all.size());
  std::iota(order.begin(), order.end(), 0);
  const auto tokens = [&](int64_t i) { return all[static_cast<size_t>(i)].size(); };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return tokens(a) < tokens(b); });
  std::vector<Tensor> parts;
  for (size_t begin = 0; begin < order.size(); begin += static_cast<size_t>(rows)) {
    const size_t end = std::min(order.size(), begin + static_cast<size_t>(rows));
    const size_t width = std::max<size_t>(1, tokens(order[end - 1]));
    std::vector<int32_t> batch, lengths;
    for (size_t i = begin; i < end; ++i) {
      const std::vector<int32_t>& row = all[static_cast<size_t>(order[i])];
      batch.insert(batch.end(), row.begin(), row.end());
      batch.resize((i + 1 - begin) * width, 0);
      lengths.push_back(static_cast<int32_t>(row.size()));
    }
    const auto count = static_cast<int64_t>(end - begin);
    parts.push_back(
        pool(tensor(batch, {count, static_cast<int64_t>(width)}, device), tensor(lengths, {count}, device)));
  }
  if (parts.empty()) return zeros({0, model->config().hidden_size}, model->config().compute_dtype, device);
  std::vector<int64_t> place(order.size());  // of each text among the sorted ones
  for (size_t i = 0; i < order.size(); ++i) place[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  return index_select(cat(parts, 0), 0, tensor(place, {static_cast<int64_t>(place.size())}, device));
}

absl::StatusOr<TextEncoder> load_text_encoder(const std::string& path_or_name, const ModelOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const ModelFiles files, find_model_files(path_or_name, options.source));
  TextEncoder encoder;
  ROUX_ASSIGN_OR_RETURN(encoder.tokenizer, load_model_tokenizer(files));
  ROUX_RETURN_IF_ERROR(files.gguf ? read_gguf(files.path, options.weights, &encoder)
                                  : read_folder(files.path, options.weights, &encoder));
  const TransformerConfig& config = encoder.model->config();
  const int64_t most = config.max_position_embeddings - config.position_offset;
  encoder.max_tokens = encoder.max_tokens > 0 ? std::min(encoder.max_tokens, most) : most;
  encoder.model->eval();
  encoder.from = files.from;
  return encoder;
}

}  // namespace roux::kit
