#include "recipes/kit/run/states.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nn/module.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/index_loader.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/stats/random.h"
#include "tensor/comm/parameter_slices.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {
namespace {

using Commit = NamedState::Commit;

absl::Status misfit(const Checkpoint& checkpoint, absl::string_view entry, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(checkpoint.path(), ": ", entry, ": ", what));
}

absl::StatusOr<DType> dtype_named(absl::string_view text) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (text == name(static_cast<DType>(i))) return static_cast<DType>(i);
  }
  return absl::DataLossError(absl::StrCat("there is no dtype ", text));
}

// "f32 2 3 layers.0.weight": dtype, sizes, name. Names hold no blanks.
std::string spec_line(const std::string& key, const TensorSpec& spec) {
  std::string line(name(spec.dtype));
  for (int axis = 0; axis < spec.shape.rank(); ++axis) absl::StrAppend(&line, " ", spec.shape[axis]);
  return absl::StrCat(line, " ", key, "\n");
}

absl::StatusOr<std::pair<std::string, TensorSpec>> parse_spec(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() < 2) return absl::DataLossError(absl::StrCat("'", line, "' names no tensor"));
  ROUX_ASSIGN_OR_RETURN(const DType dtype, dtype_named(words[0]));
  std::vector<int64_t> sizes;
  for (size_t i = 1; i + 1 < words.size(); ++i) {
    sizes.push_back(0);
    if (!absl::SimpleAtoi(words[i], &sizes.back()) || sizes.back() < 0) {
      return absl::DataLossError(absl::StrCat("'", line, "' has no sizes"));
    }
  }
  return std::pair{std::string(words.back()), TensorSpec{dtype, Shape(sizes)}};
}

// The tensors of a section, in the order and with the specs of `like`.
absl::StatusOr<NamedTensors> read_like(const Checkpoint& checkpoint, const std::string& key,
                                       const NamedTensors& like) {
  ROUX_ASSIGN_OR_RETURN(const NamedTensors saved, read_tensors(checkpoint, key));
  NamedTensors out;
  for (const auto& [name, x] : like) {
    const auto found =
        std::find_if(saved.begin(), saved.end(), [&](const auto& s) { return s.first == name; });
    const std::string entry = absl::StrCat(key, "/", name);
    if (found == saved.end()) {
      return misfit(checkpoint, entry, absl::StrCat("it is missing, needed is ", to_string(x.spec())));
    }
    if (!(found->second.spec() == x.spec())) {
      return misfit(
          checkpoint, entry,
          absl::StrCat("it is ", to_string(found->second.spec()), ", needed is ", to_string(x.spec())));
    }
    out.push_back(*found);
  }
  // Tensors of one memory, as a base and what shares its weights, can only take one value.
  std::map<const void*, size_t> first_at;
  for (size_t i = 0; i < like.size(); ++i) {
    const Tensor& x = like[i].second;
    if (x.numel() == 0 || x.device().type == DeviceType::kMeta) continue;
    const auto [at, is_new] = first_at.try_emplace(x.raw_data(), i);
    const Tensor &a = out[at->second].second, &b = out[i].second;
    if (is_new || !(a.spec() == b.spec())) continue;
    if (std::memcmp(a.contiguous().raw_data(), b.contiguous().raw_data(), a.bytes()) != 0) {
      return misfit(checkpoint, absl::StrCat(key, "/", like[i].first),
                    absl::StrCat("it has other values than ", like[at->second].first,
                                 ", with which it shares its memory here"));
    }
  }
  for (const auto& [name, x] : saved) {
    const bool known = std::any_of(like.begin(), like.end(), [&](const auto& l) { return l.first == name; });
    if (!known) {
      return misfit(checkpoint, absl::StrCat(key, "/", name),
                    absl::StrCat("it is ", to_string(x.spec()), ", needed is none of this name"));
    }
  }
  return out;
}

// State that is a dictionary of tensors, loaded by `load`, which fails on nothing that read_like let pass.
template <class Dictionary, class Load>
void bind_tensors(NamedState& state, Dictionary dictionary, Load load) {
  state.save = [key = state.name, dictionary](CheckpointWriter& writer) {
    save_tensors(key, dictionary(), writer);
  };
  state.prepare = [key = state.name, dictionary,
                   load](const Checkpoint& checkpoint) -> absl::StatusOr<Commit> {
    ROUX_ASSIGN_OR_RETURN(NamedTensors read, read_like(checkpoint, key, dictionary()));
    return Commit([load, read = std::move(read)] { load(read); });
  };
}

