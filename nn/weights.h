// What stands in the slots of modules: sharing, copying, freezing and loading of weights, by name.
//
//   Transformer model(base, Weights::kShared);       // made of take_weights: the same memory, frozen
//   own(model, {"*.layers.{10..11}.*"});             // of these two layers copies of its own, which train
//   AdamW adam({{trainable(model)}}, {});
//
// Names are those of Module::slots(): a tensor that stands in two places (tied weights) has two names, and
// what is done under one of them is done in both places. A pattern that matches no name throws Error.
#ifndef ROUX_NN_WEIGHTS_H_
#define ROUX_NN_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nn/module.h"
#include "nn/patterns.h"
#include "tensor/ops/quantize.h"

namespace roux {

// The parameter of that name. Throws Error when there is none.
Tensor parameter(const Module& m, const std::string& name);
// The parameters that require grad, each once: what an optimizer takes.
NamedTensors trainable(const Module& m);

// The slot of this parameter and those tied to it get an alias of value: the same memory, of any shape and
// dtype, requiring grad as the slot's tensor did (never if value is not floating). An optimizer that was made
// before still holds the old tensor. Throws Error for a value that an op recorded: detach it.
void set_parameter(Module& m, const std::string& name, const Tensor& value);

// Slots of `to` get aliases of from's tensors of those names, buffers too: the same memory, so updates of
// either are seen by both; they do not require grad. What is tied in `from` is tied in `to`. Throws Error
// when `to` lacks a name, has another shape there, or ties what `from` does not; then nothing has changed.
void share(const Module& from, Module& to, const Patterns& which = {"*"});
// Slots get copies of their tensors; parameters require grad, ties stay. For aliases that shall be free of
// where they came from.
void own(Module& m, const Patterns& which = {"*"});

// How a second module of one architecture comes by its weights.
enum class Weights : uint8_t {
  kShared,  // aliases, which do not require grad: no tensor memory (a reference, a teacher, another adapter)
  kCopied,  // copies, which require grad where from's tensors do (an arm of an experiment)
};
// All slots of `to`, which has from's names, made on the meta device so that it holds no memory before:
//
//   Net::Net(const Net& from, Weights weights) : Net(from.config_, {.generator = nullptr, .device = kMeta}) {
//     take_weights(from, *this, weights);
//   }
//
// Throws Error where share() does, and for a name that `from` lacks.
void take_weights(const Module& from, Module& to, Weights weights);

// Parameters that match stop (start) to require grad, and those that stop lose their gradients; train_only
// freezes all others. They return how many tensors match. What requires no grad is no optimizer's
// (trainable() leaves it out; an optimizer made before skips it).
int64_t freeze(Module& m, const Patterns& which);
int64_t unfreeze(Module& m, const Patterns& which);
int64_t train_only(Module& m, const Patterns& which);

// Parameters of rank 2 that match are replaced by blocks of their values (tensor/ops/quantize.h), which never
// require grad; those of another rank stay. For weights of Linear and Embedding: other code may not read
// blocks. Returns how many. Throws Error for a row that is no multiple of the format's values, before
// anything has changed, and for a value that no block holds.
int64_t quantize(Module& m, const Patterns& which, DType block_dtype, Nf4Scales scales = Nf4Scales::kExact);

struct LoadOptions {
  Patterns only = {"*"};  // names of the module to load; others, and the state's entries for them, are let be
  bool partial = false;   // names that the state lacks, and entries that the module lacks, are no error
  // Slots take aliases of the state's tensors, dtype and device too: nothing is copied, blocks stay blocks.
  bool map = false;
};
struct LoadReport {
  std::vector<std::string> loaded, missing, unexpected;  // of the module; of the module; of the state
};
// Puts the values of a state dict (a file, another module) into the module, cast to its dtypes, blocks
// dequantised; requires_grad stays. All or nothing: an error changes nothing. A tied tensor may be given
// under either name. Entries are read before any is written, so a state may hold the module's own tensors.
// InvalidArgument, naming all entries, when a shape differs, a name is given twice, two names of one memory
// are given different values, nothing fits, or (unless partial) an entry is missing or unexpected. Throws
// Error for a bad pattern.
absl::StatusOr<LoadReport> load(Module& m, const NamedTensors& state, const LoadOptions& options = {});

}  // namespace roux

#endif  // ROUX_NN_WEIGHTS_H_
