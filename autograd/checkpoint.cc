#include "autograd/checkpoint.h"

#include "tensor/grad_mode.h"
#include "tensor/tables.h"

namespace roux {
namespace {

thread_local bool t_recomputing = false;

class RecomputingScope {
 public:
  RecomputingScope() : previous_(t_recomputing) { t_recomputing = true; }
  ~RecomputingScope() { t_recomputing = previous_; }

 private:
  const bool previous_;
};

// Lists what one run of the function saves, in order.
class Collector final : public SavedTensorHooks {
 public:
  uint32_t pack(const Tensor& x) override {
    tensors.push_back(x);
    return kKeep;
  }
  Tensor unpack(uint32_t) override { return {}; }  // nothing is handed to it
  std::vector<Tensor> tensors;
};

class HooksScope {
 public:
  explicit HooksScope(SavedTensorHooks* hooks) : previous_(exchange_saved_tensor_hooks(hooks)) {}
  ~HooksScope() { exchange_saved_tensor_hooks(previous_); }

 private:
  SavedTensorHooks* previous_;
};

// A generator as it was, with the very state tensor and increment that the first run's draws were given: a
// dropout inside keeps its increment, so the same position reached from another base would not do.
class GeneratorStart {
 public:
  explicit GeneratorStart(const Generator& generator) : generator_(generator), version_(state_version()) {}
  const Generator& restart() const {
    ROUX_CHECK(state_version() == version_)
        << "checkpoint: the generator was committed between the function's first run and its backward";
    return generator_;
  }

 private:
  uint32_t state_version() const { return Generator(generator_).next().state.version(); }
  Generator generator_;
  uint32_t version_;
};

// Other generators in the place of these; back at the end, also when the function throws.
class GeneratorsScope {
 public:
  GeneratorsScope(const std::vector<Generator*>& generators, std::vector<Generator> others)
      : generators_(generators), kept_(std::move(others)) {
    exchange();
  }
  ~GeneratorsScope() { exchange(); }

 private:
  void exchange() {
    for (size_t i = 0; i < generators_.size(); ++i) std::swap(*generators_[i], kept_[i]);
  }
  const std::vector<Generator*>& generators_;
  std::vector<Generator> kept_;
};

class Recompute final : public SavedTensorHooks {
 public:
  Recompute(std::function<Tensor(const std::vector<Tensor>&)> fn, std::vector<Tensor> inputs,
            std::vector<Generator*> generators)
      : fn_(std::move(fn)), inputs_(std::move(inputs)), generators_(std::move(generators)) {
    for (Generator* generator : generators_) starts_.emplace_back(*generator);
    for (const Tensor& x : inputs_) versions_.push_back(x.defined() ? x.version() : 0);
  }

  Tensor run() {
    HooksScope scope(this);
    return fn_(inputs_);
  }

  uint32_t pack(const Tensor& x) override {
    specs_.push_back(x.spec());
    recomputed_.emplace_back();
    return static_cast<uint32_t>(specs_.size() - 1);
  }

  Tensor unpack(uint32_t index) override {
    // Under create_graph the tensors must belong to the graph of the second run; else that graph is let go
    // of.
    const bool connected = grad_mode_enabled();
    if (!recomputed_[index].defined() || (connected && !connected_)) recompute(connected);
    return recomputed_[index];  // all are let go of with the last node of the segment
  }

 private:
  void recompute(bool connected) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      ROUX_CHECK(!inputs_[i].defined() || inputs_[i].version() == versions_[i])
          << "checkpoint: input " << i << ", " << inputs_[i].spec()
          << ", was overwritten before backward, last by " << inputs_[i].impl()->storage->last_write();
    }
    std::vector<Generator> restarted;
    for (const GeneratorStart& start : starts_) restarted.push_back(start.restart());
    auto collector = make_intrusive<Collector>();
    {
      GeneratorsScope replay(generators_, std::move(restarted));
      GradModeGuard recording(true);
      HooksScope scope(collector.get());
      RecomputingScope recomputing;
      fn_(inputs_);
    }
    std::vector<Tensor>& again = collector->tensors;
    bool same = again.size() == specs_.size();
    for (size_t i = 0; same && i < specs_.size(); ++i) same = again[i].spec() == specs_[i];
    ROUX_CHECK(same) << "checkpoint: the second run of the function saved other tensors (" << again.size()
                     << " to " << specs_.size()
                     << " of the first): it is not a pure function of its inputs and generators";
    for (size_t i = 0; i < again.size(); ++i) recomputed_[i] = connected ? again[i] : again[i].detach();
    connected_ = connected;
  }

  std::function<Tensor(const std::vector<Tensor>&)> fn_;
  std::vector<Tensor> inputs_;
  std::vector<uint32_t> versions_;  // of the inputs
  std::vector<Generator*> generators_;
  std::vector<GeneratorStart> starts_;
  std::vector<TensorSpec> specs_;
  std::vector<Tensor> recomputed_;
  bool connected_ = false;
};

}  // namespace

bool recomputing() { return t_recomputing; }

Tensor checkpoint(std::function<Tensor(const std::vector<Tensor>&)> fn, std::vector<Tensor> inputs,
                  std::vector<Generator*> generators) {
  if (!grad_mode_enabled()) return fn(inputs);
  return make_intrusive<Recompute>(std::move(fn), std::move(inputs), std::move(generators))->run();
}

}  // namespace roux