// The section of one tensor, and its line of the table.
void add_tensor(const std::string& name, const std::string& key, const Tensor& x, std::string& specs,
                CheckpointWriter& writer) {
  const Tensor dense = whole_value(x).detach().contiguous();
  std::string bytes(dense.bytes(), '\0');
  if (!bytes.empty()) {
    runtime(dense.device().type)
        .copy_to_host(bytes.data(), dense.raw_data(), bytes.size(), dense.device().index);
  }
  specs += spec_line(key, x.spec());
  writer.add(absl::StrCat(name, "/", key), std::move(bytes));
}

// State that is a line of text: `restored` gives the object that the text means.
template <class T, class ToText, class Restored>
void bind_text(NamedState& state, T& object, ToText to_text, Restored restored) {
  state.save = [key = state.name, &object, to_text](CheckpointWriter& writer) {
    writer.add(key, to_text(object));
  };
  state.prepare = [key = state.name, &object,
                   restored](const Checkpoint& checkpoint) -> absl::StatusOr<Commit> {
    ROUX_ASSIGN_OR_RETURN(const absl::string_view text, checkpoint.section(key));
    T copy = object;
    const absl::Status status = restored(std::string(text), copy);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(checkpoint.path(), ": ", key, ": ", status.message()));
    }
    return Commit([&object, copy = std::move(copy)] { object = copy; });
  };
}

// "1 2 3" as exactly `count` numbers.
absl::StatusOr<std::vector<uint64_t>> numbers_of(const std::string& text, size_t count) {
  std::vector<uint64_t> numbers;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    numbers.push_back(0);
    if (!absl::SimpleAtoi(word, &numbers.back())) numbers.resize(count + 1);
  }
  if (numbers.size() == count) return numbers;
  return absl::DataLossError(absl::StrCat("'", text.substr(0, 100), "' is not ", count, " numbers"));
}

void check_names(const States& states) {
  for (size_t i = 0; i < states.size(); ++i) {
    const std::string& name = states[i].name;
    ROUX_CHECK(!name.empty() && name.find('/') == std::string::npos)
        << "states: a name is not empty and has no '/': got '" << name << "'";
    for (size_t j = 0; j < i; ++j) {
      ROUX_CHECK(states[j].name != name) << "states: there are two called '" << name << "'";
    }
  }
}

}  // namespace

NamedState::NamedState(std::string name, Module& module) : name(std::move(name)), module(&module) {
  bind_tensors(
      *this, [&module] { return module.state_dict(); },
      [&module](const NamedTensors& read) { ROUX_INVARIANT(module.load_state_dict(read).ok()); });
}

NamedState::NamedState(std::string name, Optimizer& optimizer) : name(std::move(name)) {
  save = [key = this->name, &optimizer](CheckpointWriter& writer) {
    std::string specs;
    optimizer.for_each_state(
        [&](const std::string& state, const Tensor& x) { add_tensor(key, state, x, specs, writer); });
    writer.add(key, std::move(specs));
  };
  prepare = [key = this->name, &optimizer](const Checkpoint& checkpoint) -> absl::StatusOr<Commit> {
    NamedTensors like;
    for (const auto& [state, spec] : optimizer.state_specs()) like.emplace_back(state, empty(spec, kMeta));
    ROUX_ASSIGN_OR_RETURN(NamedTensors read, read_like(checkpoint, key, like));
    return Commit(
        [&optimizer, read = std::move(read)] { ROUX_INVARIANT(optimizer.load_state_dict(read).ok()); });
  };
}

NamedState::NamedState(std::string name, NamedTensors tensors) : name(std::move(name)) {
  bind_tensors(
      *this, [tensors] { return tensors; },
      [tensors](const NamedTensors& read) {
        const NoGradGuard no_grad;
        for (size_t i = 0; i < tensors.size(); ++i)
          copy_(tensors[i].second, read[i].second.to(tensors[i].second.device()));
      });
}

