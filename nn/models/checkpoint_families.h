// Names and layouts of weights in each family's files, as tables for checkpoint_names.cc.
#ifndef ROUX_NN_MODELS_CHECKPOINT_FAMILIES_H_
#define ROUX_NN_MODELS_CHECKPOINT_FAMILIES_H_

#include "absl/types/span.h"
#include "nn/transformer_config.h"

namespace roux {

enum class Layout : uint8_t {
  kSame,
  kQkv,         // q_proj, k_proj and v_proj behind each other: [(H + 2 G) d, ...]
  kQkvPerHead,  // the same for each head: [H, 3, d, ...]
  kGateUp,      // gate_proj and up_proj behind each other: [2 F, ...]
};

// A module of ours and of the file, where * stands for one number; of fused layouts the module that holds
// the parts.
struct Row {
  const char* ours = "";
  const char* file = "";
  Layout layout = Layout::kSame;
  bool transposed = false;  // weight: [in, out]
};

// A tensor that stands in a file under a second name when the embeddings are tied.
struct Repeat {
  const char* file;
  const char* ours;
};

// Modules that are not listed have one name in both.
struct Names {
  const char* prefix;               // of all modules but the head
  const char* layers;               // behind the prefix
  absl::Span<const Row> modules;    // behind the prefix
  absl::Span<const Row> in_layers;  // behind "<layers>.<number>."
  absl::Span<const Row> head;       // the first of several is written
  absl::Span<const Repeat> repeats;
  absl::Span<const char* const> buffers;  // ends of names
  absl::Span<const char* const> unused;   // beginnings of names: heads that no language model reads
};

const Names& names_of(Family family);

}  // namespace roux

#endif  // ROUX_NN_MODELS_CHECKPOINT_FAMILIES_H_
