// Named state: what checkpoints hold and later parts go on from. An entry refers to its object, which must
// outlive it.
//
//   const States learned = {{"model", model}, {"optimizer", optimizer}};
//   save_states(learned, writer);
//   ROUX_RETURN_IF_ERROR(restore_states(checkpoint, {{"model", model}}));   // what is named; the rest is
//   ignored
//
// Sections: tensors are "<name>/<tensor>" with the table of their specs in "<name>"; all else is "<name>".
#ifndef ROUX_RECIPES_KIT_RUN_STATES_H_
#define ROUX_RECIPES_KIT_RUN_STATES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/run/checkpoint.h"
#include "recipes/kit/run/record.h"
#include "tensor/tensor.h"

namespace roux {
class Generator;
class Module;
class Optimizer;
namespace stats {
class RandomStream;
}
}  // namespace roux

namespace roux::kit {

class BatchLoader;
class IndexLoader;
class MixtureLoader;

struct NamedState {
  using Commit = std::function<void()>;

  NamedState(std::string name, Module& module);  // parameters and buffers
  NamedState(std::string name,
             NamedTensors tensors);  // adapters, averages, masks: values go into these tensors
  NamedState(std::string name, Optimizer& optimizer);
  NamedState(std::string name, Generator& generator);
  NamedState(std::string name, stats::RandomStream& random);
  NamedState(std::string name, BatchLoader& loader);
  NamedState(std::string name, IndexLoader& loader);
  NamedState(std::string name, MixtureLoader& loader);
  template <Value T>  // numbers, texts, vectors, maps, records: see record.h
  NamedState(std::string name, T& value);

  std::string name;          // unique in a list, without "/"
  Module* module = nullptr;  // set for a module: train() puts it into eval mode around evaluations
  std::function<void(CheckpointWriter&)> save;
  // Reads and checks; nothing changes before the function it returns is called, and that cannot fail.
  std::function<absl::StatusOr<Commit>(const Checkpoint&)> prepare;
};
using States = std::vector<NamedState>;
States operator+(States a, const States& b);

// Throws Error when two states have one name.
void save_states(const States& states, CheckpointWriter& writer);
// NotFound when a state is not in the checkpoint, InvalidArgument or DataLoss when it does not fit, with
// file, entry, what it has and what is needed; then nothing has changed.
absl::Status restore_states(const Checkpoint& checkpoint, const States& states);

// Sections of tensors, and back as they were saved, on the CPU (for tables whose sizes the reader does not
// know). Errors as above.
void save_tensors(const std::string& name, const NamedTensors& tensors, CheckpointWriter& writer);
absl::StatusOr<NamedTensors> read_tensors(const Checkpoint& checkpoint, const std::string& name);

template <Value T>
NamedState::NamedState(std::string name, T& value)
    : name(std::move(name)),
      save([key = this->name, &value](CheckpointWriter& writer) { writer.add(key, encode_value(value)); }),
      prepare([key = this->name, &value](const Checkpoint& checkpoint) -> absl::StatusOr<Commit> {
        ROUX_ASSIGN_OR_RETURN(const absl::string_view bytes, checkpoint.section(key));
        T read{};
        const absl::Status status = decode_value(bytes, read);
        if (!status.ok()) {
          return absl::Status(status.code(),
                              checkpoint.path() + ": " + key + ": " + std::string(status.message()));
        }
        return Commit([&value, read = std::move(read)]() mutable { value = std::move(read); });
      }) {}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_STATES_H_