NamedState::NamedState(std::string name, Generator& generator) : name(std::move(name)) {
  save = [key = this->name, &generator](CheckpointWriter& writer) {
    const GeneratorState now = generator.state();
    writer.add(key, absl::StrCat(now.seed, " ", now.offset));
  };
  prepare = [key = this->name, &generator](const Checkpoint& checkpoint) -> absl::StatusOr<Commit> {
    ROUX_ASSIGN_OR_RETURN(const absl::string_view text, checkpoint.section(key));
    const absl::StatusOr<std::vector<uint64_t>> saved = numbers_of(std::string(text), 2);
    if (!saved.ok()) return misfit(checkpoint, key, saved.status().message());
    return Commit(
        [&generator, state = GeneratorState{(*saved)[0], (*saved)[1]}] { generator.set_state(state); });
  };
}

NamedState::NamedState(std::string name, stats::RandomStream& random) : name(std::move(name)) {
  bind_text(
      *this, random,
      [](const stats::RandomStream& r) {
        return absl::StrCat(r.state().seed, " ", r.state().stream, " ", r.state().words);
      },
      [](const std::string& text, stats::RandomStream& r) -> absl::Status {
        ROUX_ASSIGN_OR_RETURN(const std::vector<uint64_t> saved, numbers_of(text, 3));
        r = stats::RandomStream(stats::RandomStreamState{saved[0], saved[1], saved[2]});
        return absl::OkStatus();
      });
}

NamedState::NamedState(std::string name, BatchLoader& loader) : name(std::move(name)) {
  bind_text(
      *this, loader, [](const BatchLoader& l) { return l.position().to_string(); },
      [](const std::string& text, BatchLoader& l) { return l.restore(text); });
}

NamedState::NamedState(std::string name, IndexLoader& loader) : name(std::move(name)) {
  bind_text(
      *this, loader, [](const IndexLoader& l) { return l.position(); },
      [](const std::string& text, IndexLoader& l) { return l.restore(text); });
}

NamedState::NamedState(std::string name, MixtureLoader& loader) : name(std::move(name)) {
  bind_text(
      *this, loader, [](const MixtureLoader& l) { return l.position(); },
      [](const std::string& text, MixtureLoader& l) { return l.restore(text); });
}

States operator+(States a, const States& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void save_states(const States& states, CheckpointWriter& writer) {
  check_names(states);
  for (const NamedState& state : states) state.save(writer);
}

absl::Status restore_states(const Checkpoint& checkpoint, const States& states) {
  check_names(states);
  std::vector<Commit> commits;
  for (const NamedState& state : states) {
    ROUX_ASSIGN_OR_RETURN(Commit commit, state.prepare(checkpoint));
    commits.push_back(std::move(commit));
  }
  for (const Commit& commit : commits) commit();
  return absl::OkStatus();
}

void save_tensors(const std::string& name, const NamedTensors& tensors, CheckpointWriter& writer) {
  std::string specs;
  for (const auto& [key, x] : tensors) add_tensor(name, key, x, specs, writer);
  writer.add(name, std::move(specs));
}

absl::StatusOr<NamedTensors> read_tensors(const Checkpoint& checkpoint, const std::string& name) {
  ROUX_ASSIGN_OR_RETURN(const absl::string_view table, checkpoint.section(name));
  NamedTensors out;
  for (const absl::string_view line : absl::StrSplit(table, '\n', absl::SkipEmpty())) {
    const auto parsed = parse_spec(line);
    if (!parsed.ok()) return misfit(checkpoint, name, parsed.status().message());
    const auto& [key, spec] = *parsed;
    ROUX_ASSIGN_OR_RETURN(const absl::string_view bytes, checkpoint.section(absl::StrCat(name, "/", key)));
    Tensor read = empty(spec);
    if (bytes.size() != read.bytes()) {
      return misfit(checkpoint, absl::StrCat(name, "/", key),
                    absl::StrCat("it has ", bytes.size(), " bytes, its spec is ", to_string(spec)));
    }
    if (!bytes.empty()) std::memcpy(read.raw_data(), bytes.data(), bytes.size());
    out.emplace_back(key, std::move(read));
  }
  return out;
}

}  // namespace roux::kit
